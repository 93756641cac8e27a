"""Named sets in the page: kept, shown, combined, taken away as a file and opened again."""

import json
from operator import and_, or_, sub

import numpy as np
import pytest
from playwright.sync_api import expect

import dtviz
from dtviz.sets import PALETTE
from tests.browser.conftest import Chosen

HOSTILE = "<img src=x onerror='window.ran = 1'>"
TEX = "\"quotes\" & 'more' $$\\frac{a}{b}$$"


@pytest.fixture
def groups(table):
    return {
        "right": set(table.nlargest(20, "difference").index),
        "left": set(table.nsmallest(20, "difference").index),
        "long": set(table.nlargest(60, "norm").index),
    }


def kept(gestures):
    """The sets in the browser: name, note, colour, members and whether it is shown."""
    data = gestures.data("sets")
    columns = (data[name] for name in ("name", "note", "colour", "names", "shown"))
    return {
        name: (note, colour, set(json.loads(names)), shown)
        for name, note, colour, names, shown in zip(*columns, strict=True)
    }


def make(gestures, groups):
    gestures.open_tab("Sets")
    for name, names in groups.items():
        gestures.select(names)
        gestures.save_set(name)
        expect(gestures.of_set(name)).to_be_visible()


def rings(gestures, figure):
    """Of each colour, the points that are ringed in it, by where they are."""
    data = gestures.page.evaluate(
        """(name) => explorerPage().get_model_by_name(name).renderers
          .map(({data_source}) => data_source?.data)
          .find((data) => data != null && "size" in data && "colour" in data)""",
        figure,
    )
    found = {}
    for x, y, colour in zip(data["x"], data["y"], data["colour"], strict=True):
        found.setdefault(colour.lower(), set()).add((round(x, 4), round(y, 4)))
    return found


def wait_for_rings(gestures, figure, colour, n):
    gestures.page.wait_for_function(
        """([name, colour, n]) => {
          const data = explorerPage().get_model_by_name(name).renderers
            .map(({data_source}) => data_source?.data)
            .find((data) => data != null && "size" in data && "colour" in data)
          return data.colour.filter((one) => one.toLowerCase() === colour).length === n
        }""",
        arg=[figure, colour.lower(), n],
    )


def marks(gestures):
    """Of each colour, the leaves that are marked at the left and at the upper edge."""
    data = gestures.page.evaluate(
        """() => explorerPage().get_model_by_name("similarity").renderers
          .map(({data_source}) => data_source?.data)
          .find((data) => data != null && "colour" in data && "left" in data)"""
    )
    found = {}
    for left, right, bottom, top, colour in zip(
        *(data[name] for name in ("left", "right", "bottom", "top", "colour")), strict=True
    ):
        edge, leaf = ("rows", bottom) if right - left != 1 else ("columns", left)
        assert {right - left, top - bottom} >= {1}
        found.setdefault((colour.lower(), edge), set()).add(leaf)
    return found


