"""One layer of 14,336 neurons in 4,096 dimensions, as of a language model of 8 billion parameters.

What is done in one go is timed in a fresh process, with the memory that it took at most; and once
more in another one, when the cache has the tree.
"""

import json
import subprocess
import sys

import numpy as np
import pytest

from dtviz.analyses.blocks import Blocks

N, D_MODEL = 14_336, 4_096

_OPEN = """
import json, re, time
from dataclasses import replace
from pathlib import Path
import numpy as np
import dtviz

n, layers, d_model = {n}, {layers}, {d_model}
random = np.random.default_rng(0)
centres = random.normal(size=(n // 16, d_model)).astype(np.float32)

def weights(layer):
    made = random.standard_normal((n, d_model), dtype=np.float32)
    made += centres[np.arange(n) % len(centres)]
    return made

actions = dtviz.Directions(random.normal(size=(7, d_model)), list("abcdefg"))
model = dtviz.Model.from_arrays([weights(layer) for layer in range(layers)], unembedding=actions)
model = replace(model, sha256="random")  # for the cache
times = [time.perf_counter()]
explorer = dtviz.Explorer(model, layer=0 if layers == 1 else "all")
times.append(time.perf_counter())
explorer.page().get_root()
times.append(time.perf_counter())
rows, columns = (1000, 3000), (4000, 8000)
explorer.similarity.within(rows, columns)
times.append(time.perf_counter())
# What getrusage tells begins at what the process that started this one took.
peak = int(re.search(r"VmHWM:\\s+(\\d+)", Path("/proc/self/status").read_text())[1])
took = dict(zip(("open and cluster", "draw", "zoom"), np.diff(times)))
print(json.dumps({{**took, "peak GB": peak / 1e6}}))
"""


@pytest.mark.parametrize(
    ("n", "layers", "d_model"), [(N, 1, D_MODEL), (3_072, 12, 768)], ids=["one layer", "all layers"]
)
@pytest.mark.benchmark(group="a large model opened again in a fresh process, all in all")
def test_open_large(benchmark, say, n, layers, d_model):
    script = _OPEN.format(n=n, layers=layers, d_model=d_model)

    def run() -> str:
        done = subprocess.run(
            [sys.executable, "-c", script], capture_output=True, text=True, check=True
        )
        return done.stdout

    first, again = json.loads(run()), json.loads(benchmark.pedantic(run, rounds=1))
    for when, took in (("first", first), ("again", again)):
        parts = ", ".join(f"{what} {took[what]:.1f} s" for what in list(took)[:-1])
        say(f"{n * layers:,} x {d_model:,}, {when}: {parts}, {took['peak GB']:.1f} GB at most")


@pytest.fixture(scope="module")
def unit():
    random = np.random.default_rng(0)
    rows = random.standard_normal((N, D_MODEL), dtype=np.float32)
    return rows / np.linalg.norm(rows, axis=1, keepdims=True)


@pytest.mark.benchmark(group="the cells of 2,000 x 4,000 leaves of 14,336")
def test_zoom(benchmark, unit):
    blocks = Blocks(unit, 1024)
    benchmark.pedantic(blocks.within, args=((1000, 3000), (4000, 8000)), rounds=5, warmup_rounds=1)


@pytest.mark.benchmark(group="the cells of 2,000 x 4,000 leaves of 14,336")
def test_zoom_greatest(benchmark, unit):
    blocks = Blocks(unit, 1024, "greatest")
    benchmark.pedantic(blocks.within, args=((1000, 3000), (4000, 8000)), rounds=2)


@pytest.mark.benchmark(group="the cells of 2,000 x 4,000 leaves of 14,336")
def test_zoom_from_the_pairs(benchmark, unit):
    """The plain way: the cosines of all pairs in view, then their means."""

    def averaged():
        cosines = unit[1000:3000] @ unit[4000:8000].T
        bounds = [np.arange(1024) * n // 1024 for n in cosines.shape]
        return np.add.reduceat(np.add.reduceat(cosines, bounds[0], axis=0), bounds[1], axis=1)

    benchmark.pedantic(averaged, rounds=3)
