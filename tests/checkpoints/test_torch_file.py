"""Files of torch.save read by dtviz alone: equal to what PyTorch reads, or refused."""

import io
import os
import pickle
import struct
import tracemalloc
import zipfile
from collections import OrderedDict

import hypothesis.strategies as st
import numpy as np
import pytest
import torch
from hypothesis import given, settings

from dtviz.checkpoints.pickles import Other
from dtviz.checkpoints.stored_array import StoredArray
from dtviz.checkpoints.torch_file import read_torch

from .published import pt

KINDS = (
    *(torch.float64, torch.float32, torch.float16, torch.bfloat16, torch.int64, torch.int32),
    *(torch.int16, torch.int8, torch.uint8, torch.bool, torch.complex64),
)
LEGACY = pytest.mark.parametrize("legacy", [False, True])


def saved(content, legacy=False) -> bytes:
    return pt(content, _use_new_zipfile_serialization=not legacy)


def read(data: bytes):
    return read_torch(io.BytesIO(data), "x.pt")


def assert_equal(found: object, tensor: torch.Tensor) -> None:
    """Compare an array with a tensor, bit by bit."""
    assert isinstance(found, StoredArray)
    wanted = (tensor.float() if tensor.dtype == torch.bfloat16 else tensor).detach().numpy()
    numbers = found.read()
    assert numbers.shape == found.shape == wanted.shape
    assert numbers.dtype == wanted.dtype
    assert numbers.tobytes() == wanted.tobytes()
    assert numbers.flags.writeable


@LEGACY
@pytest.mark.parametrize("kind", KINDS)
def test_each_kind_is_what_pytorch_reads(kind, legacy):
    random = torch.Generator().manual_seed(0)
    shapes = ((), (3,), (2, 3, 5), (0, 4))
    tensors = {f"{n}": (100 * torch.rand(n, generator=random)).to(kind) for n in shapes}
    data = saved(tensors, legacy)
    found = read(data)
    for key, tensor in torch.load(io.BytesIO(data), weights_only=True).items():
        assert_equal(found[key], tensor)


VIEWS = st.sampled_from(
    [
        lambda t: t.T,
        lambda t: t[1:],
        lambda t: t[:, 1:2],
        lambda t: t[::2],
        lambda t: t[0],
        lambda t: t.reshape(-1),
        lambda t: t[None],
        lambda t: torch.nn.Parameter(t),
        lambda t: t.detach().clone(),
    ]
)


@LEGACY
@settings(deadline=None, max_examples=60)
@given(rows=st.integers(2, 5), width=st.integers(2, 5), views=st.lists(VIEWS, max_size=3))
def test_views_are_what_pytorch_reads(legacy, rows, width, views):
    """Also two of one storage."""
    tensor = torch.arange(float(rows * width)).reshape(rows, width)
    content = OrderedDict(whole=tensor)
    for i, view in enumerate(views):
        content[str(i)] = view(tensor)
    data = saved(content, legacy)
    found = read(data)
    for key, wanted in torch.load(io.BytesIO(data), weights_only=True).items():
        assert_equal(found[key], wanted)


@LEGACY
def test_a_state_dict_with_the_versions_of_its_modules(legacy):
    state = torch.nn.Sequential(torch.nn.Linear(2, 3), torch.nn.BatchNorm1d(3)).state_dict()
    assert state._metadata
    found = read(saved({"state": state, "more": [1.5, "text", None, (True,)]}, legacy))
    assert found["more"] == [1.5, "text", None, (True,)]
    assert list(found["state"]) == list(state)
    for key, tensor in state.items():
        assert_equal(found["state"][key], tensor)


@LEGACY
def test_an_attribute_that_has_a_methods_name_stands_in_for_none(legacy):
    parameter = torch.nn.Parameter(torch.ones(3))
    state = OrderedDict(w=parameter)
    for name in ("detach", "is_floating_point"):
        setattr(parameter, name, 3)
    for name in ("values", "get"):
        setattr(state, name, 3)
    found = read(saved(state, legacy))
    assert type(found) is dict
    assert_equal(found["w"], torch.ones(3))


@LEGACY
@pytest.mark.parametrize(
    "value",
    [
        torch.eye(3).to_sparse(),
        torch.ones(3, device="meta"),
        torch.ones(3).to(torch.float8_e4m3fn),
        torch.zeros(1).expand(10**6, 10**6),
        torch.zeros(1000)[::999],
        torch.complex(torch.ones(3), torch.ones(3)).conj(),
        torch.Size([3]),
        {1, 2},
        3j,
        b"bytes",
        bytearray(b"bytes"),
        torch.device("cpu"),
        torch.strided,
    ],
    ids=str,
)
def test_what_is_no_plain_tensor_is_of_no_use(value, legacy):
    found = read(saved({"a": value, "b": torch.ones(2)}, legacy))
    assert isinstance(found["a"], Other)
    assert_equal(found["b"], torch.ones(2))