def test_sets_are_kept_ringed_marked_and_combined(gestures, home, explorer, chosen, table, groups):
    home.show(explorer)
    gestures.open_tab("Sets")
    gestures.expect_text("No sets yet.")
    gestures.page.get_by_label("Name of the set").fill("nothing")
    gestures.page.get_by_role("button", name="Save the selection").click()
    gestures.expect_text("Nothing is selected: select neurons in a plot first.")
    make(gestures, groups)
    found = kept(gestures)
    assert {name: members for name, (_, _, members, _) in found.items()} == groups
    colours = [colour.lower() for _, colour, *_ in found.values()]
    assert colours == [colour.lower() for colour in PALETTE[:3]]
    chosen.expect_in_python(lambda: {one.name: set(one.names) for one in explorer.sets} == groups)
    # Of each set: how many, and their means.
    cells = gestures.of_set("long").locator("td").all_inner_texts()
    here = table.loc[list(groups["long"])]
    assert cells[2:5] == ["long", "60", "60"]
    assert cells[5:8] == [f"{here[c].mean():.2f}" for c in ("x", "y", "difference")]

    jitter = dict(zip(table.index, gestures.data("neurons")["jitter"], strict=True))
    for (name, members), colour in zip(groups.items(), colours, strict=True):
        wait_for_rings(gestures, "congruence", colour, len(members))
        wait_for_rings(gestures, "difference", colour, len(members))
        rows = table.loc[list(members)]
        assert rings(gestures, "congruence")[colour] == {
            (round(x, 4), round(y, 4)) for x, y in zip(rows["x"], rows["y"], strict=True)
        }, name
        at = sorted(x for x, _ in rings(gestures, "difference")[colour])
        np.testing.assert_allclose(at, sorted(rows["difference"]), atol=1e-3)
        assert {y for _, y in rings(gestures, "difference")[colour]} == {
            round(jitter[one], 4) for one in members
        }
        for edge in ("rows", "columns"):
            assert marks(gestures)[colour, edge] == set(rows["leaf"]), (name, edge)

    # Hidden, a set is neither ringed nor marked nor combined.
    gestures.of_set("long").get_by_label("Show long").uncheck()
    wait_for_rings(gestures, "congruence", colours[2], 0)
    assert (colours[2], "rows") not in marks(gestures)
    for what, combine in (("union", or_), ("intersection", and_), ("difference", sub)):
        gestures.page.get_by_role("button", name=what, exact=True).click()
        chosen.expect(combine(groups["right"], groups["left"]))
    gestures.of_set("left").get_by_label("Show left").uncheck()
    gestures.page.get_by_role("button", name="union", exact=True).click()
    gestures.expect_text("Show two sets or more")
    gestures.of_set("long").get_by_label("Show long").check()
    for what, combine in (("intersection", and_), ("difference", sub), ("union", or_)):
        gestures.page.get_by_role("button", name=what, exact=True).click()
        chosen.expect(combine(groups["right"], groups["long"]))
    chosen.expect_in_python(
        lambda: set(explorer.sets.union("right", "long")) == set(explorer.selection.names)
    )

    # Selected, updated, coloured, saved again, removed.
    gestures.of_set("left").get_by_role("button", name="select").click()
    chosen.expect(groups["left"])
    gestures.of_set("right").get_by_role("button", name="update").click()
    expect(gestures.of_set("right").locator("td").nth(3)).to_have_text("20")
    gestures.of_set("right").get_by_label("Colour of right").fill("#123456")
    wait_for_rings(gestures, "congruence", "#123456", 20)
    gestures.select({"L2N7"})
    gestures.save_set("left", note="now one", colour="#abcdef")
    gestures.of_set("long").get_by_role("button", name="remove").click()
    expect(gestures.of_set("long")).to_have_count(0)
    assert kept(gestures) == {
        "right": ("", "#123456", groups["left"], True),
        "left": ("now one", "#abcdef", {"L2N7"}, True),
    }
    chosen.expect_in_python(
        lambda: (
            [(one.name, one.note, one.colour.lower()) for one in explorer.sets]
            == [("right", "", "#123456"), ("left", "now one", "#abcdef")]
        )
    )
    chosen.expect_in_python(lambda: set(explorer.sets["right"].names) == groups["left"])


def test_sets_made_in_python_are_shown(gestures, serve, explorer, groups):
    explorer.sets.save("right", groups["right"])
    gestures.open(serve(explorer))
    gestures.open_tab("Sets")
    expect(gestures.of_set("right")).to_be_visible()
    expect(gestures.page.get_by_role("textbox", name="Colour", exact=True)).not_to_have_value(
        PALETTE[0].lower()
    )
    wait_for_rings(gestures, "congruence", PALETTE[0], 20)
    explorer.sets.save("left", groups["left"])
    expect(gestures.of_set("left")).to_be_visible()
    wait_for_rings(gestures, "congruence", PALETTE[1], 20)
    explorer.sets.remove("right")
    expect(gestures.of_set("right")).to_have_count(0)
    wait_for_rings(gestures, "congruence", PALETTE[0], 0)


def test_moments_and_alike_ring_the_sets_too(gestures, serve, explorer, groups):
    explorer.sets.save("right", groups["right"])
    explorer.selection.names = sorted(groups["right"])[:3]
    gestures.open(serve(explorer))
    gestures.open_tab("Moments", "strip of kurtosis")
    wait_for_rings(gestures, "strip of kurtosis", PALETTE[0], 20)
    gestures.open_tab("Alike", "alike")
    wait_for_rings(gestures, "alike", PALETTE[0], 20)


def test_a_hostile_set_is_text(gestures, home, explorer, groups):
    home.show(explorer)
    gestures.open_tab("Sets")
    gestures.select(groups["right"])
    gestures.save_set(HOSTILE, note=TEX)
    gestures.save_set(TEX, note=HOSTILE)
    for name, note in ((HOSTILE, TEX), (TEX, HOSTILE)):
        expect(gestures.of_set(name)).to_be_visible()
        expect(gestures.of_set(name).locator(".note")).to_have_text(note)
        expect(gestures.of_set(name).locator("img, mjx-container")).to_have_count(0)
        gestures.of_set(name).get_by_label(f"Show {name}").uncheck()
        gestures.of_set(name).get_by_label(f"Show {name}").check()
    assert gestures.page.evaluate("window.ran") is None
    assert set(kept(gestures)) == {HOSTILE, TEX}


