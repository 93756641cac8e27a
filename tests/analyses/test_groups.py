import time

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from scipy import stats

import dtviz
from dtviz.analyses.groups import against_rest
from dtviz.errors import BadArgument

COLUMNS = ["n", "of", "mean_selected", "mean_rest", "difference", "g", "g_low", "g_high"]
NUMBERS = st.integers(-3, 3).map(float) | st.just(np.nan) | st.floats(-100, 100, width=32)


def hedges(a: np.ndarray, b: np.ndarray) -> tuple[float, float, float]:
    """Hedges' g and its interval, written out; from SciPy's t where there is any."""
    n, m = len(a), len(b)
    t = stats.ttest_ind(a, b).statistic
    freedom = n + m - 2
    # The usual approximation of the correction.
    g = t * np.sqrt(1 / n + 1 / m) * (1 - 3 / (4 * freedom - 1))
    error = np.sqrt((n + m) / (n * m) + g**2 / (2 * (n + m)))
    return g, *stats.norm.interval(0.95, g, error)


def test_the_public_name():
    assert dtviz.against_rest is against_rest


@given(st.data())
@pytest.mark.filterwarnings("error")
def test_each_number_is_that_of_a_loop_over_the_columns(data):
    n = data.draw(st.integers(1, 12))
    values = data.draw(arrays(float, (n, 3), elements=NUMBERS))
    mask = data.draw(arrays(bool, n))
    frame = against_rest(pd.DataFrame(values, columns=list("abc")), mask)
    assert frame.columns.tolist() == COLUMNS
    for column, row in zip(values.T, frame.itertuples(), strict=True):
        is_known = np.isfinite(column)
        a, b = column[mask & is_known], column[~mask & is_known]
        assert (row.n, row.of) == (len(a), len(a) + len(b))
        for mean, group in ((row.mean_selected, a), (row.mean_rest, b)):
            expected = sum(group) / len(group) if len(group) else np.nan
            np.testing.assert_allclose(mean, expected, rtol=1e-12, atol=1e-12)
        np.testing.assert_allclose(row.difference, row.mean_selected - row.mean_rest)
        varies = len(set(a)) > 1 or len(set(b)) > 1
        is_defined = len(a) >= 2 and len(b) >= 2 and varies
        assert np.isfinite([row.g, row.g_low, row.g_high]).tolist() == [is_defined] * 3
        if is_defined:
            squares = sum((a - sum(a) / len(a)) ** 2) + sum((b - sum(b) / len(b)) ** 2)
            pooled = np.sqrt(squares / (len(a) + len(b) - 2))
            cohen = (sum(a) / len(a) - sum(b) / len(b)) / pooled
            assert abs(row.g) <= abs(cohen) + 1e-12
            assert row.g_low < row.g < row.g_high


@pytest.mark.parametrize("n", [10, 30, 400])
def test_effect_and_interval_are_those_from_scipys_t(n):
    random = np.random.default_rng(n)
    table = pd.DataFrame(random.normal(size=(n, 4)) * [1, 5, 0.1, 1e6], columns=list("abcd"))
    mask = np.arange(n) < n // 3
    table.loc[mask, "a"] += 1
    frame = against_rest(table, mask)
    for name in table:
        expected = hedges(table.loc[mask, name].to_numpy(), table.loc[~mask, name].to_numpy())
        # What the approximation of the correction costs.
        np.testing.assert_allclose(frame.loc[name, ["g", "g_low", "g_high"]], expected, rtol=2e-3)


@pytest.mark.parametrize(
    ("freedom", "factor"), [(2, 0.5642), (4, 0.7979), (10, 0.9228), (20, 0.9619), (50, 0.9849)]
)
def test_the_bias_is_corrected_as_in_the_published_table(freedom, factor):
    # J(m) as Hedges (1981) lists it.
    n = freedom // 2 + 1
    a, b = np.arange(n, dtype=float), np.arange(n) + 2.0
    frame = against_rest(pd.DataFrame({"x": [*a, *b]}), np.arange(2 * n) < n)
    assert frame.loc["x", "g"] == pytest.approx(-2 / a.std(ddof=1) * factor, rel=2e-4)


