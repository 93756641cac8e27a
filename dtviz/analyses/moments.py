"""Moments: how the congruences of a neuron spread over the items it is compared with."""

import numpy as np
import numpy.typing as npt
import pandas as pd

from dtviz.analyses.products import Products

Float64 = npt.NDArray[np.float64]

# What is known of each row.
MOMENTS = ("mean_abs", "std", "kurtosis")
# A standard deviation that is smaller than this share of the mean is one of rounding.
_ROUNDING = 1e-14


class Spread:
    """The moments of some rows, while blocks of their columns come.

    Sums of powers of the differences from the mean are merged as in Pébay, "Formulas for robust,
    one-pass parallel computation of covariances and arbitrary-order statistical moments" (2008).

    Args:
        rows: how many.
    """

    def __init__(self, rows: int) -> None:
        # Of each row: how many values, the sum of their absolutes, their mean, and the sums of the
        # second, third and fourth powers of what differs from it.
        self._count = np.zeros(rows)
        self._absolute, self._mean, self._second, self._third, self._fourth = np.zeros((5, rows))

    def add(self, block: npt.NDArray[np.floating], rows: slice = slice(None)) -> None:
        """Take in more columns of some rows, (rows, columns)."""
        if block.shape[1] == 0:
            return
        before, mean = self._count[rows], self._mean[rows]
        second, third, fourth = self._second[rows], self._third[rows], self._fourth[rows]
        more = float(block.shape[1])
        values = block.astype(np.float64)
        self._absolute[rows] += np.abs(values).sum(axis=1)
        of_block = values.mean(axis=1)
        values -= of_block[:, None]
        squares = values**2
        second_more = squares.sum(axis=1)
        third_more = np.einsum("ij,ij->i", squares, values)
        fourth_more = np.einsum("ij,ij->i", squares, squares)
        n, gap = before + more, of_block - mean
        self._fourth[rows] = (
            fourth
            + fourth_more
            + gap**4 * before * more * (before**2 - before * more + more**2) / n**3
            + 6 * gap**2 * (before**2 * second_more + more**2 * second) / n**2
            + 4 * gap * (before * third_more - more * third) / n
        )
        self._third[rows] = (
            third
            + third_more
            + gap**3 * before * more * (before - more) / n**2
            + 3 * gap * (before * second_more - more * second) / n
        )
        self._second[rows] = second + second_more + gap**2 * before * more / n
        self._mean[rows] = mean + gap * more / n
        self._count[rows] = n

    def frame(self, names: list[str]) -> pd.DataFrame:
        """Return the moments of the rows, which are called so; see `moments`."""
        n = self._count
        std = np.sqrt(_divided(self._second, n - 1))
        std = np.where(std <= _ROUNDING * np.abs(self._mean), 0 * std, std)
        # The unbiased estimate, G2 in Joanes and Gill (1998), which pandas gives, too.
        ratio = _divided(self._fourth, np.where(std > 0, self._second, 0) ** 2)
        factor = _divided(n * (n + 1) * (n - 1), (n - 2) * (n - 3) * (n > 3))
        kurtosis = factor * ratio - _divided(3 * (n - 1) ** 2, (n - 2) * (n - 3) * (n > 3))
        found = (_divided(self._absolute, n), std, kurtosis)
        return pd.DataFrame(dict(zip(MOMENTS, found, strict=True)), index=names)


def _divided(a: Float64, b: Float64) -> Float64:
    """Return a / b, NaN where b is not positive."""
    return np.divide(a, b, out=np.full_like(a, np.nan), where=b > 0)


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
    spread = Spread(len(congruence))
    spread.add(congruence.to_numpy())
    return spread.frame(list(congruence.index))


def moments_of_products(products: Products) -> pd.DataFrame:
    """Return the moments of each neuron over the items, made block by block; see `moments`."""
    spread = Spread(len(products.neurons))
    for rows in products.rows():
        for _, block in products.blocks(rows):
            spread.add(block, rows)
    return spread.frame(products.neurons.names)


def moments_of_items(products: Products) -> pd.DataFrame:
    """Return the moments of each item over the neurons, made block by block; see `moments`."""
    spread = Spread(len(products.items))
    for rows in products.rows():
        for columns, block in products.blocks(rows):
            spread.add(block.T, columns)
    return spread.frame(products.items.names)
