"""A file that torch.save wrote: read by dtviz alone, so that what was checked is what is used.

PyTorch's own loader would read the file again, and may find another archive in it.
"""

import io
import math
import os
import pickle
import struct
import zipfile
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from dtviz.checkpoints.archive import records
from dtviz.checkpoints.pickles import Global, Other, read_pickle
from dtviz.checkpoints.safetensors_file import BITS, Entry, OpenFile, read_array
from dtviz.checkpoints.stored_array import StoredArray

Reopened = Callable[[], AbstractContextManager[OpenFile]]
"""Opens a file again."""

# At the start of a file that is no archive: each is a pickle.
_MAGIC, _VERSION = 0x1950A86A20F9469CFC6C, 1001
_STORAGES = {
    **{"torch FloatStorage": "F32", "torch DoubleStorage": "F64", "torch HalfStorage": "F16"},
    **{"torch BFloat16Storage": "BF16", "torch LongStorage": "I64", "torch IntStorage": "I32"},
    **{"torch ShortStorage": "I16", "torch CharStorage": "I8", "torch ByteStorage": "U8"},
    **{"torch BoolStorage": "BOOL", "torch ComplexFloatStorage": "C64"},
    "torch.storage UntypedStorage": "U8",
}
_REBUILD = "torch._utils _rebuild_"
_TENSORS = (f"{_REBUILD}tensor", f"{_REBUILD}tensor_v2")
_PARAMETERS = (
    *(f"{_REBUILD}parameter", f"{_REBUILD}parameter_with_state"),
    "torch.nn.parameter Parameter",
)
# What else files of weights call, and dtviz has no use for.
_OTHERS = (
    *("collections Counter", "torch Size", "torch device", "torch.serialization _get_layout"),
    *("builtins set", "__builtin__ set", "builtins complex", "__builtin__ complex"),
)
# As protocol 2 writes bytes and bytearrays: by a text, or by such bytes.
_OF_TEXT = ("_codecs encode", "builtins bytearray", "__builtin__ bytearray")
_MOST_DIMENSIONS = 32
# Numbers that are read for each that a tensor has: of a column or a slice, those between them, too.
_MOST_APART = 16


@dataclass
class _Storage:
    """Numbers in the file, one after the other; of some files it is found last where they are."""

    dtype: str
    count: int
    begin: int = -1

    @property
    def size(self) -> int:
        """Its bytes."""
        return self.count * BITS[self.dtype] // 8


def read_torch(file: OpenFile, name: str, reopened: Reopened | None = None) -> object:
    """Return what a file of torch.save's holds: plain values, and tensors as `StoredArray`.

    Tensors of special kinds, and other values that dtviz has no use for, are `Other`.

    Args:
        file: open for reading bytes; without ``reopened``, for as long as arrays may be read.
        name: the file's, for messages.
        reopened: opens it again, each time that an array is read.

    Raises:
        pickle.UnpicklingError: if it asks for what could run code: "GLOBAL module.function".
        Exception: of many kinds, if it is damaged, or otherwise than torch.save writes it.
    """
    read = _Content(file, name, reopened or (lambda: nullcontext(file)))
    file.seek(0)
    return read.from_archive() if file.read(2) == b"PK" else read.from_stream()


