"""A .safetensors file: its header, parsed once and strictly, and its arrays, read piece by piece.

One parse decides what is in the file, and its numbers are read as they are asked for: never
mapped, as a file that is cut short while it is mapped ends the process.
"""

import json
import math
import os
from io import BufferedReader, BytesIO
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from dtviz.errors import BadCheckpoint, shortened

OpenFile = BufferedReader | BytesIO
"""What is read: a file that is open, or bytes in memory."""

# The bits of each number, by the names that the format has for its kinds.
# fmt: off
BITS = {
    "BOOL": 8, "U8": 8, "I8": 8, "U16": 16, "I16": 16, "U32": 32, "I32": 32, "U64": 64, "I64": 64,
    "F4": 4, "F6_E2M3": 6, "F6_E3M2": 6, "F8_E5M2": 8, "F8_E4M3": 8, "F8_E8M0": 8,
    "F8_E4M3FNUZ": 8, "F8_E5M2FNUZ": 8, "F16": 16, "BF16": 16, "F32": 32, "F64": 64, "C64": 64,
}
# What NumPy calls them; of kinds that it does not know, what holds their bits.
_NUMPY = {
    "BOOL": "?", "U8": "u1", "I8": "i1", "U16": "<u2", "I16": "<i2", "U32": "<u4", "I32": "<i4",
    "U64": "<u8", "I64": "<i8", "F16": "<f2", "BF16": "<u2", "F32": "<f4", "F64": "<f8",
    "C64": "<c8",
}
# fmt: on
FLOATS = ("F64", "F32", "F16", "BF16")
# Of a hundred thousand tensors; decoded it takes some twenty times as much.
_MOST_HEADER = 10_000_000
_MOST_DIMENSIONS = 32


class Entry(NamedTuple):
    """Where a tensor is: its kind and shape, and its first byte in the file and that after it."""

    dtype: str
    shape: tuple[int, ...]
    begin: int
    end: int


class Header(NamedTuple):
    """What a file says that it holds: tensors and texts, by name."""

    tensors: dict[str, Entry]
    metadata: dict[str, str]


def read_header(file: OpenFile, name: str) -> Header:
    """Return what a file holds, checked: each of its bytes belongs to one tensor.

    Args:
        file: open for reading bytes; of bytes in memory, ``io.BytesIO(data)``.
        name: the file's, for messages.

    Raises:
        BadCheckpoint: if it is not as the format wants it, or cut short.
        OSError: if it cannot be read.
    """
    size = file.seek(0, os.SEEK_END)
    length = int.from_bytes(_read(file, 0, 8, name).tobytes(), "little")
    if length > _MOST_HEADER:
        raise _damaged(name, f"a header of {length:,} bytes, more than {_MOST_HEADER:,}")
    text = _read(file, 8, length, name).tobytes()
    try:
        held = json.loads(text.decode(), object_pairs_hook=_all_different)
        metadata = held.pop("__metadata__", None) or {}
        tensors = {key: _entry(said, 8 + length, size) for key, said in held.items()}
        if not all(isinstance(said, str) for said in metadata.values()):
            raise TypeError("its metadata are not all texts")
        for key in (*tensors, *metadata, *metadata.values()):
            key.encode()  # half a surrogate pair is no text
    except (ValueError, RecursionError, TypeError, AttributeError, KeyError) as error:
        raise _damaged(name, f"a header that is damaged: {shortened(str(error), 60)}") from error
    at = 8 + length
    for entry in sorted(tensors.values(), key=lambda entry: (entry.begin, entry.end)):
        if entry.begin != at:
            raise _damaged(name, "one whose tensors overlap, or leave bytes between them")
        at = entry.end
    if at != size:
        got = "that is cut short" if at > size else f"with {size - at:,} bytes of no tensor"
        raise _damaged(name, f"one {got}")
    return Header(tensors, metadata)


def read_array(file: OpenFile, entry: Entry, name: str) -> npt.NDArray[Any]:
    """Return the numbers of a tensor, read-write, of the shape that it has.

    Args:
        file: that the entry is of, open for reading bytes.
        entry: of its header.
        name: the file's, for messages.

    Returns:
        BF16 as float32; F8 of any kind as the bytes that stand for the numbers, uint8; the others
        as what they are.

    Raises:
        BadCheckpoint: if the file has become shorter, or several numbers share a byte.
        OSError: if it cannot be read.
    """
    if BITS[entry.dtype] < 8:
        raise BadCheckpoint(
            expected=f"numbers of at least one byte each in {shortened(name)}",
            got=f"a tensor of kind {entry.dtype}",
            do="Save it as another kind, such as BF16.",
        )
    data = _read(file, entry.begin, entry.end - entry.begin, name)
    found = data.view(_NUMPY.get(entry.dtype, "u1")).reshape(entry.shape)
    if entry.dtype != "BF16":
        return found
    wide = found.astype(np.uint32)
    wide <<= 16  # they are the upper half of a float32
    return wide.view(np.float32)


def _read(file: OpenFile, begin: int, length: int, name: str) -> npt.NDArray[np.uint8]:
    """Return some of a file's bytes; the memory for them is taken only where they are there."""
    if begin + length > file.seek(0, os.SEEK_END):
        raise _damaged(name, "one that is cut short")
    data = np.empty(length, np.uint8)
    left = data.data
    file.seek(begin)
    while left:
        count = file.readinto(left)
        if not count:
            raise _damaged(name, "one that is cut short")
        left = left[count:]
    return data


def _entry(said: dict[str, Any], start: int, size: int) -> Entry:
    """Return what the header says of a tensor, its place counted from the file's beginning."""
    dtype, shape, offsets = said.pop("dtype"), said.pop("shape"), said.pop("data_offsets")
    begin, end = offsets
    if said or not all(type(number) is int and number >= 0 for number in (*shape, begin, end)):
        raise ValueError("a tensor of other kinds")
    # No kind has more than two numbers a byte; where one dimension is 0, others could be anything.
    if len(shape) > _MOST_DIMENSIONS or any(length > 2 * size for length in shape):
        raise ValueError("a shape that cannot be")
    if math.prod(shape) * BITS[dtype] != 8 * (end - begin):
        raise ValueError("a shape that does not agree with the bytes")
    return Entry(dtype, tuple(shape), start + begin, start + end)


def _all_different(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    held = dict(pairs)
    if len(held) != len(pairs):
        raise ValueError("a name that comes twice")
    return held


def _damaged(name: str, got: str) -> BadCheckpoint:
    return BadCheckpoint(
        expected=f"{shortened(name)} as a whole .safetensors file",
        got=got,
        do="Check that the file is whole: download, copy or save it again.",
    )
