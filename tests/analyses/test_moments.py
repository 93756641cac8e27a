import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import array_shapes, arrays
from scipy import stats

import dtviz
from dtviz.analyses.across import across
from dtviz.analyses.congruence import congruence
from dtviz.analyses.moments import Spread, moments

from . import reference

pytestmark = pytest.mark.filterwarnings("error::RuntimeWarning")


def test_the_public_name():
    assert dtviz.moments is moments


def test_moments_worked_out_by_hand():
    found = moments(pd.DataFrame([[1.0, -2, 3, -4, 5]], index=["n"]))
    assert found.columns.tolist() == ["mean_abs", "std", "kurtosis"]
    assert found.index.tolist() == ["n"]
    # The mean is 0.6, the sums of squares and of fourth powers of what differs from it:
    second = 0.4**2 + 2.6**2 + 2.4**2 + 4.6**2 + 4.4**2
    fourth = 0.4**4 + 2.6**4 + 2.4**4 + 4.6**4 + 4.4**4
    # n (n + 1) (n - 1) / (n - 2) / (n - 3) and 3 (n - 1)² / (n - 2) / (n - 3) for n = 5.
    kurtosis = 20 * fourth / second**2 - 8
    expected = [3, (second / 4) ** 0.5, kurtosis]
    np.testing.assert_allclose(found.loc["n"], expected, rtol=1e-12)


@given(
    arrays(
        np.float32, array_shapes(min_dims=2, max_dims=2, max_side=8), elements=st.integers(-3, 3)
    )
)
def test_moments_are_those_of_pandas(values):
    frame = pd.DataFrame(values)
    found = moments(frame)
    for row in frame.index:
        series = frame.loc[row].astype(float)
        assert found["mean_abs"][row] == pytest.approx(series.abs().mean())
        assert found["std"][row] == pytest.approx(series.std(), nan_ok=True)
        kurtosis = series.kurt() if series.nunique() > 1 else np.nan
        assert found["kurtosis"][row] == pytest.approx(kurtosis, nan_ok=True)


@given(
    arrays(
        np.float32,
        array_shapes(min_dims=2, max_dims=2, max_side=12),
        elements=st.floats(-1000, 1000, width=16),
    ),
    st.integers(1, 5),
)
def test_moments_block_by_block_are_those_of_pandas(values, width):
    spread = Spread(len(values))
    for start in range(0, values.shape[1], width):
        spread.add(values[:, start : start + width])
    found, frame = spread.frame(list(range(len(values)))), pd.DataFrame(values.astype(float))
    std = frame.std(axis=1)
    is_spread = std > 1e-3 * frame.abs().max(axis=1)
    np.testing.assert_allclose(found["mean_abs"], frame.abs().mean(axis=1))
    np.testing.assert_allclose(found["std"][is_spread], std[is_spread], rtol=1e-9)
    kurtosis = frame.kurt(axis=1)[is_spread]
    np.testing.assert_allclose(found["kurtosis"][is_spread], kurtosis, rtol=1e-6, atol=1e-6)


def test_some_rows_can_come_before_others():
    values = np.random.default_rng(0).normal(size=(5, 9))
    spread = Spread(5)
    spread.add(values[:2, :4], slice(0, 2))
    spread.add(values[2:], slice(2, 5))
    spread.add(values[:2, 4:], slice(0, 2))
    expected = moments(pd.DataFrame(values))
    np.testing.assert_allclose(spread.frame(list("abcde")), expected, rtol=1e-12)


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize(("items", "known"), [(0, 0), (1, 1), (2, 2), (3, 2), (4, 3)])
def test_moments_of_too_few_items_are_nan(items, known):
    found = moments(pd.DataFrame(np.arange(2.0 * items).reshape(2, items)))
    assert found.notna().sum(axis=1).tolist() == [known, known]
    assert found.columns[found.notna().all()].tolist() == ["mean_abs", "std", "kurtosis"][:known]


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize("value", [0, 0.1, -7, 1e30])
def test_items_that_are_all_the_same_have_no_kurtosis(value):
    found = moments(pd.DataFrame(np.full((2, 9), value, dtype=np.float32)))
    np.testing.assert_allclose(found["mean_abs"], abs(value), rtol=1e-6)
    assert found["std"].tolist() == [0, 0]
    assert found["kurtosis"].isna().all()


def test_moments_of_no_neurons_are_none():
    found = moments(pd.DataFrame(np.zeros((0, 5))))
    assert found.shape == (0, 3)


def test_moments_of_small_differences_are_not_lost_to_rounding():
    values = np.float32(1000) + np.arange(8, dtype=np.float32) / 64
    found = moments(pd.DataFrame(values[None])).loc[0]
    assert found["std"] == pytest.approx(np.std(values.astype(float), ddof=1), rel=1e-9)
    assert found["kurtosis"] == pytest.approx(-1.2, rel=1e-6)


def expected_moments(values: np.ndarray) -> np.ndarray:
    """Over the columns, by SciPy."""
    return np.stack(
        [
            np.abs(values).mean(axis=1),
            np.std(values, axis=1, ddof=1),
            stats.kurtosis(values, axis=1, bias=False),
        ],
        axis=1,
    )


@pytest.mark.parametrize("layer", [0, 1, "all"])
def test_real_moments_of_neurons_and_of_features(real, layer):
    model, raw = real
    features = reference.layer_normed(reference.embedding(raw))
    # Features whose embedding is zero have the same congruence with every neuron.
    told_apart = np.abs(features).max(axis=1) > 0
    for side in model.sides[1:]:
        frame = congruence(model.neurons(layer, side), model.embedding.layer_normed())
        expected = reference.neurons(raw, layer, side) @ features.T
        np.testing.assert_allclose(moments(frame), expected_moments(expected), rtol=1e-4, atol=1e-6)
        of_features = moments(frame.T)
        assert of_features.index.tolist() == model.embedding.names
        assert of_features["kurtosis"].notna().tolist() == told_apart.tolist()
        np.testing.assert_allclose(
            of_features[told_apart], expected_moments(expected.T[told_apart]), rtol=1e-4, atol=1e-4
        )


@pytest.mark.parametrize("layer", [1, "all"])
def test_real_moments_of_what_neurons_write(real, layer):
    model, raw = real
    written = reference.space(raw, "out congruence", layer)
    frame = congruence(model.neurons(layer).layer_normed(), model.unembedding)
    np.testing.assert_allclose(moments(frame), expected_moments(written), rtol=1e-3, atol=1e-4)
    out = reference.unit(reference.neurons(raw, layer, "out"))
    cosines = out @ reference.unit(reference.embedding(raw)).T
    found = moments(across(model, "out × embedding", layer))
    np.testing.assert_allclose(found, expected_moments(cosines), rtol=1e-4, atol=1e-5)
