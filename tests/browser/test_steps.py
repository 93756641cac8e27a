"""Steps: undone and taken again, of the selection and of options."""

import re

from playwright.sync_api import expect

from tests.browser.conftest import between


def test_steps_are_undone_and_taken_again(gestures, home, explorer, chosen, table):
    home.show(explorer)
    press = gestures.page.keyboard.press
    undo, redo = (gestures.bar(f"[data-ask={what}]") for what in ("undo", "redo"))
    expect(undo).to_be_disabled()
    expect(redo).to_be_disabled()
    steps = [set()]
    for i, low in enumerate((0, 2, 4), start=1):
        left, _, right, _ = gestures.box("difference", low, -0.1, 12, 1.1)
        steps.append(between(table, "difference", left, right))
        chosen.expect(steps[i])
    for step in (2, 1, 0):
        undo.click()
        chosen.expect(steps[step])
    expect(undo).to_be_disabled()
    for step, key in ((1, "Control+Shift+z"), (2, "Control+y"), (3, "Control+Shift+z")):
        press(key)
        chosen.expect(steps[step])
    expect(redo).to_be_disabled()
    before, keys = explorer.steps, ("z", "z", "z", "y", "z", "y", "y")
    for key in keys:  # as fast as one can: none is lost
        press(f"Control+{key}")
    # On the way, too, just these are selected.
    chosen.expect_in_python(lambda: explorer.steps == before + len(keys))
    chosen.expect(steps[2])
    press("ArrowRight")  # another way
    expect(redo).to_be_disabled()
    press("Control+z")
    chosen.expect(steps[2])


def test_options_are_undone_between_selections(gestures, serve, explorer, table):
    gestures.open(serve(explorer))
    low, _, high, _ = gestures.box("difference", 4, -0.1, 12, 1.1)
    names = between(table, "difference", low, high)
    gestures.wait_for_selected(names)
    gestures.choose("Layer", "1")
    first = f"{gestures.HUB}.data.name[0]"
    gestures.page.wait_for_function(f"{first} === 'L1N0'")
    expect(gestures.bar("[aria-live=polite]")).to_have_text(
        f"0 selected here, {len(names)} in layers not in view"
    )
    gestures.find("N5")
    gestures.bar("input").press("Enter")  # replaces what is in view, and elsewhere stays
    gestures.wait_for_selected({"L1N5"})
    gestures.bar("input").blur()
    undo = gestures.bar("[data-ask=undo]")
    undo.click()
    gestures.wait_for_selected(set())
    undo.click()
    gestures.page.wait_for_function(f"{first} === 'L2N0'")
    gestures.wait_for_selected(names)
    expect(gestures.page.get_by_role("combobox", name=re.compile("^Layer "))).to_have_text("2")
    undo.click()
    gestures.wait_for_selected(set())
    expect(undo).to_be_disabled()
    for _ in range(3):
        gestures.bar("[data-ask=redo]").click()
    gestures.page.wait_for_function(f"{first} === 'L1N0'")
    gestures.wait_for_selected({"L1N5"})
    assert set(explorer.selection.names) == names | {"L1N5"}
    assert explorer.layer == 1


def test_clearing_all_layers_is_one_step(gestures, home, explorer, chosen):
    explorer.selection.names = ["L0N3", "L2N1", "L2N132"]
    home.show(explorer)
    said = gestures.bar("[aria-live=polite]")
    expect(said).to_have_text("2 selected here, 1 in layers not in view")
    gestures.page.keyboard.press("Escape")
    chosen.expect(set())
    expect(said).to_have_text("0 selected")
    gestures.page.keyboard.press("Control+z")
    chosen.expect({"L2N1", "L2N132"}, {"L0N3"})
    expect(said).to_have_text("2 selected here, 1 in layers not in view")
