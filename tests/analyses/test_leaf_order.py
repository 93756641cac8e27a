import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.cluster import hierarchy
from scipy.spatial.distance import pdist, squareform

from dtviz.analyses.clustering import METHODS
from dtviz.analyses.leaf_order import best_leaf_order


def walked(distances: np.ndarray, order: np.ndarray) -> float:
    """How far it is from leaf to leaf."""
    return float(distances[order[:-1], order[1:]].sum())


def orders(linkage: np.ndarray) -> list[list[int]]:
    """Every leaf order that does not cut a branch."""
    n = len(linkage) + 1
    found = [[[row]] for row in range(n)]
    for left, right in linkage[:, :2].astype(int):
        pairs = [(a, b) for a in found[left] for b in found[right]]
        found.append([a + b for a, b in pairs] + [b + a for a, b in pairs])
    return found[-1]


@given(st.integers(2, 8), st.integers(0, 2**32 - 1), st.sampled_from(METHODS), st.booleans())
def test_no_leaf_order_of_the_tree_has_nearer_neighbours(n, seed, method, is_tied):
    rng = np.random.default_rng(seed)
    rows = rng.integers(0, 3, size=(n, 2)) if is_tied else rng.normal(size=(n, 5))
    condensed = pdist(rows)
    distances = squareform(condensed)
    linkage = hierarchy.linkage(condensed, method)
    best = best_leaf_order(linkage, distances)
    shortest = min(walked(distances, np.array(order)) for order in orders(linkage))
    assert walked(distances, hierarchy.leaves_list(best)) == pytest.approx(shortest)
    np.testing.assert_array_equal(best[:, 2:], linkage[:, 2:])
    np.testing.assert_array_equal(np.sort(best[:, :2]), np.sort(linkage[:, :2]))


@pytest.mark.parametrize("method", METHODS)
def test_it_is_better_than_scipys(method):
    condensed = pdist(np.random.default_rng(0).normal(size=(200, 5)))
    distances = squareform(condensed)
    linkage = hierarchy.linkage(condensed, method)
    scipys = hierarchy.leaves_list(hierarchy.optimal_leaf_ordering(linkage, condensed))
    best = hierarchy.leaves_list(best_leaf_order(linkage, distances))
    assert walked(distances, best) < walked(distances, scipys)
    assert walked(distances, best) < walked(distances, hierarchy.leaves_list(linkage))
