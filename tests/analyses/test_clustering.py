import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import array_shapes, arrays
from scipy.cluster import hierarchy
from scipy.spatial.distance import pdist, squareform

import dtviz
from dtviz.analyses import clustering
from dtviz.analyses.clustering import (
    DISTANCES,
    METHODS,
    ClusterAnalysis,
    Clustering,
    cluster,
    tree_segments,
)
from dtviz.analyses.similarity import cosine_similarity
from dtviz.analyses.spaces import space
from dtviz.errors import BadArgument

from . import reference
from .reference import directions

# Small whole numbers, so that rows of zeros, equal rows and tied distances are common.
TIED = arrays(
    float, array_shapes(min_dims=2, max_dims=2, max_side=9), elements=st.integers(-2, 2).map(float)
)


@st.composite
def scattered(draw, least: int = 2, most: int = 30) -> np.ndarray:
    """Rows without tied distances."""
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    return rng.normal(size=(draw(st.integers(least, most)), 5))


def explicit(matrix: np.ndarray, method: str, distance: str) -> np.ndarray:
    """SciPy's linkage on the whole matrix of distances, made pair by pair."""
    if method == "ward" and distance != "rows":
        unit = reference.unit(matrix)
        lines = [np.outer(row, row).ravel() for row in unit]
        return hierarchy.linkage(lines if distance == "absolute" else unit, method)
    cosines = reference.cosines(matrix, matrix)
    if distance == "rows":
        distances = np.array([[np.sqrt(sum((a - b) ** 2)) for b in cosines] for a in cosines])
    else:
        distances = 1 - (np.abs(cosines) if distance == "absolute" else cosines)
    np.fill_diagonal(distances, 0)
    return hierarchy.linkage(squareform(distances, checks=False), method)


def merged_until(linkage: np.ndarray, clusters: int) -> set[frozenset[int]]:
    """The rows of each cluster when so many are left, merging one pair at a time."""
    n = len(linkage) + 1
    members = {row: frozenset([row]) for row in range(n)}
    for merge, (left, right) in enumerate(linkage[: n - clusters, :2].astype(int)):
        members[n + merge] = members.pop(left) | members.pop(right)
    return set(members.values())


def parts(labels: np.ndarray) -> set[frozenset[int]]:
    return {frozenset(np.flatnonzero(labels == label).tolist()) for label in set(labels.tolist())}


def test_the_public_names():
    assert dtviz.cluster is cluster
    assert dtviz.Clustering is Clustering


# The tree


@pytest.mark.parametrize("distance", DISTANCES)
@pytest.mark.parametrize("method", METHODS)
def test_the_tree_is_scipys_on_the_explicit_distances(method, distance):
    @given(scattered())
    def check(matrix):
        made = cluster(directions(matrix), method, distance).linkage
        expected = explicit(matrix, method, distance)
        np.testing.assert_allclose(
            hierarchy.cophenet(made), hierarchy.cophenet(expected), atol=2e-5
        )
        assert hierarchy.is_valid_linkage(made)

    check()


@pytest.mark.parametrize(
    ("method", "distance", "heights"),
    [
        # Rows at 0, 45 and 180 degrees.
        ("average", "cosine", [1 - 0.5**0.5, (2 + 1 + 0.5**0.5) / 2]),
        ("single", "cosine", [1 - 0.5**0.5, 1 + 0.5**0.5]),
        ("complete", "cosine", [1 - 0.5**0.5, 2]),
        ("average", "absolute", [0, 1 - 0.5**0.5]),
        # By chords of 45, 180 and 135 degrees: (2 · 4 + 2 · (2 + 2**0.5) - (2 - 2**0.5)) / 3.
        ("ward", "cosine", [(2 - 2**0.5) ** 0.5, ((10 + 3 * 2**0.5) / 3) ** 0.5]),
        # Of the three lines two are one; sqrt(2 · 2 / 3) times the distance to the other.
        ("ward", "absolute", [0, (4 / 3) ** 0.5]),
        # The rows (1, c, -1), (c, 1, -c) and (-1, -c, 1) of the similarity, c² = ½.
        ("single", "rows", [(3 * (1 - 0.5**0.5) ** 2) ** 0.5, ((1 + 0.5**0.5) ** 2 * 3) ** 0.5]),
    ],
)
def test_heights_worked_out_by_hand(method, distance, heights):
    made = cluster(directions([[1, 0], [2, 2], [-3, 0]]), method, distance)
    np.testing.assert_allclose(made.linkage[:, 2], heights, atol=1e-6)


