import holoviews as hv
import numpy as np
import pytest

from dtviz.analyses.clustering import cluster, tree_segments
from dtviz.directions import Directions
from dtviz.views.heatmap import dendrogram, heatmap


@pytest.fixture
def similarity():
    matrix = np.arange(16, dtype=np.float32).reshape(4, 4) / 16
    return matrix + matrix.T - 1


def test_leaf_p_covers_the_cells_from_p_to_p_plus_1_and_the_first_is_on_top(similarity):
    image = heatmap(similarity, 4, "title")
    assert image.bounds.lbrt() == (0, 0, 4, 4)
    for row in range(4):
        for column in range(4):
            assert image[column + 0.5, row + 0.5] == similarity[row, column]
    assert image.opts.get("plot").kwargs["invert_yaxis"]


def test_averaged_cells_span_all_leaves(similarity):
    assert heatmap(similarity, 400, "title").bounds.lbrt() == pytest.approx((0, 0, 400, 400))


def test_colours_are_centred_on_zero_and_fixed(similarity):
    image = heatmap(similarity, 4, "title")
    options = image.opts.get("plot").kwargs
    assert options["clim"] == (-1, 1)
    assert options["title"] == "title"
    palette = image.opts.get("style").kwargs["cmap"]
    blue, _, red = palette[0], palette[len(palette) // 2], palette[-1]
    assert int(blue[5:7], 16) > int(blue[1:3], 16)
    assert int(red[1:3], 16) > int(red[5:7], 16)


def test_the_tree_has_the_lines_of_the_clustering():
    vectors = np.random.default_rng(0).normal(size=(9, 5))
    lines = tree_segments(cluster(Directions(vectors, [str(i) for i in range(9)])))
    segments = dendrogram(lines, 9)
    for column in ("column", "distance", "column_end", "distance_end"):
        np.testing.assert_array_equal(segments.dimension_values(column), lines[column])
    assert segments.opts.get("plot").kwargs["xlim"] == (0, 9)


@pytest.mark.parametrize("n", [1, 2])
def test_one_and_two_neurons_are_drawn(n):
    directions = Directions(np.eye(2)[:n], ["L0N0", "L0N1"][:n])
    assert hv.render(heatmap(np.eye(n, dtype=np.float32), n, ""))
    assert hv.render(dendrogram(tree_segments(cluster(directions)), n))
