"""Stored: a weight of a language model, in a file or in memory, read when it is asked for."""

from collections.abc import Callable
from dataclasses import dataclass

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
    """

    name: str
    shape: tuple[int, ...]
    read: Callable[[], Tensor]

    @classmethod
    def of(cls, name: str, tensor: Tensor) -> "Stored":
        """Return a weight that is in memory; what it holds when it is read counts."""
        return cls(name, tuple(tensor.shape), lambda: tensor)

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

    def half(self, which: int) -> "Stored":
        """Return the first (0) or the second (1) half of the rows."""
        rows = self.shape[0] // 2
        part = slice(which * rows, (which + 1) * rows)
        return Stored(self.name, (rows, *self.shape[1:]), lambda: self.read()[part])