def test_nothing_is_given_to_pytorch(monkeypatch):
    data = saved({"a": torch.ones(2)})
    monkeypatch.setattr(torch, "load", None)
    monkeypatch.setattr(torch._C, "PyTorchFileReader", None)
    assert_equal(read(data)["a"], torch.ones(2))


def test_a_file_that_became_shorter_since_is_cut_short(tmp_path):
    (tmp_path / "x.pt").write_bytes(saved({"a": torch.ones(100_000)}))
    with (tmp_path / "x.pt").open("r+b") as file:
        found = read_torch(file, "x.pt")["a"]
        file.truncate(200_000)
        with pytest.raises(ValueError, match="cut short"):
            found.read()


# --- archives that different programs read differently --------------------------------------------

ONE, OTHER = saved({"a": torch.ones(3)}), saved({"a": torch.full((3,), 2.0)})


def pytorch_reads(data: bytes) -> float:
    return torch.load(io.BytesIO(data), weights_only=True)["a"][0].item()


def python_reads(data: bytes) -> float:
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        return struct.unpack("<f", archive.read("archive/data/0")[:4])[0]


def test_two_archives_of_which_python_and_pytorch_each_read_another_are_refused():
    data = ONE + OTHER
    assert (pytorch_reads(data), python_reads(data)) == (1, 2)
    with pytest.raises(zipfile.BadZipFile, match=r"a directory elsewhere|two directories"):
        read(data)


