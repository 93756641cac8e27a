import shutil

import pytest

from dtviz.app import App, choices, open_model
from dtviz.errors import BadCheckpoint, DtvizError, FileProblem
from dtviz.explorer import Explorer
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


@pytest.fixture
def saved(gated, tmp_path):
    explorer = Explorer(gated, layer=0, side="in", distance="rows", k=4)
    explorer.selection.names = ["L0N1", "L1N8"]
    explorer.save(tmp_path / "saved.html")
    return explorer, tmp_path / "saved.html"


def test_a_snapshot_opens_again_where_its_checkpoint_is_beside_it(saved):
    explorer, path = saved
    with pytest.raises(FileProblem, match=explorer.model.sha256):
        App(str(path))
    (path.parent / "another.pt").write_bytes(b"no")
    shutil.copy(GATED, path.parent / "model.pt")
    app = App(str(path))
    assert app.explorer.options == explorer.options
    assert app.explorer.selection.names == ["L0N1", "L1N8"]
    assert app.checkpoint == str(path.parent / "model.pt")


@pytest.fixture(scope="module")
def page(demo, tmp_path_factory):
    path = tmp_path_factory.mktemp("snapshot") / "saved.html"
    Explorer(demo, layer=1).save(path)
    return path.read_text()


def test_a_snapshot_of_the_demo_opens_anywhere(page, tmp_path):
    (tmp_path / "saved.HTML").write_text(page)
    assert App(str(tmp_path / "saved.HTML")).explorer.layer == 1


@pytest.mark.parametrize(
    ("was", "becomes"),
    [
        ('"layer": 1', '"layer": 5'),
        ('"k": 10', '"k": "many"'),
        ('"layer": 1', '"colour": 1'),
        ('"selected": []', '"selected": ["L9N9"]'),
        ('"selected": []', '"selected": 7'),
    ],
)
def test_a_snapshot_edited_by_hand_is_an_error_of_dtviz(page, tmp_path, was, becomes):
    path = tmp_path / "saved.html"
    assert was in page
    path.write_text(page.replace(was, becomes, 1))
    with pytest.raises(DtvizError):
        App(str(path))
