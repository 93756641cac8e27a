"""Ranking: the items of greatest and of least congruence with each neuron."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pandas as pd
import param

from dtviz.directions import Float32
from dtviz.errors import BadArgument, shortened


@dataclass(frozen=True, eq=False)
class Ranking:
    """The k items at either end, for each of n neurons.

    Args:
        names: the neurons, (n,).
        items: what they are compared with, (F,).
        columns: rows of ``items``, (n, 2k): the greatest first, then the least first.
        values: their congruences, float32 (n, 2k).
    """

    names: list[str]
    items: list[str]
    columns: npt.NDArray[np.intp]
    values: Float32

    @property
    def k(self) -> int:
        """Items at either end."""
        return int(self.columns.shape[1] // 2)

    def frame(self) -> pd.DataFrame:
        """Return columns name, end ("top" or "bottom"), rank (from 1), item, value."""
        n, both = self.columns.shape
        return pd.DataFrame(
            {
                "name": np.repeat(np.array(self.names, dtype=object), both),
                "end": np.tile(np.repeat(["top", "bottom"], self.k), n),
                "rank": np.tile(np.arange(1, self.k + 1), 2 * n),
                "item": np.array(self.items, dtype=object)[self.columns.ravel()],
                "value": self.values.ravel(),
            }
        )


def rank(values: pd.DataFrame, k: int) -> Ranking:
    """Return the ``k`` columns of greatest and of least value of each row, ties in column order.

    With fewer than k columns, all of them are ranked at both ends.

    Raises:
        BadArgument: if k is not a positive integer.
    """
    if isinstance(k, bool) or not isinstance(k, int | np.integer) or k < 1:
        raise BadArgument(
            expected="k, the number of items at either end, as an integer of 1 or more",
            got=shortened(k),
            do="Pass k=10, for instance.",
        )
    matrix = values.to_numpy(dtype=np.float32)
    columns = np.concatenate([_least(-matrix, int(k)), _least(matrix, int(k))], axis=1)
    return Ranking(
        names=[str(name) for name in values.index],
        items=[str(name) for name in values.columns],
        columns=columns,
        values=np.take_along_axis(matrix, columns, axis=1),
    )


def _least(matrix: Float32, k: int) -> npt.NDArray[np.intp]:
    """Return the columns of the k least values of each row, least first, (rows, k)."""
    return np.argsort(matrix, axis=1, kind="stable")[:, :k]


def top_k(congruence: pd.DataFrame, k: int = 10) -> pd.DataFrame:
    """Return, for each row, the ``k`` columns of greatest and the ``k`` of least value.

    Args:
        congruence: a frame, neurons x items, such as `dtviz.congruence` returns.
        k: items at either end; where there are fewer, all of them.

    Returns:
        Columns name, end ("top" or "bottom"), rank (from 1: the greatest, or the least), item,
        value; rows neuron by neuron.

    Raises:
        BadArgument: if k is not a positive integer.
    """
    return rank(congruence, k).frame()


class RankingAnalysis(param.Parameterized):
    """Which input features each neuron answers to most."""

    ranked_by = param.Selector(
        default="in congruence",
        objects={"what they read": "in congruence", "what they write": "out × embedding"},
        label="Features by",
        doc="Rank input features by what a neuron reads (in congruence: its input weights times "
        "their normalized embedding), or by the cosine of what it writes with their embedding.",
    )
    k = param.Integer(
        default=10,
        bounds=(1, 50),
        label="Items at either end (k)",
        doc="How many input features to list for each selected neuron: those it answers to most, "
        "and those it answers to least.",
    )

    def __call__(self, values: pd.DataFrame) -> Ranking:
        """Rank the columns of a frame, neurons x features."""
        return rank(values, self.k)
