"""GGUF files: their headers, whatever is in them, and their numbers, of all kinds."""

import os
import struct
import sys

import numpy as np
import pytest
import torch
from transformers.integrations.gguf.dequant import GGML_BLOCK, dequantize

from dtviz.checkpoints import gguf_file
from dtviz.checkpoints.gguf_file import is_gguf, read_header, read_tensor
from dtviz.errors import BadCheckpoint, FileProblem

from . import gguf_files
from .gguf_files import KIND

gguf = pytest.importorskip("gguf", reason="dtviz[gguf] is not installed")
TEXT, ARRAY, U32 = 8, 9, 4


def text(value):
    data = value if isinstance(value, bytes) else value.encode()
    return struct.pack("<Q", len(data)) + data


def pair(key, kind, data):
    return text(key) + struct.pack("<I", kind) + data


def tensor(key, shape, kind=0, offset=0):
    shape = shape[::-1]
    numbers = struct.pack(f"<I{len(shape)}Q", len(shape), *shape)
    return text(key) + numbers + struct.pack("<IQ", kind, offset)


def header(pairs=(), tensors=(), *, version=3, counts=None):
    counts = (len(tensors), len(pairs)) if counts is None else counts
    return b"GGUF" + struct.pack("<IQQ", version, *counts) + b"".join([*pairs, *tensors])


def padded(data, more=b""):
    return data + bytes(-len(data) % 32) + more


def read(tmp_path, data):
    (tmp_path / "m.gguf").write_bytes(data)
    with (tmp_path / "m.gguf").open("rb") as file:
        return read_header(file, "m.gguf")


def numbers(tmp_path, entry, index=None):
    with (tmp_path / "m.gguf").open("rb") as file:
        return read_tensor(file, entry, "m.gguf", index)


# --- headers --------------------------------------------------------------------------------------


def test_a_header_is_as_the_package_reads_it(tmp_path):
    path = gguf_files.write(tmp_path / "m.gguf", "gemma3", kind=KIND.Q4_0)
    theirs = gguf.GGUFReader(path)
    with path.open("rb") as file:
        ours = read_header(file, path.name)
    for key, field in theirs.fields.items():
        if not key.startswith("GGUF."):
            found = ours.metadata[key]
            if key == "tokenizer.ggml.tokens":
                found = [token.decode() for token in found]
            assert np.array_equal(found, field.contents()), key
    assert set(ours.tensors) == {one.name for one in theirs.tensors}
    for one in theirs.tensors:
        entry = ours.tensors[one.name]
        place = (one.tensor_type, one.shape[::-1].tolist(), one.data_offset, one.n_bytes)
        assert (entry.kind, list(entry.shape), entry.begin, entry.end - entry.begin) == place


def test_texts_of_arrays_are_counted_but_for_the_tokens(tmp_path):
    texts = struct.pack("<IQ", TEXT, 2) + text("a") + text(b"\xff")
    held = read(tmp_path, header([pair(gguf_file.TOKENS, ARRAY, texts), pair("x", ARRAY, texts)]))
    assert held.metadata == {gguf_file.TOKENS: [b"a", b"\xff"], "x": 2}


def test_the_hash_is_that_of_the_header_alone(tmp_path):
    made = header([pair("x", U32, struct.pack("<I", 1))], [tensor("w", (2,))])
    first, second = (read(tmp_path, padded(made, bytes([byte]) * 8)) for byte in (0, 1))
    assert (first.sha256, first.size) == (second.sha256, len(made))
    other = header([pair("x", U32, struct.pack("<I", 2))], [tensor("w", (2,))])
    assert read(tmp_path, padded(other, bytes(8))).sha256 != first.sha256


WHOLE = [tensor("w", (2, 32))]
REFUSED = {
    "nothing": b"",
    "another kind": b"GGML" + bytes(20),
    "an older version": header(version=1),
    "another order of bytes": header(version=3 << 24),
    "pairs that are not there": header(counts=(0, 2**63)),
    "tensors that are not there": header(counts=(2**63, 0)),
    "a name of so many bytes": header(counts=(0, 1)) + struct.pack("<Q", 2**63),
    "a long name": header([pair("x" * 2000, U32, bytes(4))]),
    "a name that is no text": header([pair(b"\xff", U32, bytes(4))]),
    "a name twice": header([pair("x", U32, bytes(4))] * 2),
    "an unknown kind of value": header([pair("x", 77, bytes(4))]),
    "an array of so many": header([pair("x", ARRAY, struct.pack("<IQ", U32, 2**61))]),
    "an array of so many texts": header([pair("x", ARRAY, struct.pack("<IQ", TEXT, 2**61))]),
    "an array of arrays": header([pair("x", ARRAY, struct.pack("<IQ", ARRAY, 1) + bytes(12))]),
    "a text of so many bytes": header([pair("x", TEXT, struct.pack("<Q", 2**40))]),
    "no alignment": header([pair("general.alignment", U32, bytes(4))]),
    "an odd alignment": header([pair("general.alignment", U32, struct.pack("<I", 24))]),
    "a wide alignment": header([pair("general.alignment", U32, struct.pack("<I", 2**31))]),
    "an alignment that is a text": header([pair("general.alignment", TEXT, text("32"))]),
    "a tensor twice": padded(header((), WHOLE * 2), bytes(512)),
    "no dimension": padded(header((), [tensor("w", ())]), bytes(512)),
    "many dimensions": padded(header((), [tensor("w", (1,) * 5)]), bytes(512)),
    "an empty shape": padded(header((), [tensor("w", (0, 32))]), bytes(512)),
    "a huge shape": padded(header((), [tensor("w", (2**62, 2**62))]), bytes(512)),
    "half a block": padded(header((), [tensor("w", (2, 16), KIND.Q8_0)]), bytes(512)),
    "an unknown kind of numbers": padded(header((), [tensor("w", (2, 32), 999)]), bytes(512)),
    "tensors that overlap": padded(
        header((), [*WHOLE, tensor("v", (2, 32), offset=128)]), bytes(512)
    ),
    "a place beyond the end": padded(header((), [tensor("w", (2, 32), offset=2**63)]), bytes(512)),
    "too few bytes": padded(header((), WHOLE), bytes(255)),
}


