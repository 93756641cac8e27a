"""What linking does in Python; what it does in the browser is tested there."""

import json

import holoviews as hv
import numpy as np
import pandas as pd
import pytest
from bokeh.document import Document
from bokeh.models import Div

from dtviz.selection import Selection
from dtviz.sets import NeuronSet, Sets
from dtviz.views.shared import LinkedPane, Shared

from .elements import hub_on


@pytest.fixture
def chosen(table):
    return Selection([*table["name"], "L1N0", "L1N1"])


@pytest.fixture
def sets():
    return Sets()


@pytest.fixture
def hub(table, chosen, sets):
    return hub_on(table, chosen, sets)


def joined(frame):
    root = Div()
    doc = Document()
    doc.add_root(root)
    frame.join(doc, root, None)
    return frame.source(root)


def test_the_source_is_named_and_has_the_columns_that_views_ask_for(hub, table):
    source = joined(hub)
    assert source.name == "neurons"
    assert {"name", "x", "y", "difference", "leaf", "color", "jitter"} <= set(source.data)
    assert list(source.data["name"]) == table["name"].tolist()


def test_each_page_has_one_source_of_its_own(hub):
    root = Div()
    hub.join(Document(), root, None)
    first = hub.source(root)
    hub.join(Document(), root, None)
    assert hub.source(root) is first
    assert joined(hub) is not first


def test_names_become_rows(hub, chosen):
    chosen.names = ["L0N7", "L0N2"]
    assert hub.selection == [2, 7]
    assert joined(hub).selected.indices == [2, 7]


def test_rows_become_names(hub, chosen):
    hub.selection = [3, 1]
    assert set(chosen.names) == {"L0N1", "L0N3"}


def test_brushing_keeps_what_is_selected_in_other_layers(hub, chosen):
    chosen.names = ["L1N0", "L0N5"]
    hub.selection = [8]
    assert set(chosen.names) == {"L1N0", "L0N8"}


def test_another_table_brings_its_selected_rows(hub, chosen, table):
    chosen.names = ["L1N1", "L0N5"]
    other = table.iloc[:2].assign(name=["L1N0", "L1N1"])
    hub.show(other.set_index(pd.Index(other["name"])))
    assert hub.selection == [1]
    hub.show(table)
    assert hub.selection == [5]
    assert set(chosen.names) == {"L1N1", "L0N5"}


def test_a_selection_does_not_echo(hub, chosen):
    heard = []
    chosen.param.watch(heard.append, "names")
    chosen.names = ["L0N1"]
    hub.selection = [4, 6]
    assert len(heard) == 2


def test_a_shared_frame_follows_on_every_page():
    shared = Shared("cells", pd.DataFrame({"start": [0, 1]}))
    assert list(joined(shared).data["start"]) == [0, 1]
    shared.frame = pd.DataFrame({"start": [0, 3, 6]})
    assert list(joined(shared).data["start"]) == [0, 3, 6]


def test_what_is_brushed_on_one_page_is_selected_on_every_other(hub, chosen):
    """As in a notebook, where each cell's output is a page."""
    pages = [LinkedPane(lambda _: hv.Points([]), hub.param.frame, [], [hub]) for _ in range(2)]
    first, second = (hub.source(page.get_root()).selected for page in pages)
    first.indices = [4, 6]
    assert chosen.names == ["L0N4", "L0N6"]
    assert second.indices == [4, 6]
    second.indices = [2]
    assert first.indices == [2]


def test_rows_that_the_table_does_not_have_select_nothing(hub, chosen):
    """As from a page that still shows a longer table."""
    hub.selection = [3, 30, 10**9, -1]
    assert chosen.names == ["L0N3"]


# The named sets

GOOD = {
    "name": ["a", "b"],
    "note": ["", "seen"],
    "colour": ["#0072B2", "#e69f00"],
    "names": ['["L0N3"]', '["L0N4", "L9N9"]'],
    "shown": [True, False],
}


def rows(source):
    """The sets in a source, row by row, their names as lists."""
    columns = ("name", "note", "colour", "shown", "names")
    found = zip(*(source.data[column] for column in columns), strict=True)
    return [(*row, json.loads(names)) for *row, names in found]


def test_sets_go_to_the_browser_and_come_back(hub, sets):
    sets.save("mine", ["L0N3", "L0N4"], note="seen", colour="#123456")
    source = joined(hub.sets)
    assert rows(source) == [("mine", "seen", "#123456", True, ["L0N3", "L0N4"])]
    source.data = GOOD
    assert list(sets) == [
        NeuronSet("a", ("L0N3",), "", "#0072B2"),
        NeuronSet("b", ("L0N4", "L9N9"), "seen", "#e69f00"),
    ]


def test_what_one_page_makes_of_the_sets_every_other_shows(hub, sets):
    pages = [LinkedPane(lambda _: hv.Points([]), hub.param.frame, [], [hub]) for _ in range(2)]
    first, second = (hub.sets.source(page.get_root()) for page in pages)
    first.data = GOOD
    assert rows(second) == rows(first)
    second.data = {**GOOD, "shown": [False, True]}
    assert [row[3] for row in rows(first)] == [False, True]
    assert [row[3] for row in rows(joined(hub.sets))] == [False, True]
    second.data = {name: [] for name in GOOD}
    assert list(sets) == rows(first) == rows(joined(hub.sets)) == []


HOSTILE = {
    "name": ["b", "", " ", "a" * 81, "\ud800", None, 7, ["a"], {"a": 1}],
    "note": [None, 7, ["x"], "\ud800"],
    "colour": ["red", "#12345", "#000000;background:url(//x)", None, 7],
    "names": ["L0N3", "{}", "[1]", '["a", "a"]', "[[]]", "7", "[" * 9**5, ["L0N3"], None, 7],
}
HOSTILE_DATA = [
    *({**GOOD, name: [one, GOOD[name][1]]} for name, found in HOSTILE.items() for one in found),
    {**GOOD, "name": ["a"]},
    {**GOOD, "name": None},
    {**GOOD, "name": np.zeros((2, 2))},
    {**GOOD, "shown": np.zeros((2, 2))},
    {name: GOOD[name] for name in GOOD if name != "shown"},
    {},
    [],
    None,
]


@pytest.mark.parametrize("data", HOSTILE_DATA, ids=range(len(HOSTILE_DATA)))
def test_what_makes_no_sets_leaves_them_as_they_were(hub, sets, data):
    source = joined(hub.sets)
    source.data = {**GOOD, "shown": [False, True]}
    before, items = rows(source), sets.items
    # Without the warning of Bokeh's own about columns of different lengths.
    hub.sets._process_events({"data": data})
    assert sets.items == items
    assert rows(source) == before
    assert rows(joined(hub.sets)) == before


# What a page asks for


@pytest.mark.parametrize("tags", [[], ["undo"], ["mode", "add", 3], [None, {"a": [1]}, "x"]])
def test_what_a_page_asks_for_is_told_as_it_is(hub, tags):
    heard = []
    hub.session.param.watch(lambda event: heard.append(event.new), "asked")
    source = joined(hub.session)
    source.tags = [1]
    source.tags = tags
    assert heard == [[1], tags]


def test_the_bar_follows_on_every_page(hub):
    pages = [LinkedPane(lambda _: hv.Points([]), hub.param.frame, [], [hub]) for _ in range(2)]
    sources = [hub.session.source(page.get_root()) for page in pages]
    hub.session.hold({**hub.session.frame, "mode": "add"})
    assert [list(source.data["mode"]) for source in sources] == [["add"], ["add"]]
