"""Safetensors read by dtviz alone: equal to what the library reads, or refused."""

import io
import json
import struct
import tracemalloc

import hypothesis.extra.numpy as arrays
import numpy as np
import pytest
import safetensors
import safetensors.torch
import torch
from hypothesis import given, settings

from dtviz.checkpoints.safetensors_file import BITS, read_array, read_header
from dtviz.errors import BadCheckpoint

FLOAT = {"dtype": "F32", "shape": [2], "data_offsets": [0, 8]}
KINDS = (
    *(torch.float64, torch.float32, torch.float16, torch.bfloat16, torch.int64, torch.int32),
    *(torch.int16, torch.int8, torch.uint8, torch.bool, torch.uint16, torch.uint32, torch.uint64),
    torch.complex64,
)


def file(header: str | dict, data: bytes = bytes(8)) -> io.BytesIO:
    text = (header if isinstance(header, str) else json.dumps(header)).encode()
    return io.BytesIO(struct.pack("<Q", len(text)) + text + data)


def everything(opened) -> dict[str, np.ndarray]:
    held = read_header(opened, "x.safetensors")
    return {key: read_array(opened, entry, "x") for key, entry in held.tensors.items()}


def test_each_kind_is_what_the_library_reads(tmp_path):
    random = torch.Generator().manual_seed(0)
    tensors = {
        f"{kind} {shape}": (100 * torch.rand(shape, generator=random)).to(kind)
        for kind in KINDS
        for shape in ((), (3,), (2, 3, 5), (0, 4))
    }
    safetensors.torch.save_file(tensors, tmp_path / "x", {"a": "text"})
    with (tmp_path / "x").open("rb") as opened:
        held = read_header(opened, "x")
        assert held.metadata == {"a": "text"}
        assert set(held.tensors) == set(tensors)
        for key, tensor in tensors.items():
            found = read_array(opened, held.tensors[key], "x")
            wanted = tensor.float() if tensor.dtype == torch.bfloat16 else tensor
            assert found.shape == held.tensors[key].shape == tuple(tensor.shape)
            assert found.dtype == wanted.numpy().dtype
            assert found.tobytes() == wanted.numpy().tobytes()
            assert found.flags.writeable
            torch.from_numpy(found)


def test_bytes_of_other_kinds_are_left_as_they_are():
    eighths = torch.tensor([[1.0, -2.0], [0.5, 448.0]]).to(torch.float8_e4m3fn)
    opened = io.BytesIO(safetensors.torch.save({"a": eighths}))
    assert everything(opened)["a"].tolist() == eighths.view(torch.uint8).tolist()
    four = file({"a": {"dtype": "F4", "shape": [16], "data_offsets": [0, 8]}})
    with pytest.raises(BadCheckpoint, match="kind F4"):
        everything(four)


@pytest.mark.parametrize("kind", BITS)
def test_the_library_knows_the_same_kinds(kind):
    held = file(
        {"a": {"dtype": kind, "shape": [8], "data_offsets": [0, BITS[kind]]}}, bytes(BITS[kind])
    )
    assert safetensors.deserialize(held.getvalue())[0][1]["dtype"] == kind
    assert read_header(held, "x").tensors["a"][:2] == (kind, (8,))


@settings(deadline=None)
@given(arrays.arrays(np.uint16, arrays.array_shapes(min_dims=0, max_dims=3)))
def test_every_bfloat16_is_widened_exactly(bits):
    tensor = torch.from_numpy(bits.view(np.int16)).view(torch.bfloat16)
    found = everything(io.BytesIO(safetensors.torch.save({"a": tensor})))["a"]
    assert found.tobytes() == tensor.float().numpy().tobytes()


def test_of_a_slice_of_a_file_only_that_is_read(tmp_path):
    """Opening takes the header, reading what is asked for."""
    tensors = {f"w{i}": torch.full((100_000,), float(i)) for i in range(40)}
    safetensors.torch.save_file(tensors, tmp_path / "x")
    with (tmp_path / "x").open("rb") as opened:
        tracemalloc.start()
        found = read_array(opened, read_header(opened, "x").tensors["w7"], "x")
        assert tracemalloc.get_traced_memory()[1] < 600_000
        tracemalloc.stop()
    assert (found == 7).all()