def test_average_linkage_on_cosine_distance_is_the_default():
    rows = directions(np.random.default_rng(1).normal(size=(20, 4)))
    expected = cluster(rows, "average", "cosine").linkage
    np.testing.assert_array_equal(cluster(rows).linkage, expected)
    np.testing.assert_array_equal(ClusterAnalysis()(rows).linkage, expected)


def test_single_linkage_of_similarity_rows_is_the_notebooks():
    rows = directions(np.random.default_rng(1).normal(size=(40, 6)))
    notebooks = hierarchy.linkage(cosine_similarity(rows).to_numpy())
    made = cluster(rows, "single", "rows").linkage
    np.testing.assert_allclose(hierarchy.cophenet(made), hierarchy.cophenet(notebooks), atol=1e-5)


def test_wards_method_is_of_the_distances_between_unit_vectors(demo):
    """Of 1 - cos it would be no sum of squares."""
    rows = demo.neurons(2)
    expected = hierarchy.linkage(rows.unit().vectors.astype(float), "ward")
    np.testing.assert_allclose(cluster(rows, "ward").linkage[:, 2], expected[:, 2], atol=1e-6)


@given(TIED, st.sampled_from(METHODS), st.sampled_from(DISTANCES))
def test_every_tree_is_valid_with_rows_of_zeros_and_equal_rows_too(matrix, method, distance):
    made = cluster(directions(matrix), method, distance)
    n = len(matrix)
    assert made.names == [f"r{row}" for row in range(n)]
    assert made.linkage.shape == (n - 1, 4)
    assert made.linkage.dtype == np.float64
    assert np.isfinite(made.linkage).all()
    assert (made.linkage[:, 2] >= 0).all()
    assert (np.diff(made.linkage[:, 2]) >= -1e-6).all()
    assert sorted(made.order.tolist()) == list(range(n))
    assert n == 1 or hierarchy.is_valid_linkage(made.linkage)


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize("method", METHODS)
def test_rows_of_zeros_are_at_distance_1_from_everything(method):
    made = cluster(directions([[0, 0], [0, 0], [1, 0]]), method)
    # Ward's method takes them for points: they are one, and it joins a third by 2 · 2 · 1 / 3.
    expected = [0, (4 / 3) ** 0.5] if method == "ward" else [1, 1]
    np.testing.assert_allclose(made.linkage[:, 2], expected)


@pytest.mark.parametrize("distance", DISTANCES)
def test_rounding_makes_no_distance_negative(distance):
    twins = np.tile(np.random.default_rng(0).normal(size=(100, 7)), (2, 1))
    heights = cluster(directions(twins), "single", distance).linkage[:, 2]
    assert heights.min() >= 0
    assert np.sort(heights)[:100].max() < 1e-5


@pytest.mark.parametrize("distance", DISTANCES)
def test_identical_rows_are_at_distance_0(distance):
    rows = directions(np.tile([[0.1, 0.2, 0.3]], (5, 1)))
    np.testing.assert_allclose(cluster(rows, "average", distance).linkage[:, 2], 0, atol=1e-6)


def test_opposite_rows_are_as_far_as_can_be_or_up_to_sign_the_same():
    rows = directions([[1, 2], [-1, -2]])
    assert cluster(rows).linkage[0, 2] == pytest.approx(2)
    assert cluster(rows, distance="absolute").linkage[0, 2] == pytest.approx(0, abs=1e-6)


