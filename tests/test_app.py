import shutil

import pytest

from dtviz.app import App, choices, open_model
from dtviz.errors import BadCheckpoint, FileProblem
from tests.conftest import GATED


def test_the_demo_can_always_be_picked(tmp_path):
    (tmp_path / "b.pt").touch()
    (tmp_path / "a.safetensors").touch()
    (tmp_path / "notes.txt").touch()
    assert list(choices(str(tmp_path))) == ["a.safetensors", "b.pt", "demo"]
    assert list(choices("demo")) == ["demo"]
    assert list(choices("model.pt")) == ["model.pt", "demo"]


def test_an_empty_folder_is_an_error(tmp_path):
    with pytest.raises(FileProblem, match="folder with checkpoints"):
        choices(str(tmp_path))


def test_models_are_shared_until_their_file_changes(gated, tmp_path):
    path = tmp_path / "model.pt"
    shutil.copy(GATED, path)
    first = open_model(str(path))
    assert open_model(str(path)) is first
    path.write_bytes(b"")
    with pytest.raises(BadCheckpoint):
        open_model(str(path))


def test_what_cannot_be_opened_is_said_and_the_explorer_goes_on(demo, tmp_path):
    (tmp_path / "bad.pt").write_bytes(b"no")
    app = App("demo")
    app.param.checkpoint.objects = {"demo": "demo", "bad.pt": str(tmp_path / "bad.pt")}
    model = app.explorer.model
    app.checkpoint = str(tmp_path / "bad.pt")
    assert "Expected" in app.problem
    assert app.explorer.model is model
    assert app.checkpoint == "demo"


def test_an_upload_can_be_picked_again(demo, gated):
    app = App("demo")
    app._file.filename = GATED.name
    app._file.value = GATED.read_bytes()
    uploaded = app.explorer.model
    assert uploaded.name == GATED.stem
    app.checkpoint = "demo"
    assert app.explorer.model is open_model("demo")
    app.checkpoint = uploaded
    assert app.explorer.model is uploaded
    app._file.value = b"no"
    assert "Expected" in app.problem
    assert app.explorer.model is uploaded
