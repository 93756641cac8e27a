import asyncio
import hashlib
import json
import shutil
import threading
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dtviz import link
from dtviz.app import App, checked, opened
from dtviz.errors import BadCheckpoint, DtvizError, FileProblem
from dtviz.explorer import Explorer
from dtviz.model import Model
from dtviz.sources import choices, open_model
from tests.checkpoints import language_models
from tests.checkpoints.published import published
from tests.conftest import GATED


@pytest.fixture
def language_model(tmp_path):
    """A language model's directory in a folder."""
    return language_models.saved("gpt2", tmp_path / "gpt2")


def test_a_language_model_can_be_picked(language_model):
    assert list(choices(str(language_model))) == ["gpt2", "demo"]
    (language_model.parent / "a.pt").touch()
    assert list(choices(str(language_model.parent))) == ["a.pt", "gpt2", "demo"]
    assert list(choices("someone/gpt2")) == ["gpt2", "demo"]


def test_a_snapshot_of_a_language_model_opens_again(language_model):
    path = language_model.parent / "snapshot.html"
    explorer = Explorer(open_model(str(language_model)), layer=1)
    explorer.selection.names = ["L1N3"]
    explorer.save(path)
    app = App(str(path))
    assert app.checkpoint == language_model
    assert (app.explorer.layer, app.explorer.selection.names) == (1, ["L1N3"])


def test_what_cannot_be_opened_is_said_and_the_explorer_goes_on(demo, tmp_path):
    (tmp_path / "bad.pt").write_bytes(b"no")
    app = App("demo")
    app.param.checkpoint.objects = {"demo": "demo", "bad.pt": str(tmp_path / "bad.pt")}
    model = app.explorer.model
    app.checkpoint = str(tmp_path / "bad.pt")
    assert "Expected" in app.problem
    assert app.explorer.model is model
    assert app.checkpoint == "demo"


def test_what_was_said_stays_when_the_page_tells_what_it_was_told(language_model):
    refused = language_model.parent / "refused.pt"
    refused.write_bytes(b"no")
    app = App(language_model.parent)
    app.checkpoint = refused
    assert "Expected" in app.problem
    app.checkpoint = Path(language_model)  # equal, and for param another
    assert "Expected" in app.problem
    assert app.explorer.model.name == "gpt2"


def upload(app, name, data, piece=400_000):
    """Send a file as the browser's file input does."""
    for chunk, start in enumerate(range(0, max(1, len(data)), piece), 1):
        part = {"name": name, "chunk": chunk, "data": data[start : start + piece]}
        app._file._handle_msg({"status": "upload_event", **part})
    app._file._handle_msg({"status": "finished"})


def test_an_upload_can_be_picked_again(demo, gated):
    app = App("demo")
    upload(app, GATED.name, GATED.read_bytes())
    uploaded = app.explorer.model
    assert uploaded.name == GATED.stem
    app.checkpoint = "demo"
    assert app.explorer.model is open_model("demo")
    app.checkpoint = uploaded
    assert app.explorer.model is uploaded
    upload(app, GATED.name, b"no")
    assert "Expected" in app.problem
    assert app.explorer.model is uploaded


def test_others_are_served_while_an_upload_is_parsed(monkeypatch):
    served = threading.Event()

    def waits_for_another(data, name):
        assert served.wait(60)
        raise BadCheckpoint(expected="a", got="b", do="C.")

    async def both():
        parsed = asyncio.create_task(app._open_upload("x.pt", b"data"))
        await asyncio.sleep(0)  # it has begun
        served.set()
        await parsed

    app = App("demo")
    monkeypatch.setattr("dtviz.app.read_bytes", waits_for_another)
    asyncio.run(both())
    assert app.problem == "Expected a, got b. C."
    assert app.checkpoint == "demo"


def test_of_uploads_the_last_five_can_be_picked_again():
    app = App("demo")
    for i in range(7):
        upload(app, f"{i}.pt", published(layers=2, d_model=8, d_mlp=12 + i, view=2).pt())
    assert app.problem == ""
    assert list(app.param.checkpoint.names) == ["demo", *(f"{i}.pt" for i in range(2, 7))]


def test_uploads_that_stay_are_no_larger_together_than_one_may_be():
    files = [published(layers=2, d_model=8, d_mlp=12, view=2, seed=i).pt() for i in range(3)]
    app = App("demo", most_uploaded=2 * len(files[0]) + 100)
    for i, data in enumerate(files):
        upload(app, f"{i}.pt", data)
    upload(app, "1.pt", files[1])  # again, it is one still, and the newest
    assert list(app.param.checkpoint.names) == ["demo", "2.pt", "1.pt"]
    assert app.explorer.model.name == "1"