def test_two_rows_merge_once():
    made = cluster(directions([[1, 0], [0, 1]]))
    assert made.linkage.tolist() == [[0, 1, 1, 2]]
    assert sorted(made.order.tolist()) == [0, 1]


def test_one_row_is_a_tree_without_merges():
    made = cluster(directions([[1, 2]]))
    assert made.linkage.shape == (0, 4)
    assert made.order.tolist() == [0]
    assert made.cut(1).tolist() == [0]
    assert len(tree_segments(made)) == 0


@given(scattered(most=60))
def test_the_leaf_order_keeps_every_cluster_together(matrix):
    made = cluster(directions(matrix))
    place = np.argsort(made.order)
    for clusters in range(1, len(matrix) + 1):
        for members in merged_until(made.linkage, clusters):
            places = sorted(place[list(members)].tolist())
            assert places == list(range(places[0], places[0] + len(places)))


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("centroid",), r"a method among 'average', .*'ward', got 'centroid'\. Choose one"),
        ((None,), "a method among"),
        ((["average"],), r"got \['average'\]"),
        (("average", "euclidean"), r"a distance among 'cosine', .*, got 'euclidean'\. Choose one"),
    ],
)
def test_a_method_or_distance_that_is_not_there_is_told(arguments, message):
    with pytest.raises(BadArgument, match=message):
        cluster(directions(np.eye(3)), *arguments)


def test_nothing_cannot_be_clustered():
    with pytest.raises(BadArgument, match=r"at least one row to cluster, got none\. Choose some"):
        cluster(directions(np.eye(3)).subset([]))


def test_the_repr_counts_rows():
    assert repr(cluster(directions(np.eye(2)))) == "Clustering(2 rows: 'r0', 'r1')"


# Cutting it


@given(scattered(most=25))
def test_a_cut_leaves_the_clusters_that_the_first_merges_make(matrix):
    made = cluster(directions(matrix))
    for clusters in range(1, len(matrix) + 1):
        labels = made.cut(clusters)
        assert set(labels.tolist()) == set(range(clusters))
        assert parts(labels) == merged_until(made.linkage, clusters)
        scipys = hierarchy.fcluster(made.linkage, clusters, criterion="maxclust")
        assert parts(labels) == parts(scipys)


@given(TIED, st.data())
def test_a_cut_through_ties_has_no_more_clusters_than_asked_for(matrix, data):
    made = cluster(directions(matrix))
    clusters = data.draw(st.integers(1, len(matrix)))
    labels = made.cut(clusters)
    assert labels.shape == (len(matrix),)
    assert set(labels.tolist()) == set(range(labels.max() + 1))
    assert labels.max() < clusters


def test_a_cut_may_be_counted_by_an_integer_of_numpy():
    assert set(cluster(directions([[1, 0], [1, 1], [-1, 0]])).cut(np.int64(2)).tolist()) == {0, 1}


@pytest.mark.parametrize("n", [0, -1, 4, 2.5, 2.0, True, "2", None, np.nan])
def test_a_number_of_clusters_that_cannot_be_is_told(n):
    with pytest.raises(BadArgument) as caught:
        cluster(directions(np.eye(3))).cut(n)
    told = str(caught.value)
    assert f"a number of clusters from 1 to 3, got {n!r}. Choose one of these." in told


def test_one_row_cannot_be_cut_in_two():
    with pytest.raises(BadArgument, match="from 1 to 1, got 2"):
        cluster(directions([[1, 2]])).cut(2)


# Drawing it


def lines(made: Clustering) -> np.ndarray:
    """Merges x three lines (up, across, down) x (column, distance, column_end, distance_end)."""
    frame = tree_segments(made)
    columns = ["column", "distance", "column_end", "distance_end", "merge", "cluster"]
    assert frame.columns.tolist() == [*columns, "first", "last"]
    merges = len(made.names) - 1
    assert frame["merge"].tolist() == [merge for merge in range(merges) for _ in range(3)]
    return frame[columns[:4]].to_numpy().reshape(merges, 3, 4)


