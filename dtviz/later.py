"""Later: what is known of a model before it is read, and read when it is first asked for."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING, Any, overload

import numpy as np
import numpy.typing as npt


@dataclass(frozen=True)
class Later:
    """An array that is read when it is asked for.

    Args:
        shape: known without reading.
        read: returns the array, of any kind of floats.
        pieces: of an array whose rows are read in pieces: those, in order.
    """

    shape: tuple[int, ...]
    read: Callable[[], npt.ArrayLike]
    pieces: "Sequence[Later]" = ()

    @classmethod
    def joined(cls, pieces: "Sequence[Later]") -> "Later":
        """Return arrays as one, their rows after each other."""
        if len(pieces) == 1:
            return pieces[0]
        shape = (sum(piece.shape[0] for piece in pieces), *pieces[0].shape[1:])
        return cls(shape, lambda: _filled(shape, pieces), pieces)


def _filled(shape: tuple[int, ...], pieces: Sequence[Later]) -> npt.ArrayLike:
    whole = np.empty(shape, dtype=np.float32)
    start = 0
    for piece in pieces:
        whole[start : start + piece.shape[0]] = piece.read()
        start += piece.shape[0]
    return whole


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


class Postponed:
    """A frozen dataclass with fields that are read when they are first asked for."""

    def _postpone(self, field: str, read: Callable[[], Any]) -> None:
        self.__dict__.pop(field, None)
        self.__dict__.setdefault("_postponed", {})[field] = read

    def is_postponed(self, field: str) -> bool:
        """Return whether a field is read when it is first asked for, or was read so."""
        return field in self.__dict__.get("_postponed", {})

    if not TYPE_CHECKING:  # else no misspelt name would be found

        def __getattr__(self, name: str) -> Any:
            # Only what has no value yet is asked for here.
            read = self.__dict__.get("_postponed", {}).get(name)
            if read is None:
                raise AttributeError(f"{type(self).__name__!r} object has no attribute {name!r}")
            value = self.__dict__[name] = read()
            return value