def test_a_page_cannot_raise_the_limit_of_uploads(gated):
    app = App("demo", most_uploaded=1_000_000)
    # What a page can set of the widget is not looked at.
    app._file.max_file_size = 10**12
    app._file.filename, app._file.value = GATED.name, GATED.read_bytes()
    assert (app.problem, app.checkpoint) == ("", "demo")
    upload(app, GATED.name, GATED.read_bytes())
    assert "a file of at most 1 MB" in app.problem
    assert app.checkpoint == "demo"


def test_only_what_is_offered_is_opened(gated, tmp_path):
    (tmp_path / "served").mkdir()
    shutil.copy(GATED, tmp_path / "served" / "model.pt")
    shutil.copy(GATED, tmp_path / "secret.pt")
    app = App(str(tmp_path / "served"))
    model = app.explorer.model
    for path in (tmp_path / "secret.pt", tmp_path / "served" / ".." / "secret.pt"):
        with pytest.raises(ValueError, match="checkpoint"):
            app.checkpoint = str(path)
        app.explorer.wanted = f"#model={path}"
        assert "a model among" in app.problem
    assert app.explorer.model is model


def test_a_folder_is_not_left_by_links(gated, tmp_path, language_model):
    shutil.copy(GATED, tmp_path / "secret.pt")
    served = tmp_path / "served"
    served.mkdir()
    shutil.copy(GATED, served / "model.pt")
    (served / "alias.pt").symlink_to(served / "model.pt")
    (served / "link.pt").symlink_to(tmp_path / "secret.pt")
    (served / "gpt2").symlink_to(language_model)
    shutil.copytree(language_model, served / "partly")
    (served / "partly" / "model.safetensors").unlink()
    (served / "partly" / "model.safetensors").symlink_to(language_model / "model.safetensors")
    app = App(str(served))
    for name in ("link.pt", "gpt2", "partly"):
        app.checkpoint = app.param.checkpoint.names["model.pt"]
        app.checkpoint = app.param.checkpoint.names[name]
        assert "which leads out of it" in app.problem
        assert app.checkpoint == app.param.checkpoint.names["model.pt"]
    app.checkpoint = app.param.checkpoint.names["alias.pt"]
    assert app.problem == ""


@pytest.fixture
def two(tmp_path):
    """A folder of two models."""
    for name in ("a.pt", "b.pt"):
        (tmp_path / name).write_bytes(published(layers=1, layer_norm="none").pt())
    return tmp_path


def shown_first(source):
    """The model of a page that opens, and what the page says."""
    page = opened(source)
    return page.explorer.model.name, page.problem


def test_of_a_folder_whose_first_model_is_damaged_later_the_next_opens(two):
    assert checked(two) == ""
    assert shown_first(two) == ("a", "")
    (two / "a.pt").write_bytes(b"no")
    name, problem = shown_first(two)
    assert name == "b"
    assert problem.startswith("'a.pt' cannot be opened: Expected a checkpoint")
    (two / "b.pt").unlink()
    name, problem = shown_first(two)
    assert name == "memory DT (demo)"
    assert "'a.pt'" in problem


def test_at_the_start_one_bad_entry_refuses_no_other(two):
    (two / "a.pt").write_bytes(b"no")
    (two / "0.pt").symlink_to("/etc/hostname")
    said = checked(two)
    assert "'0.pt' cannot be opened" in said
    assert "'a.pt' cannot be opened" in said
    (two / "b.pt").write_bytes(b"no")
    with pytest.raises(BadCheckpoint, match="that can be opened, got none"):
        checked(two)


def test_of_many_bad_entries_a_few_are_named(two):
    for number in range(20):
        (two / f"{number:02}.pt").write_bytes(b"no")
    assert "17 more cannot be" in checked(two)


def test_what_is_damaged_after_the_start_is_said_on_the_page(two):
    path = two / "a.pt"
    assert shown_first(path) == ("a", "")
    path.write_bytes(b"no <b>")
    page = opened(path)
    assert "Expected a checkpoint" in page.object
    assert "no &lt;b&gt;" in page.object
    path.unlink()
    assert "no such file" in opened(path).object
    for one in two.iterdir():
        one.unlink()
    two.rmdir()
    assert "Expected" in opened(two).object


