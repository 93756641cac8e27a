"""Accelerator: large products of matrices, on the GPU where PyTorch has one."""

import contextlib
from functools import cache
from typing import Any, TypeVar

import numpy as np
import numpy.typing as npt

Float = TypeVar("Float", bound=np.floating[Any])

# Multiplications below which the way to a GPU and back takes longer than the CPU does.
LEAST = 2**28


def product(a: npt.NDArray[Float], b: npt.NDArray[Float]) -> npt.NDArray[Float]:
    """Return A Bᵀ, of each row of one with each of the other.

    What is not large, not float32, or does not fit a GPU is multiplied on the CPU, as all is
    without one. The numbers agree within the rounding of float32.

    Args:
        a: (n, width).
        b: (m, width).

    Returns:
        (n, m), of the arrays' own type.
    """
    if len(a) * b.size >= LEAST and a.dtype == b.dtype == np.float32:
        device = _device()
        if device is not None:
            import torch

            # Of a GPU without memory left, for one.
            with contextlib.suppress(RuntimeError):
                one, other = (torch.tensor(rows, device=device) for rows in (a, b))
                return np.asarray((one @ other.T).cpu().numpy())
    return np.asarray(a @ b.T)


@cache
def _device() -> Any:
    """Return the accelerator that PyTorch has, CUDA or MPS for instance; None without one."""
    import torch

    return torch.accelerator.current_accelerator(check_available=True)
