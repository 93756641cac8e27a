"""The address of a page: what one sees, told and understood again, in another browser too."""

import re

import pytest
from playwright.sync_api import expect

import dtviz
from dtviz import link
from dtviz.app import App


@pytest.fixture
def apps():
    return []


@pytest.fixture
def address(serve, apps):
    """Where an app of its own is served to whoever opens the page."""

    def app():
        apps.append(App("demo"))
        return apps[-1]

    return serve(app)


def hash_of(gestures):
    return gestures.page.evaluate("location.hash")


def wait_for_hash(gestures, *parts):
    gestures.page.wait_for_function(
        "(parts) => parts.every((part) => location.hash.includes(part))", arg=list(parts)
    )


def wait_for_layer(gestures, layer):
    gestures.page.wait_for_function(f"{gestures.HUB}.data.name[0] === 'L{layer}N0'")


def figures(gestures):
    return [gestures.title(name) for name in ("congruence", "difference", "similarity")]


def test_a_link_shows_the_same_in_a_fresh_browser(gestures, browse, address, apps):
    gestures.open(address)
    gestures.choose("Layer", "1")
    wait_for_layer(gestures, 1)
    gestures.choose("Linkage", "complete")
    gestures.switch("Contrast")
    gestures.wait_for_title("congruence", "right not left against left not right")
    gestures.wait_until_drawn()
    low = sorted(gestures.data("neurons")["difference"])[-20]
    gestures.box("difference", low - 1e-3, -0.1, 2 * low, 1.1)
    gestures.page.wait_for_function(f"{gestures.HUB}.selected.indices.length > 0")
    names = gestures.selected()
    wait_for_hash(gestures, "layer=1", "contrast=true", "method=complete", f"select={names[0]}")
    gestures.bar("[data-do=link]").click()
    expect(gestures.bar(".found")).to_have_text("copied")
    copied = gestures.page.evaluate("navigator.clipboard.readText()")
    assert copied == f"{address}{hash_of(gestures)}"
    assert link.state(hash_of(gestures))["select"] == names

    fresh = browse()
    fresh.open(copied)
    wait_for_layer(fresh, 1)
    fresh.wait_for_selected(set(names))
    fresh.wait_for_title("congruence", "right not left against left not right")
    assert figures(fresh) == figures(gestures)
    assert fresh.data("neurons")["leaf"] == gestures.data("neurons")["leaf"]
    assert apps[-1] is not apps[0]
    assert apps[-1].explorer.options == apps[0].explorer.options
    assert apps[-1].explorer.selection.names == names
    assert apps[-1].problem == ""
    wait_for_hash(fresh, f"select={names[0]}")


def test_back_and_forth(gestures, address, apps):
    gestures.open(address)
    steps = [[], ["L2N1"], ["L2N1", "L2N132"], ["L2N7"]]
    for names in steps[1:]:
        gestures.select(names)
        wait_for_hash(gestures, f"select={','.join(names)}")
    for step in (2, 1, 0):
        gestures.page.go_back()
        gestures.wait_for_selected(set(steps[step]))
    for step in (1, 2, 3):
        gestures.page.go_forward()
        gestures.wait_for_selected(set(steps[step]))
    assert apps[-1].explorer.selection.names == ["L2N7"]
    # A step made after going back is one to go back from.
    gestures.page.go_back()
    gestures.wait_for_selected(set(steps[2]))
    gestures.select(["L2N9"])
    wait_for_hash(gestures, "select=L2N9")
    gestures.page.go_back()
    gestures.wait_for_selected(set(steps[2]))


def test_a_step_after_going_back_and_forth_at_once_is_one_to_go_back_from(gestures, address):
    gestures.open(address)
    for name in ("L2N1", "L2N7"):
        gestures.select([name])
        wait_for_hash(gestures, f"select={name}")
    gestures.page.evaluate(
        f"""async () => {{
          const {{change}} = {gestures.HUB}.selected.properties.indices
          let heard = 0
          const followed = new Promise((resolve) =>
            change.connect(() => ++heard === 2 && resolve()))
          for (const step of [-1, 1]) {{
            const gone = new Promise((resolve) =>
              addEventListener("popstate", resolve, {{once: true}}))
            history.go(step)
            await gone
          }}
          await followed
        }}"""
    )
    gestures.wait_for_selected({"L2N7"})
    gestures.select(["L2N9"])
    wait_for_hash(gestures, "select=L2N9")
    gestures.page.go_back()
    gestures.wait_for_selected({"L2N7"})


