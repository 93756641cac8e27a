"""What linking does in Python; what it does in the browser is tested there."""

import holoviews as hv
import pandas as pd
import pytest
from bokeh.document import Document
from bokeh.models import Div

from dtviz.selection import Selection
from dtviz.views.shared import Hub, LinkedPane, Shared


@pytest.fixture
def chosen(table):
    return Selection([*table["name"], "L1N0", "L1N1"])


@pytest.fixture
def hub(table, chosen):
    return Hub(table, chosen)


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
    pages = [LinkedPane(hv.Points([]), [hub]) for _ in range(2)]
    first, second = (hub.source(page.get_root()).selected for page in pages)
    first.indices = [4, 6]
    assert chosen.names == ["L0N4", "L0N6"]
    assert second.indices == [4, 6]
    second.indices = [2]
    assert first.indices == [2]
