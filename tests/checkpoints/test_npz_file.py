"""An .npz file is read as NumPy wrote it, or refused; nothing in it is unpickled or unpacked."""

import io
import zipfile

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from dtviz.checkpoints.npz_file import read_npz
from dtviz.checkpoints.safetensors_file import read_array
from dtviz.errors import BadCheckpoint


def saved(write=np.savez, **held):
    buffer = io.BytesIO()
    write(buffer, **held)
    return buffer.getvalue()


def read(data):
    file = io.BytesIO(data)
    found = {}
    for name, array in read_npz(file, "params.npz").items():
        numbers = read_array(file, array.entry, "params.npz")
        found[name] = numbers.T if array.is_transposed else numbers
    return found


SHAPES = arrays.array_shapes(min_dims=0, max_dims=3, min_side=0, max_side=4)
FLOATS = st.sampled_from(["<f2", "<f4", "<f8"]).map(np.dtype)


@given(st.dictionaries(st.sampled_from(["W_enc", "W_dec", "b"]), arrays.arrays(FLOATS, SHAPES)))
def test_floats_are_what_numpy_reads(held):
    data = saved(**held)
    found = read(data)
    with np.load(io.BytesIO(data)) as expected:
        assert set(found) == set(expected)
        for name in expected:
            assert found[name].dtype == expected[name].dtype
            np.testing.assert_array_equal(found[name], expected[name])


def test_arrays_in_fortrans_order_and_of_other_kinds():
    rows = np.arange(6.0).reshape(2, 3)
    found = read(saved(turned=np.asfortranarray(rows), whole=np.arange(3), text=np.array("a")))
    assert set(found) == {"turned"}
    np.testing.assert_array_equal(found["turned"], rows)


def test_objects_are_never_unpickled(tmp_path):
    class Payload:
        def __reduce__(self):
            return (open, (str(tmp_path / "ran"), "w"))

    objects = np.empty(1, dtype=object)
    objects[0] = Payload()
    data = saved(W_enc=objects, W_dec=np.ones(2))
    assert b"ran" in data
    assert set(read(data)) == {"W_dec"}
    assert list(tmp_path.iterdir()) == []


def header(text, body=b""):
    text = text.encode()
    return b"\x93NUMPY\1\0" + len(text).to_bytes(2, "little") + text + body


def archive(*records, compression=zipfile.ZIP_STORED):
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", compression) as held:
        for name, data in records:
            held.writestr(name, data)
    return buffer.getvalue()


def shaped(shape, kind="<f4", body=b""):
    text = f"{{'descr': '{kind}', 'fortran_order': False, 'shape': {shape}, }}\n"
    return archive(("W_enc.npy", header(text, body)))


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"PK",
        archive(("W_enc.npy", b"no array")),
        archive(("W_enc.npy", b"")),
        shaped((2, 3), body=bytes(23)),
        shaped((10**18, 10**18)),
        shaped((0, 10**17)),
        shaped((2**62, 4), body=bytes(16)),
        shaped("(" * 500),
        shaped("(2, __import__('os'))"),
        archive(("a.npy", header("{'descr': '<f4'}\n"))),
        archive(("a.npy", header("{}" * 10_000))),
        saved(np.savez_compressed, W_enc=np.zeros((1000, 1000))),
        archive(("W_enc.npy", bytes(10**8)), compression=zipfile.ZIP_DEFLATED),
        saved(W_enc=np.zeros(3))[:-1],
        b"x" + saved(W_enc=np.zeros(3)),
        saved(W_enc=np.zeros(3)) + saved(W_enc=np.ones(3)),
        archive(*((f"{i}.npy", b"") for i in range(1_001))),
    ],
)
def test_what_numpy_did_not_write_is_refused(data):
    with pytest.raises(BadCheckpoint, match=r"params\.npz. as numpy\.savez writes it"):
        read(data)
