"""Norm: a LayerNorm or RMSNorm of a language model, told by what it does, and its folding."""

import contextlib
import copy
import itertools
from dataclasses import dataclass
from typing import get_args

import torch
from torch import Tensor, nn

from dtviz.checkpoints.stored import Stored
from dtviz.directions import NORMALIZATIONS, Normalization
from dtviz.errors import BadCheckpoint


@dataclass(frozen=True)
class Norm:
    """A normalization: (offset + weight) * LN(x) + bias, or RMSNorm(x) instead of LN(x).

    Args:
        kind: LayerNorm or RMSNorm.
        epsilon: added to the mean square.
        weight, bias: (d_model,); None where it has none.
        offset: 1 where the weight that is stored is what the scale has more than 1, as in Gemma.
    """

    kind: Normalization
    epsilon: float
    weight: Stored | None = None
    bias: Stored | None = None
    offset: int = 0

    @property
    def name(self) -> str:
        """Its name in titles."""
        return NORMALIZATIONS[self.kind]

    def into_readers(self, rows: Tensor) -> Tensor:
        """Return weights that read the result, (n, d_model), as weights that read LN(x) itself.

        They are centred over d_model where it subtracts the mean: of what they read, that is 0.
        """
        return self._centred(self.scaled(rows))

    def into_writers(self, rows: Tensor) -> Tensor:
        """Return weights that write what is normalized, (n, d_model), as what comes out of it.

        Up to the length that it divides by, which depends on what all neurons write together.
        """
        return self.scaled(self._centred(rows))

    def applied(self, rows: Tensor) -> Tensor:
        """Return what comes out of it, given what goes in, (n, d_model)."""
        result = self.scaled(self._centred(rows) / self.size(rows))
        return result if self.bias is None else result + self.bias()

    def size(self, rows: Tensor) -> Tensor:
        """Return what each row is divided by, (n, 1)."""
        return torch.sqrt((self._centred(rows) ** 2).mean(dim=1, keepdim=True) + self.epsilon)

    def scaled(self, rows: Tensor) -> Tensor:
        """Return the rows, each number times the scale of its place in the residual stream."""
        return rows if self.weight is None else rows * (self.offset + self.weight())

    def _centred(self, rows: Tensor) -> Tensor:
        return rows - rows.mean(dim=1, keepdim=True) if self.kind == "LN" else rows


def norm_of(module: nn.Module, width: int) -> Norm:
    """Return what a module does, without its parameters, found by trying it on random numbers.

    Classes of one name differ between architectures: some store 1 less than the scale.

    Args:
        module: with parameters called "weight" and "bias", or without; it may be on "meta".
        width: d_model.

    Raises:
        BadCheckpoint: if it is neither LayerNorm nor RMSNorm.
    """
    values = (getattr(module, name, None) for name in ("eps", "variance_epsilon", "epsilon"))
    epsilon = next((float(value) for value in values if isinstance(value, float)), 1e-5)
    random = torch.Generator().manual_seed(0)
    trial = copy.deepcopy(module).to_empty(device="cpu").float()
    for parameter in trial.parameters():
        parameter.data = torch.rand(parameter.shape, generator=random)
    held = dict(trial.named_parameters())
    x = torch.rand(4, width, generator=random)
    with torch.no_grad(), contextlib.suppress(Exception):  # of whatever takes something else
        result = trial(x)
        for kind, offset in itertools.product(get_args(Normalization), (0, 1)):
            centred = x - x.mean(dim=1, keepdim=True) if kind == "LN" else x
            expected = centred / torch.sqrt((centred**2).mean(dim=1, keepdim=True) + epsilon)
            expected = expected * (offset + held["weight"] if "weight" in held else 1.0)
            expected = expected + held.get("bias", torch.zeros(()))
            if torch.allclose(result, expected, rtol=1e-3, atol=1e-3):
                return Norm(kind, epsilon, offset=offset)
    raise BadCheckpoint(
        expected="a LayerNorm or an RMSNorm before the MLPs and the unembedding",
        got=f"a {type(module).__name__}, which is neither",
        do="Open another model: dtviz cannot fold this one.",
    )
