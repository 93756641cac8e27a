"""Fixtures that every room's tests share."""

from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace

import hypothesis
import numpy as np
import pytest

import dtviz
from dtviz import cli
from dtviz.demo import CHECKPOINT as DEMO
from dtviz.model import Model

GATED = Path(__file__).parents[2] / "shared" / "checkpoints" / "MemoryGatedMLP.pt"

# The time of an example says nothing where cores are shared.
hypothesis.settings.register_profile("dtviz", deadline=None, max_examples=60)
hypothesis.settings.load_profile("dtviz")


@pytest.fixture(scope="session", autouse=True)
def own_cache(tmp_path_factory) -> Iterator[None]:
    """Keep out of the user's cache."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("DTVIZ_CACHE", str(tmp_path_factory.mktemp("cache")))
        yield


@pytest.fixture(scope="session")
def gated() -> Model:
    """A published checkpoint with a gated MLP, which is not part of the project."""
    if not GATED.exists():
        pytest.skip(f"needs ../shared/checkpoints/{GATED.name} beside the repository")
    return dtviz.load(GATED)


@pytest.fixture(scope="session")
def demo() -> Model:
    """The bundled model."""
    return dtviz.load("demo")


@pytest.fixture(scope="session", params=["gated", "demo"])
def real(request) -> tuple[Model, dict[str, np.ndarray]]:
    """A model read from a real checkpoint, and the checkpoint's raw weights as float64."""
    model = request.getfixturevalue(request.param)
    import torch

    path = {"gated": GATED, "demo": DEMO}[request.param]
    state = torch.load(path, weights_only=True)["model_state_dict"]
    return model, {key: tensor.double().numpy() for key, tensor in state.items()}


@pytest.fixture
def run(capsys):
    """The command, in this process: its exit status and what it printed."""

    def run(*words):
        try:
            status = cli.main(words)
        except SystemExit as exit_:  # argparse ends so
            status = exit_.code
        out, err = capsys.readouterr()
        return SimpleNamespace(returncode=status, stdout=out, stderr=err)

    return run
