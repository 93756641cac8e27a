"""A Parquet file: what it says of itself is checked before a column of it is read."""

import contextlib
import os
from collections.abc import Iterator
from pathlib import Path

import pyarrow.parquet as pq

from dtviz.checkpoints.files import opened
from dtviz.checkpoints.parquet_footer import chunks

# Bytes that describe a file; decoded it takes some twenty times as much.
_MOST_FOOTER = 1_000_000
# What dtviz writes, as parquet.thrift numbers it: plain or by Snappy; plain or with a dictionary.
# Other codecs unpack to thousands of times their bytes, these to 22 times; other encodings repeat
# the beginning of one text in the next.
_CODECS = (0, 1)
_ENCODINGS = (0, 2, 3, 4, 8)
_MOST_TIMES = 22


@contextlib.contextmanager
def parquet_file(path: Path, **widths: int) -> Iterator[pq.ParquetFile]:
    """Yield a file that is open and checked; texts in the column name stay a dictionary.

    Args:
        path: of a plain file.
        widths: of columns, how many numbers a row of them can have: a few bytes can stand for any
            number of numbers.

    Raises:
        FileProblem: if it is none, or cannot be opened.
        ValueError: if it is described at too great length, or could hold more than it seems to.
        pyarrow.ArrowException: if it is damaged.
    """
    with opened(path) as file:
        size = os.fstat(file.fileno()).st_size
        file.seek(max(0, size - 8))
        footer = int.from_bytes(file.read(4), "little")
        if footer > _MOST_FOOTER:
            raise ValueError(f"a description of {footer:,} bytes, more than {_MOST_FOOTER:,}")
        file.seek(max(0, size - 8 - footer))
        found = chunks(file.read(footer))
        if sum(chunk.packed for chunk in found) > size:
            raise ValueError("columns of more bytes than the file has")
        if any(
            chunk.codec not in _CODECS
            or not set(chunk.encodings) <= set(_ENCODINGS)
            or chunk.unpacked > _MOST_TIMES * size
            for chunk in found
        ):
            raise ValueError("columns stored otherwise than dtviz does it")
        read = pq.ParquetFile(file, read_dictionary=["name"], pre_buffer=False)
        rows = read.metadata.num_rows
        for column, width in widths.items():
            held = sum(chunk.values for chunk in found if chunk.column == column)
            if held > rows * width:
                raise ValueError(f"{held} numbers for {rows} rows of {width}")
        yield read
