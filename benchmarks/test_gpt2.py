"""A model of GPT-2's shape in the running app: another layer, tokens of a selection, and memory."""

import itertools
import os

import numpy as np
import psutil
import pytest

import dtviz
from benchmarks.test_switch import CLOCK, clicked, next_layer
from dtviz.directions import Directions

__all__ = ["clicked"]

N_LAYERS, N, D_MODEL, TOKENS = 12, 3_072, 768, 50_257
SELECTED = 10

# As a user's script selects; ends when the tables of tokens are filled for these neurons.
_SELECT = """(names) => {
  const page = Bokeh.documents[0]
  const [neurons, top_k] = ["neurons", "top_k"].map((name) => page.get_model_by_name(name))
  const rows = names.map((name) => neurons.data.name.indexOf(name))
  const start = performance.now()
  neurons.selected.indices = rows
  return new Promise((resolve) => {
    const look = () => {
      const listed = new Set(top_k.data.name)
      if (listed.size === names.length && names.every((name) => listed.has(name))) {
        requestAnimationFrame(() => setTimeout(() => resolve(performance.now() - start)))
      } else {
        requestAnimationFrame(look)
      }
    }
    look()
  })
}"""


def resident() -> float:
    """GB of memory that this process has."""
    return psutil.Process(os.getpid()).memory_info().rss / 1e9


@pytest.fixture(scope="module")
def model() -> dtviz.Model:
    random = np.random.default_rng(0)

    def rows(n: int) -> np.ndarray:
        return random.standard_normal((n, D_MODEL), dtype=np.float32)

    names = [f"token {i}" for i in range(TOKENS)]
    return dtviz.Model.from_arrays(
        [rows(N) for _ in range(N_LAYERS)],
        in_=[rows(N) for _ in range(N_LAYERS)],
        unembedding=Directions(rows(TOKENS), names),
        embedding=Directions(rows(TOKENS), names),
        normalization="LN",
        name="random, in GPT-2's shape",
    )


@pytest.fixture
def opened(model, gestures, serve, say):
    """The page of the model; the memory that it took above the weights is told."""
    before = resident()
    gestures.open(serve(lambda: dtviz.Explorer(model, layer=0).page()))
    yield gestures
    say(f"GPT-2's shape: {resident() - before:.2f} GB above the weights")


@pytest.mark.benchmark(group="GPT-2's shape, another layer: click to painted", timer=CLOCK)
def test_layer(benchmark, opened, clicked):
    benchmark.pedantic(clicked, setup=next_layer(opened, "1", "2"), rounds=6, warmup_rounds=2)


@pytest.mark.benchmark(
    group="GPT-2's shape, 10 neurons selected to their tokens listed", timer=CLOCK
)
def test_tokens(benchmark, opened):
    starts = itertools.count(0, SELECTED)

    def select(names):
        CLOCK.now += opened.page.evaluate(_SELECT, names) / 1000

    def others():
        start = next(starts)
        return ([f"L0N{start + i}" for i in range(SELECTED)],), {}

    benchmark.pedantic(select, setup=others, rounds=10, warmup_rounds=1)
