"""An .npz file, as numpy.savez writes it: where its arrays are, read when they are asked for.

NumPy's own loader would unpickle arrays of objects if it is told to, and unpack what is compressed
to any size. Here numbers are read from their place in the file, and nothing else is.
"""

import math
import re
import zipfile
from typing import NamedTuple

from dtviz.checkpoints.archive import records
from dtviz.checkpoints.safetensors_file import Entry, OpenFile
from dtviz.errors import BadCheckpoint, shortened

# The header of an array as NumPy writes it; what stands for objects is no kind of numbers.
_HEADER = re.compile(
    rb"\{'descr': '([<|=>][a-zA-Z]\d{0,2})', 'fortran_order': (True|False), "
    rb"'shape': \(((?:\d{1,18}, ?)*(?:\d{1,18})?)\), \} *\n"
)
_KINDS = {b"<f2": "F16", b"<f4": "F32", b"<f8": "F64"}
# Bytes of such a header, and arrays in a file.
_MOST_HEADER, _MOST_ARRAYS = 1_000, 1_000


class NpzArray(NamedTuple):
    """Where an array is; of one in Fortran's order, transposed."""

    entry: Entry
    is_transposed: bool


def read_npz(file: OpenFile, name: str) -> dict[str, NpzArray]:
    """Return where the arrays of floats are, by their names; others are left out.

    Args:
        file: open for reading bytes.
        name: the file's, for messages.

    Raises:
        BadCheckpoint: if it is no .npz file, damaged, or compressed.
        OSError: if it cannot be read.
    """
    try:
        held = records(file)
        if len(held) > _MOST_ARRAYS:
            raise zipfile.BadZipFile(f"{len(held):,} records")
        found = {key.removesuffix(".npy"): _array(file, *place) for key, place in held.items()}
    except OSError:
        raise
    except Exception as error:  # of many kinds: each means that the file cannot be used
        raise BadCheckpoint(
            expected=f"{shortened(name)} as numpy.savez writes it, not compressed",
            got=f"another file, or a damaged one: {shortened(str(error), 60)}",
            do="Check that the file is whole, or save its arrays with numpy.savez.",
        ) from error
    return {key: array for key, array in found.items() if array is not None}


def _array(file: OpenFile, begin: int, end: int) -> NpzArray | None:
    """Return where the numbers of a record are; None of what is no array of floats."""
    file.seek(begin)
    start = file.read(min(12, end - begin))
    wide = 2 if start[6:7] == b"\1" else 4
    length = int.from_bytes(start[8 : 8 + wide], "little")
    if start[:6] != b"\x93NUMPY" or length > _MOST_HEADER:
        raise ValueError("a record that is no array")
    at = begin + 8 + wide + length
    file.seek(begin + 8 + wide)
    header = _HEADER.fullmatch(file.read(length))
    if header is None or at > end:
        raise ValueError("an array whose header is not as NumPy writes it")
    kind = _KINDS.get(header[1])
    if kind is None:
        return None
    shape = tuple(int(length) for length in header[3].replace(b" ", b"").split(b",") if length)
    if math.prod(shape) * int(header[1][2:]) != end - at or any(n > end for n in shape):
        raise ValueError("an array of another size than its shape")
    is_transposed = header[2] == b"True" and len(shape) > 1
    return NpzArray(Entry(kind, shape[::-1] if is_transposed else shape, at, end), is_transposed)
