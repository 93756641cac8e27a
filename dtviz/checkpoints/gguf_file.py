"""A GGUF file: its header, parsed once and strictly, and its tensors, dequantized when asked for.

Of the package gguf only constants and formulas are used: its reader maps the file, and a file that
is cut short while it is mapped ends the process.
"""

import contextlib
import hashlib
import math
import os
import struct
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from dtviz.checkpoints.safetensors_file import OpenFile
from dtviz.errors import BadCheckpoint, FileProblem, shortened
from dtviz.output import read_start

MAGIC = b"GGUF"
TOKENS = "tokenizer.ggml.tokens"
_VERSIONS = (2, 3)
# The formats of plain values by the numbers that stand for their kinds; then texts and arrays.
_PLAIN = {
    **{0: "<B", 1: "<b", 2: "<H", 3: "<h", 4: "<I", 5: "<i", 6: "<f", 7: "<?"},
    **{10: "<Q", 11: "<q", 12: "<d"},
}
_TEXT, _ARRAY = 8, 9
# The largest vocabularies, with their merges, take 20 MB.
_MOST_HEADER = 2**25
_MOST_NAME = 1000
_MOST_DIMENSIONS = 4
_MOST_ALIGNMENT = 2**16


class Entry(NamedTuple):
    """Where a tensor is: its kind, its shape, and its first byte in the file and that after it."""

    kind: int
    shape: tuple[int, ...]
    begin: int
    end: int


class Header(NamedTuple):
    """What a file says that it holds.

    Args:
        metadata: by name: plain values, texts, arrays of numbers; of texts the tokens (as bytes),
            of other lists of texts only how many there are.
        tensors: by name.
        size: bytes of the header.
        sha256: its hash.
    """

    metadata: dict[str, Any]
    tensors: dict[str, Entry]
    size: int
    sha256: bytes


def is_gguf(path: Path) -> bool:
    """Tell whether a path is that of a GGUF file, by its first bytes."""
    with contextlib.suppress(OSError, ValueError):
        return read_start(path, len(MAGIC)) == MAGIC
    return False


def read_header(file: OpenFile, name: str) -> Header:
    """Return what a file holds, checked: tensors lie in it, apart from each other.

    Args:
        file: open for reading bytes.
        name: the file's, for messages.

    Raises:
        BadCheckpoint: if it is not as the format wants it, cut short, or of a kind that dtviz does
            not read.
        FileProblem: if the package gguf is missing.
        OSError: if it cannot be read.
    """
    header = _HeaderReader(file, name)
    try:
        return header.read()
    except (struct.error, UnicodeDecodeError, ValueError, OverflowError, KeyError) as error:
        if isinstance(error, BadCheckpoint):
            raise
        got = f"a header that is damaged: {shortened(str(error), 60)}"
        raise _damaged(name, got) from error


def read_tensor(
    file: OpenFile, entry: Entry, name: str, index: int | None = None
) -> npt.NDArray[Any]:
    """Return the numbers of a tensor, dequantized, read-write.

    Args:
        file: that the entry is of, open for reading bytes.
        entry: of its header.
        name: the file's, for messages.
        index: if given, only what is at this place of the first axis is read.

    Returns:
        float32, of the shape that the tensor has; of kinds with 64 bits float64.

    Raises:
        BadCheckpoint: if the file has become shorter, or dtviz cannot dequantize this kind.
        OSError: if it cannot be read.
    """
    gguf = gguf_package()
    kind = gguf.GGMLQuantizationType(entry.kind)
    begin, length, shape = entry.begin, entry.end - entry.begin, entry.shape
    if index is not None:
        length //= shape[0]
        begin, shape = begin + index * length, shape[1:]
    if begin + length > file.seek(0, os.SEEK_END):
        raise _damaged(name, "one that is cut short")
    data = np.empty(length, np.uint8)
    file.seek(begin)
    if file.readinto(data.data) != length:
        raise _damaged(name, "one that is cut short")
    if kind == gguf.GGMLQuantizationType.F64:
        return data.view("<f8").reshape(shape)
    # Half a file of damaged scales would say so half a million times.
    with np.errstate(all="ignore"):
        rows = data.reshape(math.prod(shape[:-1]), -1)
        try:
            found: npt.NDArray[Any] = gguf.dequantize(rows, kind)
        except NotImplementedError as error:
            raise BadCheckpoint(
                expected=f"weights in {shortened(name)} of kinds that the package gguf dequantizes",
                got=f"some of the kind {kind.name}",
                do="Use a file with another quantization, such as Q8_0.",
            ) from error
    return found.reshape(shape)


