"""Layers: the arrays of a side of the neurons, a layer each, read when they are asked for."""

from collections.abc import Callable, Sequence
from functools import lru_cache
from typing import Any, cast, overload

import numpy as np
import numpy.typing as npt
import psutil

from dtviz.directions import Float32, matrix_of
from dtviz.errors import BadArgument
from dtviz.later import Later

# Of all layers together: their vectors, these at length 1, and so in the order of the leaves.
_COPIES = 3
# Layers a side that stay in memory, of a model whose layers are read when they are asked for.
_KEPT = 2


class Layers(Sequence[Any]):
    """Arrays, a layer each. The last few that were read are kept, the others read again.

    Args:
        shapes: of each layer.
        read: returns a layer by its number.
        kept: how many layers stay in memory; 0 if all of them are there anyway.
        pieces: of each layer, see `Later`.
    """

    def __init__(
        self,
        shapes: Sequence[tuple[int, ...]],
        read: Callable[[int], Any],
        kept: int,
        pieces: Sequence[Sequence[Later]] = (),
    ) -> None:
        self.shapes = list(shapes)
        self._pieces = pieces
        self.are_in_memory = kept == 0
        # It can be asked by several threads at once.
        self._layer = lru_cache(maxsize=kept)(read)

    def __len__(self) -> int:
        return len(self.shapes)

    def part(self, layer: int, start: int, rows: int) -> Any:
        """Return some rows of a layer, read alone where that is possible."""
        first = 0
        for piece in self._pieces[layer] if self._pieces else ():
            if (first, piece.shape[0]) == (start, rows):
                return piece
            first += piece.shape[0]
        return Later((rows, *self.shapes[layer][1:]), lambda: self[layer][start : start + rows])

    @overload
    def __getitem__(self, layer: int) -> Any: ...
    @overload
    def __getitem__(self, layer: slice) -> Sequence[Any]: ...
    def __getitem__(self, layer: int | slice) -> Any:
        numbers = range(len(self))[layer]
        return self._layer(numbers) if isinstance(numbers, int) else [self[i] for i in numbers]


def joined(found: Layers, layers: Sequence[int]) -> Float32:
    """Return layers one after the other, read-only; of one layer no copy.

    Raises:
        BadArgument: if this machine has no memory free to look at so many together.
    """
    shapes = [found.shapes[layer] for layer in layers]
    rows, width = sum(shape[0] for shape in shapes), shapes[0][1]
    free, a_row = psutil.virtual_memory().available, _COPIES * 4 * width
    if len(layers) == 1:
        one: Float32 = found[layers[0]]
        return one
    if rows * a_row > free:
        raise BadArgument(
            expected=f"layers that can be looked at together in the {free / 1e9:.1f} GB of memory "
            f"that are free: about {free // a_row:,} neurons of {width:,} numbers",
            got=f"{len(layers)}, of {rows:,}, which need {rows * a_row / 1e9:.1f} GB",
            do="Look at one layer at a time, or make a table of all with dtviz table layers.",
        )
    rows_of_all = np.empty((rows, width), dtype=np.float32)
    start = 0
    for layer, shape in zip(layers, shapes, strict=True):
        rows_of_all[start : start + shape[0]] = found[layer]
        start += shape[0]
    rows_of_all.flags.writeable = False
    return rows_of_all


def layers_of(given: Sequence[npt.ArrayLike | Later], side: str) -> Layers:
    """Return the layers of a side: read and checked now, or when they are asked for."""
    whats = [f"side {side!r}, layer {i}" for i in range(len(given))]
    later = [layer for layer in given if isinstance(layer, Later)]
    if later and len(later) == len(given):
        return Layers(
            [layer.shape for layer in later],
            lambda i: matrix_of(later[i].read(), whats[i]),
            _KEPT,
            [layer.pieces for layer in later],
        )
    arrays = [
        matrix_of(cast(npt.ArrayLike, layer), what)
        for layer, what in zip(given, whats, strict=True)
    ]
    if not arrays:
        raise BadArgument(expected="at least one layer", got="none", do="Pass an array a layer.")
    return Layers([array.shape for array in arrays], arrays.__getitem__, 0)


def ranges(numbers: Sequence[int]) -> str:
    """Return numbers in order as text: "0 to 3, 5"."""
    runs: list[list[int]] = []
    for number in numbers:
        if runs and number == runs[-1][-1] + 1:
            runs[-1].append(number)
        else:
            runs.append([number])
    return ", ".join(str(run[0]) if len(run) == 1 else f"{run[0]} to {run[-1]}" for run in runs)
