import holoviews as hv
import numpy as np
import pytest

import dtviz
from dtviz.directions import Directions
from dtviz.views.bars import MOST_BARS

from .models import PLACES, small
from .shown import drawing, drawn_titles, elements, shown, titles

SETS = ["unembedding", "embedding", "return-to-go", "neurons, out", "neurons, in"]


def heights(tab, what="norm"):
    [boxes] = elements(tab, hv.Rectangles) or elements(tab, hv.Scatter)
    frame = boxes.dframe()
    return frame.loc[frame["what"] == what].set_index("name")["value"]


def cosines(tab):
    [image] = elements(tab, hv.Image)
    cells = image.opts.get("plot").kwargs["xticks"]
    return [name for _, name in cells], image


def values(image, n):
    """The cells of the heatmap, row by row from above."""
    return np.array([[image[column + 0.5, row + 0.5] for column in range(n)] for row in range(n)])


def test_norms_and_cosines_of_the_actions(explorer):
    tab = shown(explorer.vectors)
    actions = explorer.model.unembedding
    assert heights(tab).index.tolist() == actions.names
    np.testing.assert_array_equal(heights(tab), actions.norms)
    names, image = cosines(tab)
    assert names == actions.names
    expected = dtviz.cosine_similarity(actions).to_numpy()
    np.testing.assert_allclose(values(image, 3), expected, atol=1e-6)
    assert titles(tab) == ["Norms · vectors", "Cosines · vectors · 3 rows"]


def test_the_bias_is_beside_the_norms_of_the_actions():
    bias = np.array([0.5, -1, 2])
    explorer = dtviz.Explorer(small(unembedding_bias=bias))
    tab = shown(explorer.vectors)
    np.testing.assert_array_equal(heights(tab, "bias"), bias)
    assert "bias" in titles(tab)[0]
    tab.which = "embedding"
    assert heights(tab, "bias").empty
    assert "bias" not in titles(tab)[0]


def test_every_set_of_the_model_is_offered(explorer):
    tab = shown(explorer.vectors)
    assert list(tab.param.which.objects) == list(explorer.vector_sets) == SETS
    explorer.model = small(sides=["out"], rtg=False, features=[])
    assert list(tab.param.which.objects) == ["unembedding", "neurons, out"]


@pytest.mark.parametrize("which", SETS)
@pytest.mark.parametrize("is_clustered", [False, True])
def test_any_set_has_norms_and_cosines(explorer, which, is_clustered):
    tab = explorer.vectors
    tab.which, tab.is_clustered = which, is_clustered
    shown(tab)
    vectors = explorer.vector_sets[which]
    order = dtviz.cluster(vectors).order if is_clustered else np.arange(len(vectors))
    names, image = cosines(tab)
    assert names == [vectors.names[row] for row in order]
    expected = dtviz.cosine_similarity(vectors).to_numpy()[np.ix_(order, order)]
    np.testing.assert_allclose(values(image, len(vectors)), expected, atol=1e-6)
    np.testing.assert_array_equal(heights(tab), vectors.norms)
    assert heights(tab).index.tolist() == vectors.names


def test_the_clustering_has_the_options_in_force(explorer):
    tab = explorer.vectors
    tab.which, tab.is_clustered = "embedding", True
    shown(tab)
    explorer.clustering.method, explorer.clustering.distance = "single", "rows"
    order = dtviz.cluster(explorer.model.embedding, "single", "rows").order
    assert cosines(tab)[0] == [PLACES[row] for row in order]


def test_neurons_follow_the_layer(explorer):
    tab = explorer.vectors
    tab.which = "neurons, in"
    shown(tab)
    explorer.layer = 0
    assert heights(tab).index.tolist() == explorer.model.neurons(0, "in").names
    assert "W_in, layer 0" in titles(tab)[0]


def test_features_that_pass_are_the_embedding(explorer):
    tab = explorer.vectors
    tab.which = "embedding"
    shown(tab)
    explorer.features.named = "key"
    assert heights(tab).index.tolist() == PLACES[:9]
    explorer.features.named = "nothing"
    assert tab.which == "unembedding"
    assert "embedding" not in tab.param.which.objects
    explorer.features.named = ""
    assert "embedding" in tab.param.which.objects


@pytest.mark.parametrize("n", [1, 2, MOST_BARS, MOST_BARS + 1, 200])
def test_few_and_many_actions_are_drawn(n, caplog):
    explorer = dtviz.Explorer(small(actions=[f"word {i}" for i in range(n)]))
    root = drawing(explorer.vectors)
    assert root.select_one({"name": "vectors"}) is not None
    assert drawn_titles(root) == sorted(titles(explorer.vectors))
    assert len(heights(explorer.vectors)) == n
    assert f"{n} rows" in titles(explorer.vectors)[1]
    assert ("26 of" in titles(explorer.vectors)[1]) == (n > 26)
    assert [record.getMessage() for record in caplog.records] == []


def test_more_rows_than_cells_are_averaged(explorer, monkeypatch):
    monkeypatch.setattr("dtviz.tabs.vectors.MOST_CELLS", 5)
    tab = explorer.vectors
    tab.which = "neurons, out"
    assert titles(shown(tab))[1] == "Cosines · W_out, layer 1 · 12 rows, averaged to 5 × 5"


def test_the_figures_follow_the_choice(explorer, caplog):
    root = drawing(explorer.vectors)
    for which in SETS:
        explorer.vectors.which = which
        assert drawn_titles(root) == sorted(titles(explorer.vectors))
    assert [record.getMessage() for record in caplog.records] == []


def test_any_labelled_vectors_are_shown():
    model = dtviz.Model.from_arrays(np.eye(3), unembedding=Directions(np.eye(3), list("abc")))
    tab = shown(dtviz.Explorer(model).vectors)
    assert heights(tab).tolist() == [1, 1, 1]
    assert list(tab.param.which.objects) == ["unembedding", "neurons, out"]
