"""Stored: a weight of a language model, in a file or in memory, read when it is asked for."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import torch
from torch import Tensor

from dtviz.checkpoints.checkpoint import finite
from dtviz.errors import shortened


@dataclass(frozen=True)
class Stored:
    """A weight that is known by its name and shape until it is read.

    Args:
        name: in the file or the model, for messages.
        shape: known without reading.
        read: returns the tensor, of any kind of floats, on any device.
        slice: returns one place of its first axis; without it, all is read for that.
        pieces: what it is made of, where that is kept apart: matrices that are stacked along the
            first axis, or `are_rows`, whose rows follow each other.
    """

    name: str
    shape: tuple[int, ...]
    read: Callable[[], Tensor]
    slice: Callable[[int], Tensor] = field(default=None)  # type: ignore[assignment]  # set below
    pieces: "tuple[Stored, ...] | None" = None
    are_rows: bool = False

    def __post_init__(self) -> None:
        if self.slice is None:
            object.__setattr__(self, "slice", lambda index: self.read()[index])

    @classmethod
    def of(cls, name: str, tensor: Tensor) -> "Stored":
        """Return a weight that is in memory; what it holds when it is read counts."""
        return cls(name, tuple(tensor.shape), lambda: tensor)

    @classmethod
    def stacked(cls, name: str, pieces: "Sequence[Stored]") -> "Stored":
        """Return matrices of one shape, stacked along a new first axis."""
        shape = (len(pieces), *pieces[0].shape)
        return cls(
            name, shape, lambda: torch.stack([one.read() for one in pieces]), pieces=tuple(pieces)
        )

    @classmethod
    def joined(cls, name: str, pieces: "Sequence[Stored]") -> "Stored":
        """Return the rows of matrices after each other."""
        shape = (sum(one.shape[0] for one in pieces), *pieces[0].shape[1:])
        return cls(
            name,
            shape,
            lambda: torch.cat([one.read() for one in pieces]),
            pieces=tuple(pieces),
            are_rows=True,
        )

    def __call__(self) -> Tensor:
        """Return the weight in float32 on the CPU.

        Raises:
            BadCheckpoint: if one of its numbers is NaN or infinite, or the file is damaged.
        """
        return finite(self.read().detach().cpu().float(), shortened(self.name))

    @property
    def transposed(self) -> "Stored":
        """The matrix with rows and columns exchanged."""
        return Stored(self.name, self.shape[::-1], lambda: self.read().T)

    def at(self, index: int) -> "Stored":
        """Return one of the matrices that are stacked along the first axis."""
        if self.pieces is not None and not self.are_rows:
            return self.pieces[index]
        return Stored(self.name, self.shape[1:], lambda: self.slice(index))

    def part(self, which: int, parts: int, *, interleaved: bool = False) -> "Stored":
        """Return one of several matrices whose rows follow, or alternate with, each other."""
        if parts == 1:
            return self
        if self.pieces is not None and self.are_rows and len(self.pieces) == parts:
            return self.pieces[which]
        rows = self.shape[0] // parts
        start = which if interleaved else which * rows
        held = slice(start, None, parts) if interleaved else slice(start, start + rows)
        return Stored(self.name, (rows, *self.shape[1:]), lambda: self.read()[held])