RUBBISH = {
    "#rubbish": "rubbish",
    "#layer=99&select=L2N1": "99",
    "#layer=1&select=L9N9": "L9N9",
    "#model=nobody&select=": "nobody",
    "#colour=red": "colour",
    "#layer=1&threshold=7": "7",
    "#select=%ff": "%ff",
    "#layer=<img src=x onerror='window.ran=1'>": "img",
}


def test_rubbish_in_the_address_is_told_and_changes_nothing(gestures, address, apps):
    gestures.open(address)
    alert = gestures.page.locator(".MuiAlert-message")
    for rubbish, said in RUBBISH.items():
        gestures.select(["L2N1", "L2N132"])
        wait_for_hash(gestures, "select=L2N1,L2N132")
        before = apps[-1].explorer.state
        titles = figures(gestures)
        gestures.page.evaluate("(hash) => { location.hash = hash }", rubbish)
        expect(alert).to_contain_text(said)
        expect(alert).to_contain_text("Expected")
        assert apps[-1].explorer.state == before
        assert gestures.selected() == ["L2N1", "L2N132"]
        assert figures(gestures) == titles
        assert gestures.page.evaluate("window.ran") is None
        # The next step is told again, and the complaint is gone.
        gestures.select(["L2N7"])
        wait_for_hash(gestures, "select=L2N7")
        expect(alert).to_be_hidden()


def test_rubbish_when_the_page_is_opened(gestures, address, apps):
    gestures.open(f"{address}#layer=99&select=L2N1")
    gestures.expect_text(re.compile("Expected .*99"))
    assert apps[-1].explorer.selection.names == []


@pytest.fixture
def snapshot(demo, tmp_path):
    explorer = dtviz.Explorer(demo, layer=1)
    explorer.selection.names = ["L1N5", "L2N7"]
    explorer.save(tmp_path / "a.html", layers="all")
    return tmp_path / "a.html"


def test_a_snapshot_has_an_address_too(gestures, browse, snapshot):
    gestures.open_file(snapshot)
    assert gestures.selected() == ["L1N5"]
    gestures.page.get_by_label("Layer").select_option("layer 2, out")
    gestures.wait_until_drawn()
    assert gestures.selected() == ["L2N7"]
    gestures.select(["L2N7", "L2N8"])
    wait_for_hash(gestures, "layer=2", "L2N8")
    gestures.bar("[data-do=link]").click()
    expect(gestures.bar(".found")).to_have_text("copied")
    copied = gestures.page.evaluate("navigator.clipboard.readText()")
    fresh = browse()
    fresh.file = snapshot.as_uri()
    fresh.page.context.set_offline(True)
    fresh.open(copied)
    fresh.wait_for_title("congruence", "layer 2")
    fresh.wait_for_selected({"L2N7", "L2N8"})
    expect(fresh.bar("[aria-live=polite]")).to_have_text("2 selected here, 1 in layers not in view")


def test_in_a_snapshot_one_goes_back_and_out(gestures, snapshot):
    gestures.page.goto("about:blank")
    gestures.open_file(snapshot)
    gestures.select(["L1N8"])
    wait_for_hash(gestures, "L1N8")
    gestures.page.get_by_label("Layer").select_option("layer 2, out")
    gestures.wait_until_drawn()
    wait_for_hash(gestures, "layer=2")
    gestures.page.go_back()
    gestures.wait_for_title("congruence", "layer 1")
    gestures.wait_for_selected({"L1N8"})
    gestures.page.go_back()
    gestures.wait_for_selected({"L1N5"})
    gestures.page.go_forward()
    gestures.wait_for_selected({"L1N8"})
    gestures.page.go_back()
    gestures.wait_for_selected({"L1N5"})
    gestures.page.go_back()
    gestures.page.wait_for_url("about:blank")


def test_rubbish_in_a_snapshots_address_is_told_and_changes_nothing(gestures, snapshot):
    gestures.open_file(snapshot)
    for rubbish in ("#rubbish", "#layer=99&select=", "#select=L9N9", "#select=%ff"):
        gestures.page.evaluate("(hash) => { location.hash = hash }", rubbish)
        expect(gestures.bar(".problem")).to_contain_text("address")
        assert gestures.selected() == ["L1N5"]
        assert "layer 1" in gestures.title("congruence")
        expect(gestures.bar("[data-ask=undo]")).to_be_disabled()
        gestures.select(["L1N8"])
        wait_for_hash(gestures, "L1N8")
        expect(gestures.bar(".problem")).to_have_text("")
        gestures.bar("[data-ask=undo]").click()
        gestures.wait_for_selected({"L1N5"})