def test_a_file_of_sets_opens_in_a_fresh_page(
    gestures, browse, home, explorer, chosen, groups, tmp_path
):
    home.show(explorer)
    make(gestures, {"right": groups["right"]})
    gestures.select(groups["left"] | groups["long"])
    gestures.save_set("more", note=HOSTILE, colour="#00aa00")
    chosen.expect_in_python(lambda: len(explorer.sets) == 2)
    path = gestures.download(gestures.page.get_by_role("button", name="Save as a file").click)
    sets, header = dtviz.Sets.from_json(path.read_bytes())
    assert header["sha256"] == explorer.model.sha256
    assert {one.name: set(one.names) for one in sets} == {
        "right": groups["right"],
        "more": groups["left"] | groups["long"],
    }
    assert sets[1].note == HOSTILE
    before = kept(gestures)

    fresh = browse()
    again = dtviz.Explorer(explorer.model, layer=2)
    fresh_home = type(home)(
        "served" if home.has_python else "snapshot", fresh, home.serve, tmp_path
    )
    fresh_home.show(again)
    fresh.open_tab("Sets")
    fresh.expect_text("No sets yet.")
    upload = fresh.page.locator(".panel input[type=file]")
    upload.set_input_files(path)
    expect(fresh.of_set("more")).to_be_visible()
    assert kept(fresh) == before
    expect(fresh.bar(".problem")).to_have_text("")
    hears = Chosen(fresh, home, again)
    hears.expect_in_python(lambda: [one.name for one in again.sets] == ["right", "more"])

    # What is no such file changes nothing.
    for text, said in {
        "no JSON": "JSON",
        '{"dtviz": "something else"}': "neuron sets",
        json.dumps({**json.loads(path.read_text()), "version": 99}): "version",
        path.read_text().replace("#00aa00", "red"): "",
    }.items():
        bad = tmp_path / "bad.json"
        bad.write_text(text)
        upload.set_input_files(bad)
        expect(fresh.bar(".problem")).to_contain_text(said)
        expect(fresh.bar(".problem")).not_to_have_text("")
        assert kept(fresh) == before
        fresh.page.keyboard.press("ArrowRight")
        expect(fresh.bar(".problem")).to_have_text("")

    # One of another model says so, and which neurons are missing.
    other = json.loads(path.read_text())
    other.update(sha256="0" * 64, model="another one")
    other["sets"] = [
        {"name": "strange", "names": ["L2N1", "L7N7", "x"], "note": "", "colour": "#0072B2"}
    ]
    path.write_text(json.dumps(other))
    upload.set_input_files(path)
    expect(fresh.of_set("strange").locator("td").nth(3)).to_have_text("1")
    for text in ("another checkpoint", "another one", "L7N7", "x"):
        expect(fresh.bar(".problem")).to_contain_text(text)
    assert kept(fresh)["strange"] == ("", "#0072B2", {"L2N1"}, True)
    hears.expect_in_python(lambda: again.sets["strange"].names == ("L2N1",))


def test_a_snapshot_keeps_its_sets_when_opened_again(gestures, explorer, groups, tmp_path):
    explorer.sets.save("given", groups["long"])
    explorer.save(tmp_path / "a.html", layers="all")
    gestures.open_file(tmp_path / "a.html")
    gestures.open_tab("Sets")
    expect(gestures.of_set("given")).to_be_visible()
    make(gestures, {"right": groups["right"]})
    gestures.of_set("given").get_by_role("button", name="remove").click()
    expect(gestures.of_set("given")).to_have_count(0)
    before = kept(gestures)
    gestures.page.reload()
    gestures.wait_until_drawn()
    assert kept(gestures) == before
    wait_for_rings(gestures, "congruence", PALETTE[0], 0)
    gestures.page.get_by_label("Layer").select_option("layer 0, out")
    gestures.wait_until_drawn()
    assert kept(gestures) == before
    gestures.open_tab("Sets")
    expect(gestures.of_set("right").locator("td").nth(4)).to_have_text("0")  # in view
    gestures.of_set("right").locator(".name").click()
    expect(gestures.bar("[aria-live=polite]")).to_have_text(
        "0 selected here, 20 in layers not in view"
    )
    gestures.page.get_by_label("Layer").select_option("layer 2, out")
    gestures.wait_until_drawn()
    gestures.wait_for_selected(groups["right"])
    gestures.page.keyboard.press("Escape")
    gestures.wait_for_selected(set())
