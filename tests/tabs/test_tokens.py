"""Every tab of a model with 50,257 tokens: something to see, or a sentence why not, and no more."""

from dataclasses import replace

import holoviews as hv
import numpy as np
import panel as pn
import pytest

import dtviz
from dtviz.tabs.vectors import MOST_LONGEST

from ..tokens import wordy
from .shown import elements, shown, titles

TOKENS = 50_257


@pytest.fixture(scope="module")
def model():
    return wordy(TOKENS, n=64, d=16)


@pytest.fixture(params=["nothing selected", "three selected", "surveyed"])
def explorer(request, model):
    explorer = dtviz.Explorer(model, layer=1, x=["he", " him"], y=["she", " her"])
    if request.param != "nothing selected":
        explorer.selection.names = ["L1N3", "L1N5", "L1N7"]
    if request.param == "surveyed":
        explorer.surveyor.start = True
    return explorer


def points(tab):
    """How many points, bars and cells a tab draws."""
    return sum(len(one) for kind in (hv.Scatter, hv.Rectangles) for one in elements(tab, kind))


def test_no_tab_is_empty_or_too_full(explorer):
    for tab in explorer.tabs:
        shown(tab)
        assert tab.message or tab.row.objects, tab
        assert tab.message == "" or tab.message.endswith((".", "here."))
        assert points(tab) <= 50_000
        for image in elements(tab, hv.Image):
            assert image.interface.shape(image, gridded=True)[0] <= 1_024
        for table in tab.row.select(pn.widgets.Tabulator):
            assert table.pagination == "remote"


def test_what_a_tab_leaves_out_it_says(explorer):
    tab = shown(explorer.vectors)
    n = MOST_LONGEST + 4
    assert titles(tab) == [
        f"Norms · W_U · {n} of 50,257 rows",
        f"Cosines · W_U · {n} of 50,257 rows · 26 of {n} named",
    ]
    assert tab.text.startswith("204 of 50,257 rows: those that are compared, and the 200 longest")
    tab.is_clustered = True
    assert "␣her" in tab._names
    tab.which = "embedding"
    assert "50,257" in titles(tab)[0]
    tab.which = "neurons, out"
    assert tab.text == ""
    assert "50,257" not in titles(tab)[0]
    explorer.crossings.crossing = "in × unembedding"
    title = titles(shown(explorer.crossings))[0]
    assert "of 50,257 of the unembedding: the compared and the longest" in title


def test_of_the_moments_of_tokens_a_part_is_drawn(model):
    explorer = dtviz.Explorer(replace(model), layer=1, x="he", y="she")  # nobody has surveyed it
    tab = explorer.strips
    tab.of = "moments of features"
    assert "not known yet" in shown(tab).message
    explorer.surveyor.start = True
    assert titles(tab)[0] == "norm · 2,002 of 50,257"
    assert tab.text == "Those that are compared, and the 2,000 longest."
    names = elements(tab, hv.Scatter)[0].dframe()["name"].tolist()
    assert names[:2] == ["he", "she"]
    assert points(tab) == 4 * 2_002
    tab.of = "moments of neurons"
    assert tab.text == ""


def test_the_bias_of_those_shown_is_theirs():
    model = wordy(5_000)
    bias = np.arange(5_000, dtype=np.float32)
    model = type(model)(
        name="wordy",
        weights=model.weights,
        unembedding=model.unembedding,
        embedding=model.embedding,
        unembedding_bias=bias,
    )
    tab = shown(dtviz.Explorer(model).vectors)
    [drawn] = elements(tab, hv.Scatter)
    frame = drawn.dframe()
    biases = frame[frame["what"] == "bias"].set_index("name")["value"]
    assert len(biases) == 202
    assert all(biases[name] == model.unembedding.row(name) for name in biases.index)
    assert "202 of 5,000 rows" in titles(tab)[0]


def test_a_table_of_all_neurons_waits_for_a_survey(model):
    explorer = dtviz.Explorer(replace(model), layer=1)  # nobody has surveyed it
    tab = explorer.tables
    for kind in ("top-k", "features"):
        tab.kind = kind
        assert "has not been ranked for all neurons yet" in shown(tab).message
    explorer.surveyor.start = True
    assert tab.message == ""
    assert tab.text == "50,257 rows"
    tab.kind = "actions"
    assert tab.text == "50,257 rows; cosines with the two on the axes only"
