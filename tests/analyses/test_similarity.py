import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import array_shapes, arrays

import dtviz
from dtviz.analyses import similarity
from dtviz.analyses.similarity import averaged_similarity, cosine_similarity, similar_pairs
from dtviz.errors import BadArgument

from . import reference
from .reference import directions

# Small whole numbers, so that rows of zeros, equal rows and opposite rows are common.
MATRICES = arrays(
    float, array_shapes(min_dims=2, max_dims=2, max_side=6), elements=st.integers(-2, 2).map(float)
)
RNG = np.random.default_rng(0)


def test_the_public_name():
    assert dtviz.cosine_similarity is cosine_similarity


@given(MATRICES)
def test_cosines_are_those_of_a_loop_over_the_pairs(matrix):
    frame = cosine_similarity(directions(matrix))
    np.testing.assert_allclose(frame, reference.cosines(matrix, matrix), atol=1e-6)
    assert (frame.dtypes == np.float32).all()
    assert frame.to_numpy().min() >= -1
    assert frame.to_numpy().max() <= 1


def test_cosines_between_two_sets_are_rows_by_columns():
    a, b = RNG.normal(size=(3, 4)), RNG.normal(size=(2, 4))
    frame = cosine_similarity(directions(a, "a"), directions(b, "b"))
    assert frame.index.tolist() == ["a0", "a1", "a2"]
    assert frame.columns.tolist() == ["b0", "b1"]
    np.testing.assert_allclose(frame, reference.cosines(a, b), atol=1e-6)


def test_cosines_never_leave_their_range_by_rounding():
    rows = directions(np.tile(RNG.normal(size=(200, 7)), (2, 1)) * 1e3)
    frame = cosine_similarity(rows)
    assert frame.to_numpy().max() <= 1
    assert frame.loc["r0", "r200"] == pytest.approx(1)


def test_cosines_with_no_rows_are_empty():
    some = directions(np.eye(3))
    assert cosine_similarity(some, some.subset([])).shape == (3, 0)
    assert cosine_similarity(some.subset([]), some).shape == (0, 3)


@pytest.mark.filterwarnings("error")
def test_a_row_of_zeros_has_cosine_0_with_everything_itself_included():
    frame = cosine_similarity(directions([[0, 0], [1, 2], [0, 0]]))
    np.testing.assert_allclose(frame, [[0, 0, 0], [0, 1, 0], [0, 0, 0]], atol=1e-6)


def test_cosines_of_vectors_of_another_width_are_told():
    with pytest.raises(BadArgument, match=r"2 wide, got .* 3 wide"):
        cosine_similarity(directions(np.eye(2)), directions(np.eye(3)))


@given(st.data())
def test_an_averaged_similarity_has_the_means_of_the_blocks_of_the_whole(data):
    n = data.draw(st.integers(1, 40), "n")
    most = data.draw(st.integers(1, 50), "most")
    rng = np.random.default_rng(data.draw(st.integers(0, 2**32 - 1), "seed"))
    order = rng.permutation(n)
    rows = directions(rng.normal(size=(n, 3)) * rng.integers(0, 2, size=(n, 1)))
    averaged, bounds = averaged_similarity(rows, order, most)
    m = min(n, most)
    assert averaged.shape == (m, m)
    assert averaged.dtype == np.float32
    whole = cosine_similarity(rows).to_numpy()[np.ix_(order, order)]
    for i in range(m):
        for j in range(m):
            block = whole[bounds[i] : bounds[i + 1], bounds[j] : bounds[j + 1]]
            assert averaged[i, j] == pytest.approx(block.mean(), abs=1e-5)


@given(st.integers(1, 300), st.integers(1, 300))
def test_the_bounds_share_all_rows_out_evenly(n, most):
    _, bounds = averaged_similarity(directions(np.ones((n, 1))), range(n), most)
    sizes = np.diff(bounds)
    assert (bounds[0], bounds[-1], len(sizes)) == (0, n, min(n, most))
    assert 1 <= sizes.min() <= sizes.max() <= sizes.min() + 1


def test_where_all_rows_fit_each_cell_is_one_pair():
    rows = directions(RNG.normal(size=(4, 3)))
    order = [2, 0, 3, 1]
    averaged, bounds = averaged_similarity(rows, order, 4)
    assert bounds.tolist() == [0, 1, 2, 3, 4]
    np.testing.assert_allclose(
        averaged, cosine_similarity(rows).to_numpy()[np.ix_(order, order)], atol=1e-6
    )


def test_real_cosines(real):
    model, raw = real
    for side in model.sides:
        x = reference.neurons(raw, 1, side)
        unit = x / np.linalg.norm(x, axis=1, keepdims=True)
        frame = cosine_similarity(model.neurons(1, side))
        np.testing.assert_allclose(frame, unit @ unit.T, atol=2e-6)
        averaged, _ = averaged_similarity(model.neurons(1, side), np.arange(len(x)), len(x) // 4)
        blocks = (unit @ unit.T).reshape(len(x) // 4, 4, len(x) // 4, 4).mean(axis=(1, 3))
        np.testing.assert_allclose(averaged, blocks, atol=2e-6)


@given(MATRICES, st.sampled_from([0, 0.05, 0.5, 0.9]), st.integers(1, 4))
def test_pairs_are_those_of_a_loop_over_the_rows(matrix, threshold, block):
    rows = directions(matrix)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(similarity, "_BLOCK", block)
        pairs = similar_pairs(rows, threshold)
    cosines = reference.cosines(matrix, matrix)
    # Near the threshold rounding may decide either way.
    sure = {
        (f"r{i}", f"r{j}")
        for i in range(len(matrix))
        for j in range(i + 1, len(matrix))
        if abs(cosines[i, j]) > threshold + 1e-6
    }
    perhaps = {
        (f"r{i}", f"r{j}")
        for i in range(len(matrix))
        for j in range(i + 1, len(matrix))
        if abs(cosines[i, j]) > threshold - 1e-6
    }
    found = list(zip(pairs["name_1"], pairs["name_2"], strict=True))
    assert len(found) == len(set(found))
    assert sure <= set(found) <= perhaps
    norms = np.linalg.norm(matrix, axis=1)
    for first, second, cosine, norm_1, norm_2 in pairs.itertuples(index=False):
        i, j = int(first[1:]), int(second[1:])
        assert cosine == pytest.approx(cosines[i, j], abs=1e-6)
        assert (norm_1, norm_2) == (pytest.approx(norms[i]), pytest.approx(norms[j]))
    assert pairs["cosine"].abs().is_monotonic_decreasing


@pytest.mark.parametrize("threshold", [-0.1, 1.5, float("nan"), "0.5", None])
def test_a_threshold_that_is_none_is_told(threshold):
    with pytest.raises(BadArgument, match="from 0 to 1"):
        similar_pairs(directions(np.eye(2)), threshold)
