"""Ranking: the items of greatest and of least congruence with each neuron."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pandas as pd
import param

from dtviz.analyses.products import Products, congruences, cosines
from dtviz.directions import Directions, Float32
from dtviz.errors import BadArgument, is_whole, shortened


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


class _Least:
    """The k least values of each row and their columns, while blocks of columns come in order."""

    def __init__(self, rows: int, k: int) -> None:
        self.k = k
        self.values = np.empty((rows, 0), dtype=np.float32)
        self.columns = np.empty((rows, 0), dtype=np.intp)

    def add(self, block: Float32, first: int) -> None:
        """Take in a block, (rows, columns), whose columns are numbered from ``first``."""
        (n, held), width = self.values.shape, block.shape[1]
        if width == 0:
            return
        # A later column that ties with the last one held is behind it. What is not a number, too:
        # so these are those not beyond.
        if held < self.k:
            last = min(self.k, width) - 1
            candidates = ~(block > np.partition(block, last, axis=1)[:, [last]])
        else:
            candidates = ~(block >= self.values[:, [-1]])
        rows, columns = np.divmod(np.flatnonzero(candidates), width)
        rows_of = np.concatenate([np.repeat(np.arange(n), held), rows])
        columns_of = np.concatenate([self.columns.ravel(), columns + first])
        values_of = np.concatenate([self.values.ravel(), block[rows, columns]])
        # Stable: of equal values the first column leads.
        order = np.lexsort((values_of, rows_of))
        counts = np.bincount(rows_of, minlength=n)
        place = np.arange(len(order)) - np.repeat(np.cumsum(counts) - counts, counts)
        k = min(self.k, held + width)
        kept = order[place < k]
        self.values, self.columns = (of[kept].reshape(n, k) for of in (values_of, columns_of))


class Ends:
    """The k columns of greatest and of least value of each row, while blocks of them come.

    Args:
        rows: how many.
        k: columns at either end.
    """

    def __init__(self, rows: int, k: int) -> None:
        self._least, self._greatest = _Least(rows, k), _Least(rows, k)

    def add(self, block: Float32, first: int) -> None:
        """Take in a block, (rows, columns), whose columns are numbered from ``first``."""
        self._least.add(block, first)
        self._greatest.add(-block, first)

    @property
    def columns(self) -> npt.NDArray[np.intp]:
        """The columns: the greatest first, then the least first, (rows, 2k)."""
        return np.concatenate([self._greatest.columns, self._least.columns], axis=1)

    @property
    def values(self) -> Float32:
        """Their values, (rows, 2k)."""
        return np.concatenate([-self._greatest.values, self._least.values], axis=1)


def rank(values: pd.DataFrame, k: int) -> Ranking:
    """Return the ``k`` columns of greatest and of least value of each row, ties in column order.

    With fewer than k columns, all of them are ranked at both ends.

    Raises:
        BadArgument: if k is not a positive integer.
    """
    ends = Ends(len(values), _checked(k))
    ends.add(values.to_numpy(dtype=np.float32), 0)
    names, items = ([str(name) for name in axis] for axis in (values.index, values.columns))
    return Ranking(names, items, ends.columns, ends.values)


def rank_products(products: Products, k: int) -> Ranking:
    """Return the same of products, made block by block; see `rank`.

    Raises:
        BadArgument: if k is not a positive integer.
    """
    parts = [ends_of(products, rows, k) for rows in products.rows()]
    return joined(products, parts)


def ends_of(products: Products, rows: slice, k: int) -> Ends:
    """Return the ends of some neurons; see `rank_products`."""
    ends = Ends(rows.stop - rows.start, _checked(k))
    for columns, block in products.blocks(rows):
        ends.add(block, columns.start)
    return ends


def joined(products: Products, parts: Sequence[Ends]) -> Ranking:
    """Return the ranking that the ends of the neurons' parts make."""
    return Ranking(
        products.neurons.names,
        products.items.names,
        np.concatenate([part.columns for part in parts]),
        np.concatenate([part.values for part in parts]),
    )


def _checked(k: object) -> int:
    if not is_whole(k, 1):
        raise BadArgument(
            expected="k, the number of items at either end, as an integer of 1 or more",
            got=shortened(k),
            do="Pass k=10, for instance.",
        )
    return int(k)


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
    """Which items (input features, actions or tokens) each neuron answers to most."""

    ranked_by = param.Selector(
        default="in congruence",
        objects={
            "what they read": "in congruence",
            "what they write": "out × embedding",
            "what they write, as actions or tokens": "out congruence",
        },
        label="Items by",
        doc="Rank input features by what a neuron reads (in congruence: its input weights times "
        "their normalized embedding), or by the cosine of what it writes with their embedding; "
        "or rank the tokens (actions) that it writes (out congruence: what it writes, "
        "normalized, times the unembedding).",
    )
    k = param.Integer(
        default=10,
        bounds=(1, 50),
        label="Items at either end (k)",
        doc="How many items to list for each selected neuron: those it answers to most, and those "
        "it answers to least.",
    )

    def products(self, neurons: Directions, items: Directions, *, layer_norm: bool) -> Products:
        """Return what is ranked.

        Args:
            neurons: of the side that is compared: what they write, unless by "in congruence".
            items: rows of the unembedding by "out congruence", else of the embedding.
            layer_norm: whether congruences are with LayerNorm.
        """
        if self.ranked_by == "out × embedding":
            return cosines(neurons, items)
        if self.ranked_by == "in congruence":
            return congruences(neurons, items, layer_norm=layer_norm)
        neurons = neurons.layer_normed() if layer_norm else neurons
        return congruences(neurons, items, layer_norm=False)
