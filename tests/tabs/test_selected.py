import holoviews as hv
import numpy as np
import pytest

import dtviz

from .models import small
from .shown import elements, shown, titles


def ticks(tab):
    [image] = elements(tab, hv.Image)
    return [name for _, name in image.opts.get("plot").kwargs["xticks"]]


def cosines(tab):
    [image] = elements(tab, hv.Image)
    return image.dimension_values("cosine", flat=False)


def test_nothing_selected_is_told_with_what_to_do(explorer):
    tab = shown(explorer.selected_heatmap)
    assert tab.message.startswith("No neuron in view is selected.")
    explorer.selection.names = ["L0N1"]
    assert tab.message.startswith("No neuron in view is selected.")
    assert tab.row.objects == []


def test_the_selected_are_clustered_anew_and_named(explorer):
    names = [f"L1N{i}" for i in (1, 4, 6, 7, 9, 11)]
    explorer.selection.names = names
    tab = shown(explorer.selected_heatmap)
    chosen = explorer.model.neurons(1).subset(names)
    order = dtviz.cluster(chosen).order
    assert ticks(tab) == [names[row] for row in order]
    expected = dtviz.cosine_similarity(chosen).to_numpy()[np.ix_(order, order)]
    np.testing.assert_allclose(cosines(tab), expected, atol=1e-6)
    assert titles(tab) == ["Cosine similarity · layer 1, out · 6 selected"]


def test_those_of_other_layers_are_counted_but_not_drawn(explorer):
    explorer.selection.names = ["L1N3", "L0N1", "L1N5", "L0N2", "L0N3"]
    tab = shown(explorer.selected_heatmap)
    assert set(ticks(tab)) == {"L1N3", "L1N5"}
    assert titles(tab)[0].endswith("2 of 5 selected, those in view")
    explorer.layer = 0
    assert set(ticks(tab)) == {"L0N1", "L0N2", "L0N3"}
    explorer.layer = "all"
    assert len(ticks(tab)) == 5


def test_the_clustering_follows_its_options(explorer):
    explorer.selection.names = [f"L1N{i}" for i in range(8)]
    tab = shown(explorer.selected_heatmap)
    explorer.clustering.method, explorer.clustering.distance = "single", "rows"
    chosen = explorer.model.neurons(1).subset(explorer.selection.names)
    assert ticks(tab) == [f"L1N{i}" for i in dtviz.cluster(chosen, "single", "rows").order]


@pytest.mark.parametrize("space", ["in", "out congruence", "in congruence"])
def test_the_selected_can_be_compared_in_any_space(explorer, space):
    names = ["L1N1", "L1N4", "L1N6"]
    explorer.selection.names = names
    tab = shown(explorer.selected_heatmap)
    tab.space = space
    rows = dtviz.space(explorer.model, space, 1).subset(names)
    order = dtviz.cluster(rows).order
    expected = dtviz.cosine_similarity(rows).to_numpy()[np.ix_(order, order)]
    np.testing.assert_allclose(cosines(tab), expected, atol=1e-6)
    assert f"layer 1, {space}" in titles(tab)[0]


@pytest.mark.parametrize("n", [1, 2])
def test_one_or_two_selected_are_drawn(explorer, n):
    explorer.selection.names = ["L1N1", "L1N4"][:n]
    tab = shown(explorer.selected_heatmap)
    assert tab.message == ""
    assert cosines(tab).shape == (n, n)
    assert titles(tab)[0].endswith(f"· {n} selected")


def test_of_many_some_are_named_and_the_title_says_how_many():
    explorer = dtviz.Explorer(small(n=40))
    explorer.selection.names = explorer.in_view.names
    tab = shown(explorer.selected_heatmap)
    assert len(ticks(tab)) == 26
    assert titles(tab)[0].endswith("40 selected · 26 of 40 named")


def test_more_than_the_cells_are_averaged(explorer, monkeypatch):
    monkeypatch.setattr("dtviz.tabs.selected.MOST_CELLS", 5)
    explorer.selection.names = explorer.in_view.names
    tab = shown(explorer.selected_heatmap)
    assert cosines(tab).shape == (5, 5)
    assert "12 selected, averaged to 5 × 5" in titles(tab)[0]


def test_a_space_that_is_gone_gives_way(explorer):
    explorer.selection.names = ["L1N1", "L1N4"]
    tab = shown(explorer.selected_heatmap)
    tab.space = "in congruence"
    explorer.features.named = "nothing"
    assert tab.space == "out"
    assert tab.message == ""
    assert "in congruence" not in tab.param.space.objects
    explorer.features.named = ""
    assert "in congruence" in tab.param.space.objects
