"""Fixtures of the browser tests, and models of several sizes."""

import gc

import numpy as np
import pytest

from benchmarks.figures import pytest_terminal_summary, say
from dtviz.checkpoints.minigrid import action_names, layout
from dtviz.directions import Directions
from dtviz.model import Model
from tests.browser.conftest import browse, browser, downloads, gestures, serve
from tests.conftest import own_cache

__all__ = [
    "browse",
    "browser",
    "downloads",
    "gestures",
    "model_of",
    "own_cache",
    "pytest_terminal_summary",
    "say",
    "serve",
]


@pytest.fixture(autouse=True)
def as_served():
    """Pass over what is loaded when garbage is collected, as ``dtviz explore`` does."""
    gc.collect()
    gc.freeze()


@pytest.fixture(scope="session")
def model_of():
    """A function from the number of neurons to a random model with clusters among them."""

    def make(n: int, d_model: int = 256) -> Model:
        random = np.random.default_rng(0)
        centres = random.normal(size=(n // 16, d_model))
        weights = centres[np.arange(n) % len(centres)] + random.normal(size=(n, d_model))
        actions = action_names(7, {})
        features = layout(980, {"one_hot_obs": True}).names
        return Model.from_arrays(
            weights,
            in_=weights,
            unembedding=Directions(random.normal(size=(len(actions), d_model)), actions),
            embedding=Directions(random.normal(size=(len(features), d_model)), features),
            normalization="LN",
            name=f"random, {n} neurons",
        )

    return make
