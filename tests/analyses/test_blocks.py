import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from dtviz.analyses import blocks
from dtviz.analyses.blocks import BlockAnalysis, Blocks, cell_bounds

from . import reference


@st.composite
def units(draw) -> np.ndarray:
    """Vectors of length 1, and some of zeros."""
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    matrix = rng.normal(size=(draw(st.integers(1, 40)), 3)) * rng.integers(0, 3, size=(1, 1))
    return reference.unit(matrix).astype(np.float32)


@st.composite
def places(draw, n: int) -> tuple[int, int]:
    first = draw(st.integers(0, n - 1))
    return first, draw(st.integers(first + 1, n))


@given(units(), st.integers(1, 50), st.sampled_from(["mean", "greatest"]), st.data())
def test_a_part_has_the_value_of_each_block_of_the_whole(unit, most, value, data):
    rows, columns = data.draw(places(len(unit))), data.draw(places(len(unit)))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(blocks, "_BLOCK", data.draw(st.integers(1, 9)))
        found = Blocks(unit, most, value).within(rows, columns)
    down, across = cell_bounds(*rows, most), cell_bounds(*columns, most)
    assert found.shape == (len(down) - 1, len(across) - 1)
    assert found.dtype == np.float32
    whole = np.array([[float(a @ b) for b in unit] for a in unit])
    for i in range(len(found)):
        for j in range(len(found[0])):
            block = whole[down[i] : down[i + 1], across[j] : across[j + 1]]
            if value == "mean":
                assert found[i, j] == pytest.approx(block.mean(), abs=1e-5)
            else:
                assert abs(found[i, j]) == pytest.approx(np.abs(block).max(), abs=1e-5)
                assert np.abs(block - found[i, j]).min() < 1e-5


@given(units(), st.integers(1, 50), st.sampled_from(["mean", "greatest"]))
def test_the_whole_is_the_part_from_the_first_to_the_last(unit, most, value):
    made, n = Blocks(unit, most, value), len(unit)
    np.testing.assert_array_equal(made.values, made.within((0, n), (0, n)))
    assert made.values.shape == (made.cells, made.cells)
    np.testing.assert_allclose(made.values, made.values.T, atol=1e-6)
    np.testing.assert_array_equal(made.bounds, cell_bounds(0, n, most))
    assert made.are_single == (n <= most)


@given(st.integers(0, 50), st.integers(1, 300), st.integers(1, 300))
def test_bounds_share_all_places_out_evenly(first, n, most):
    bounds = cell_bounds(first, first + n, most)
    sizes = np.diff(bounds)
    assert (bounds[0], bounds[-1], len(sizes)) == (first, first + n, min(n, most))
    assert 1 <= sizes.min() <= sizes.max() <= sizes.min() + 1


def test_where_there_is_room_both_values_are_the_cosines_of_single_pairs():
    unit = reference.unit(np.random.default_rng(0).normal(size=(9, 4))).astype(np.float32)
    for value in ("mean", "greatest"):
        part = Blocks(unit, 4, value).within((2, 5), (4, 8))
        np.testing.assert_allclose(part, (unit @ unit.T)[2:5, 4:8], atol=1e-6)


def test_the_analysis_tells_the_mean_unless_told_otherwise():
    unit = np.eye(6, dtype=np.float32)
    np.testing.assert_allclose(BlockAnalysis()(unit, 2).values, np.eye(2) / 3, atol=1e-6)
    assert BlockAnalysis(block_value="greatest")(unit, 2).values.tolist() == [[1, 0], [0, 1]]
    with pytest.raises(ValueError, match="least"):
        BlockAnalysis(block_value="least")
