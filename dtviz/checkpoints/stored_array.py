"""Stored arrays: numbers in a checkpoint file, known by kind and shape until they are read."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy.typing as npt


@dataclass(frozen=True)
class StoredArray:
    """An array in a file that is open.

    Args:
        dtype: its kind, by the names that .safetensors files have: "F32", "BF16", "I64"…
        shape: known without reading.
        read: returns the numbers; of BF16 in float32.
    """

    dtype: str
    shape: tuple[int, ...]
    read: Callable[[], npt.NDArray[Any]]
