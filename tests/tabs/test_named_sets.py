import json

import pytest
from bokeh.models import CustomJS, Div

import dtviz
from dtviz.sets import NeuronSet

from .models import small
from .shown import drawing, shown


@pytest.fixture
def root(explorer):
    return drawing(explorer.named_sets)


def source(root):
    return root.select_one({"name": "sets"})


def test_its_script_knows_the_neurons_the_sets_and_the_session(explorer, root):
    [panel] = root.select({"type": Div, "syncable": False})
    [script] = {one for one in panel.select({"type": CustomJS}) if "sets" in one.args}
    assert script.args["output"] is panel
    assert script.args["sets"] is source(root)
    assert list(script.args["neurons"].data["name"]) == explorer.neurons["name"].tolist()
    assert list(script.args["session"].data["model"]) == ["small"]


def test_sets_made_in_python_are_in_the_page(explorer, root):
    explorer.sets.save("mine", ["L1N3", "L0N1"], note="of both <b>layers</b>")
    data = source(root).data
    assert [list(data[name]) for name in ("name", "note", "colour", "shown")] == [
        ["mine"],
        ["of both <b>layers</b>"],
        [explorer.sets["mine"].colour],
        [True],
    ]
    assert [json.loads(names) for names in data["names"]] == [["L1N3", "L0N1"]]
    explorer.sets.remove("mine")
    assert list(source(root).data["name"]) == []


def test_sets_made_in_the_page_are_in_python(explorer, root):
    source(root).data = {
        "name": ["a", "b"],
        "note": ["", "seen"],
        "colour": ["#0072B2", "#E69F00"],
        "names": ['["L1N3"]', '["L1N4", "L0N2"]'],
        "shown": [True, False],
    }
    assert list(explorer.sets) == [
        NeuronSet("a", ("L1N3",), "", "#0072B2"),
        NeuronSet("b", ("L1N4", "L0N2"), "seen", "#E69F00"),
    ]
    # A page that opens later hides what is hidden.
    assert list(source(drawing(explorer.top_k)).data["shown"]) == [True, False]


def test_it_finds_nothing_and_so_is_made_with_the_page_whatever_the_model():
    explorer = dtviz.Explorer(small(features=[], rtg=False))
    tab = shown(explorer.named_sets)
    assert tab.message == ""
    [panel] = tab.row.objects
    explorer.layer = 0
    explorer.selection.names = ["L0N1"]
    assert tab.row.objects == [panel]
    assert tab.made_at_once
    assert tab.without_python


def test_sets_outlast_another_model(explorer):
    explorer.sets.save("mine", ["L1N3"])
    explorer.model = small(n=4, layers=1, name="other")
    assert explorer.sets["mine"].names == ("L1N3",)