def rewritten(*, data=ONE, rename=None, add=(), first=(), **options) -> bytes:
    """Return an archive that Python wrote anew."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(data)) as old, zipfile.ZipFile(buffer, "w", **options) as new:
        for name, held in first:
            new.writestr(name, held)
        for name in old.namelist():
            new.writestr(rename(name) if rename else name, old.read(name))
        for name, held in add:
            new.writestr(name, held)
    return buffer.getvalue()


def replaced(data: bytes, place: int, new: bytes) -> bytes:
    """Return bytes with some replaced, at a place counted from their end."""
    start = len(data) + place
    return data[:start] + new + data[start + len(new) :]


SPOILT = {
    "data before it": lambda: b"PK\x03\x04" + bytes(100) + ONE,
    "a longer one before it": lambda: rewritten(add=[("archive/more", bytes(999))]) + ONE,
    "data after it": lambda: ONE + bytes(30),
    "a comment": lambda: replaced(ONE, -2, b"\x04\x00") + b"abcd",
    "a comment that is another end": lambda: replaced(ONE, -2, b"\x16\x00") + ONE[-22:],
    "numbers of 64 bits elsewhere": lambda: replaced(ONE, -34, struct.pack("<Q", 0)),
    "a directory of 64 bits elsewhere": lambda: replaced(ONE, -50, struct.pack("<Q", 1)),
    "a directory elsewhere": lambda: replaced(rewritten(), -6, struct.pack("<L", 1)),
    "compressed": lambda: rewritten(compression=zipfile.ZIP_DEFLATED),
    "two folders": lambda: rewritten(add=[("other/data.pkl", b"")]),
    "a folder before": lambda: rewritten(first=[("other/data.pkl", b"")]),
    "two of one name": lambda: rewritten(add=[("archive/DATA.pkl", b"")]),
    "two of the same name": lambda: rewritten(add=[("archive/data.pk_", b"")]).replace(
        b"pk_", b"pkl"
    ),
    "big-endian": lambda: ONE.replace(b"little", b"bigger"),
    "TorchScript": lambda: rewritten(add=[("archive/constants.pkl", b"")]),
    "no folder": lambda: rewritten(rename=lambda name: name.rpartition("/")[2]),
    "no pickle": lambda: rewritten(rename=lambda name: name.replace("data.pkl", "x")),
    "no numbers": lambda: rewritten(rename=lambda name: name.replace("data/0", "data/1")),
    "another checksum": lambda: ONE.replace(struct.pack("<f", 1) * 3, struct.pack("<f", 9) * 3),
    "another name in the record": lambda: ONE.replace(b"archive/data/0", b"archive/data/1", 1),
    "no archive": lambda: b"PK" + bytes(200),
    "an end alone": lambda: ONE[-22:],
    "encrypted": lambda: bytes(ONE).replace(
        b"PK\x01\x02\x00\x00\x00\x00\x08", b"PK\x01\x02\x00\x00\x00\x00\x09"
    ),
}
FINE = {
    "as PyTorch wrote it": lambda: ONE,
    "as Python wrote it": rewritten,
    "in a folder of another name": lambda: rewritten(rename=lambda n: n.replace("archive", "é a")),
    "with more in it": lambda: rewritten(add=[("archive/more.json", b"{}")]),
}


@pytest.mark.parametrize("kind", FINE)
def test_archives_that_are_fine(kind):
    data = FINE[kind]()
    assert pytorch_reads(data) == 1
    assert_equal(read(data)["a"], torch.ones(3))


@pytest.mark.parametrize("kind", SPOILT)
def test_archives_otherwise_than_torch_save_writes_them_are_refused(kind):
    data = SPOILT[kind]()
    assert data != ONE
    with pytest.raises(Exception):  # noqa: B017, PT011  # of many kinds
        read(data)


# --- streams --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "spoil",
    [
        lambda data: data[:-1],
        lambda data: data + b"\0",
        lambda data: data[:-20] + struct.pack("<q", 2) + data[-12:],
        lambda data: data[:-20] + struct.pack("<q", -3) + data[-12:],
        lambda data: data[:-20],
        lambda data: data + data[-20:],
        lambda data: data.replace(b"little_endianq\x02\x88", b"little_endianq\x02\x89"),
        lambda data: data.replace(b"M\xe9\x03.", b"M\xea\x03.", 1),
        lambda data: data.replace(b"FloatStorage", b"DoubleStorage"),
    ],
)
def test_streams_otherwise_than_torch_save_writes_them_are_refused(spoil):
    data = saved({"a": torch.arange(3.0)}, legacy=True)
    assert_equal(read(data)["a"], torch.arange(3.0))
    assert spoil(data) != data
    with pytest.raises(Exception):  # noqa: B017, PT011  # of many kinds
        read(spoil(data))


def test_storages_of_no_tensor_or_twice_are_refused():
    data = saved({"a": torch.arange(3.0)}, legacy=True)
    start = data.rindex(b"\x80\x02]")
    keys = data[start : data.index(b".", start) + 1]
    numbers = data[start + len(keys) :]
    name = keys[keys.index(b"X") : keys.index(b"q", keys.index(b"X"))]
    for listed, held in (
        (b"(" + name + name + b"e", numbers * 2),
        (b"(" + name + b"X\x01\x00\x00\x000e", numbers * 2),
        (b"", b""),
    ):
        with pytest.raises(ValueError, match="other storages"):
            read(data[:start] + b"\x80\x02]" + listed + b"." + held)


def test_one_storage_is_always_the_same():
    """PyTorch takes the first of two kinds or sizes for both."""
    data = saved({"a": torch.ones(3), "b": torch.full((3,), 2.0)})
    same = data.replace(b"X\x01\x00\x00\x001", b"X\x01\x00\x00\x000")
    assert_equal(read(pickled_anew(same))["b"], torch.ones(3))
    with pytest.raises(pickle.UnpicklingError, match="a storage that is none"):
        read(
            pickled_anew(
                same.replace(
                    b"0q\x05X\x03\x00\x00\x00cpuq\x06K\x03", b"0q\x05X\x03\x00\x00\x00cpuq\x06K\x02"
                )
            )
        )


def test_numbers_beyond_their_storage_are_of_no_use():
    tensor = torch.arange(6.0)
    data = saved({"a": tensor.as_strided((2, 2), (2, 1), 2)})
    assert_equal(read(data)["a"], tensor[2:].reshape(2, 2))
    for offset in (3, 100):
        assert data.count(b"K\x02K\x02K\x02") == 1
        changed = data.replace(b"K\x02K\x02K\x02", b"K" + bytes([offset]) + b"K\x02K\x02")
        found = read(pickled_anew(changed))["a"]
        assert isinstance(found, Other)


def pickled_anew(data: bytes) -> bytes:
    """Return an archive whose pickle was changed, its checksums made anew."""
    start = data.index(b"\x80\x02")
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        length = archive.getinfo("archive/data.pkl").file_size
        held = {n: None if n.endswith("data.pkl") else archive.read(n) for n in archive.namelist()}
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as new:
        for name, record in held.items():
            new.writestr(name, data[start : start + length] if record is None else record)
    return buffer.getvalue()


def test_a_large_file_is_read_piece_by_piece(tmp_path):
    """Opening it takes its pickle."""
    content = {f"w{i}": torch.full((100_000,), float(i)) for i in range(20)}
    torch.save(content, tmp_path / "x.pt")
    assert os.path.getsize(tmp_path / "x.pt") > 8_000_000
    with (tmp_path / "x.pt").open("rb") as file:
        tracemalloc.start()
        found = read_torch(file, "x.pt")["w7"].read()
        assert tracemalloc.get_traced_memory()[1] < 3_000_000
        tracemalloc.stop()
    assert (found == np.float32(7)).all()
