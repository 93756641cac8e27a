"""Reading files, .pt and .safetensors, without running any code in them."""

import hashlib
import io
import math
import os
import pickle
import re
import stat
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import partial
from io import BufferedReader
from pathlib import Path

import psutil

from dtviz.checkpoints.safetensors_file import OpenFile, read_array, read_header
from dtviz.checkpoints.stored_array import StoredArray
from dtviz.checkpoints.torch_file import Reopened, read_torch
from dtviz.errors import BadCheckpoint, FileProblem, shortened

OPENS = (
    "dtviz opens decision transformers (.pt, .safetensors), language models (directories, .gguf) "
    "and 'demo'; Model.from_arrays takes arrays."
)
WHOLE = "Check that the file is whole: download, copy or save it again."
# What opening a file takes of memory, as measured: its bytes, its weights in float32, these padded,
# and folded. Of narrower floats it is twice as much.
_TIMES = 5
# Of a large file so many pieces of so many bytes, evenly spread, enter its hash.
_PIECES, _PIECE = 64, 4096


def file_bytes(path: Path, most: float = math.inf) -> bytes:
    """Return what is in a file.

    Args:
        path: of a plain file; pipes and devices, which may never end, are not waited for.
        most: bytes that it may have.

    Raises:
        FileProblem: if it is missing, no plain file, larger than that or than the memory that is
            free, or cannot be read.
    """
    with opened(path) as file:
        length = os.fstat(file.fileno()).st_size
        _check_length(path, length, most)
        try:
            return file.read(length)
        except OSError as error:
            raise _unreadable(path, error) from error


def opened(path: Path) -> BufferedReader:
    """Return a plain file, open for reading; pipes and devices are not waited for.

    Raises:
        FileProblem: if it is missing, no plain file, or cannot be opened.
    """
    try:
        file = open(path, "rb", opener=_without_waiting)  # noqa: SIM115  its caller closes it
    except IsADirectoryError as error:
        raise _no_file(path, "a directory") from error
    except (FileNotFoundError, NotADirectoryError, ValueError) as error:  # of no name of a file
        raise _no_file(path, "no such file") from error
    except OSError as error:
        raise _unreadable(path, error) from error
    if stat.S_ISREG(os.fstat(file.fileno()).st_mode):
        return file
    file.close()
    raise _no_file(path, "a pipe or a device")


@contextmanager
def unchanged(path: Path, before: os.stat_result) -> Iterator[BufferedReader]:
    """Open a file that is still the one that was looked at before.

    Args:
        path: of the file.
        before: what it was then.

    Raises:
        BadCheckpoint: if it has changed, is gone, or cannot be read.
    """
    try:
        with path.open("rb") as file:
            now = os.fstat(file.fileno())
            if (now.st_size, now.st_mtime_ns) != (before.st_size, before.st_mtime_ns):
                raise gone(path)
            yield file
    except BadCheckpoint:
        raise
    except OSError as error:
        raise gone(path) from error


def gone(path: Path) -> BadCheckpoint:
    """Return what to raise of a file that is not as it was."""
    return BadCheckpoint(
        expected=f"{shortened(path.name)} as it was when the model was opened",
        got="one that has changed, is gone or cannot be read",
        do="Open the model again.",
    )


def samples(file: BufferedReader, size: int) -> Iterator[bytes]:
    """Yield pieces of a file of so many bytes: 64 of 4 KiB, evenly spread."""
    for piece in range(_PIECES):
        file.seek(size * piece // _PIECES)
        yield file.read(_PIECE)


def _unreadable(path: Path, error: OSError) -> FileProblem:
    return FileProblem(
        expected="a file that can be read",
        got=f"{shortened(str(path))}: {error.strerror}",
        do="Check the path and the permissions of the file.",
    )


def _without_waiting(path: str, flags: int) -> int:
    return os.open(path, flags | os.O_NONBLOCK)


def _no_file(path: Path, got: str) -> FileProblem:
    return FileProblem(
        expected="the path of a checkpoint file", got=f"{got}: {shortened(str(path))}", do=OPENS
    )


def _check_length(path: Path, length: int, most: float) -> None:
    """Refuse a file that is too large, before it is read."""
    free = psutil.virtual_memory().available
    if length > most:
        raise FileProblem(
            expected=f"a file of at most {most:,} bytes",
            got=f"{shortened(str(path))} of {length:,}",
            do=WHOLE,
        )
    if _TIMES * length > free:
        raise FileProblem(
            expected=f"a file that can be opened in the {free / 1e9:.1f} GB of memory that are "
            f"free: of {free / _TIMES / 1e9:.1f} GB at most",
            got=f"{shortened(str(path))} of {length / 1e9:.1f} GB",
            do="Close other programs, or open it on a machine with more memory.",
        )


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
        held = from_torch(io.BytesIO(data), name)
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


def from_torch(file: OpenFile, name: str, reopened: Reopened | None = None) -> object:
    """Return what torch.save wrote: tensors and plain values, no code is run.

    Args:
        file, name, reopened: as `read_torch` takes them.

    Raises:
        BadCheckpoint: if it is damaged, or would run code.
    """
    try:
        return read_torch(file, name, reopened)
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
