import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from dtviz.analyses.clustering import cluster
from dtviz.analyses.congruence import CongruenceAnalysis
from dtviz.directions import Directions
from dtviz.neurons import neuron_table

from .analyses import reference
from .analyses.reference import directions

ACTIONS = Directions([[1.0, 0, 0], [0, 2, 0]], ["left", "right"])
COLUMNS = ["name", "x", "y", "difference", "norm", "leaf", "cluster"]


def analysed(neurons, unembedding, **known):
    options = CongruenceAnalysis()
    options.param.y.objects = ["right"]
    compared = options(neurons, "out", unembedding)
    clustering = cluster(neurons)
    clusters = clustering.cut(min(3, len(neurons)))
    return compared, clustering, neuron_table(neurons, compared, clustering, clusters, **known)


def test_the_table_has_a_row_per_neuron_under_its_name():
    neurons = directions([[3, 4, 0], [0, 0, 0], [1, 0, 0]], "L0N")
    _, _, table = analysed(neurons, ACTIONS)
    assert table.columns.tolist() == COLUMNS
    assert table.index.tolist() == table["name"].tolist() == ["L0N0", "L0N1", "L0N2"]
    assert table["x"].tolist() == [3, 0, 1]
    assert table["y"].tolist() == [8, 0, 0]
    assert table["difference"].tolist() == [5, 0, -1]
    assert table["norm"].tolist() == [5, 0, 1]
    assert sorted(table["leaf"]) == [0, 1, 2]
    assert sorted(table["cluster"]) == [0, 1, 2]


@given(st.integers(1, 40), st.integers(0, 2**32 - 1))
def test_leaf_is_each_neurons_place_in_the_leaf_order(n, seed):
    neurons = directions(np.random.default_rng(seed).normal(size=(n, 3)))
    _, clustering, table = analysed(neurons, ACTIONS)
    for place, row in enumerate(clustering.order):
        assert table["leaf"].iloc[row] == place
    assert table.sort_values("leaf")["name"].tolist() == [
        neurons.names[i] for i in clustering.order
    ]


@given(st.integers(1, 40), st.integers(0, 2**32 - 1))
def test_the_leaves_of_a_cluster_are_neighbours(n, seed):
    _, _, table = analysed(directions(np.random.default_rng(seed).normal(size=(n, 3))), ACTIONS)
    in_order = table.sort_values("leaf")["cluster"].to_numpy()
    assert np.count_nonzero(np.diff(in_order)) == len(set(in_order)) - 1


def test_one_neuron_is_leaf_0_of_cluster_0():
    _, _, table = analysed(directions([[1, 2, 3]]), ACTIONS)
    assert table[["leaf", "cluster"]].to_numpy().tolist() == [[0, 0]]


def test_what_is_known_besides_stands_beside_it_row_by_row():
    neurons = directions([[3, 4, 0], [0, 0, 0], [1, 0, 0]], "L0N")
    moments = pd.DataFrame({"mean_abs": [1.0, 2, 3], "std": [4.0, 5, 6], "kurtosis": [7.0, 8, 9]})
    rtg = pd.DataFrame({"in": [1.0, 0, -1], "out": [0.5, 0, 2]}, index=neurons.names)
    _, _, table = analysed(neurons, ACTIONS, moments=moments, rtg=rtg)
    assert table.columns.tolist() == [*COLUMNS, *moments, "rtg_in", "rtg_out"]
    assert table.loc["L0N2", ["mean_abs", "std", "kurtosis"]].tolist() == [3, 6, 9]
    assert table.loc["L0N2", ["rtg_in", "rtg_out"]].tolist() == [-1, 2]
    _, _, table = analysed(neurons, ACTIONS, rtg=rtg[["out"]])
    assert table.columns.tolist() == [*COLUMNS, "rtg_out"]


@pytest.mark.parametrize("layer", [0, 1])
def test_a_real_table_joins_the_numbers_of_numpy(real, layer):
    model, raw = real
    _, clustering, table = analysed(model.neurons(layer), model.unembedding)
    out = reference.neurons(raw, layer, "out")
    left, right = (reference.layer_normed(out) @ reference.unembedding(raw)[:2].T).T
    reference.agree(table["norm"], np.linalg.norm(out, axis=1))
    reference.agree(table["x"], left)
    reference.agree(table["y"], right)
    reference.agree(table["difference"], right - left)
    assert table["name"].tolist() == [f"L{layer}N{i}" for i in range(len(out))]
    assert np.array_equal(table["leaf"].to_numpy()[clustering.order], np.arange(len(out)))
    assert np.array_equal(table["cluster"], clustering.cut(3))
