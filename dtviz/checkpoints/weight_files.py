"""The files of weights in a Hugging Face directory, and what is in them, read piece by piece."""

import os
from functools import partial
from pathlib import Path
from typing import NamedTuple

import torch
from torch import Tensor

from dtviz.checkpoints.files import from_torch, gone, opened, unchanged
from dtviz.checkpoints.safetensors_file import FLOATS, Entry, read_array, read_header
from dtviz.checkpoints.small_files import read_json
from dtviz.checkpoints.stored import Stored
from dtviz.checkpoints.stored_array import StoredArray
from dtviz.errors import BadCheckpoint, listed, shortened

SAFETENSORS = ".safetensors"
# Of several sets transformers loads the first in this order.
_SETS = (
    ("model.safetensors", "model.safetensors.index.json"),
    ("pytorch_model.bin", "pytorch_model.bin.index.json"),
)
_FP8 = "F8_E4M3"
_PACKED = (_FP8, "U8")
_OTHERS = (".bin", ".pt", ".pth", ".ckpt", ".h5", ".msgpack", ".gguf", ".npz")
# Of a LoRA, and of nothing else.
_ADAPTER = "adapter_config.json"


def weight_files(path: Path) -> list[Path]:
    """Return a directory's files of weights: the one, or those that the index names, or all.

    Raises:
        BadCheckpoint: if there are none, or some are missing.
    """
    for one, index in _SETS:
        if (path / one).is_file():
            return [path / one]
        if (path / index).is_file():
            return _named(path, index)
    if is_lora(path):
        raise lora(path)
    files = sorted(path.glob(f"*{SAFETENSORS}"))
    if not files:
        others = sorted(file.name for file in path.glob("*") if file.suffix in _OTHERS)
        raise BadCheckpoint(
            expected=f"weights as .safetensors or pytorch_model.bin in {shortened(str(path))}",
            got=f"only {listed(others)}" if others else "no weights",
            do="Save the model with save_pretrained, which writes .safetensors."
            if others
            else "Download these files, too.",
        )
    return files


def _named(path: Path, index: str) -> list[Path]:
    """Return the files that an index names, all in its own folder."""
    named = read_json(path / index).get("weight_map")
    names = sorted({str(name) for name in named.values()}) if isinstance(named, dict) else []
    files = [path / name for name in names]
    # It may name what is elsewhere, or what cannot be a name.
    missing = [file.name for file in files if file.parent != path or not os.path.isfile(file)]
    if missing or not files:
        raise BadCheckpoint(
            expected=f"the weights that {index} names in {shortened(str(path))}",
            got=f"one without {listed(missing)}" if missing else "no weights",
            do="Download the files that are missing.",
        )
    return files


def is_lora(path: Path) -> bool:
    """Tell whether a path is that of a folder with a LoRA."""
    return os.path.isfile(path / _ADAPTER)


def lora(path: Path) -> BadCheckpoint:
    """Return what to raise of the folder of a LoRA."""
    return BadCheckpoint(
        expected="the folder of a whole language model",
        got=f"{shortened(path.name)}, a LoRA adapter: changes to the weights of another model",
        do="Merge it with that model: peft's merge_and_unload(), then save_pretrained.",
    )


class Weights(NamedTuple):
    """What a file holds by name: numbers of floating point, and what others are packed in."""

    floats: dict[str, Stored]
    packed: dict[str, Stored]


def weights_in(file: Path) -> Weights:
    """Return the weights in a file; other kinds than floats, FP8 and bytes are no weights.

    Raises:
        BadCheckpoint: if it is damaged, would run code, or is gone.
    """
    try:
        with opened(file) as data:
            state = os.fstat(data.fileno())
            if file.suffix == SAFETENSORS:
                tensors = read_header(data, file.name).tensors
                floats = {key: one for key, one in tensors.items() if one.dtype in FLOATS}
                packed = {key: one for key, one in tensors.items() if one.dtype in _PACKED}
                stored = partial(_stored, file, state)
                return Weights(
                    {key: stored(key, entry) for key, entry in floats.items()},
                    {key: stored(key, entry) for key, entry in packed.items()},
                )
            held = from_torch(data, file.name, partial(unchanged, file, state))
    except OSError as error:
        raise gone(file) from error
    if not isinstance(held, dict):
        raise BadCheckpoint(
            expected=f"{shortened(file.name)} as tensors by name",
            got=f"a {type(held).__name__}",
            do="Save the model with save_pretrained.",
        )
    return Weights(
        {
            key: Stored(key, value.shape, partial(_converted, value))
            for key, value in held.items()
            if isinstance(value, StoredArray) and value.dtype in FLOATS
        },
        {},
    )


def _stored(file: Path, state: os.stat_result, key: str, entry: Entry) -> Stored:
    read = partial(read_weight, file, state, entry)
    return Stored(key, entry.shape, read, slice=read)


def read_weight(
    file: Path, before: os.stat_result, entry: Entry, index: int | None = None
) -> Tensor:
    """Return a weight of a file that is still the one whose header was read, or a part of it.

    Args:
        file: that holds it.
        before: what the file was then.
        entry: of its header.
        index: if given, only what is at this place of the first axis is read.
    """
    if index is not None:
        size = (entry.end - entry.begin) // entry.shape[0]
        begin = entry.begin + index * size
        entry = Entry(entry.dtype, entry.shape[1:], begin, begin + size)
    with unchanged(file, before) as data:
        found = torch.from_numpy(read_array(data, entry, file.name))
    return found.view(torch.float8_e4m3fn) if entry.dtype == _FP8 else found


def _converted(array: StoredArray) -> Tensor:
    return torch.from_numpy(array.read())