@given(scattered(most=40), st.sampled_from(METHODS))
def test_the_lines_are_those_of_scipys_dendrogram(matrix, method):
    made = cluster(directions(matrix), method)
    drawn = hierarchy.dendrogram(made.linkage, no_plot=True)
    # SciPy draws leaf p at 10 p + 5, and each merge as four corners.
    expected = sorted(zip(np.array(drawn["icoord"]) / 10, drawn["dcoord"], strict=True), key=str)
    expected = [[*x, *y] for x, y in expected]
    corners = [
        [up[0], across[0], across[2], down[2], up[1], across[1], across[3], down[3]]
        for up, across, down in lines(made)
    ]
    np.testing.assert_allclose(sorted(corners), sorted(expected), atol=1e-9)


@given(TIED.filter(lambda matrix: len(matrix) > 1))
def test_each_merge_goes_up_across_and_down_without_a_gap(matrix):
    made = cluster(directions(matrix))
    for merge, (up, across, down) in enumerate(lines(made)):
        height = made.linkage[merge, 2]
        assert up[0] == up[2]
        assert down[0] == down[2]
        assert up[2:].tolist() == across[:2].tolist()
        assert across[2:].tolist() == down[:2].tolist()
        assert across[1] == across[3] == height


@given(TIED.filter(lambda matrix: len(matrix) > 1))
def test_each_merge_stands_on_its_leaves_or_in_the_middle_of_earlier_merges(matrix):
    made = cluster(directions(matrix))
    n = len(matrix)
    drawn = lines(made)
    place = np.argsort(made.order)
    for merge, (up, _, down) in enumerate(drawn):
        left, right = made.linkage[merge, :2].astype(int)
        for child, foot in ((left, up[:2]), (right, down[2:])):
            if child < n:
                assert foot.tolist() == [place[child] + 0.5, 0]
            else:
                across = drawn[child - n, 1]
                assert foot.tolist() == [(across[0] + across[2]) / 2, across[1]]


@given(scattered(most=40))
def test_no_two_branches_cross(matrix):
    made = cluster(directions(matrix))
    n = len(matrix)
    members = {row: [int(np.argsort(made.order)[row])] for row in range(n)}
    for merge, (_, across, _) in enumerate(lines(made)):
        left, right = (members[int(child)] for child in made.linkage[merge, :2])
        # The left child's leaves are all left of the right child's, with none between them.
        assert max(left) + 1 == min(right)
        assert min(left) < across[0] < max(left) + 1
        assert min(right) < across[2] < max(right) + 1
        members[n + merge] = left + right


def merged(linkage: np.ndarray) -> list[list[int]]:
    """The rows that each merge brings together."""
    n = len(linkage) + 1
    members = [[row] for row in range(n)]
    for left, right in linkage[:, :2].astype(int):
        members.append(members[left] + members[right])
    return members[n:]


@given(TIED.filter(lambda matrix: len(matrix) > 1), st.data())
def test_a_merge_has_the_cluster_of_all_its_rows_or_none(matrix, data):
    made = cluster(directions(matrix))
    n = len(matrix)
    labels = np.array(data.draw(st.lists(st.integers(0, 2), min_size=n, max_size=n)))
    expected = []
    for rows in merged(made.linkage):
        found = set(labels[rows].tolist())
        expected += 3 * [found.pop() if len(found) == 1 else -1]
    assert tree_segments(made, labels)["cluster"].tolist() == expected


@given(scattered(), st.data())
def test_above_a_cut_of_n_clusters_stand_n_minus_1_merges(matrix, data):
    made = cluster(directions(matrix))
    n = data.draw(st.integers(1, len(matrix)))
    segments = tree_segments(made, made.cut(n))
    assert (segments["cluster"] == -1).sum() == 3 * (n - 1)
    assert (segments["cluster"] == -1).tolist() == [
        merge >= len(matrix) - n for merge in segments["merge"]
    ]


