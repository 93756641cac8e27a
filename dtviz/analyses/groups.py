"""Groups: how the neurons that are selected differ from the rest."""

import numpy as np
import numpy.typing as npt
import pandas as pd
from scipy.special import gammaln, ndtri

from dtviz.errors import BadArgument, shortened

_CONFIDENCE = 0.95
# Columns of the neuron table that are numbers, and measure nothing.
_LABELS = ["leaf", "cluster", "expert"]


def against_rest(table: pd.DataFrame, mask: npt.ArrayLike) -> pd.DataFrame:
    """Compare some neurons with the rest, in each number that the table has of them.

    The effect size is Hedges' g: the difference of the means, over the standard deviation pooled
    from both groups (n - 1 each), without its bias in small groups. The interval is that of large
    groups, g ± z √((n₁ + n₂) / (n₁ n₂) + g² / (2 (n₁ + n₂))). Both are of Hedges & Olkin (1985),
    Statistical Methods for Meta-Analysis, chapter 5.

    Args:
        table: the neuron table, (rows, columns).
        mask: which rows are selected, boolean, (rows,).

    Returns:
        A row for each numeric column but leaf, cluster and expert, indexed by its name: n
        (selected) and of (all), counting those whose value is finite; mean_selected, mean_rest and
        difference (of the two); g, g_low and g_high (the ends of its 95% interval). What is not
        defined is NaN: a mean of none, and g where a group has fewer than two or no group varies.

    Raises:
        BadArgument: if the mask is not boolean, one value a row.
    """
    selected = np.asarray(mask)
    if selected.dtype != bool or selected.shape != (len(table),):
        raise BadArgument(
            expected=f"a boolean mask of the {len(table)} rows",
            got=shortened(mask),
            do="Pass table['name'].isin(names), for instance.",
        )
    numbers = table.select_dtypes("number").drop(columns=_LABELS, errors="ignore")
    values = numbers.to_numpy(dtype=np.float64, na_value=np.nan)
    # What has no value (of too few, or without variance) becomes NaN, which is meant.
    with np.errstate(divide="ignore", invalid="ignore"):
        n1, mean1, squares1 = _moments(values[selected])
        n2, mean2, squares2 = _moments(values[~selected])
        freedom = n1 + n2 - 2
        deviation = np.sqrt((squares1 + squares2) / freedom)
        unbiased = np.exp(gammaln(freedom / 2) - gammaln((freedom - 1) / 2)) / np.sqrt(freedom / 2)
        g = unbiased * (mean1 - mean2) / deviation
        g[(n1 < 2) | (n2 < 2) | (deviation == 0)] = np.nan
        error = np.sqrt((n1 + n2) / (n1 * n2) + g**2 / (2 * (n1 + n2)))
    half = ndtri((1 + _CONFIDENCE) / 2) * error
    return pd.DataFrame(
        {
            "n": n1,
            "of": n1 + n2,
            "mean_selected": mean1,
            "mean_rest": mean2,
            "difference": mean1 - mean2,
            "g": g,
            "g_low": g - half,
            "g_high": g + half,
        },
        index=numbers.columns,
    )


def _moments(
    values: npt.NDArray[np.float64],
) -> tuple[npt.NDArray[np.intp], npt.NDArray[np.float64], npt.NDArray[np.float64]]:
    """Return of each column how many are finite, their mean, and the squares about it, summed."""
    is_finite = np.isfinite(values)
    n = np.count_nonzero(is_finite, axis=0)
    mean = np.where(is_finite, values, 0).sum(axis=0) / n
    squares = np.where(is_finite, values - mean, 0) ** 2
    # The mean of equal numbers may be off by a rounding: they vary all the same by nothing.
    highest = np.where(is_finite, values, -np.inf).max(axis=0, initial=-np.inf)
    lowest = np.where(is_finite, values, np.inf).min(axis=0, initial=np.inf)
    return n, mean, np.where(highest > lowest, squares.sum(axis=0), 0)
