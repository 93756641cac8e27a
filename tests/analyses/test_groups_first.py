import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.cluster import hierarchy

from dtviz.analyses.clustering import METHODS, ClusterAnalysis, cluster, tree_segments
from dtviz.analyses.distances import DISTANCES
from dtviz.errors import BadArgument

from .reference import directions


def bundles(rows: int, of: int, seed: int = 0, d: int = 20) -> tuple[np.ndarray, np.ndarray]:
    """Rows scattered a little around several directions, and which one each is near to."""
    random = np.random.default_rng(seed)
    which = random.permutation(np.arange(rows) % of)
    centres = random.normal(size=(of, d))
    return centres[which] + 0.1 * random.normal(size=(rows, d)), which


def parts(labels: np.ndarray) -> set[frozenset[int]]:
    return {frozenset(np.flatnonzero(labels == label).tolist()) for label in set(labels.tolist())}


@given(
    st.integers(3, 60),
    st.integers(2, 20),
    st.integers(1, 5),
    st.sampled_from(METHODS),
    st.sampled_from(DISTANCES),
    st.integers(0, 2**32 - 1),
)
def test_the_tree_is_valid_and_no_merge_is_lower_than_what_it_joins(
    n, most, values, method, distance, seed
):
    # Few values, so that equal rows and rows of zeros are common.
    matrix = np.random.default_rng(seed).integers(values, size=(n, 3))
    made = cluster(directions(matrix), method, distance, exact_up_to=most)
    assert hierarchy.is_valid_linkage(made.linkage)
    assert hierarchy.is_monotonic(made.linkage)
    assert sorted(made.order.tolist()) == list(range(n))
    assert (made.groups is None) == (n <= most)
    assert made.linkage[-1, 3] == n
    for clusters in (1, min(n, 4)):
        assert made.cut(clusters).max() < clusters
    assert len(tree_segments(made)) == 3 * (n - 1)


@pytest.mark.parametrize("distance", DISTANCES)
@pytest.mark.parametrize("method", METHODS)
def test_bundles_are_found_as_by_the_exact_tree(method, distance):
    matrix, which = bundles(300, 5)
    exact = cluster(directions(matrix), method, distance)
    made = cluster(directions(matrix), method, distance, exact_up_to=100)
    assert 5 <= made.groups <= 100
    assert parts(made.cut(5)) == parts(exact.cut(5)) == parts(which)


def test_heights_are_near_to_those_of_the_exact_tree():
    matrix, _ = bundles(400, 8)
    exact = hierarchy.cophenet(cluster(directions(matrix)).linkage)
    made = hierarchy.cophenet(cluster(directions(matrix), exact_up_to=100).linkage)
    assert np.corrcoef(exact, made)[0, 1] > 0.95


@pytest.mark.parametrize("distance", DISTANCES)
def test_wards_tree_over_groups_counts_the_rows_of_each(distance):
    """Rows that are the same make one group: the tree above is the exact one."""
    random = np.random.default_rng(3)
    times = random.integers(1, 20, size=12)
    rows = directions(random.normal(size=(12, 5)).repeat(times, axis=0))
    exact = hierarchy.cophenet(cluster(rows, "ward", distance).linkage)
    made = cluster(rows, "ward", distance, exact_up_to=len(rows) - 1)
    assert made.groups == 12
    np.testing.assert_allclose(hierarchy.cophenet(made.linkage), exact, atol=1e-5)


def test_the_same_rows_give_the_same_tree():
    rows = directions(bundles(200, 4)[0])
    first, second = (cluster(rows, exact_up_to=50) for _ in range(2))
    np.testing.assert_array_equal(first.linkage, second.linkage)


@pytest.mark.filterwarnings("error")
def test_rows_that_are_all_alike_are_put_into_parts():
    made = cluster(directions(np.ones((50, 3))), exact_up_to=4)
    np.testing.assert_allclose(made.linkage[:, 2], 0, atol=1e-6)
    assert made.groups >= 13


def test_as_many_rows_as_allowed_have_an_exact_tree():
    rows = directions(bundles(50, 4)[0])
    exact, more = cluster(rows, exact_up_to=50), cluster(rows, exact_up_to=49)
    assert exact.groups is None
    np.testing.assert_array_equal(exact.linkage, cluster(rows).linkage)
    assert "approximate" not in repr(exact)
    assert f"Clustering(50 rows, approximate: {more.groups} groups first: 'r0'" in repr(more)


def test_the_analysis_groups_more_rows_than_its_option_says():
    analysis = ClusterAnalysis(exact_up_to=1_024)
    assert ClusterAnalysis().exact_up_to == 16_384
    rows = directions(bundles(1_030, 4)[0])
    assert analysis(rows).groups == cluster(rows, exact_up_to=1_024).groups is not None
    assert ClusterAnalysis()(rows).groups is None


@pytest.mark.parametrize("most", [1, 0, 2.5, True, "9", None])
def test_a_number_of_rows_that_cannot_be_is_told(most):
    with pytest.raises(BadArgument, match="exact_up_to, a whole number from 2, got"):
        cluster(directions(np.eye(3)), exact_up_to=most)
