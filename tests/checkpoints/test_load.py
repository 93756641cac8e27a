import hashlib
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

import dtviz
from dtviz.checkpoints import load, load_bytes
from dtviz.demo import CHECKPOINT
from dtviz.errors import BadArgument, FileProblem
from dtviz.model import Model

from .published import published


@pytest.fixture
def path(tmp_path) -> Path:
    path = tmp_path / "My.Model.pt"
    path.write_bytes(published(layer_norm="none", layers=1).pt())
    return path


def test_a_path_or_its_text(path):
    for source in (path, str(path)):
        model = load(source)
        assert model.name == "My.Model"
        assert model.sha256 == hashlib.sha256(path.read_bytes()).hexdigest()


def test_an_upload(path):
    model = load_bytes(path.read_bytes(), "My.Model.pt")
    assert model.name == "My.Model"
    assert model.sha256 == load(path).sha256


def test_the_public_name():
    assert dtviz.load is load


def test_the_demo():
    if not CHECKPOINT.exists():
        pytest.skip(f"needs the bundled checkpoint {CHECKPOINT.name}: make demo-model")
    model = load("demo")
    assert model.name == "memory DT (demo)"
    assert (model.n_layers, model.d_model, model.d_mlp) == (3, 256, 256)
    assert model.processing == "LayerNorm folded; W_in centred; unembedding not centred"
    assert len(model.embedding) == 980
    assert len(model.unembedding) == 7


@pytest.mark.parametrize("source", [None, 3, ["a.pt"], object(), Model.from_arrays(np.eye(2))])
def test_objects_that_are_no_path(source):
    with pytest.raises(BadArgument, match=f"got an object of type {type(source).__name__}"):
        load(source)


def test_what_dtviz_opens_is_told(tmp_path):
    with pytest.raises(FileProblem, match=r"a directory.*opens.*\.safetensors.*demo.*from_arrays"):
        load(tmp_path)
    with pytest.raises(FileProblem, match=r"no such file.*opens"):
        load("gpt2.pt")
    with pytest.raises(FileProblem, match=r"a directory"):
        load("")


@pytest.fixture
def hub(monkeypatch, directory):
    """The hub, without the network: it has one model; the names that it is asked for."""
    asked = []

    def snapshot_download(name, **how):
        asked.append((name, how))
        if name != "someone/tiny-gpt2":
            raise OSError("no network\nmore")
        return str(directory("gpt2"))

    monkeypatch.setattr("huggingface_hub.snapshot_download", snapshot_download)
    return asked


def test_a_name_on_the_hub(hub):
    model = load("someone/tiny-gpt2")
    assert (model.name, model.source) == ("someone/tiny-gpt2", "someone/tiny-gpt2")
    assert model.neurons(2).vectors.shape == (64, 16)
    [(_, how)] = hub
    # Nothing that runs, nothing pickled.
    assert not [
        pattern for pattern in how["allow_patterns"] if ".py" in pattern or "bin" in pattern
    ]


def test_a_name_that_the_hub_does_not_give(hub):
    with pytest.raises(
        FileProblem, match=r"'gpt2', which is no file here.*\('no network'\)"
    ) as raised:
        load("gpt2")
    assert "\n" not in str(raised.value)


@pytest.mark.parametrize(
    "source",
    ["x.pt", "models/x.safetensors", "a/b/c", "../gpt2", "/gpt2", "~/x", "a b", "x.html", ""],
)
def test_what_is_no_name_is_not_looked_for(hub, source):
    with pytest.raises(FileProblem):
        load(source)
    assert hub == []


def test_what_exists_is_not_looked_for(hub, directory, monkeypatch):
    monkeypatch.chdir(directory("gpt2").parent)
    assert load("gpt2").source == "gpt2"
    Path("empty").mkdir(exist_ok=True)
    with pytest.raises(FileProblem, match="a directory"):
        load("empty")
    with pytest.raises(FileProblem):  # a path is never a name
        load(Path("nowhere"))
    assert hub == []


SCRIPT = """
import sys, socket, warnings
warnings.simplefilter("error")
def refuse(*_):
    raise AssertionError("a network request")
socket.socket.connect = socket.getaddrinfo = refuse
import dtviz
assert "torch" not in sys.modules
dtviz.load(sys.argv[1])
print("transformer_lens" in sys.modules or "transformers" in sys.modules)
"""


@pytest.mark.parametrize(("layer_norm", "imported"), [("none", "False"), ("LN", "True")])
def test_transformer_lens_is_imported_only_where_there_is_layer_norm(
    tmp_path, layer_norm, imported
):
    path = tmp_path / "tiny.pt"
    path.write_bytes(published(layer_norm=layer_norm, layers=1).pt())
    done = subprocess.run(
        [sys.executable, "-c", SCRIPT, str(path)], capture_output=True, text=True, check=False
    )
    assert (done.returncode, done.stdout.split(), done.stderr) == (0, [imported], "")
