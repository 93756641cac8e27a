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
