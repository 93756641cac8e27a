import holoviews as hv
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from dtviz.analyses.clustering import cluster, tree_segments
from dtviz.directions import Directions
from dtviz.views import looks
from dtviz.views.heatmap import dendrogram, heatmap, tree_lines

from .elements import ALL_HOSTILE, is_literal, options, plain


@pytest.fixture
def similarity():
    matrix = np.arange(16, dtype=np.float32).reshape(4, 4) / 16
    return matrix + matrix.T - 1


@pytest.fixture
def tree():
    vectors = np.random.default_rng(0).normal(size=(9, 5))
    return cluster(Directions(vectors, [str(i) for i in range(9)]))


def test_leaf_p_covers_the_cells_from_p_to_p_plus_1_and_the_first_is_on_top(similarity):
    image = heatmap(similarity, 4, "title")
    assert image.bounds.lbrt() == (0, 0, 4, 4)
    for row in range(4):
        for column in range(4):
            assert image[column + 0.5, row + 0.5] == similarity[row, column]
    assert options(image)["invert_yaxis"]


def test_averaged_cells_span_all_leaves(similarity):
    assert heatmap(similarity, 400, "title").bounds.lbrt() == pytest.approx((0, 0, 400, 400))


def test_colours_are_centred_on_zero_and_fixed(similarity):
    image = heatmap(similarity, 4, "title")
    assert options(image)["clim"] == (-1, 1)
    assert options(image)["title"] == "title"
    palette = options(image, "style")["cmap"]
    blue, _, red = palette[0], palette[len(palette) // 2], palette[-1]
    assert int(blue[5:7], 16) > int(blue[1:3], 16)
    assert int(red[1:3], 16) > int(red[5:7], 16)


def cut_lines(tree, clusters):
    """The lines of a tree that is cut into clusters."""
    labels = tree.cut(clusters)
    return tree_lines(tree_segments(tree, labels), labels[tree.order])


def test_the_tree_has_the_lines_of_the_clustering(tree):
    lines = tree_segments(tree)
    segments = dendrogram(tree_lines(lines, np.zeros(9, dtype=int)))
    for column in ("column", "distance", "column_end", "distance_end"):
        shown = segments.dimension_values(column)
        np.testing.assert_array_equal(shown[: len(lines)], lines[column])
        assert len(shown) == len(lines) + 1
    assert options(segments)["xlim"] == (0, 9)


def colours(segments):
    """The colour of each line: numbers from 0 to the upper limit are places in the palette."""
    palette, (low, high) = options(segments, "style")["cmap"], options(segments)["clim"]
    assert (low, high) == (0, len(palette) - 1)
    return [palette[int(place)] for place in segments.dimension_values("colour")]


def test_each_cluster_has_a_colour_and_what_joins_several_is_grey(tree):
    lines = cut_lines(tree, 3)
    assert set(lines["cluster"]) >= {-1}
    for cluster_of, colour in zip(lines["cluster"], colours(dendrogram(lines)), strict=True):
        assert colour == (looks.GREY if cluster_of < 0 else looks.CLUSTERS[cluster_of])
    assert looks.GREY not in looks.CLUSTERS
    assert options(dendrogram(lines), "style")["color"] == "colour"


@given(st.integers(1, 30), st.integers(1, 30), st.integers(0, 2**32 - 1))
def test_the_bands_below_the_tree_cover_each_leaf_once_in_the_colour_of_its_cluster(n, cut, seed):
    vectors = np.random.default_rng(seed).normal(size=(n, 4))
    tree = cluster(Directions(vectors, [str(i) for i in range(n)]))
    labels = tree.cut(min(n, cut))
    lines = cut_lines(tree, min(n, cut))
    bands, above = lines[lines["is_band"]], lines[~lines["is_band"]]
    drawn = dendrogram(lines).dframe().assign(colour=colours(dendrogram(lines)))
    covered = {}
    for band, shown in zip(bands.itertuples(), drawn.iloc[len(above) :].itertuples(), strict=True):
        assert band.distance == band.distance_end < 0
        # Leaf p covers the cells from p to p + 1, as in the heatmap.
        assert (band.column, band.column_end) == (band.first, band.last + 1)
        for leaf in range(band.first, band.last + 1):
            assert leaf not in covered
            covered[leaf] = shown.colour
            assert labels[tree.order[leaf]] == band.cluster
    assert covered == {
        leaf: looks.CLUSTERS[labels[row] % len(looks.CLUSTERS)]
        for leaf, row in enumerate(tree.order)
    }
    low, high = options(dendrogram(lines))["ylim"]
    assert low < bands["distance"].min() < 0 < high
    assert drawn["width"].iloc[len(above) :].min() > max(
        drawn["width"].iloc[: len(above)], default=0
    )


def test_equal_neurons_have_bands_that_can_be_told_from_the_tree():
    tree = cluster(Directions(np.ones((4, 3)), list("abcd")))
    lines = cut_lines(tree, 2)
    assert (lines["distance"][lines["is_band"]] < 0).all()
    low, high = options(dendrogram(lines))["ylim"]
    assert low < high


def test_an_uncut_tree_has_the_colour_of_one_cluster(tree):
    assert set(colours(dendrogram(cut_lines(tree, 1)))) == {looks.CLUSTERS[0]}


def test_more_clusters_than_colours_begin_anew():
    vectors = np.repeat(np.eye(10), 2, axis=0)
    tree = cluster(Directions(vectors, [str(i) for i in range(20)]))
    lines = cut_lines(tree, 10)
    merges = dict(zip(lines["cluster"], colours(dendrogram(lines)), strict=True))
    assert set(merges) == {-1, *range(10)}
    assert merges[7] == merges[0] == looks.CLUSTERS[0]
    assert len(set(merges.values())) == len(looks.CLUSTERS) + 1


@pytest.mark.parametrize("n", [1, 2])
def test_one_and_two_neurons_are_drawn(n):
    directions = Directions(np.eye(2)[:n], ["L0N0", "L0N1"][:n])
    assert hv.render(heatmap(np.eye(n, dtype=np.float32), n, ""))
    assert hv.render(dendrogram(cut_lines(cluster(directions), 1)))


def test_one_neuron_covers_its_cell():
    assert heatmap(np.eye(1, dtype=np.float32), 1, "").bounds.lbrt() == (0, 0, 1, 1)


def test_a_title_is_shown_as_it_is(similarity):
    shown = hv.render(heatmap(similarity, 4, ALL_HOSTILE)).title.text
    assert plain(shown) == ALL_HOSTILE
    assert is_literal(shown)
