"""Sources: what can be opened is offered; a model is read once for all pages, until it changes."""

import os
import re
import shutil

import numpy as np
import pytest

from dtviz.demo import CHECKPOINT
from dtviz.errors import BadCheckpoint, FileProblem
from dtviz.explorer import Explorer
from dtviz.model import Model
from dtviz.sources import choices, open_model, reopened
from tests.checkpoints import gguf_files, language_models
from tests.conftest import GATED


def test_the_demo_can_always_be_picked(tmp_path):
    (tmp_path / "b.pt").touch()
    (tmp_path / "a.safetensors").touch()
    (tmp_path / "notes.txt").touch()
    (tmp_path / "c.gguf").touch()
    assert list(choices(str(tmp_path))) == ["a.safetensors", "b.pt", "c.gguf", "demo"]
    assert list(choices("demo")) == ["demo"]
    assert list(choices("model.pt")) == ["model.pt", "demo"]


def test_an_empty_folder_is_an_error(tmp_path):
    with pytest.raises(FileProblem, match="folder with checkpoints"):
        choices(str(tmp_path))


def test_a_language_model_opens_until_one_of_its_files_changes(tmp_path):
    language_model = language_models.saved("gpt2", tmp_path / "gpt2")
    first = open_model(str(language_model))
    assert first.name == "gpt2"
    assert open_model(str(language_model)) is first
    (language_model / "model.safetensors").write_bytes(b"")
    with pytest.raises(BadCheckpoint):
        open_model(str(language_model))


def test_models_are_shared_until_their_file_changes(gated, tmp_path):
    path = tmp_path / "model.pt"
    shutil.copy(GATED, path)
    first = open_model(str(path))
    assert open_model(str(path)) is first
    path.write_bytes(b"")
    with pytest.raises(BadCheckpoint):
        open_model(str(path))


def test_a_damaged_file_is_not_tried_by_every_page(tmp_path, monkeypatch):
    path = tmp_path / "a.pt"
    path.write_bytes(b"no")
    monkeypatch.setattr("dtviz.sources._REFUSED_FOR", 1e9)  # no minute ends meanwhile
    tried = []

    def counted(source):
        tried.append(source)
        raise BadCheckpoint(expected="a", got="b", do="C.")

    monkeypatch.setattr("dtviz.sources.read", counted)
    for _ in range(3):
        with pytest.raises(BadCheckpoint, match="Expected a, got b"):
            open_model(path)
    assert len(tried) == 1
    path.write_bytes(b"not this either")
    with pytest.raises(BadCheckpoint):
        open_model(path)
    assert len(tried) == 2


def test_to_find_a_snapshots_checkpoint_nothing_is_parsed_here(tmp_path, monkeypatch):
    language_model = language_models.saved("gpt2", tmp_path / "gpt2")
    page = language_model.parent / "snapshot.html"
    Explorer(open_model(language_model)).save(page)
    shutil.copy(GATED, language_model.parent / "model.pt")
    (language_model.parent / "table").mkdir()
    (language_model.parent / "table" / "model.json").write_text("{}")

    def refuse(*_):
        raise AssertionError("parsed in this process")

    for what in ("load", "load_bytes", "Directory", "partitioned", "_of_directory"):
        monkeypatch.setattr(f"dtviz.checkpoints.{what}", refuse)
    source, about = reopened(page)
    assert (source, about["model"]) == (language_model, "gpt2")


def test_the_gguf_file_of_a_snapshot_is_found(tmp_path, monkeypatch):
    """Opened in a child, not hashed as a whole."""
    path = gguf_files.write(tmp_path / "small.gguf")
    Explorer(open_model(path)).save(tmp_path / "snapshot.html")
    monkeypatch.setattr("dtviz.sources.file_bytes", None)
    assert reopened(tmp_path / "snapshot.html")[0] == path


def test_a_folder_does_not_hide_what_has_its_name(tmp_path, monkeypatch):
    (tmp_path / "smollm2").mkdir()
    monkeypatch.chdir(tmp_path)
    assert choices("smollm2") == {"smollm2": "smollm2", "demo": "demo"}


def test_to_find_a_snapshots_checkpoint_little_is_read(demo, tmp_path, monkeypatch):
    """No more files, bytes or folders than a few; and for the next page, none again."""
    path = tmp_path / "saved.html"
    Explorer(demo, layer=1).save(path)
    read = []
    other = Model.from_arrays(np.eye(2))
    monkeypatch.setattr("dtviz.sources.file_bytes", lambda path: read.append(path) or b"")
    monkeypatch.setattr("dtviz.sources.read", lambda path: read.append(path) or other)
    for number in range(150):
        (tmp_path / f"{number:03}.pt").write_bytes(b"")
        if number < 20:
            (tmp_path / f"{number:03}").mkdir()
            (tmp_path / f"{number:03}" / "config.json").write_text("{}")
    for name in ("large", "memory DT (demo)"):
        with (tmp_path / f"{name}.pt").open("wb") as file:
            file.truncate(700_000_000)
    os.mkfifo(tmp_path / "pipe.pt")
    path.write_text(re.sub('"sha256": "[0-9a-f]+"', '"sha256": "1"', path.read_text()))
    for _ in range(2):
        with pytest.raises(FileProblem, match="105 of 173 models"):
            reopened(path)
    names = [path.name for path in read if path != CHECKPOINT]
    assert len(names) == len(set(names)) == 105
    assert "memory DT (demo).pt" in names
    assert not {"large.pt", "pipe.pt"} & {*names}
