import holoviews as hv
import numpy as np
import panel as pn
import pytest

import dtviz
from dtviz.views import looks

from .models import small
from .shown import drawing, elements, shown, titles


def points(tab):
    [scatter] = elements(tab, hv.Scatter)
    return scatter.dframe().set_index("name")


def coloured(tab):
    frame = points(tab)
    return set(frame.index[frame["colour"] == looks.BLUE])


def cluster(explorer, names, threshold, space="out"):
    rows = dtviz.space(explorer.model, space, explorer.layer)
    return dtviz.exemplar_cluster(rows, names, threshold)["name"].tolist()


@pytest.fixture
def tab(explorer):
    explorer.alike.exemplar = "L1N4"
    return shown(explorer.alike)


def test_without_an_exemplar_and_a_selection_it_says_what_to_do(explorer):
    tab = shown(explorer.alike)
    assert tab.message.startswith("Name a neuron as the exemplar, or select some")
    assert tab.text == ""
    explorer.selection.names = ["L0N1"]  # of another layer
    assert tab.message.startswith("Name a neuron as the exemplar, or select some")


def test_each_neuron_stands_at_its_cosine_with_the_exemplar(explorer, tab):
    rows = explorer.model.neurons(1)
    expected = dtviz.cosine_similarity(rows, rows.subset(["L1N4"]))["L1N4"]
    np.testing.assert_allclose(points(tab)["cosine"], expected, atol=1e-6)
    assert points(tab).index.tolist() == rows.names
    assert points(tab)["row"].tolist() == list(range(12))


def test_those_beyond_the_threshold_are_coloured_and_named_before_they_are_selected(explorer, tab):
    expected = cluster(explorer, "L1N4", 0.5)
    assert 1 < len(expected) < 12
    assert coloured(tab) == set(expected)
    assert tab.text == f"<b>{len(expected)} of 12</b> would be selected: {', '.join(expected)}"
    assert titles(tab) == ["Cosine with L1N4 · layer 1, out · blue: beyond the threshold"]
    assert explorer.selection.names == []


@pytest.mark.parametrize("threshold", [0, 0.2, 0.9, 1])
def test_the_threshold_changes_the_preview_and_not_the_selection(explorer, tab, threshold):
    explorer.exemplar.threshold = threshold
    expected = cluster(explorer, "L1N4", threshold)
    assert coloured(tab) == set(expected)
    assert f"<b>{len(expected)} of 12</b>" in tab.text
    assert [line.data for line in elements(tab, hv.VLine)] == [-threshold, threshold]
    assert explorer.selection.names == []


def test_select_selects_those_beyond_the_threshold(explorer, tab):
    explorer.exemplar.threshold = 0.3
    tab.select = True
    assert set(explorer.selection.names) == set(cluster(explorer, "L1N4", 0.3))
    assert explorer._hub.selection == sorted(
        int(name.removeprefix("L1N")) for name in explorer.selection.names
    )


def test_a_click_selects_and_the_tab_goes_on(explorer, tab):
    [button] = [one for one in tab.controls() if isinstance(one, pn.widgets.Button)]
    for name in ("L1N4", "L1N7"):
        tab.exemplar = name
        button.param.trigger("value")  # as a click does
        assert set(explorer.selection.names) == set(cluster(explorer, name, 0.5))
    explorer.selection.names = ["L1N0"]
    tab.exemplar = ""
    assert titles(tab)[0].startswith("Cosine with L1N0 ·")


def test_select_does_nothing_where_there_is_a_message(explorer, tab):
    explorer.selection.names = ["L1N0"]
    tab.exemplar = "L9N9"
    tab.select = True
    assert explorer.selection.names == ["L1N0"]


@pytest.mark.parametrize("name", ["L9N9", "L0N4", "l1n4", "<b>", "L1N4, L1N5"])
def test_an_exemplar_that_is_not_in_view_is_told(explorer, name):
    explorer.alike.exemplar = name
    tab = shown(explorer.alike)
    assert tab.message.startswith("Expected a name of W_out, layer 1, got ")
    assert repr(name) in tab.message
    assert tab.text == ""
    tab.exemplar = "L1N4"
    assert tab.message == ""


def test_blanks_around_a_name_do_not_matter(explorer, tab):
    before = tab.text
    tab.exemplar = "  L1N4 "
    assert (tab.message, tab.text) == ("", before)


def test_without_a_name_the_selected_are_the_exemplar_together(explorer, tab):
    explorer.selection.names = ["L1N4", "L1N7", "L0N2"]
    tab.exemplar = ""
    assert coloured(tab) == set(cluster(explorer, ["L1N4", "L1N7"], 0.5))
    assert titles(tab)[0].startswith("Cosine with the 2 selected ·")
    explorer.selection.names = ["L1N7"]
    assert coloured(tab) == set(cluster(explorer, "L1N7", 0.5))
    assert titles(tab)[0].startswith("Cosine with L1N7 ·")


@pytest.mark.parametrize("space", ["in", "out congruence", "in congruence"])
def test_alike_can_be_in_any_space(explorer, tab, space):
    tab.space = space
    assert coloured(tab) == set(cluster(explorer, "L1N4", 0.5, space))
    assert f"layer 1, {space}" in titles(tab)[0]


