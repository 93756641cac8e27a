from types import SimpleNamespace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import array_shapes, arrays
from scipy.spatial.distance import cdist, pdist

from dtviz.analyses import distances
from dtviz.analyses.clustering import cluster
from dtviz.analyses.distances import DISTANCES, between, condensed, metric_of, points
from dtviz.errors import BadArgument

from . import reference
from .reference import directions

MATRICES = arrays(
    float, array_shapes(min_dims=2, max_dims=2, max_side=9), elements=st.integers(-2, 2).map(float)
)


def explicit(matrix: np.ndarray, distance: str) -> np.ndarray:
    """The distance of each row from each, from the cosines of all pairs."""
    cosines = reference.cosines(matrix, matrix)
    if distance == "rows":
        return cdist(cosines, cosines)
    return 1 - (np.abs(cosines) if distance == "absolute" else cosines)


@given(MATRICES, st.sampled_from(DISTANCES), st.integers(1, 10))
def test_the_distances_of_all_pairs_are_those_of_the_whole_matrix(matrix, distance, block):
    found = points(directions(matrix), distance)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(distances, "_BLOCK", block)
        made = condensed(found, metric_of(distance, "average"))
    assert made.dtype == np.float64
    expected = explicit(matrix, distance)[np.triu_indices(len(matrix), 1)]
    np.testing.assert_allclose(made, expected, atol=2e-5)
    assert (made >= 0).all()


@given(MATRICES, st.sampled_from(["cosine", "absolute"]))
def test_for_wards_method_distances_are_euclidean(matrix, distance):
    made = condensed(points(directions(matrix), distance, "ward"), metric_of(distance, "ward"))
    placed = reference.unit(matrix)
    if distance == "absolute":  # a line's place: its projection
        placed = np.array([np.outer(row, row).ravel() for row in placed])
    np.testing.assert_allclose(made, pdist(placed), atol=1e-3)


@given(MATRICES, st.sampled_from(["cosine", "absolute"]))
def test_between_the_means_of_unit_vectors_is_the_mean_distance(matrix, distance):
    unit = reference.unit(matrix)
    half = len(unit) // 2
    if half == 0:
        return
    means = between(unit[:half].mean(axis=0)[None], unit[half:].mean(axis=0)[None], distance)
    cosines = (unit[:half] @ unit[half:].T).mean()
    expected = 1 - (abs(cosines) if distance == "absolute" else cosines)
    np.testing.assert_allclose(means, [[expected]], atol=1e-9)


def test_similarity_rows_of_many_rows_are_compared_in_few_dimensions():
    matrix = np.random.default_rng(0).normal(size=(200, 6))
    found = points(directions(matrix), "rows")
    assert found.shape == (200, 6)
    similarity = reference.cosines(matrix, matrix)
    np.testing.assert_allclose(condensed(found, "euclidean"), pdist(similarity), atol=1e-4)


def test_what_has_no_memory_is_told_before_it_starts(monkeypatch):
    # 17 bytes for each of 4,950 pairs.
    free = SimpleNamespace(available=84_149)
    monkeypatch.setattr(distances.psutil, "virtual_memory", lambda: free)
    rows = directions(np.eye(100))
    with pytest.raises(BadArgument, match=r"about 99, got 100, which need 0\.0 GB\. Lower exact"):
        cluster(rows)
    free.available = 84_150
    assert len(cluster(rows).linkage) == 99
    free.available = 30_000
    assert cluster(rows, exact_up_to=50).groups is not None
