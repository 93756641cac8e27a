"""The footer of a Parquet file is read as PyArrow reads it, and what is none is refused."""

import contextlib

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st

from dtviz.checkpoints.parquet_footer import chunks

CODECS = ["UNCOMPRESSED", "SNAPPY", "GZIP", "LZO", "BROTLI", "LZ4", "ZSTD"]
ENCODINGS = {"PLAIN": 0, "PLAIN_DICTIONARY": 2, "RLE": 3, "BIT_PACKED": 4, "RLE_DICTIONARY": 8}


def written(path, **how):
    vectors = pa.FixedSizeListArray.from_arrays(np.arange(900, dtype="f4"), 3)
    names = [f"L0N{number}" for number in range(300)]
    table = pa.table({"name": names, "vector": vectors, "flag": [True] * 300})
    pq.write_table(table, path, **how)
    data = path.read_bytes()
    length = int.from_bytes(data[-8:-4], "little")
    return data[-8 - length : -8]


@pytest.mark.parametrize("codec", ["none", "snappy", "zstd"])
@pytest.mark.parametrize("rows", [300, 70])
@pytest.mark.parametrize("dictionary", [True, False])
def test_it_says_what_pyarrow_says(tmp_path, codec, rows, dictionary):
    path = tmp_path / "a.parquet"
    how = {"compression": codec, "row_group_size": rows, "use_dictionary": dictionary}
    found = chunks(written(path, **how))
    about = pq.ParquetFile(path).metadata
    expected = [
        about.row_group(group).column(column)
        for group in range(about.num_row_groups)
        for column in range(about.num_columns)
    ]
    assert len(found) == len(expected) > 2
    for one, other in zip(found, expected, strict=True):
        assert one.column == other.path_in_schema.split(".")[0]
        assert CODECS[one.codec] == other.compression
        assert {*one.encodings} == {ENCODINGS[name] for name in other.encodings}
        assert one.values == other.num_values
        assert one.packed == other.total_compressed_size
        assert one.unpacked == other.total_uncompressed_size


@pytest.fixture(scope="module")
def footer(tmp_path_factory):
    return written(tmp_path_factory.mktemp("footer") / "a.parquet")


@given(data=st.data())
def test_a_damaged_one_is_read_or_refused(footer, data):
    spoilt = bytearray(footer)
    for _ in range(data.draw(st.integers(1, 3))):
        spoilt[data.draw(st.integers(0, len(spoilt) - 1))] = data.draw(st.integers(0, 255))
    with contextlib.suppress(ValueError):
        chunks(bytes(spoilt[: data.draw(st.integers(0, len(spoilt)))]))


@pytest.mark.parametrize(
    "footer", [b"", b"\x00", b"\xff" * 100, b"\x1c" * 10_000, b"\x19" * 10_000, b"\x19\xfc" * 50]
)
def test_what_is_none_is_refused(footer):
    with pytest.raises(ValueError, match="footer"):
        chunks(footer)