@given(TIED.filter(lambda matrix: len(matrix) > 1), st.booleans())
def test_each_line_tells_between_which_leaves_is_all_that_hangs_on_it(matrix, optimal):
    made = cluster(directions(matrix), optimal_order=optimal)
    n = len(matrix)
    below = {row: [row] for row in range(n)}
    expected = []
    for merge, (left, right) in enumerate(made.linkage[:, :2].astype(int)):
        below[n + merge] = below[left] + below[right]
        expected += [below[left], below[n + merge], below[right]]
    segments = tree_segments(made)
    for rows, first, last in zip(expected, segments["first"], segments["last"], strict=True):
        assert sorted(made.order[first : last + 1]) == sorted(rows)


def test_without_a_cut_every_merge_is_in_one_cluster():
    assert set(tree_segments(cluster(directions(np.eye(4))))["cluster"]) == {0}


# The best leaf order


def walked(distances: np.ndarray, order: np.ndarray) -> float:
    """How far it is from leaf to leaf."""
    return float(distances[order[:-1], order[1:]].sum())


@given(TIED, st.sampled_from(DISTANCES))
def test_the_best_leaf_order_leaves_the_tree_as_it_is(matrix, distance):
    usual = cluster(directions(matrix), distance=distance)
    best = cluster(directions(matrix), distance=distance, optimal_order=True)
    assert sorted(best.order.tolist()) == list(range(len(matrix)))
    np.testing.assert_array_equal(best.linkage[:, 2], usual.linkage[:, 2])
    assert list(map(sorted, merged(best.linkage))) == list(map(sorted, merged(usual.linkage)))


# Options


def test_the_analysis_finds_the_best_leaf_order_if_asked():
    rows = directions(np.random.default_rng(3).normal(size=(30, 4)))
    for best in (False, True):
        expected = cluster(rows, optimal_order=best).order
        made = ClusterAnalysis(optimal_order=best)(rows)
        np.testing.assert_array_equal(made.order, expected)
    assert not np.array_equal(cluster(rows).order, expected)
    assert not ClusterAnalysis().optimal_order


def test_the_analysis_finds_no_best_leaf_order_of_too_many_rows(monkeypatch):
    rows = directions(np.random.default_rng(3).normal(size=(30, 4)))
    monkeypatch.setattr(clustering, "MOST_ORDERED", 29)
    made = ClusterAnalysis(optimal_order=True)(rows)
    np.testing.assert_array_equal(made.order, cluster(rows).order)


@pytest.mark.parametrize(("rows", "clusters"), [(12, 6), (6, 6), (4, 4), (1, 1)])
def test_the_analysis_cuts_into_6_clusters_or_as_many_as_there_are_rows(rows, clusters):
    analysis = ClusterAnalysis()
    assert analysis.clusters == 6
    made = analysis(directions(np.random.default_rng(4).normal(size=(rows, 5))))
    assert set(analysis.cut(made).tolist()) == set(range(clusters))


def test_the_analysis_cuts_into_as_many_clusters_as_told():
    made = cluster(directions(np.random.default_rng(4).normal(size=(12, 5))))
    for clusters in (1, 2, 11):
        labels = ClusterAnalysis(clusters=clusters).cut(made)
        np.testing.assert_array_equal(labels, made.cut(clusters))
    for clusters in (0, 21, 2.5):
        with pytest.raises(ValueError, match="clusters"):
            ClusterAnalysis(clusters=clusters)


def test_the_analysis_clusters_weights_unless_told_otherwise():
    analysis = ClusterAnalysis()
    assert analysis.space == "weights"
    assert analysis.param.space.objects == ["weights", "out congruence", "in congruence"]