def test_an_exemplar_of_another_layer_waits_for_it(explorer, tab):
    explorer.layer = 0
    assert "L1N4" in tab.message
    explorer.layer = "all"
    assert tab.message == ""
    assert len(points(tab)) == 24


# --- which of them, and where ---------------------------------------------------------------------


def found(tab):
    return set(tab.text.partition("selected: ")[2].split(", "))


def test_the_nearest_are_chosen_by_count(explorer, tab):
    explorer.exemplar.param.update(alike_by="count", alike_count=3)
    rows = explorer.model.neurons(1)
    expected = dtviz.exemplar_cluster(rows, "L1N4", count=3)["name"].tolist()
    assert len(expected) == 4
    assert coloured(tab) == found(tab) == set(expected)
    assert tab.text.startswith("<b>4 of 12</b>")
    assert titles(tab) == ["Cosine with L1N4 · layer 1, out · blue: the 3 nearest"]
    assert elements(tab, hv.VLine) == []
    explorer.exemplar.alike_count = 100
    assert titles(tab)[0].endswith("blue: the 11 nearest")


def test_neurons_may_be_alike_to_any_of_the_selected(explorer, tab):
    tab.exemplar = ""
    explorer.selection.names = ["L1N4", "L1N7"]
    explorer.exemplar.alike_to = "any"
    rows = explorer.model.neurons(1)
    expected = dtviz.exemplar_cluster(rows, ["L1N4", "L1N7"], to="any")["name"]
    assert coloured(tab) == set(expected)
    np.testing.assert_allclose(
        points(tab)["cosine"], dtviz.cosine_similarity(rows, rows.subset([4, 7])).T.agg(furthest)
    )
    assert titles(tab)[0].startswith("Cosine with any of the 2 selected ·")
    explorer.selection.names = ["L1N4"]
    assert titles(tab)[0].startswith("Cosine with L1N4 ·")


def furthest(values):
    return max(values, key=abs)


@pytest.mark.parametrize("space", ["out", "in congruence"])
def test_neurons_of_all_layers_may_be_looked_among(explorer, tab, space):
    tab.param.update(among="all layers", space=space)
    rows = dtviz.space(explorer.model, space, "all")
    expected = dtviz.exemplar_cluster(rows, "L1N4")["name"].tolist()
    assert any(name.startswith("L0") for name in expected)
    assert coloured(tab) == set(expected)
    assert points(tab).index.tolist() == rows.names
    # Those of the layer that is not in view have no row in the table.
    assert points(tab)["row"].tolist() == [-1] * 12 + list(range(12))
    assert f"<b>{len(expected)} of 24</b>" in tab.text
    assert f"· all layers, {space} ·" in titles(tab)[0]
    tab.select = True
    assert set(explorer.selection.names) == set(expected)


def test_over_all_layers_the_selected_of_each_are_exemplars(explorer):
    tab = shown(explorer.alike)
    explorer.selection.names = ["L0N1", "L0N3"]
    assert tab.message
    tab.among = "all layers"
    assert tab.message == ""
    assert titles(tab)[0].startswith("Cosine with the 2 selected · all layers")
    tab.exemplar = "L0N5"
    assert "L0N5" in coloured(tab)
    tab.among = "this layer"
    assert "L0N5" in tab.message


def test_where_all_layers_are_in_view_there_is_no_other_place_to_look(explorer, tab):
    explorer.layer = "all"
    before = points(tab)
    tab.among = "all layers"
    assert points(tab).equals(before)
    assert points(tab)["row"].tolist() == list(range(24))


def test_selecting_follows_the_mode_of_the_selection(explorer, tab):
    explorer.selection.names = ["L0N2"]
    explorer.selection.mode = "add"
    tab.select = True
    assert set(explorer.selection.names) == {"L0N2", *cluster(explorer, "L1N4", 0.5)}


def test_of_threshold_and_count_the_one_that_decides_is_shown(explorer, tab):
    widgets = {widget.name: widget for widget in tab.controls()}
    threshold, count = widgets["|cosine| above"], widgets["Nearest"]
    assert (threshold.visible, count.visible) == (True, False)
    explorer.exemplar.alike_by = "count"
    assert (threshold.visible, count.visible) == (False, True)
    assert "Among" in widgets


@pytest.mark.parametrize("n", [1, 2])
def test_one_or_two_neurons_are_drawn(n):
    explorer = dtviz.Explorer(small(n=n))
    explorer.alike.exemplar = "L1N0"
    assert drawing(explorer.alike).select_one({"name": "alike"})
    assert f"of {n}</b> would be selected: L1N0" in explorer.alike.text


def test_of_many_names_some_are_written():
    explorer = dtviz.Explorer(small(n=60), threshold=0)
    explorer.alike.exemplar = "L1N0"
    text = shown(explorer.alike).text
    assert text.startswith("<b>60 of 60</b> would be selected: L1N0, ")
    assert text.endswith("and 20 more")
    assert text.count("L1N") == 40


def test_identical_neurons_are_all_alike():
    explorer = dtviz.Explorer(small(every=np.ones((12, 6))))
    explorer.alike.exemplar = "L1N3"
    assert len(coloured(shown(explorer.alike))) == 12


def test_a_neuron_of_zeros_is_alike_to_itself_alone():
    explorer = dtviz.Explorer(small(every=np.zeros((12, 6))))
    explorer.alike.exemplar = "L1N3"
    assert coloured(shown(explorer.alike)) == {"L1N3"}
