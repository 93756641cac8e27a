"""Blocks: the cosine similarity of rows in an order, a cell for each block of pairs where many.

Datashader would need the whole matrix to average it, or all pairs as points. The mean over a block
is the dot product of two mean unit vectors: any part of the matrix, as fine as is wanted, costs a
small product of matrices.
"""

from dataclasses import dataclass
from functools import cached_property
from typing import Literal

import numpy as np
import numpy.typing as npt
import param

from dtviz.accelerator import product
from dtviz.directions import Float32

BlockValue = Literal["mean", "greatest"]
Bounds = npt.NDArray[np.intp]

# Rows of the similarity matrix that are held at a time.
_BLOCK = 512


def cell_bounds(first: int, last: int, most: int) -> Bounds:
    """Return where cells begin that share out the places from ``first`` up to ``last``, evenly.

    Returns:
        At most ``most`` + 1 bounds: cell i covers the places from bounds[i] up to bounds[i + 1].
        Where there are no more places than cells, each cell is one place.
    """
    cells = max(1, min(most, last - first))
    return first + np.arange(cells + 1) * (last - first) // cells


@dataclass(frozen=True, eq=False)
class Blocks:
    """The cosine similarity of unit vectors, a value for each block of pairs where they are many.

    Args:
        unit: vectors of length 1 (or 0), in the order of rows and columns, (n, d), n at least 1.
        most: cells a side.
        value: of a block: "mean", or "greatest": the cosine furthest from zero.
    """

    unit: Float32
    most: int
    value: BlockValue = "mean"

    @property
    def cells(self) -> int:
        """Cells a side of the whole: n, or fewer, each for a block of pairs."""
        return min(self.most, len(self.unit))

    @property
    def are_single(self) -> bool:
        """Whether each cell of the whole is one pair."""
        return self.cells == len(self.unit)

    @property
    def bounds(self) -> Bounds:
        """Where the cells of the whole begin, and n, (cells + 1,)."""
        return cell_bounds(0, len(self.unit), self.most)

    @cached_property
    def values(self) -> Float32:
        """The whole, (cells, cells)."""
        return self.within((0, len(self.unit)), (0, len(self.unit)))

    def within(self, rows: tuple[int, int], columns: tuple[int, int]) -> Float32:
        """Return a part, in as small blocks as there is room for.

        Args:
            rows, columns: the first place, and the one after the last.
        """
        down, across = (cell_bounds(*places, self.most) for places in (rows, columns))
        if self.value == "greatest":
            found = _greatest(self.unit, down, across)
        else:
            found = product(_means(self.unit, down), _means(self.unit, across))
        return np.clip(found, -1, 1)


def _means(unit: Float32, bounds: Bounds) -> Float32:
    sums = np.add.reduceat(unit[: bounds[-1]], bounds[:-1], axis=0)
    return np.asarray(sums / np.diff(bounds)[:, None].astype(np.float32))


def _greatest(unit: Float32, rows: Bounds, columns: Bounds) -> Float32:
    found = np.zeros((len(rows) - 1, len(columns) - 1), dtype=np.float32)
    is_symmetric = np.array_equal(rows, columns)
    cell = 0
    while cell < len(found):
        end = max(cell + 1, int(np.searchsorted(rows, rows[cell] + _BLOCK, "right")) - 1)
        # Of a symmetric matrix the upper half will do.
        across = columns[cell if is_symmetric else 0 :]
        cosines = product(unit[rows[cell] : rows[end]], unit[across[0] : across[-1]])
        places = (across[:-1] - across[0], rows[cell:end] - rows[cell])
        high, low = (
            extreme.reduceat(extreme.reduceat(cosines, places[0], axis=1), places[1], axis=0)
            for extreme in (np.maximum, np.minimum)
        )
        found[cell:end, len(columns) - len(across) :] = np.where(-low > high, low, high)
        cell = end
    return np.triu(found) + np.triu(found, 1).T if is_symmetric else found


class BlockAnalysis(param.Parameterized):
    """What a cell of the heatmap tells of the pairs that it stands for, where these are many."""

    block_value = param.Selector(
        objects=["mean", "greatest"],
        default="mean",
        label="Blocks show",
        doc="A cell of the heatmap that stands for a block of pairs shows their mean cosine, or "
        "the one of greatest |cosine|, which takes longer to find.",
    )

    def __call__(self, unit: Float32, most: int) -> Blocks:
        """Return the blocks of the similarity of unit vectors, ``most`` a side."""
        return Blocks(unit, most, self.block_value)