def test_the_analysis_clusters_as_its_options_say():
    rows = directions(np.random.default_rng(2).normal(size=(12, 4)))
    for method in METHODS:
        for distance in DISTANCES:
            made = ClusterAnalysis(method=method, distance=distance)(rows)
            np.testing.assert_array_equal(made.linkage, cluster(rows, method, distance).linkage)


@pytest.mark.parametrize(
    ("method", "distance", "words"),
    [
        ("average", "cosine", "cosine distance"),
        ("ward", "cosine", "cosine distance, as √(2 − 2 cos)"),
        ("ward", "absolute", "absolute distance, as √(2 − 2 cos²)"),
        ("ward", "rows", "rows distance"),
    ],
)
def test_the_analysis_says_which_distance_the_tree_is_made_of(method, distance, words):
    assert ClusterAnalysis(method=method, distance=distance).of_distance == words


def test_the_analysis_offers_every_method_and_distance():
    analysis = ClusterAnalysis()
    assert tuple(analysis.param.method.objects) == METHODS
    assert tuple(analysis.param.distance.objects) == DISTANCES
    with pytest.raises(ValueError, match="centroid"):
        analysis.method = "centroid"


# Real checkpoints, against SciPy on their raw weights


@pytest.mark.parametrize("layer", [0, 1])
def test_real_clustering(real, layer):
    model, raw = real
    for side in model.sides:
        made = cluster(model.neurons(layer, side))
        neurons = reference.neurons(raw, layer, side)
        expected = hierarchy.linkage(pdist(neurons, "cosine"), "average")
        np.testing.assert_allclose(
            hierarchy.cophenet(made.linkage), hierarchy.cophenet(expected), atol=1e-5
        )
        np.testing.assert_allclose(made.linkage[:, 2], expected[:, 2], atol=1e-5)
        assert parts(made.cut(12)) == parts(hierarchy.fcluster(expected, 12, "maxclust"))


@pytest.mark.parametrize("side", ["out", "in"])
def test_real_neurons_of_all_layers_together(real, side):
    model, raw = real
    made = cluster(model.neurons("all", side))
    assert len(made.names) == model.n_layers * model.d_mlp
    expected = hierarchy.linkage(pdist(reference.neurons(raw, "all", side), "cosine"), "average")
    np.testing.assert_allclose(
        hierarchy.cophenet(made.linkage), hierarchy.cophenet(expected), atol=1e-5
    )


@pytest.mark.parametrize("distance", DISTANCES)
@pytest.mark.parametrize("method", METHODS)
def test_real_clustering_by_every_method_and_distance(real, method, distance):
    model, raw = real
    made = cluster(model.neurons(1), method, distance)
    heights = explicit(reference.neurons(raw, 1, "out"), method, distance)[:, 2]
    np.testing.assert_allclose(np.sort(made.linkage[:, 2]), np.sort(heights), atol=1e-4)


@pytest.mark.parametrize("name", ["out congruence", "in congruence"])
@pytest.mark.parametrize("layer", [0, "all"])
def test_real_clustering_of_congruences(real, name, layer):
    model, raw = real
    made = cluster(space(model, name, layer))
    expected = hierarchy.linkage(pdist(reference.space(raw, name, layer), "cosine"), "average")
    np.testing.assert_allclose(np.sort(made.linkage[:, 2]), expected[:, 2], atol=1e-4)


def test_real_best_leaf_order_is_as_good_as_scipys_or_better(real):
    model, raw = real
    for side in model.sides:
        distances = pdist(reference.neurons(raw, 0, side), "cosine")
        usual, best = (
            hierarchy.leaves_list(hierarchy.linkage(distances, "average", optimal_ordering=ordered))
            for ordered in (False, True)
        )
        made = cluster(model.neurons(0, side), optimal_order=True)
        square = squareform(distances)
        assert walked(square, made.order) <= walked(square, best) * (1 + 1e-5)
        assert walked(square, made.order) < walked(square, usual)
