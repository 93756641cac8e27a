"""What a page asks an explorer for, and what its bar shows."""

import json

import numpy as np
import pytest
from bokeh.document import Document
from bokeh.models import Div

import dtviz

from .test_explorer import small


@pytest.fixture
def explorer():
    return dtviz.Explorer(small())


def asks(explorer, *asked):
    """Let a page ask for something, as its bar does."""
    what, given, which = asked
    # What was asked for before is told again, and done but once.
    again = [[*explorer._hub.session.asked[-1]]] if explorer._hub.session.asked else []
    session = joined(explorer._hub.session)
    session.tags = [*again, [what, given, str(which), 0]]
    return session


def joined(shared):
    """The source of a page of its own."""
    root = Div()
    shared.join(Document(), root, None)
    return shared.source(root)


def bar(explorer):
    return explorer._hub.session.frame


@pytest.mark.parametrize("mode", ["add", "toggle"])
def test_a_page_sets_the_mode_and_follows_it(explorer, mode):
    asks(explorer, "mode", mode, 1)
    assert explorer.selection.mode == bar(explorer)["mode"] == mode
    explorer.selection.mode = "replace"
    assert bar(explorer)["mode"] == "replace"


def test_a_page_undoes_and_redoes(explorer):
    assert (bar(explorer)["undo"], bar(explorer)["redo"]) == (False, False)
    explorer.selection.names = ["L1N3"]
    assert (bar(explorer)["undo"], bar(explorer)["redo"]) == (True, False)
    asks(explorer, "undo", None, 1)
    assert explorer.selection.names == []
    assert (bar(explorer)["undo"], bar(explorer)["redo"]) == (False, True)
    asks(explorer, "redo", None, 2)
    assert explorer.selection.names == ["L1N3"]


def test_a_page_selects_in_layers_that_are_not_in_view(explorer):
    explorer.selection.names = ["L1N3", "L0N5"]
    assert json.loads(bar(explorer)["elsewhere"]) == ["L0N5"]
    asks(explorer, "names", ["L0N2", "L0N1", "L1N4"], 1)
    assert explorer.selection.names == ["L0N1", "L0N2", "L1N4"]
    assert json.loads(bar(explorer)["elsewhere"]) == ["L0N1", "L0N2"]
    # The rows that the page selects of itself are no step more.
    assert explorer._hub.selection == [4]
    joined(explorer._hub).selected.indices = [4]
    asks(explorer, "names", [], 2)
    joined(explorer._hub).selected.indices = []
    assert explorer.selection.names == []
    explorer.undo()
    explorer.undo()
    assert explorer.selection.names == ["L0N5", "L1N3"]


def test_a_page_gets_a_recipe_until_something_changes(explorer):
    asks(explorer, "recipe", None, 1)
    assert bar(explorer)["recipe"] == explorer.recipe()
    explorer.ranking.k = 3
    assert bar(explorer)["recipe"] == ""


def test_a_page_reads_a_file_of_sets(explorer):
    other = dtviz.Explorer(small())
    other.sets.save("mine", ["L1N3"])
    asks(explorer, "read", other.sets.to_json(other.model), 1)
    assert explorer.sets["mine"].names == ("L1N3",)
    assert bar(explorer)["message"] == ""
    other.sets.save("far", ["L1N3", "L9N9"])
    asks(explorer, "read", other.sets.to_json(other.model), 2)
    assert "'L9N9'" in bar(explorer)["message"]


def test_what_a_page_asks_for_and_cannot_have_is_told(explorer):
    explorer.selection.names = ["L1N3"]
    before = explorer.state
    for asked in (("names", ["L9N9"], 1), ("read", "{", 2), ("read", "{}", 3)):
        asks(explorer, *asked)
        assert "Expected" in bar(explorer)["message"]
        assert explorer.state == before
    explorer.selection.names = []
    assert bar(explorer)["message"] == ""


JUNK = [
    None,
    True,
    7,
    1e300,
    "",
    "x",
    "add\n",
    [],
    [[]],
    {},
    {"a": [1]},
    "x" * 10**6,
    ["x"] * 10**5,
]


@pytest.mark.parametrize(
    "what",
    ["mode", "names", "address", "read", "select", "__class__", *JUNK, np.zeros(3)],
    ids=lambda what: str(what)[:12],
)
def test_whatever_a_page_asks_for_nothing_raises_and_all_stays_as_it_was(explorer, what):
    explorer.selection.names = ["L1N3", "L0N5"]
    explorer.sets.save("mine", ["L1N3"])
    before, sets, mode = explorer.state, explorer.sets.items, explorer.selection.mode
    for junk in [*JUNK, np.zeros(3), np.array(["replace", "add"])]:
        if isinstance(what, str) and what == "names" and isinstance(junk, list) and not junk:
            continue  # which can be asked for
        for asked in (
            [[what, junk, f"{what} {junk}", 0]],
            [[what, junk]],
            [what, junk, 1],
            [[[what, junk, 1]]],
        ):
            explorer._hub.session._process_events({"tags": asked})
            assert explorer.state == before
            assert explorer.sets.items == sets
            assert explorer.selection.mode == mode


def test_of_an_empty_ask_nothing_comes(explorer):
    before = explorer.state
    explorer._hub.session._process_events({"tags": [1]})
    explorer._hub.session._process_events({"tags": []})
    assert explorer.state == before


def test_in_a_snapshot_there_is_no_recipe(explorer):
    assert bar(explorer)["has_recipe"]
    explorer.leave_python()
    assert not bar(explorer)["has_recipe"]


def test_the_page_is_told_whether_an_address_was_followed_or_a_step_made(explorer):
    assert not bar(explorer)["has_followed"]
    told = []
    explorer._hub.session.param.watch(lambda event: told.append(event.new), "frame")
    asks(explorer, "address", "#layer=1", 1)
    [one] = told
    assert one["wanted"] == "#layer=1"
    assert one["has_followed"]
    explorer.selection.names = ["L1N3"]
    assert not bar(explorer)["has_followed"]
