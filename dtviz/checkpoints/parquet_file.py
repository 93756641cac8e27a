"""A Parquet file: what it says of itself is checked before a column of it is read."""

import contextlib
import os
from collections.abc import Iterator
from pathlib import Path

import pyarrow.parquet as pq

from dtviz.checkpoints.files import opened

# Bytes that describe a file; decoded it takes some twenty times as much.
_MOST_FOOTER = 1_000_000
# What dtviz writes. Other codecs unpack to thousands of times their bytes, these to 22 times; other
# encodings repeat the beginning of one text in the next.
_CODECS = ("SNAPPY", "UNCOMPRESSED")
_ENCODINGS = ("PLAIN", "RLE", "BIT_PACKED", "PLAIN_DICTIONARY", "RLE_DICTIONARY")
_MOST_TIMES = 22


@contextlib.contextmanager
def parquet_file(path: Path) -> Iterator[pq.ParquetFile]:
    """Yield a file that is open and checked; texts in the column name stay a dictionary.

    Args:
        path: of a plain file.

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
        read = pq.ParquetFile(file, read_dictionary=["name"], pre_buffer=False)
        chunks = [chunk for _, chunk in _chunks(read)]
        if sum(chunk.total_compressed_size for chunk in chunks) > size:
            raise ValueError("columns of more bytes than the file has")
        if any(
            chunk.compression not in _CODECS
            or not set(chunk.encodings) <= set(_ENCODINGS)
            or chunk.total_uncompressed_size > _MOST_TIMES * size
            for chunk in chunks
        ):
            raise ValueError("columns stored otherwise than dtviz does it")
        yield read


def check_count(read: pq.ParquetFile, column: str, width: int) -> None:
    """Refuse a column of more numbers than its rows can have: a few bytes can stand for any.

    Raises:
        ValueError: if it is one.
    """
    rows = read.metadata.num_rows
    held = sum(chunk.num_values for name, chunk in _chunks(read) if name == column)
    if held > rows * width:
        raise ValueError(f"{held} numbers for {rows} rows of {width}")


def _chunks(read: pq.ParquetFile) -> Iterator[tuple[str, pq.ColumnChunkMetaData]]:
    """Yield the pieces that columns are stored in, with the columns' names."""
    about = read.metadata
    for group in map(about.row_group, range(about.num_row_groups)):
        for chunk in map(group.column, range(about.num_columns)):
            yield chunk.path_in_schema.split(".")[0], chunk
