import asyncio
import io
import threading

import pandas as pd
import panel as pn
import pytest
from panel.models.tabulator import CellClickEvent, DataTabulator

import dtviz
from dtviz import tables
from dtviz.tabs.tables import Tables

from ..tokens import wordy
from .models import small
from .shown import drawing, shown


@pytest.fixture
def tab(explorer):
    return shown(explorer.tables)


def listed(tab):
    """The table as the widget shows it."""
    [widget] = tab.row.objects
    return widget.value


def buttons(tab):
    """The buttons of the downloads, by the endings of their files."""
    found = pn.Column(*tab.controls()).select(pn.widgets.FileDownload)
    return {button.filename: button for button in found}


def as_text(frame):
    return frame.astype(dict.fromkeys(frame.select_dtypes("category"), str))


@pytest.mark.parametrize("kind", tables.KINDS)
def test_each_table_is_that_of_the_function(explorer, tab, kind):
    tab.kind = kind
    expected = tables.table(kind, explorer)
    pd.testing.assert_frame_equal(tab.frame, expected)
    pd.testing.assert_frame_equal(listed(tab), as_text(expected))
    assert tab.text == f"{len(expected):,} rows"


@pytest.mark.parametrize("kind", tables.KINDS)
@pytest.mark.parametrize("only_selected", [False, True])
def test_a_download_is_the_table_encoded(explorer, tab, kind, only_selected):
    explorer.selection.names = ["L1N3", "L1N7", "L0N1"]
    tab.kind, tab.only_selected = kind, only_selected
    found = buttons(tab)
    assert set(found) == {f"{kind}.csv", f"{kind}.parquet"}
    for suffix in tables.FORMATS:
        content = found[f"{kind}{suffix}"].callback().read()
        assert content == tables.encoded(tab.frame, suffix, explorer.model)
    if not only_selected:
        expected = tables.table(kind, explorer)
        assert content == tables.encoded(expected, ".parquet", explorer.model)


@pytest.mark.parametrize(
    ("kind", "n"),
    [
        ("neurons", 2),
        ("clusters", 2),
        ("top-k", 2 * 20),
        ("in-unembedding", 2 * 3),
        ("out-embedding", 2 * 18),
    ],
)
def test_only_rows_of_selected_neurons_can_be_listed(explorer, tab, kind, n):
    explorer.selection.names = ["L1N3", "L1N7", "L0N1"]
    tab.kind = kind
    every = len(tab.frame)
    tab.only_selected = True
    assert set(tab.frame["name"].astype(str)) == {"L1N3", "L1N7"}
    assert len(tab.frame) == n
    assert tab.text == f"{n:,} of {every:,} rows"
    assert tab.frame.index.tolist() == list(range(n))
    explorer.selection.names = ["L1N5"]
    assert set(listed(tab)["name"]) == {"L1N5"}
    tab.only_selected = False
    assert len(tab.frame) == every


def test_only_pairs_of_selected_neurons_can_be_listed(explorer, tab):
    explorer.pairs.pairs_above = 0
    explorer.selection.names = ["L1N3", "L1N7", "L1N9"]
    tab.kind, tab.only_selected = "pairs", True
    pairs = {frozenset(pair) for pair in tab.frame[["name_1", "name_2"]].to_numpy()}
    assert pairs == {
        frozenset(pair) for pair in (("L1N3", "L1N7"), ("L1N3", "L1N9"), ("L1N7", "L1N9"))
    }
    assert tab.text == "3 of 66 rows"


@pytest.mark.parametrize("kind", ["neurons", "pairs", "top-k"])
def test_without_a_selection_only_selected_lists_nothing(tab, kind):
    tab.kind, tab.only_selected = kind, True
    assert tab.message == ""
    assert tab.frame.empty
    assert listed(tab).empty
    assert tab.text.startswith("0 of ")
    read = pd.read_csv(buttons(tab)[f"{kind}.csv"].callback())
    assert read.empty


@pytest.mark.parametrize("kind", ["summary", "features", "actions", "embedding-unembedding"])
def test_a_table_of_no_neurons_is_whole(explorer, tab, kind):
    explorer.selection.names = ["L1N3"]
    tab.kind, tab.only_selected = kind, True
    assert len(tab.frame) == len(tables.table(kind, explorer))


def test_pairs_follow_their_threshold(explorer, tab):
    tab.kind = "pairs"
    for threshold in (0.2, 0.6):
        explorer.pairs.pairs_above = threshold
        expected = dtviz.similar_pairs(explorer.model.neurons(1), threshold)
        pd.testing.assert_frame_equal(tab.frame, expected)
        assert len(listed(tab)) == len(expected)


def test_pairs_beyond_what_a_table_holds_are_counted(explorer, tab, monkeypatch):
    monkeypatch.setattr("dtviz.analyses.similarity.MOST_PAIRS", 5)
    explorer.pairs.pairs_above = 0
    tab.kind = "pairs"
    assert len(listed(tab)) == 5
    assert tab.text == "5 rows; 5 of 66 pairs: those of greatest |cosine|"


def test_a_table_follows_the_layer(explorer, tab):
    explorer.layer = "all"
    assert listed(tab)["name"].tolist() == explorer.model.neurons("all").names
    assert tab.text == "24 rows"


@pytest.mark.parametrize(
    ("model", "kind", "why"),
    [
        ({"features": []}, "top-k", "input features"),
        ({"features": []}, "out-embedding", "embedding"),
        ({"sides": ["out"]}, "in-unembedding", "side 'in'"),
        ({"n": 1}, "summary", "two neurons"),
    ],
)
def test_what_a_model_lacks_is_told_instead_of_a_table(model, kind, why):
    explorer = dtviz.Explorer(small(**model))
    explorer.tables.kind = kind
    tab = shown(explorer.tables)
    assert why in tab.message
    assert tab.text == ""
    assert tab.row.objects == []
    tab.kind = "actions"
    assert tab.message == ""
    assert len(listed(tab)) == 3


