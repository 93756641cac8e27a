"""Later: what is known of a model before it is read, and read when it is first asked for."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

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
