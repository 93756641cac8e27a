"""Found: an MLP in the run of a small copy, by the numbers of its uses."""

from collections.abc import Mapping
from dataclasses import dataclass

from torch import Tensor

from dtviz.model import Side


@dataclass(frozen=True)
class Source:
    """What a linear map reads: the result of a norm, or something as it is.

    Args:
        use: the number of the norm's use, or of the use that reads the same.
        norm: the name of the norm, None if there is none.
        tokens: for each row, the token that it belongs to.
        factors: for each row, by what it is multiplied.
    """

    use: int
    norm: str | None
    tokens: Tensor
    factors: Tensor


@dataclass(frozen=True)
class Reader:
    """The use whose result is what neurons read: all of it, or one of several parts."""

    use: int
    part: int
    parts: int
    interleaved: bool

    def of(self, result: Tensor) -> Tensor:
        """Return its part of a result, (rows, neurons)."""
        if self.interleaved:
            return result[:, self.part :: self.parts]
        return result.chunk(self.parts, dim=1)[self.part]


@dataclass(frozen=True)
class Found:
    """An MLP, or an expert, in the run of a copy: the numbers of its uses.

    Args:
        out: of the map that writes.
        readers: for "in" and "gate", what gives it.
        at: of what reads the activations: `out`, or the norm before it.
        source: what the readers read.
        after: of the norms that the result passes.
        written: what its neurons write, once found.
    """

    out: int
    readers: Mapping[Side, Reader]
    at: int
    source: Source
    after: tuple[int, ...] = ()
    written: "Written | None" = None


@dataclass(frozen=True)
class Written:
    """What changes of activations added to the residual stream.

    Args:
        rows: of the uses of the MLP.
        tokens: of the residual stream, as many.
        activations: (rows, neurons), by how much they changed.
        stream: (rows, d_model), by how much the residual stream did.
        read: the number of the use that reads it then.
    """

    rows: Tensor
    tokens: Tensor
    activations: Tensor
    stream: Tensor
    read: int


@dataclass(frozen=True)
class Head:
    """The use of the map that gives the logits, and what it reads."""

    use: int
    source: Source