class _HeaderReader:
    """Reads a header from its beginning to its end."""

    def __init__(self, file: OpenFile, name: str) -> None:
        self._name = name
        self._size = file.seek(0, os.SEEK_END)
        file.seek(0)
        self._data = file.read(_MOST_HEADER)
        self._at = 0

    def read(self) -> Header:
        if self._take(4) != MAGIC:
            raise _damaged(self._name, "a file of another kind")
        version, tensors, pairs = struct.unpack("<IQQ", self._take(20))
        if version not in _VERSIONS:
            got = "one of another order of bytes" if not version & 0xFFFF else f"version {version}"
            raise _damaged(self._name, got)
        metadata: dict[str, Any] = {}
        for _ in range(pairs):
            key = self._text()
            if key in metadata:
                raise ValueError("a name that comes twice")
            metadata[key] = self._value(key)
        entries: dict[str, tuple[int, tuple[int, ...], int]] = {}
        for _ in range(tensors):
            key = self._text()
            if key in entries:
                raise ValueError("a name that comes twice")
            entries[key] = self._entry()
        size, alignment = self._at, metadata.get("general.alignment", 32)
        is_power = type(alignment) is int and 0 < alignment <= _MOST_ALIGNMENT
        if not is_power or alignment & (alignment - 1):
            raise ValueError(f"an alignment of {alignment}")
        start = -(-size // alignment) * alignment
        found = {key: self._placed(start, *entry) for key, entry in entries.items()}
        places = sorted((entry.begin, entry.end) for entry in found.values())
        if any(end > begin for (_, end), (begin, _) in pairwise(places)):
            raise ValueError("tensors that overlap")
        return Header(metadata, found, size, hashlib.sha256(self._data[:size]).digest())

    def _take(self, count: int) -> bytes:
        """Return the next bytes."""
        data = self._data[self._at : self._at + count]
        self._at += count
        if self._at > len(self._data):
            is_short = len(self._data) == self._size
            got = f"a header of more than {_MOST_HEADER:,} bytes"
            raise _damaged(self._name, "one that is cut short" if is_short else got)
        return data

    def _bytes(self) -> bytes:
        return self._take(int.from_bytes(self._take(8), "little"))

    def _text(self) -> str:
        data = self._bytes()
        if len(data) > _MOST_NAME:
            raise ValueError("a name that is too long")
        return data.decode()

    def _texts(self, count: int) -> Iterator[slice]:
        """Yield where each of so many texts is; there can be millions."""
        for _ in range(count):
            begin = self._at + 8
            self._at = begin + int.from_bytes(self._data[self._at : begin], "little")
            if self._at > len(self._data):
                self._take(0)
            yield slice(begin, self._at)

    def _value(self, key: str) -> Any:
        kind = int.from_bytes(self._take(4), "little")
        if kind == _TEXT:
            return self._bytes().decode(errors="replace")
        if kind != _ARRAY:
            form = _PLAIN[kind]
            return struct.unpack(form, self._take(struct.calcsize(form)))[0]
        kind, count = struct.unpack("<IQ", self._take(12))
        if kind == _TEXT:
            places = self._texts(count)
            is_kept = key == TOKENS
            return [self._data[place] for place in places] if is_kept else sum(1 for _ in places)
        form = _PLAIN[kind]
        return np.frombuffer(self._take(count * struct.calcsize(form)), np.dtype(form))

    def _entry(self) -> tuple[int, tuple[int, ...], int]:
        """Return the kind of a tensor, its shape, and where it is in the data."""
        dimensions = int.from_bytes(self._take(4), "little")
        if not 0 < dimensions <= _MOST_DIMENSIONS:
            raise ValueError(f"a tensor of {dimensions} dimensions")
        shape = struct.unpack(f"<{dimensions}Q", self._take(8 * dimensions))
        kind, offset = struct.unpack("<IQ", self._take(12))
        return kind, shape[::-1], offset  # the last one first

    def _placed(self, start: int, kind: int, shape: tuple[int, ...], offset: int) -> Entry:
        sizes = gguf_package().GGML_QUANT_SIZES
        if kind not in sizes:
            raise BadCheckpoint(
                expected=f"kinds of numbers in {shortened(self._name)} that the package gguf knows",
                got=f"the kind {kind}",
                do="Use a newer version of gguf, or a file with another quantization.",
            )
        numbers, size = sizes[kind]
        if not all(shape) or shape[-1] % numbers:
            raise ValueError("a shape that cannot be")
        begin = start + offset
        end = begin + math.prod(shape) // numbers * size
        if end > self._size:
            raise _damaged(self._name, "one that is cut short")
        return Entry(kind, shape, begin, end)


def gguf_package() -> Any:
    """Return the package gguf, which not everyone has.

    Raises:
        FileProblem: if it is missing.
    """
    try:
        import gguf
    except ImportError as error:
        raise FileProblem(
            expected="the package gguf, which knows how GGUF files are quantized",
            got="none that is installed",
            do="Install it: pip install 'dtviz[gguf]'.",
        ) from error
    return gguf


def _damaged(name: str, got: str) -> BadCheckpoint:
    return BadCheckpoint(
        expected=f"{shortened(name)} as a whole GGUF file, version 2 or 3, little-endian",
        got=got,
        do="Check that the file is whole: download, copy or convert it again.",
    )
