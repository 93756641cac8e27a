"""Later: what is known of a model before it is read, and read when it is first asked for."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING, Any, overload

import numpy.typing as npt


@dataclass(frozen=True)
class Later:
    """An array that is read when it is asked for.

    Args:
        shape: known without reading.
        read: returns the array, of any kind of floats.
    """

    shape: tuple[int, ...]
    read: Callable[[], npt.ArrayLike]


class Layers(Sequence[Any]):
    """Arrays, a layer each. The last few that were read are kept, the others read again.

    Args:
        shapes: of each layer.
        read: returns a layer by its number.
        kept: how many layers stay in memory; 0 if all of them are there anyway.
    """

    def __init__(
        self, shapes: Sequence[tuple[int, ...]], read: Callable[[int], Any], kept: int
    ) -> None:
        self.shapes = list(shapes)
        self.are_in_memory = kept == 0
        # It can be asked by several threads at once.
        self._layer = lru_cache(maxsize=kept)(read)

    def __len__(self) -> int:
        return len(self.shapes)

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
