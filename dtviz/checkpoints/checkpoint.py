"""Checkpoint: the weights and configurations that a file holds, checked when asked for."""

import json
import math
from collections.abc import Mapping
from dataclasses import dataclass

import torch
from torch import Tensor

from dtviz.checkpoints.files import OPENS, content, sha256
from dtviz.checkpoints.pickles import Other
from dtviz.checkpoints.safetensors_file import FLOATS
from dtviz.checkpoints.stored_array import StoredArray
from dtviz.errors import BadCheckpoint, listed, shortened

CONFIGS = ("model_config", "environment_config")
# Constants of the attention, not weights; IGNORE may be minus infinity.
BUFFERS = (".attn.mask", ".attn.IGNORE")
# Weights in float32 take so many times the file at most: in it they may be narrower, or stand once
# for two that are tied.
_MOST_TIMES = 10


@dataclass(frozen=True, kw_only=True)
class Checkpoint:
    """What a checkpoint file holds, before it is known to be a model.

    Args:
        weights: by the state dict's names, CPU tensors; those of floats are float32 and finite.
        model_config, environment_config: decoded from JSON.
        sha256: hash of the file.
    """

    weights: Mapping[str, Tensor]
    model_config: Mapping[str, object]
    environment_config: Mapping[str, object]
    sha256: str

    @classmethod
    def from_bytes(cls, data: bytes, name: str) -> "Checkpoint":
        """Return what the bytes of a checkpoint file hold; the format is recognized by them.

        Args:
            data: the whole file.
            name: the file's, for messages.

        Raises:
            BadCheckpoint: if they are no checkpoint, are damaged, would run code, lack a key, or
                hold numbers that are NaN or infinite.
        """
        held = content(data, name)
        missing = [key for key in ("model_state_dict", *CONFIGS) if key not in held]
        if missing:
            keys = [key for key in held if isinstance(key, str)]
            raise BadCheckpoint(
                expected=f"a checkpoint that holds {listed(missing)}",
                got=f"one that holds {listed(keys, 4) or 'nothing'}",
                do=OPENS,
            )
        state_dict = held["model_state_dict"]
        if not isinstance(state_dict, dict):
            raise BadCheckpoint(
                expected="'model_state_dict' as tensors by name",
                got=f"a {_kind(state_dict)}",
                do="Save the model's state_dict() there.",
            )
        arrays = {key: _array(value, key) for key, value in state_dict.items()}
        _check_size(arrays, len(data))
        return cls(
            weights={key: _tensor(array, key) for key, array in arrays.items()},
            model_config=_config(held, "model_config"),
            environment_config=_config(held, "environment_config"),
            sha256=sha256(data),
        )

    def stated(self, key: str) -> int | None:
        """Return a size that model_config states, or None where it is silent.

        Raises:
            BadCheckpoint: if it states something else than a whole number.
        """
        value = self.model_config.get(key)
        if value is None or (isinstance(value, int) and not isinstance(value, bool)):
            return value
        raise BadCheckpoint(
            expected=f"{key!r} in model_config as a whole number",
            got=shortened(value),
            do="Correct model_config.",
        )

    def weight(self, key: str, *shape: int | None) -> Tensor:
        """Return the weight called ``key``, float32, of this shape (None: any length but 0).

        Raises:
            BadCheckpoint: if it is missing, or of another shape or type.
        """
        if key not in self.weights:
            raise BadCheckpoint(
                expected=f"the weight {key!r}",
                got=f"only {listed(sorted(self.weights), 4) or 'an empty state dict'}",
                do="Check that the file is whole and holds a decision transformer.",
            )
        tensor = self.weights[key]
        if tensor.dtype != torch.float32:
            raise BadCheckpoint(
                expected=f"the weight {key!r} as floating point numbers",
                got=f"a tensor of {tensor.dtype}",
                do="Save the weights as they were trained.",
            )
        fits = len(tensor.shape) == len(shape) and all(
            length > 0 and wanted in (None, length)
            for length, wanted in zip(tensor.shape, shape, strict=True)
        )
        if not fits:
            lengths = ", ".join("any" if length is None else str(length) for length in shape)
            raise BadCheckpoint(
                expected=f"{key!r} of shape ({lengths}{',' * (len(shape) == 1)}), to agree with "
                "model_config and the other weights",
                got=f"shape {tuple(tensor.shape)}",
                do="Correct model_config, or save the checkpoint again.",
            )
        return tensor


def finite(tensor: Tensor, what: str) -> Tensor:
    """Return the tensor, having checked its numbers.

    Raises:
        BadCheckpoint: if one is NaN or infinite.
    """
    bad = tensor.numel() - int(torch.isfinite(tensor).sum())
    if bad:
        raise BadCheckpoint(
            expected=f"finite numbers in {what}",
            got=f"{bad} of {tensor.numel()} that are NaN or infinite",
            do="Check that training did not diverge and that the file is whole.",
        )
    return tensor


def _check_size(arrays: Mapping[str, StoredArray], length: int) -> None:
    """Refuse arrays that are far larger together than the file, of ``length`` bytes.

    Of one record in it any number of arrays can be made.

    Raises:
        BadCheckpoint: if they are.
    """
    numbers = sum(math.prod(array.shape) for array in arrays.values())
    if 4 * numbers > _MOST_TIMES * length:
        raise BadCheckpoint(
            expected=f"weights that take at most {_MOST_TIMES} times the size of their file",
            got=f"{numbers:,} numbers in {length:,} bytes",
            do="Save the model's state_dict() again.",
        )


def _array(value: object, key: str) -> StoredArray:
    """Return one entry of the state dict.

    Raises:
        BadCheckpoint: if it is not a plain tensor with all of its numbers in the file.
    """
    if isinstance(value, StoredArray):
        return value
    raise BadCheckpoint(
        expected=f"{shortened(key)} in model_state_dict as a dense tensor",
        got=f"a {_kind(value)}",
        do="Save the model's state_dict() there.",
    )


def _tensor(array: StoredArray, key: str) -> Tensor:
    """Return the numbers of an array; floats of any width as float32, and finite."""
    tensor = torch.from_numpy(array.read())
    floats = array.dtype in FLOATS and not key.endswith(BUFFERS)
    return finite(tensor.float(), shortened(key)) if floats else tensor


def _kind(value: object) -> str:
    """Say what stands in place of a tensor, or of tensors."""
    if isinstance(value, StoredArray):
        return "tensor"
    if isinstance(value, Other):
        return f"value of another kind, made by {shortened(value.name)}"
    return f"value of type {type(value).__name__}"


def _config(held: Mapping[object, object], key: str) -> dict[str, object]:
    """Return a configuration decoded from JSON.

    Raises:
        BadCheckpoint: if it is not a JSON object.
    """
    text = held[key]
    config: object = None
    if isinstance(text, str):
        try:
            config = json.loads(text)
        except (ValueError, RecursionError):
            config = None
    if not isinstance(config, dict):
        raise BadCheckpoint(
            expected=f"{key!r} as a JSON object in a string",
            got=shortened(text) if isinstance(text, str) else f"a {_kind(text)}",
            do="Save the configuration with json.dumps.",
        )
    return config
