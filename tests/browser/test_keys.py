"""Keys: what they select, and whose they are."""

from playwright.sync_api import expect
from scipy.cluster import hierarchy


def test_keys_step_extend_grow_shrink_and_clear(gestures, home, explorer, chosen, table):
    home.show(explorer)
    press = gestures.page.keyboard.press
    for column, forth, back in (
        ("leaf", "ArrowRight", "ArrowLeft"),
        ("difference", "ArrowUp", "ArrowDown"),
    ):
        order = table[column].sort_values().index.tolist()
        press("Escape")
        chosen.expect(set())
        press(forth)
        chosen.expect({order[0]})
        press(back)  # there is none before the first
        press(forth)
        chosen.expect({order[1]})
        press(f"Shift+{forth}")
        press(f"Shift+{forth}")
        chosen.expect(set(order[1:4]))
        press(f"Shift+{back}")
        chosen.expect(set(order[:4]))
        press(forth)
        chosen.expect({order[4]})
        press("Escape")
        press(back)
        chosen.expect({order[-1]})
        press(back)
        chosen.expect({order[-2]})
    # Keys mean the same whatever the mode; the branch around grows until it is all there is.
    gestures.use_mode("intersect")
    press("ArrowRight")
    linkage = explorer.clustered.linkage
    _, nodes = hierarchy.to_tree(linkage, rd=True)
    branches = [frozenset(table.index[node.pre_order()]) for node in nodes]
    start = {table["leaf"].idxmin()}
    gestures.select(start)
    now, path = start, []
    while len(now) < len(table):
        path.append(now)
        now = min((one for one in branches if one > now), key=len)
        press("+")
        chosen.expect(now)
    press("+")
    chosen.expect(now)
    sizes = []
    for _ in range(4):
        press("-")
        now = max((one for one in branches if one < now), key=len)
        gestures.page.wait_for_function(
            f"(n) => {gestures.HUB}.selected.indices.length === n", arg=len(now)
        )
        now = frozenset(gestures.selected())
        assert now in branches
        chosen.expect(now)
        sizes.append(len(now))
    assert sizes == sorted(sizes, reverse=True)
    # Not a branch: the smallest around it.
    gestures.select({"L2N1", "L2N132"})
    press("=")
    chosen.expect(min((one for one in branches if one >= {"L2N1", "L2N132"}), key=len))


def test_help_and_search_take_their_own_keys(gestures, home, explorer, chosen):
    explorer.selection.names = ["L2N1", "L2N132"]
    home.show(explorer)
    press = gestures.page.keyboard.press
    help_ = gestures.page.get_by_role("dialog", name="Help")
    press("?")
    expect(help_).to_be_visible()
    press("ArrowRight")
    press("Escape")
    expect(help_).not_to_be_visible()
    chosen.expect({"L2N1", "L2N132"})
    press("/")
    expect(gestures.bar("input")).to_be_focused()
    gestures.page.keyboard.type("N1+-?/")
    expect(gestures.bar("input")).to_have_value("N1+-?/")
    expect(help_).not_to_be_visible()
    press("Escape")
    chosen.expect({"L2N1", "L2N132"})
    press("Escape")
    chosen.expect(set())


def test_buttons_are_reached_by_tab_and_counts_are_announced(gestures, home, explorer, chosen):
    explorer.selection.names = ["L2N1", "L2N132"]
    home.show(explorer)
    press = gestures.page.keyboard.press
    said = gestures.bar("[aria-live=polite]")
    expect(said).to_have_text("2 selected")
    gestures.bar("[data-mode=replace]").focus()
    focused = []
    for _ in range(11):
        focused.append(
            gestures.page.evaluate(
                """() => {
                  let element = document.activeElement
                  while (element?.shadowRoot?.activeElement != null) {
                    element = element.shadowRoot.activeElement
                  }
                  return element.dataset.mode ?? element.dataset.ask ?? element.dataset.do ??
                    element.localName
                }"""
            )
        )
        press("Tab")
    there = [*explorer.selection.modes, "input", "clear", "link", "help"]
    assert [one for one in focused if one in there] == there
    gestures.bar("[data-do=clear]").focus()
    press("Enter")
    chosen.expect(set())
    expect(said).to_have_text("0 selected")
    expect(gestures.bar("[data-ask=undo]")).to_be_enabled()
    gestures.bar("[data-ask=undo]").focus()
    press("Space")
    chosen.expect({"L2N1", "L2N132"})
    expect(said).to_have_text("2 selected")
    press("Escape")
    chosen.expect(set())


def test_a_key_on_a_button_does_not_take_the_keys_of_the_last_click(
    gestures, home, explorer, chosen
):
    home.show(explorer)
    gestures.open_tab("Sets")
    gestures.select({"L2N1"})
    gestures.save_set("one")
    with gestures.holding("Shift"):
        gestures.tap("similarity", 100.5, 7.5)
    gestures.of_set("one").get_by_role("button", name="select").focus()
    gestures.page.keyboard.press("Enter")
    chosen.expect({"L2N1"})