def test_what_has_gone_is_not_looked_for_on_the_hub(language_model, monkeypatch):
    monkeypatch.chdir(language_model.parent)
    path = Path("gpt2")
    assert shown_first(path)[0] == "gpt2"
    shutil.rmtree(path)

    def asked(*_, **__):
        raise AssertionError("the hub was asked")

    monkeypatch.setattr("huggingface_hub.snapshot_download", asked)
    assert "no such file" in opened(path).object


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
    assert app.checkpoint == path.parent / "model.pt"


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


def test_an_unknown_option_of_a_snapshot_is_shortened(page, tmp_path):
    path = tmp_path / "saved.html"
    path.write_text(page.replace('"options": {', '"options": {"' + "x" * 5000 + '": 1, '))
    with pytest.raises(FileProblem, match="options that it does not know") as error:
        App(path)
    assert len(str(error.value)) < 500


def test_a_snapshot_opens_again_with_its_sets(gated, tmp_path):
    explorer = Explorer(gated)
    explorer.sets.save("mine", ["L0N1", "L1N8"], note="seen")
    explorer.save(tmp_path / "saved.html")
    shutil.copy(GATED, tmp_path / "model.pt")
    assert App(str(tmp_path / "saved.html")).explorer.sets.items == explorer.sets.items


@pytest.mark.parametrize("sets", ["7", "null", '"{}"', '"\\ud800"', "[]"])
def test_sets_of_a_snapshot_edited_by_hand_are_an_error_of_dtviz(page, tmp_path, sets):
    path = tmp_path / "saved.html"
    path.write_text(page.replace('"sets": "', f'"sets": {sets}, "was": "', 1))
    with pytest.raises(DtvizError, match="neuron sets"):
        App(str(path))


# The address


@pytest.fixture
def app(demo):
    app = App("demo")
    app.explorer.restore({"layer": 0, "x": "forward", "k": 3, "select": ["L0N3", "L1N7"]})
    return app


def shown(app):
    """All that an address may change."""
    return app.checkpoint, app.explorer.model, app.explorer.state, app.explorer.can_redo


def test_at_first_the_page_has_the_address_that_it_was_opened_with(demo):
    app = App("demo")
    assert app.explorer.address == ""
    app.explorer.layer = 0
    assert app.explorer.address == app.address == "#model=demo&layer=0&select="


def test_an_address_shows_the_same_in_another_page(app):
    other = App("demo")
    other.explorer.selection.names = ["L1N1"]
    other.explorer.wanted = app.address
    assert other.problem == ""
    assert other.explorer.state == app.explorer.state
    assert other.explorer.address == app.address
    other.explorer.undo()
    assert other.explorer.selection.names == ["L1N1"]


def test_the_address_tells_each_step(app):
    first = app.explorer.address
    app.explorer.selection.names = ["L1N1"]
    second = app.explorer.address
    assert second != first
    assert app.explorer._hub.session.frame["address"] == second
    app.explorer.undo()
    assert app.explorer.address == first


def test_an_address_opens_its_model(demo, gated, tmp_path):
    shutil.copy(GATED, tmp_path / "model.pt")
    app = App(str(tmp_path / "model.pt"))
    app.explorer.selection.names = ["L0N3"]
    address = app.address
    other = App(str(tmp_path / "model.pt"))
    other.checkpoint = "demo"
    other.explorer.wanted = address
    assert other.problem == ""
    assert other.checkpoint == app.checkpoint
    assert other.explorer.model.sha256 == app.explorer.model.sha256
    assert other.explorer.selection.names == ["L0N3"]


@pytest.mark.parametrize(
    ("address", "why"),
    [
        ("#model=other.pt&layer=0", "'other.pt'"),
        ("#model=7&layer=0", "model as text"),
        ("#layer=9&select=L0N3", "layer to be one of"),
        ("#layer=true", "layer to be one of"),
        ("#layer=1.0", "layer to be one of"),
        ("#colour=red", "'colour'"),
        ("#self=1", "'self'"),
        ("#k=0", "k=0"),
        ("#k=true", "k=True"),
        ("#k=many", "k='many'"),
        ("#norm_above=-1", "norm_above=-1"),
        ("#layer=1&select=L9N9", "'L9N9'"),
        ("#model=demo&select=L0N3,L9N9", "'L9N9'"),
        ("#select=<script>alert(1)</script>", "'<script>alert(1)</script>'"),
        ("#layer", "'layer'"),
        ("#layer=0&layer=1", "'layer=1'"),
        ("#%ff=0", "'%ff'"),
        ('#x="', "in it"),
        ("#" + "x" * 100_001, "at most 100,000 characters"),
    ],
)
def test_an_address_that_does_not_fit_is_told_and_changes_nothing(app, address, why):
    app.explorer.undo()
    before = shown(app)
    app.explorer.wanted = address
    assert why in app.problem
    assert shown(app) == before
    app.explorer.wanted = "#layer=1"  # one that fits
    assert app.problem == ""


