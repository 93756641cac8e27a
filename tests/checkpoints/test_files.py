import io
import json
import os
import pickle
import socket
import warnings
import zipfile
from collections import Counter
from pathlib import Path

import pytest
import torch

from dtviz.checkpoints import load, load_bytes
from dtviz.checkpoints.files import content, file_bytes
from dtviz.errors import BadCheckpoint, FileProblem

from .published import pt, published

PNG = b"\x89PNG\r\n\x1a\n\x00\x00\x00\rIHDR" + bytes(100)


class Payload:
    """Unpickled by Python, it would write a file."""

    def __init__(self, path):
        self.path = path

    def __reduce__(self):
        return (open, (str(self.path), "w"))


def tiny():
    return published(layer_norm="none", layers=1)


def archive(data, compression=zipfile.ZIP_STORED):
    """Return the same archive, written by Python."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(data)) as old, zipfile.ZipFile(buffer, "w") as new:
        for member in old.namelist():
            new.writestr(member, old.read(member), compression)
    return buffer.getvalue()


def test_each_format_holds_the_same():
    expected = tiny().model()
    legacy = tiny().pt(_use_new_zipfile_serialization=False)
    for data in (tiny().safetensors(), legacy, archive(tiny().pt())):
        model = load_bytes(data, "tiny")
        assert (model.neurons().vectors == expected.neurons().vectors).all()
        assert (model.embedding.vectors == expected.embedding.vectors).all()
        assert model.embedding.names == expected.embedding.names


def test_safetensors_with_layer_norm_and_gate():
    whole = published(gated=True)
    model = load_bytes(whole.safetensors(), "x.safetensors")
    assert model.processing == whole.model().processing
    assert (
        model.neurons("all", "gate").vectors == whole.model().neurons("all", "gate").vectors
    ).all()


@pytest.mark.parametrize("name", ["tiny.pt", "tiny.safetensors", "tiny", "tiny.txt"])
def test_the_name_does_not_tell_the_format(name):
    for data in (tiny().pt(), tiny().safetensors()):
        assert load_bytes(data, name).name == "tiny"


@pytest.mark.parametrize("first", [0x80, 0x50])
def test_a_safetensors_header_may_begin_like_other_formats(first):
    for padding in range(0, 256, 8):  # headers are aligned to 8 bytes
        data = tiny().safetensors(more=" " * padding)
        if data[0] == first:
            break
    else:
        pytest.skip("safetensors aligns its headers otherwise")
    assert load_bytes(data, "tiny").n_layers == 1


@pytest.mark.parametrize("legacy", [False, True])
def test_a_pickle_that_would_run_code_does_not(tmp_path, legacy):
    target = tmp_path / "written"
    data = pt(
        tiny().content() | {"extra": Payload(target)}, _use_new_zipfile_serialization=not legacy
    )
    with pytest.raises(BadCheckpoint, match=r"asks for '.*open', which could run code; none ran"):
        content(data, "x.pt")
    assert not target.exists()


def test_a_bare_pickle_that_would_run_code_does_not(tmp_path):
    target = tmp_path / "written"
    with pytest.raises(BadCheckpoint):
        content(pickle.dumps(Payload(target)), "x.pt")
    assert not target.exists()


def test_a_pickled_model_instead_of_its_weights():
    with pytest.raises(BadCheckpoint, match=r"asks for .torch\.nn\.modules\.linear\.Linear"):
        content(pt(torch.nn.Linear(2, 2)), "x.pt")


def test_files_that_are_something_else():
    text_in_zip = io.BytesIO()
    with zipfile.ZipFile(text_in_zip, "w") as new:
        new.writestr("readme.txt", "a text")
    for data, message in {
        b"": "got an empty file",
        b"model,accuracy\n": "begins with b'model,ac'",
        PNG: "begins with b'\\\\x89PNG",
        b"PK\x03\x04": "damaged, cut short or of another kind",
        text_in_zip.getvalue(): "damaged, cut short or of another kind",
        pickle.dumps({"model_state_dict": {}}): "damaged, cut short or of another kind",
        b"\x02\x00\x00\x00\x00\x00\x00\x00{}": "holds 'model_config', 'environment_config'",
        b"\x02\x00\x00\x00\x00\x00\x00\x00{]": "a whole .safetensors file",
        pt([1, 2]): "holds a list",
        pt(torch.ones(2)): "holds a tensor",
    }.items():
        with pytest.raises(BadCheckpoint, match=message):
            load_bytes(data, "x.pt")


def test_of_what_torch_would_warn_there_is_only_the_error():
    with zipfile.ZipFile(torchscript := io.BytesIO(archive(pt(torch.ones(2)))), "a") as new:
        new.writestr("archive/constants.pkl", b"")
    for data in (torchscript.getvalue(), pickle.dumps({}, protocol=4)):
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            with pytest.raises(BadCheckpoint, match="of another kind"):
                content(data, "x.pt")


@pytest.mark.parametrize("saved", ["pt", "safetensors", "legacy"])
def test_a_file_cut_short_anywhere(saved):
    whole = (
        tiny().safetensors()
        if saved == "safetensors"
        else tiny().pt(_use_new_zipfile_serialization=saved == "pt")
    )
    for length in {*range(0, len(whole), 997), 1, 8, 9, 100, len(whole) - 1}:
        with pytest.raises(BadCheckpoint) as raised:
            load_bytes(whole[:length], "x.pt")
        assert len(str(raised.value)) < 400


def test_one_bit_changed_among_the_weights_of_an_archive_is_noticed():
    data = bytearray(tiny().pt())
    start = data.find(tiny().state["transformer.blocks.0.mlp.W_in"].numpy().tobytes())
    assert start > 0
    data[start + 50] ^= 1
    with pytest.raises(BadCheckpoint, match="damaged"):
        content(bytes(data), "x.pt")


def test_an_archive_that_would_unpack_to_more_than_the_file():
    zeros = {"model_state_dict": {"w": torch.zeros(1_000_000)}}
    with pytest.raises(BadCheckpoint, match="damaged, cut short or of another kind"):
        content(archive(pt(zeros), zipfile.ZIP_DEFLATED), "x.pt")


def test_a_record_shorter_than_the_tensor_it_should_fill():
    data = pt({"w": torch.zeros(4)})
    buffer = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(data)) as old, zipfile.ZipFile(buffer, "w") as new:
        for member in old.namelist():
            # The opcode BININT1 4, the length of the storage, becomes BININT2 400.
            new.writestr(member, old.read(member).replace(b"K\x04", b"M\x90\x01"))
    with pytest.raises(BadCheckpoint, match="damaged"):
        content(buffer.getvalue(), "x.pt")


def test_files_that_cannot_be_read(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(FileProblem, match=r"got no such file: 'missing\.pt'"):
        file_bytes(Path("missing.pt"))
    with pytest.raises(FileProblem, match="got a directory"):
        file_bytes(tmp_path)
    with pytest.raises(FileProblem, match="name too long"):
        file_bytes(tmp_path / ("x" * 5000))
    with pytest.raises(FileProblem, match="no such file"):
        file_bytes(tmp_path / "null\0byte")


@pytest.mark.parametrize("kind", ["a pipe", "a link to a pipe", "a device", "a socket"])
def test_what_may_never_end_is_not_waited_for(tmp_path, kind):
    path = tmp_path / "x.pt"
    with socket.socket(socket.AF_UNIX) as listening:
        if "pipe" in kind:
            os.mkfifo(tmp_path / "pipe")
            path = tmp_path / "pipe"
        if "link" in kind:
            path = tmp_path / "x.pt"
            path.symlink_to("pipe")
        if kind == "a device":
            path = Path("/dev/zero")
        if kind == "a socket":
            listening.bind(str(path))
        with pytest.raises(FileProblem, match=r"a pipe or a device|No such device"):
            file_bytes(path)


def test_what_a_path_leads_to_is_looked_at_once_it_is_open(tmp_path, monkeypatch):
    """Between two looks another file could take its place."""
    os.mkfifo(tmp_path / "x.pt")
    monkeypatch.setattr(Path, "is_file", lambda _: True)
    with pytest.raises(FileProblem, match="a pipe or a device"):
        file_bytes(tmp_path / "x.pt")


def test_a_file_larger_than_memory_is_refused_unread(tmp_path):
    with (tmp_path / "x.pt").open("wb") as file:
        file.truncate(2**42)  # it takes no place on the disk
    with pytest.raises(FileProblem, match=r"GB of memory that are free.*of 4398\.0 GB"):
        load(tmp_path / "x.pt")


def test_a_file_that_may_have_so_many_bytes_has_no_more(tmp_path):
    (tmp_path / "x").write_bytes(b"abc")
    assert file_bytes(tmp_path / "x", 3) == b"abc"
    with pytest.raises(FileProblem, match=r"at most 2 bytes.*x' of 3"):
        file_bytes(tmp_path / "x", 2)


def test_content_is_not_copied_into_the_message():
    with pytest.raises(BadCheckpoint) as raised:
        content(b"<html>" * 10_000, "x.pt")
    assert len(str(raised.value)) < 400
    assert Counter(str(raised.value))["\n"] == 0


def test_metadata_cannot_stand_in_for_the_weights():
    data = tiny().safetensors(model_state_dict=json.dumps({}))
    assert load_bytes(data, "tiny").n_layers == 1
