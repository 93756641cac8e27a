import io
from types import SimpleNamespace

import pandas as pd
import panel as pn
import panel_material_ui as pmui
import pytest

from dtviz import tables
from dtviz.study import Study
from dtviz.views.downloads import downloads

from ..tabs.models import small


@pytest.fixture(params=[pmui, pn.widgets])
def offered(request):
    study = Study(small(name="model of the test"))
    study.selection = SimpleNamespace(names=())  # as an explorer has
    choice, button = downloads(request.param, study, lambda: b"a linked page")
    return study, choice, button


def taken(choice, button, what):
    choice.value = what
    return button.callback().read()


def test_the_linked_page_comes_first(offered):
    _, choice, button = offered
    assert choice.value == choice.options[0] == "linked page (HTML)"
    assert button.filename == "snapshot.html"
    assert button.callback().read() == b"a linked page"


def test_the_button_says_which_file_it_makes(offered):
    _, choice, button = offered
    names = []
    for what in choice.options:
        choice.value = what
        button.param.trigger("_clicks")  # one click; that it makes a file does not fix its name
        names.append(button.filename)
        assert button.label == f"Download {button.filename}"
    assert names == [
        "snapshot.html",
        "neurons.csv",
        "neurons.parquet",
        "top-k.csv",
        "top-k.parquet",
    ]


def test_the_neuron_table_tells_which_are_selected(offered):
    study, choice, button = offered
    study.selection.names = ("L1N2", "L1N5", "L0N1")
    expected = study.neurons.assign(selected=[i in (2, 5) for i in range(12)])
    for kind in ("csv", "parquet"):
        content = taken(choice, button, f"neuron table ({kind})")
        assert content == tables.encoded(expected, f".{kind}", study.model)


def test_what_is_read_is_that_of_the_selected_or_of_all(offered):
    study, choice, button = offered
    study.selection.names = ()
    every = pd.read_csv(io.BytesIO(taken(choice, button, "top items of the selected (csv)")))
    assert len(every) == len(study.ranked)
    study.selection.names = ("L1N2", "L0N1")
    chosen = study.ranked[study.ranked["name"] == "L1N2"]
    for kind in ("csv", "parquet"):
        content = taken(choice, button, f"top items of the selected ({kind})")
        assert content == tables.encoded(chosen, f".{kind}", study.model)