def test_a_file_that_became_shorter_since_is_cut_short(tmp_path):
    """Of a file that is mapped, the process would end."""
    safetensors.torch.save_file({"w": torch.ones(100_000)}, tmp_path / "x")
    with (tmp_path / "x").open("r+b") as opened:
        entry = read_header(opened, "x").tensors["w"]
        opened.truncate(200_000)
        with pytest.raises(BadCheckpoint, match="cut short"):
            read_array(opened, entry, "x")


def claims(**said) -> dict:
    return {"a": FLOAT | said}


SPOILT = {
    "two of one name": '{"a":%s,"a":%s}' % ((json.dumps(FLOAT),) * 2),
    "two of one entry": json.dumps({"a": FLOAT}).replace('"shape"', '"shape": [1], "shape"'),
    "overlapping": {"a": FLOAT, "b": FLOAT | {"shape": [1], "data_offsets": [4, 8]}},
    "a hole": {
        "a": FLOAT | {"shape": [1], "data_offsets": [0, 4]},
        "b": {"dtype": "U8", "shape": [2], "data_offsets": [6, 8]},
    },
    "a hole at the start": claims(shape=[1], data_offsets=[4, 8]),
    "bytes of no tensor": claims(shape=[1], data_offsets=[0, 4]),
    "more than there is": claims(shape=[3], data_offsets=[0, 12]),
    "another shape": claims(shape=[3]),
    "another kind": claims(dtype="F64"),
    "no kind": claims(dtype="F31"),
    "a kind that is a list": claims(dtype=["F32"]),
    "2^60 rows of nothing": {
        "a": FLOAT,
        "b": FLOAT | {"shape": [2**60, 0], "data_offsets": [8] * 2},
    },
    "backwards": claims(shape=[0], data_offsets=[8, 0]),
    "negative": claims(shape=[-1, -2]),
    "true": claims(shape=[True, 2]),
    "floats": claims(shape=[2.0]),
    "three ends": claims(data_offsets=[0, 8, 8]),
    "more said": claims(strides=[1]),
    "a hundred dimensions": claims(shape=[2] + [1] * 99),
    "no entry": {"a": FLOAT, "b": []},
    "a list": json.dumps([FLOAT]),
    "no JSON": "{]",
    "nested": '{"a":' + "[" * 100_000 + "]" * 100_000 + "}",
    "metadata of numbers": {"a": FLOAT, "__metadata__": {"a": 1}},
    "metadata in a list": {"a": FLOAT, "__metadata__": ["a"]},
    "half a character": {"\ud800": FLOAT},
    "half a character in a text": {"a": FLOAT, "__metadata__": {"a": "\ud800"}},
}


@pytest.mark.parametrize("kind", SPOILT)
def test_what_the_format_does_not_allow_is_refused(kind):
    with pytest.raises(BadCheckpoint, match=r"'x\.safetensors' as a whole \.safetensors file"):
        read_header(file(SPOILT[kind]), "x.safetensors")


def test_a_header_of_any_length_is_refused_unread():
    for length in (2**63, 2**31, 10_000_001):
        data = io.BytesIO(struct.pack("<Q", length) + b"{" + bytes(100))
        with pytest.raises(BadCheckpoint):
            read_header(data, "x")


def test_cut_short_anywhere():
    whole = file({"a": FLOAT}).getvalue()
    for length in range(len(whole)):
        with pytest.raises(BadCheckpoint):
            read_header(io.BytesIO(whole[:length]), "x")
    with pytest.raises(BadCheckpoint, match="1 bytes of no tensor"):
        read_header(io.BytesIO(whole + b"x"), "x")


def test_text_in_another_encoding_is_no_header():
    text = json.dumps({"a": FLOAT}).encode("utf-16")
    with pytest.raises(BadCheckpoint):
        read_header(io.BytesIO(struct.pack("<Q", len(text)) + text + bytes(8)), "x")