def test_the_interval_holds_the_true_effect_95_times_in_100():
    random = np.random.default_rng(0)
    columns = 2000
    values = random.normal(size=(120, columns))
    mask = np.arange(120) < 40
    values[mask] += 0.5
    frame = against_rest(pd.DataFrame(values), mask)
    assert ((frame["g_low"] < 0.5) & (frame["g_high"] > 0.5)).mean() == pytest.approx(
        0.95, abs=0.02
    )
    assert frame["g"].mean() == pytest.approx(0.5, abs=0.02)


def test_all_numbers_but_leaf_and_cluster_are_compared():
    table = pd.DataFrame(
        {
            "name": ["a", "b", "c", "d"],
            "x": np.array([1, 2, 3, 4], dtype=np.float32),
            "leaf": [0, 1, 2, 3],
            "cluster": [0, 0, 1, 1],
            "is_named": [True, False, True, False],
            "n": pd.array([1, None, 3, 5], dtype="Int64"),
            "kind": pd.Categorical(["u", "v", "u", "v"]),
        }
    )
    frame = against_rest(table, table["x"] > 2)
    assert frame.index.tolist() == ["x", "n"]
    assert frame["n"].tolist() == [2, 2]
    assert frame["of"].tolist() == [4, 3]
    assert frame["difference"].tolist() == [2, 3]


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize("n", [0, 1, 2, 5])
def test_none_and_all_selected_leave_nothing_to_compare(n):
    table = pd.DataFrame({"x": np.arange(n, dtype=float)})
    for mask in (np.zeros(n, dtype=bool), np.ones(n, dtype=bool)):
        frame = against_rest(table, mask)
        assert frame["n"].tolist() == [mask.sum()]
        assert frame[["difference", "g", "g_low", "g_high"]].isna().all(axis=None)


@pytest.mark.filterwarnings("error")
def test_constant_columns_have_no_effect_size():
    table = pd.DataFrame({"same": np.full(9, 0.1), "apart": [0.1] * 4 + [0.7] * 5})
    table["missing"] = np.nan
    frame = against_rest(table, np.arange(9) < 4)
    assert frame[["g", "g_low", "g_high"]].isna().all(axis=None)
    assert frame["difference"].round(12).tolist()[:2] == [0, -0.6]
    assert frame["n"].tolist() == [4, 4, 0]


@pytest.mark.parametrize("mask", [[1, 0], [True], [[True, False]], None, "ab", [True, False, True]])
def test_a_mask_that_does_not_fit_is_told(mask):
    with pytest.raises(BadArgument, match="a boolean mask of the 2 rows, got"):
        against_rest(pd.DataFrame({"x": [1.0, 2.0]}), mask)


def test_it_is_as_fast_as_a_brush_asks_for():
    random = np.random.default_rng(0)
    table = pd.DataFrame(random.normal(size=(16_000, 12)).astype(np.float32))
    mask = random.random(16_000) < 0.2
    times = []
    for _ in range(10):
        start = time.perf_counter()
        against_rest(table, mask)
        times.append(time.perf_counter() - start)
    # On an idle machine a few milliseconds.
    assert min(times) < 0.1


def test_a_real_neuron_table(demo):
    explorer = dtviz.Explorer(demo)
    table = explorer.neurons
    mask = (table["x"] > table["x"].quantile(0.9)).to_numpy()
    frame = against_rest(table, mask)
    assert {"x", "y", "difference", "norm"} <= set(frame.index)
    assert not {"leaf", "cluster", "name"} & set(frame.index)
    assert frame.loc["x", "g_low"] > 0
