"""Reading files, .pt and .safetensors, without running any code in them."""

import hashlib
import io
import pickle
import re
from collections.abc import Iterable, Mapping, Sequence
from functools import partial
from pathlib import Path

from dtviz.checkpoints.safetensors_file import OpenFile, read_array, read_header
from dtviz.checkpoints.stored_array import StoredArray
from dtviz.checkpoints.torch_file import read_torch
from dtviz.errors import BadCheckpoint, FileProblem, shortened

OPENS = (
    "dtviz opens decision transformers (.pt, .safetensors), language models (directories) and "
    "'demo'; Model.from_arrays takes arrays."
)
WHOLE = "Check that the file is whole: download, copy or save it again."


def file_bytes(path: Path) -> bytes:
    """Return what is in a file.

    Raises:
        FileProblem: if it is missing, not a file, or cannot be read.
    """
    try:
        data = path.read_bytes() if path.is_file() else None
    except OSError as error:
        raise FileProblem(
            expected="a file that can be read",
            got=f"{shortened(str(path))}: {error.strerror}",
            do="Check the path and the permissions of the file.",
        ) from error
    if data is None:
        raise FileProblem(
            expected="the path of a checkpoint file",
            got=f"{'a directory' if path.is_dir() else 'no such file'}: {shortened(str(path))}",
            do=OPENS,
        )
    return data


def check_links(entries: Iterable[Path], folders: Sequence[Path]) -> None:
    """Refuse links that lead out of the folders that a model may be in, and pipes.

    Raises:
        BadCheckpoint: if there is one.
    """
    inside = [folder.resolve() for folder in folders]
    for entry in entries:
        try:
            place = entry.resolve()
        except (OSError, RuntimeError):  # a RuntimeError for one that leads to itself
            place = Path()
        is_inside = any(place.is_relative_to(folder) for folder in inside)
        if not (is_inside and (place.is_file() or place.is_dir())):
            raise BadCheckpoint(
                expected=f"all of a model's files in its folder {shortened(str(folders[0]))}",
                got=f"{shortened(entry.name)}, which leads out of it or is no file",
                do="Put the file itself there.",
            )


def sha256(data: bytes) -> str:
    """Return the hash of a file's bytes, in hexadecimal."""
    return hashlib.sha256(data).hexdigest()


def content(data: bytes, name: str) -> Mapping[object, object]:
    """Return the keys and values at the top of a checkpoint file, tensors as `StoredArray`.

    The format is recognized by the bytes, for uploads may be misnamed.

    Args:
        data: the whole file.
        name: the file's, for messages.

    Raises:
        BadCheckpoint: if the bytes are no checkpoint, are damaged, or would run code.
    """
    length = int.from_bytes(data[:8], "little")
    held: object
    if data[8:9] == b"{" and 8 + length <= len(data):
        held = _from_safetensors(io.BytesIO(data), name)
    elif data.startswith((b"PK\x03\x04", b"\x80")):
        held = _from_torch(io.BytesIO(data), name)
    else:
        raise BadCheckpoint(
            expected="a checkpoint written by torch.save or safetensors",
            got=f"a file that begins with {shortened(data[:8])}" if data else "an empty file",
            do=f"{WHOLE} {OPENS}",
        )
    if not isinstance(held, dict):
        is_tensor = isinstance(held, StoredArray)
        raise BadCheckpoint(
            expected="a checkpoint that holds a dict with 'model_state_dict'",
            got=f"one that holds a {'tensor' if is_tensor else type(held).__name__}",
            do=OPENS,
        )
    return held


def _from_safetensors(file: OpenFile, name: str) -> dict[str, object]:
    """Return tensors and metadata in the arrangement of a .pt file."""
    header = read_header(file, name)
    tensors = {
        key: StoredArray(entry.dtype, entry.shape, partial(read_array, file, entry, name))
        for key, entry in header.tensors.items()
    }
    return {**header.metadata, "model_state_dict": tensors}


def _from_torch(file: OpenFile, name: str) -> object:
    """Return what torch.save wrote: tensors and plain values, no code is run."""
    try:
        return read_torch(file, name)
    except Exception as error:  # of many kinds: each means that the file cannot be used
        wants = re.match(r"GLOBAL (\S+)", str(error))
        if wants and isinstance(error, pickle.UnpicklingError):
            raise BadCheckpoint(
                expected="a checkpoint of tensors and plain values",
                got=f"one that asks for {shortened(wants[1])}, which could run code; none ran",
                do="Save the model's state_dict(), and its configurations as JSON.",
            ) from error
        raise BadCheckpoint(
            expected="a whole checkpoint written by torch.save",
            got="a file that is damaged, cut short or of another kind",
            do=f"{WHOLE} {OPENS}",
        ) from error
