"""Reading files, .pt and .safetensors, without running any code in them."""

import hashlib
import io
import json
import pickle
import re
import warnings
import zipfile
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

import safetensors.torch
import torch

from dtviz.checkpoints.pickles import check_pickle
from dtviz.errors import BadCheckpoint, FileProblem, shortened

OPENS = (
    "dtviz opens decision transformers (.pt, .safetensors), language models (directories) and "
    "'demo'; Model.from_arrays takes arrays."
)
WHOLE = "Check that the file is whole: download, copy or save it again."
# At the start of a file that is no archive: three numbers, what was saved, and keys of storages.
_PICKLES = 5


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


def content(data: bytes) -> Mapping[object, object]:
    """Return the keys and values at the top of a checkpoint file.

    The format is told by the bytes, for uploads may be misnamed.

    Raises:
        BadCheckpoint: if the bytes are no checkpoint, are damaged, or would run code.
    """
    header = int.from_bytes(data[:8], "little")
    held: object
    if data[8:9] == b"{" and 8 + header <= len(data):
        held = _from_safetensors(data, header)
    elif data.startswith((b"PK\x03\x04", b"\x80")):
        held = _from_torch(data)
    else:
        raise BadCheckpoint(
            expected="a checkpoint written by torch.save or safetensors",
            got=f"a file that begins with {shortened(data[:8])}" if data else "an empty file",
            do=f"{WHOLE} {OPENS}",
        )
    if not isinstance(held, Mapping):
        raise BadCheckpoint(
            expected="a checkpoint that holds a dict with 'model_state_dict'",
            got=f"one that holds a {type(held).__name__}",
            do=OPENS,
        )
    return held


def _from_safetensors(data: bytes, header: int) -> dict[str, object]:
    """Return tensors and metadata the way torch.load returns them from a .pt file.

    Args:
        data: the whole file.
        header: length of its JSON header, which follows the first 8 bytes.
    """
    try:
        tensors = safetensors.torch.load(data)
        metadata = json.loads(data[8 : 8 + header]).get("__metadata__") or {}
    except Exception as error:  # of many kinds: each means that the file is damaged
        raise BadCheckpoint(
            expected="a whole .safetensors file", got="one that is damaged or cut short", do=WHOLE
        ) from error
    return {**metadata, "model_state_dict": tensors}


def _from_torch(data: bytes) -> object:
    """Return what torch.save wrote: only tensors and plain values, no code is run."""
    try:
        with warnings.catch_warnings():
            # What Python and torch warn of loads all the same, or else ends in an error.
            warnings.simplefilter("ignore")
            if data.startswith(b"PK"):
                _check_archive(data)
            else:
                stream = io.BytesIO(data)
                for _ in range(_PICKLES):
                    check_pickle(stream)
            return torch.load(io.BytesIO(data), map_location="cpu", weights_only=True)
    except Exception as error:  # of many kinds: each means that the file cannot be used
        wants = re.search(r"GLOBAL (\S+)", str(error))
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


def _check_archive(data: bytes) -> None:
    """Check what torch.load does not: checksums, pickles, and that nothing was compressed.

    Raises:
        Exception: of many kinds, if the archive is not as torch.save writes it.
    """
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        if sum(member.file_size for member in archive.infolist()) > len(data):
            raise zipfile.BadZipFile("compressed")
        if archive.testzip() is not None:
            raise zipfile.BadZipFile("wrong checksum")
        for member in archive.infolist():
            # Of names, torch.load takes upper and lower case for the same.
            if member.filename.lower().endswith("data.pkl"):
                check_pickle(io.BytesIO(archive.read(member)))
