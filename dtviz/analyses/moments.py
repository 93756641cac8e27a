"""Moments: how the congruences of a neuron spread over the items it is compared with."""

import pandas as pd


def moments(congruence: pd.DataFrame) -> pd.DataFrame:
    """Return the moments of each row over the columns; transpose the frame for those of columns.

    Args:
        congruence: a frame, neurons x items, such as `dtviz.congruence` returns.

    Returns:
        A row for each of its rows, with the columns mean_abs (mean of the absolute values), std
        (standard deviation, pandas' with n - 1) and kurtosis (excess kurtosis, pandas' unbiased
        one: 0 for a normal distribution). Where there are too few items, NaN; so is the kurtosis of
        values that are all the same.
    """
    values = congruence.astype("float64")
    std = values.std(axis=1)
    return pd.DataFrame(
        {
            "mean_abs": values.abs().mean(axis=1),
            "std": std,
            "kurtosis": values.kurt(axis=1).where(std > 0),
        }
    )
