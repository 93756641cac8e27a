"""Parquet: columns exchanged, dropped, of other types and lengths; what the footer says of them."""

import io
from random import Random

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

_TYPES = (
    *(pa.float64(), pa.float16(), pa.int8(), pa.string(), pa.binary(), pa.bool_(), pa.null()),
    *(pa.list_(pa.float32()), pa.list_(pa.float32(), 0), pa.list_(pa.float32(), 7)),
    *(pa.dictionary(pa.int32(), pa.string()), pa.timestamp("us"), pa.decimal128(20, 3)),
    *(pa.struct([("element", pa.float32())]), pa.map_(pa.string(), pa.float32())),
)
_NAMES = ("name", "vector", "bias", "out", "in", "gate", "", "a.b", "x" * 10_000, "\u202e", "layer")
_TEXTS = ("", "=1+1", "<img src=x onerror=1>", "x" * 100_000, "\u202e", "\x00", "a", "none")
# Of rows that all are the same a file has hardly any bytes.
_MANY = 1_000_000


def columns_changed(random: Random, data: bytes) -> bytes:
    try:
        table = pq.read_table(io.BytesIO(data))
    except Exception:  # changed before
        return data
    columns = dict(zip(table.column_names, table.columns, strict=True))
    for _ in range(random.choice((1, 1, 2))):
        name = random.choice(list(columns) or ["name"])
        act = random.randrange(8)
        if act == 0:
            columns.pop(name, None)
        elif act == 1:
            columns[random.choice(_NAMES)] = columns.pop(name, pa.nulls(len(table)))
        elif act == 2:
            columns[name] = _cast(columns.get(name), random.choice(_TYPES), len(table))
        elif act == 3:
            other = random.choice(list(columns) or ["name"])
            columns[name] = columns.get(other, pa.nulls(len(table)))
        elif act == 4:
            columns[name] = pa.array([random.choice(_TEXTS) for _ in range(len(table))])
        elif act == 5:
            columns[name] = _numbers(random, len(table))
        elif act == 6:
            rows = random.choice((0, 1, len(table) + 1, 2 * len(table)))
            columns = {key: _repeated(column, rows) for key, column in columns.items()}
        else:
            columns[name] = pa.nulls(len(table), random.choice(_TYPES))
    try:
        changed = pa.table(columns)
    except Exception:  # of columns that differ in length
        return data
    return _file(random, changed)


def rows_multiplied(random: Random, data: bytes) -> bytes:
    """Few bytes that stand for millions of the same row."""
    try:
        table = pq.read_table(io.BytesIO(data))
        column = random.choice(table.column_names)
        return _file(random, pa.table({column: _repeated(table[column].slice(0, 1), _MANY)}))
    except Exception:  # changed before
        return data


def metadata_changed(random: Random, data: bytes) -> bytes:
    """Say of the schema what PyArrow would make classes or types of."""
    try:
        table = pq.read_table(io.BytesIO(data))
    except Exception:  # changed before
        return data
    key = random.choice((b"ARROW:schema", b"pandas", b"ARROW:extension:name", b"x" * 1000))
    value = random.choice((b"", b"\xff" * 100, b"{" * 50_000, b"arrow.py_extension_type"))
    return _file(random, table.replace_schema_metadata({key: value}))


def footer_changed(random: Random, data: bytes) -> bytes:
    """Change bytes of what the footer says, or how long it is."""
    length = int.from_bytes(data[-8:-4], "little")
    spoilt = bytearray(data)
    if random.random() < 0.2:
        claimed = random.choice((0, 1, length - 1, length + 1, len(data), 2**31 - 1, 2**32 - 1))
        spoilt[-8:-4] = claimed.to_bytes(4, "little", signed=False) if claimed >= 0 else b"\xff" * 4
        return bytes(spoilt)
    for _ in range(random.choice((1, 1, 2, 8))):
        place = len(data) - 8 - random.randint(1, max(1, min(length, len(data) - 8)))
        if 0 <= place < len(spoilt):
            spoilt[place] = random.choice((0, 1, 0x7F, 0x80, 0xFF, random.randrange(256)))
    return bytes(spoilt)


def _cast(column: pa.ChunkedArray | None, kind: pa.DataType, rows: int) -> pa.Array:
    try:
        return column.cast(kind, safe=False)
    except Exception:  # not everything becomes everything
        return pa.nulls(rows, kind)


def _numbers(random: Random, rows: int) -> pa.Array:
    width = random.choice((0, 1, 8, 8, 9, 1000))
    number = random.choice((np.nan, np.inf, -np.inf, 3e38, 0.0))
    flat = pa.array(np.full(rows * width, number, dtype=np.float32))
    return pa.FixedSizeListArray.from_arrays(flat, width) if width else pa.array([0.0] * rows)


def _repeated(column: pa.ChunkedArray, rows: int) -> pa.ChunkedArray:
    if not len(column):
        return column
    return column.take(pa.array(np.arange(rows) % len(column)))


def _file(random: Random, table: pa.Table) -> bytes:
    buffer = io.BytesIO()
    how = {
        "compression": random.choice(("none", "snappy", "zstd", "gzip")),
        "use_dictionary": random.random() < 0.7,
        "row_group_size": random.choice((None, None, 1)) if len(table) < 100 else None,
    }
    try:
        pq.write_table(table, buffer, **how)
    except Exception:  # not everything can be written
        pq.write_table(pa.table({"name": ["a"]}), buffer)
    return buffer.getvalue()
