"""Memory that each further session of one model takes: what is found, and its main views."""

import json
import subprocess
import sys

import pytest

_OPEN = """
import gc, json, os, sys
import numpy as np
import psutil
import dtviz
from dtviz.session import Session

def rows(n):
    return np.random.default_rng(n).standard_normal((n, 768), dtype=np.float32)

def gpt2():
    tokens = dtviz.Directions(rows(50_257), [f"token {i}" for i in range(50_257)])
    layers = [rows(3_072) for _ in range(12)]
    return dtviz.Model.from_arrays(
        layers, in_=layers, unembedding=tokens, embedding=tokens, normalization="LN"
    )

model = dtviz.load("demo") if sys.argv[1] == "demo" else gpt2()

def session():
    made = Session(model)
    made.neurons, made.similarity.values
    return made

def explorer():
    made = dtviz.Explorer(model)
    for view in (made.scatter, made.strip, made.heatmap, made.dendrogram):
        view.get_root()
    return made

def resident():
    gc.collect()
    return psutil.Process(os.getpid()).memory_info().rss / 1e6

held, took = [], {}
for kind in (session, explorer):
    held += [kind() for _ in range(2)]
    before = resident()
    held += [kind() for _ in range(10)]
    took[f"MB a further {kind.__name__}"] = round((resident() - before) / 10, 1)
print(json.dumps(took))
"""


@pytest.mark.parametrize("model", ["demo", "GPT-2's shape"])
@pytest.mark.benchmark(group="24 sessions of one model opened in a fresh process")
def test_sessions(benchmark, model):
    def run() -> str:
        done = subprocess.run(
            [sys.executable, "-c", _OPEN, model], capture_output=True, text=True, check=True
        )
        return done.stdout

    took = json.loads(benchmark.pedantic(run, rounds=1))
    benchmark.extra_info.update(took)
    print(f"{model}: {took}")