def test_of_an_address_that_does_not_fit_the_model_is_not_taken_either(app, gated, tmp_path):
    shutil.copy(GATED, tmp_path / "model.pt")
    (tmp_path / "bad.pt").write_bytes(b"no")
    app.param.checkpoint.objects = {
        "demo": "demo",
        **{name: str(tmp_path / name) for name in ("model.pt", "bad.pt")},
    }
    app.explorer.undo()
    before = shown(app)
    for address in ("#model=model.pt&select=L9N9", "#model=model.pt&k=0", "#model=bad.pt"):
        app.explorer.wanted = address
        assert "Expected" in app.problem
        assert shown(app) == before
    app.explorer.wanted = "#model=model.pt&layer=0"
    assert app.problem == ""
    assert app.explorer.model.name == "model"


def test_a_selection_that_no_address_holds_is_told_until_it_is_smaller(app, monkeypatch):
    monkeypatch.setattr(link, "MOST_NAMES", 3)
    app.explorer.selection.names = [f"L0N{i}" for i in range(4)]
    assert "holds 3 names at most" in app.problem
    assert "select" not in app.explorer.address
    app.explorer.selection.names = ["L0N1"]
    assert app.problem == ""
    assert app.explorer.address.endswith("&select=L0N1")


def test_with_the_next_step_a_complaint_is_past(app):
    upload(app, "bad.pt", b"no")
    assert app.problem
    app.explorer.selection.names = ["L0N1"]
    assert app.problem == ""


def test_a_model_that_cannot_be_compared_is_said_and_the_explorer_goes_on(app):
    app.param.checkpoint.objects = {"demo": "demo", "arrays": Model.from_arrays(np.eye(3))}
    before = shown(app)
    app.checkpoint = app.param.checkpoint.names["arrays"]
    assert "unembedding" in app.problem
    assert shown(app) == before
    app.problem = ""
    app.explorer.wanted = "#model=arrays"
    assert "unembedding" in app.problem
    assert shown(app) == before


# --- snapshots and addresses that say anything ----------------------------------------------------

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(st.text(max_size=3), inner),
    max_leaves=3,
)
ABOUT = st.sampled_from(["model", "sha256", "options", "selected", "sets"])
OPTIONS = st.sampled_from(
    [
        *Explorer(published(layers=1, layer_norm="none").model()).options,
        "model",
        "self",
        "name",
        "steps",
        "select",
    ]
)


@pytest.fixture(scope="module")
def checkpoint(tmp_path_factory):
    path = tmp_path_factory.mktemp("checkpoint") / "tiny.pt"
    path.write_bytes(published(layers=2).pt())
    return path


@settings(max_examples=60)
@given(st.dictionaries(ABOUT, JSON, max_size=2), st.dictionaries(OPTIONS, JSON, max_size=2))
def test_a_snapshot_that_says_anything_opens_or_is_refused(checkpoint, about, options):
    said = {
        "sha256": hashlib.sha256(checkpoint.read_bytes()).hexdigest(),
        "options": options,
        "selected": [],
        **about,
    }
    path = checkpoint.with_name("a.html")
    path.write_text(f'<script type="application/json" id="about">{json.dumps(said)}</script>')
    try:
        app = App(str(path))
    except DtvizError:
        return
    assert app.explorer.model.sha256 == said["sha256"]


@settings(max_examples=60)
@given(
    st.dictionaries(OPTIONS, st.none() | st.booleans() | st.integers() | st.floats() | st.text())
    | st.text()
)
def test_an_address_that_says_anything_is_followed_or_told(checkpoint, said):
    app = App(str(checkpoint))
    if isinstance(said, dict):
        said = "&".join(f"{name}={value}" for name, value in said.items())
    app.explorer.wanted = f"#{said}"
    assert app.problem.startswith("Expected ") or app.problem == ""
