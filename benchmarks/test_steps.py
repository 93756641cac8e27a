"""Ten thousand steps of the selection in one session: their time, and the memory they leave."""

import gc
import time

import psutil
import pytest

import dtviz
from dtviz.sources import open_model

BATCH, BATCHES, WARM = 50, 200, 40

# Steps by all modes, one a frame, drawn from a seed.
_STEPS = """async ([seed, steps]) => {
  const neurons = Bokeh.documents[0].get_model_by_name("neurons")
  const n = neurons.data.name.length
  const random = () => (seed = (seed * 1103515245 + 12345) % 2147483648) / 2147483648
  const combine = [
    (_, now) => now,
    (before, now) => before.union(now),
    (before, now) => before.difference(now),
    (before, now) => before.symmetricDifference(now),
  ]
  for (let step = 0; step < steps; step++) {
    const now = new Set(Array.from({length: 1 + random() * 30}, () => Math.floor(random() * n)))
    const before = new Set(neurons.selected.indices)
    const chosen = combine[Math.floor(random() * combine.length)](before, now)
    neurons.selected.indices = [...chosen].sort((a, b) => a - b)
    await new Promise(requestAnimationFrame)
  }
}"""


def megabytes() -> float:
    gc.collect()
    return float(psutil.Process().memory_info().rss) / 1e6


@pytest.mark.benchmark(group="10,000 steps of the selection")
def test_steps(benchmark, say, gestures, serve):
    explorer = dtviz.Explorer(open_model("demo"))
    gestures.open(serve(explorer))
    seeds = iter(range(WARM + BATCHES))

    def batch():
        gestures.page.evaluate(_STEPS, [next(seeds), BATCH])
        deadline = time.monotonic() + 30
        while set(explorer.selection.names) != set(gestures.selected()):
            assert time.monotonic() < deadline, "Python and the browser do not agree"

    for _ in range(WARM):  # until the history is full
        batch()
    before = megabytes()
    benchmark.pedantic(batch, rounds=BATCHES)
    grown = megabytes() - before
    assert explorer.selection.names == gestures.selected()
    say(f"10,000 steps: {grown:+.1f} MB; {len(explorer._history._past)} steps can be undone")