class _Content:
    """What the pickles in a file stand for."""

    def __init__(self, file: OpenFile, name: str, reopened: Reopened) -> None:
        self._file, self._name, self._reopened = file, name, reopened
        self._size = file.seek(0, os.SEEK_END)
        self._storages: dict[str, _Storage] = {}

    def from_archive(self) -> object:
        """Return what an archive holds; its storages are records of their own."""
        held = _records(self._file)
        begin, end = held["data.pkl"]
        self._file.seek(begin)
        pickled = io.BytesIO(self._file.read(end - begin))
        content = read_pickle(pickled, self._called, self._stored_elsewhere)
        for key, storage in self._storages.items():
            storage.begin, end = held[f"data/{key}"]
            if end - storage.begin != storage.size:
                raise ValueError(f"a record of another size than the storage {key}")
        return content

    def from_stream(self) -> object:
        """Return what a file of pickles holds, after which come its storages."""
        self._file.seek(0)
        if [read_pickle(self._file), read_pickle(self._file)] != [_MAGIC, _VERSION]:
            raise ValueError("not of torch.save")
        system = read_pickle(self._file)
        if not isinstance(system, dict) or system.get("little_endian") is not True:
            raise ValueError("of another order of bytes")
        content = read_pickle(self._file, self._called, self._stored_elsewhere)
        keys: Any = read_pickle(self._file)
        if type(keys) is not list or sorted(keys) != sorted(self._storages):
            raise ValueError("other storages than tensors")
        at = self._file.tell()
        for key in keys:
            storage = self._storages[key]
            self._file.seek(at)
            if self._file.read(8) != struct.pack("<q", storage.count):
                raise ValueError(f"another size of the storage {key}")
            storage.begin = at + 8
            at = storage.begin + storage.size
        if at != self._size:
            raise ValueError("cut short, or with more after its end")
        return content

    def _stored_elsewhere(self, identity: object) -> object:
        """Return the storage that an id stands for; one id is always the same."""
        match identity:
            case ("storage", Global(kind), str(key), str(), int(count), *views) if (
                views in ([], [None]) and count >= 0
            ):
                given = _Storage(_STORAGES[kind], count)
                found = self._storages.setdefault(key, given)
                if (found.dtype, found.count) == (given.dtype, given.count):
                    return found
        raise pickle.UnpicklingError("a storage that is none")

    def _called(self, function: str, given: tuple[Any, ...]) -> object:
        """Return what takes the place of a call.

        Raises:
            pickle.UnpicklingError: if no file of weights needs it.
        """
        if function == "collections OrderedDict" and not given:
            return {}
        if function in _TENSORS:
            return self._tensor(*given)
        if function in _PARAMETERS and given:
            return given[0]
        is_text = given[1:] in (("latin1",), ("latin-1",)) or given == (Other(_OF_TEXT[0]),)
        if (
            (function in _OF_TEXT and is_text)
            or function in _OTHERS
            or function.startswith(_REBUILD)
        ):
            return Other(function)
        raise pickle.UnpicklingError(f"GLOBAL {function.replace(' ', '.')}")

    def _tensor(
        self, storage: object, offset: object, shape: object, strides: object, *more: object
    ) -> object:
        """Return a tensor whose numbers are all in its storage, as many as there are at least."""
        if (type(storage), type(shape), type(strides)) != (_Storage, tuple, tuple):
            raise ValueError("a tensor of other kinds")
        view = _View(storage, offset, shape, strides)  # type: ignore[arg-type]  # as seen above
        # Beyond hooks, of no use: whether its numbers are others than those in the file.
        if (more[2:] and more[2]) or not view.is_plain:
            return Other(f"{_REBUILD}tensor")
        return StoredArray(view.storage.dtype, view.shape, lambda: self._read(view))

    def _read(self, view: "_View") -> npt.NDArray[Any]:
        width = BITS[view.storage.dtype] // 8
        begin = view.storage.begin + view.offset * width
        entry = Entry(view.storage.dtype, (view.reach,), begin, begin + view.reach * width)
        with self._reopened() as file:
            flat = read_array(file, entry, self._name)
        steps = [step * flat.itemsize for step in view.strides]
        return np.asarray(np.lib.stride_tricks.as_strided(flat, view.shape, steps), order="C")


@dataclass(frozen=True)
class _View:
    """Some numbers of a storage, ``strides`` apart along each dimension."""

    storage: _Storage
    offset: int
    shape: tuple[int, ...]
    strides: tuple[int, ...]

    def __post_init__(self) -> None:
        numbers = (self.offset, *self.shape, *self.strides)
        if not all(type(number) is int and number >= 0 for number in numbers):
            raise ValueError("a tensor of other kinds")
        if len(self.shape) != len(self.strides) or len(self.shape) > _MOST_DIMENSIONS:
            raise ValueError("a tensor of other dimensions")

    @property
    def reach(self) -> int:
        """Numbers from the first to the last, those between them included."""
        steps = zip(self.shape, self.strides, strict=True)
        return 0 if 0 in self.shape else 1 + sum((n - 1) * step for n, step in steps)

    @property
    def is_plain(self) -> bool:
        """Whether reading it takes about as many numbers as it has, each of the storage's."""
        count = math.prod(self.shape)
        in_storage = max(self.offset + self.reach, count) <= self.storage.count
        return in_storage and self.reach <= _MOST_APART * count


def _records(file: OpenFile) -> dict[str, tuple[int, int]]:
    """Return where each record of an archive begins and ends, by its name in the one folder.

    Raises:
        Exception: of many kinds, if the archive is not as torch.save writes it: one directory at
            its very end, records that are not compressed and have the checksums stated there.
    """
    held = records(file)
    with zipfile.ZipFile(file) as archive:
        if archive.testzip() is not None:
            raise zipfile.BadZipFile("wrong checksum")
    # PyTorch reads one folder only.
    if len({name.partition("/")[0] for name in held}) != 1:
        raise zipfile.BadZipFile("several folders")
    found = {name.partition("/")[2]: place for name, place in held.items()}
    begin, end = found.get("byteorder", (0, 0))
    file.seek(begin)
    if "constants.pkl" in found or file.read(end - begin) not in (b"", b"little"):
        raise zipfile.BadZipFile("TorchScript, or of another order of bytes")
    return found