@pytest.mark.parametrize("what", REFUSED)
def test_headers_that_are_refused(what, tmp_path):
    with pytest.raises(BadCheckpoint, match=r"m\.gguf"):
        read(tmp_path, REFUSED[what])


def test_a_header_is_bounded_however_large_the_file(tmp_path):
    """It is read until then, and no further."""
    texts = struct.pack("<IQ", TEXT, 2**60)
    (tmp_path / "m.gguf").write_bytes(header([pair(gguf_file.TOKENS, ARRAY, texts)]))
    os.truncate(tmp_path / "m.gguf", 2**40)
    with (
        (tmp_path / "m.gguf").open("rb") as file,
        pytest.raises(BadCheckpoint, match="a header of more than"),
    ):
        read_header(file, "m.gguf")


def test_it_is_told_by_its_first_bytes(tmp_path):
    (tmp_path / "m.bin").write_bytes(header())
    (tmp_path / "m.gguf").write_bytes(b"GGU")
    found = [is_gguf(tmp_path / name) for name in ("m.bin", "m.gguf", "none", "", "a\0b")]
    assert found == [True, False, False, False, False]


# --- numbers --------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", sorted(GGML_BLOCK))
def test_numbers_are_what_transformers_dequantizes(kind, tmp_path):
    """Both from formulas of their own."""
    count, size = GGML_BLOCK[kind]
    data = np.random.default_rng(0).integers(0, 256, (3 * 2 * 5, size), dtype=np.uint8)
    made = header((), [tensor("w", (3, 2, 5 * count), kind)])
    held = read(tmp_path, padded(made, data.tobytes()))
    found = numbers(tmp_path, held.tensors["w"])
    assert (found.shape, found.dtype) == ((3, 2, 5 * count), np.float32)
    theirs = dequantize(torch.from_numpy(data), kind).reshape(found.shape).numpy()
    is_number = np.isfinite(theirs)
    np.testing.assert_allclose(found[is_number], theirs[is_number], rtol=2e-6)
    assert is_number.mean() > 0.5
    np.testing.assert_array_equal(numbers(tmp_path, held.tensors["w"], 1), found[1])


@pytest.mark.parametrize(
    ("kind", "dtype"), [(KIND.F32, "<f4"), (KIND.F16, "<f2"), (KIND.F64, "<f8")]
)
def test_plain_numbers(kind, dtype, tmp_path):
    values = np.arange(64, dtype=dtype).reshape(2, 32)
    held = read(tmp_path, padded(header((), [tensor("w", (2, 32), kind)]), values.tobytes()))
    np.testing.assert_array_equal(numbers(tmp_path, held.tensors["w"]), values)


def test_the_upper_halves_of_numbers(tmp_path):
    values = np.float32([1, -2, 0.5, 3e38])
    data = (values.view("<u4") >> 16).astype("<u2").tobytes()
    held = read(tmp_path, padded(header((), [tensor("w", (4,), KIND.BF16)]), data))
    np.testing.assert_allclose(numbers(tmp_path, held.tensors["w"]), values, rtol=1e-2)


def test_what_nobody_dequantizes_is_refused_by_name(tmp_path):
    made = header((), [tensor("w", (256,), KIND.Q8_K)])
    held = read(tmp_path, padded(made, bytes(gguf.GGML_QUANT_SIZES[KIND.Q8_K][1])))
    with pytest.raises(BadCheckpoint, match="Q8_K"):
        numbers(tmp_path, held.tensors["w"])


def test_a_file_that_was_cut_short_since(tmp_path):
    held = read(tmp_path, padded(header((), WHOLE), bytes(256)))
    os.truncate(tmp_path / "m.gguf", 200)
    with pytest.raises(BadCheckpoint, match="cut short"):
        numbers(tmp_path, held.tensors["w"])


def test_without_the_package_it_says_what_to_install(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "gguf", None)
    with pytest.raises(FileProblem, match=r"pip install 'dtviz\[gguf\]'"):
        read(tmp_path, padded(header((), WHOLE), bytes(256)))