def test_a_table_comes_back_after_a_message(explorer, tab):
    tab.kind = "features"
    explorer.features.named = "nothing"
    assert tab.message
    assert not tab.row.visible
    explorer.features.named = "key"
    assert tab.row.visible
    assert len(listed(tab)) == 9


def test_each_table_is_drawn(explorer, caplog):
    root = drawing(explorer.tables)
    for kind in tables.KINDS:
        explorer.tables.kind = kind
        [table] = root.select({"type": DataTabulator})
        assert set(tables.table(kind, explorer)) <= set(table.source.data)
    assert [record.getMessage() for record in caplog.records] == []


def test_names_are_shown_as_they_are_and_downloaded_so():
    explorer = dtviz.Explorer(small(actions=['<b>"left"</b>', "right, {x}"]))
    explorer.tables.kind = "actions"
    tab = shown(explorer.tables)
    assert listed(tab)["name"].tolist() == ['<b>"left"</b>', "right, {x}"]
    content = buttons(tab)["actions.csv"].callback().read()
    assert pd.read_csv(io.BytesIO(content))["name"].tolist() == ['<b>"left"</b>', "right, {x}"]


def click(tab, row):
    """Click on a row of the table, as the widget tells."""
    [widget] = tab.row.objects
    widget._process_event(CellClickEvent(model=None, column=widget.value.columns[0], row=row))


@pytest.mark.parametrize(
    ("mode", "expected"),
    [
        ("replace", ["L1N5"]),
        ("add", ["L0N1", "L1N3", "L1N5"]),
        ("remove", ["L0N1", "L1N3"]),
        ("intersect", []),
        ("toggle", ["L0N1", "L1N3", "L1N5"]),
    ],
)
def test_a_row_clicked_selects_its_neuron_in_the_mode(explorer, tab, mode, expected):
    explorer.selection.names = ["L1N3", "L0N1"]
    explorer.selection.mode = mode
    row = tab.frame["name"].tolist().index("L1N5")
    click(tab, row)
    assert explorer.selection.names == expected


def test_a_row_of_a_pair_selects_both(explorer, tab):
    explorer.pairs.pairs_above = 0
    tab.kind = "pairs"
    click(tab, 3)
    expected = set(tab.frame.loc[3, ["name_1", "name_2"]])
    assert set(explorer.selection.names) == expected
    assert len(expected) == 2


def test_the_row_that_is_seen_is_the_one_that_is_selected(explorer, tab):
    [widget] = tab.row.objects
    widget.sorters = [{"field": "x", "dir": "desc"}]
    drawing(explorer.tables)
    names = explorer.neurons.sort_values("x", ascending=False)["name"].tolist()
    click(tab, 0)
    assert explorer.selection.names == names[:1]
    widget.page = 2
    click(tab, 1)
    assert explorer.selection.names == [names[widget.page_size + 1]]


@pytest.mark.parametrize("kind", tables.KINDS)
def test_a_row_clicked_selects_neurons_or_nothing(explorer, tab, kind):
    explorer.selection.names = ["L0N1"]
    tab.kind = kind
    click(tab, 1)
    chosen = set(explorer.selection.names)
    row = {str(value) for value in tab.frame.iloc[1][["name"]]} if "name" in tab.frame else set()
    is_of_neurons = row <= set(explorer.neurons.index) and row
    if kind != "pairs":
        assert chosen == (row if is_of_neurons else {"L0N1"})


def test_only_a_table_of_the_selected_follows_the_selection(explorer, tab):
    changes = tab.changes
    explorer.selection.names = ["L1N3"]
    assert tab.changes == changes
    tab.only_selected = True
    explorer.selection.names = ["L1N3", "L1N4"]
    assert len(listed(tab)) == 2
    tab.only_selected = False
    changes = tab.changes
    explorer.selection.names = []
    assert tab.changes == changes


@pytest.mark.parametrize("kind", ["pairs", "summary"])
def test_while_many_pairs_are_gone_through_the_page_is_answered(monkeypatch, kind):
    explorer = dtviz.Explorer(small(n=12), layer=1)
    explorer.pairs.pairs_above = 0
    may_end, begun = threading.Event(), threading.Event()
    of, step = {
        "pairs": (type(explorer.pairs), "__call__"),
        "summary": (type(explorer), "_summary"),
    }[kind]
    find = getattr(of, step)

    def slow(*given):
        begun.set()
        assert may_end.wait(60)
        return find(*given)

    monkeypatch.setattr(Tables, "at_once", 4)
    monkeypatch.setattr(of, step, slow)

    async def go():
        tab = shown(explorer.tables)
        tab.kind = kind
        while not begun.is_set():
            await asyncio.sleep(0)
        assert tab.message == "The pairs of all neurons in view are being gone through."
        assert not buttons(tab)
        may_end.set()
        while tab.message:
            await asyncio.sleep(0)
        return tab

    tab = asyncio.run(go())
    monkeypatch.undo()
    pd.testing.assert_frame_equal(tab.frame, tables.table(kind, explorer))
    assert set(buttons(tab)) == {f"{kind}.csv", f"{kind}.parquet"}


def test_what_is_not_known_yet_cannot_be_taken():
    tab = shown(dtviz.Explorer(wordy(n=12), layer=1).tables)
    assert buttons(tab)
    tab.kind = "top-k"
    assert "has not been ranked" in tab.message
    assert not buttons(tab)
