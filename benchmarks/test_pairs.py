"""The table of pairs against melt and merge in pandas, as the notebook does it: time and memory."""

import tracemalloc

import numpy as np
import pandas as pd
import pytest

import dtviz


def similar_pairs(neurons: dtviz.Directions) -> pd.DataFrame:
    return dtviz.similar_pairs(neurons, 0.05)


def melt_and_merge(neurons: dtviz.Directions) -> pd.DataFrame:
    """The same pairs, each of them twice."""
    unit = neurons.vectors / np.linalg.norm(neurons.vectors, axis=1, keepdims=True)
    wide = pd.DataFrame(unit @ unit.T, index=neurons.names, columns=neurons.names)
    long = pd.melt(wide, ignore_index=False).reset_index()
    long.columns = ["name_1", "name_2", "cosine"]
    long = long[(long["name_1"] != long["name_2"]) & (long["cosine"].abs() > 0.05)]
    for i in (1, 2):
        norms = pd.DataFrame({f"name_{i}": neurons.names, f"norm_{i}": neurons.norms})
        long = long.merge(norms, on=f"name_{i}")
    return long


@pytest.mark.benchmark(group="table of pairs, n = 3,072")
@pytest.mark.parametrize("way", [similar_pairs, melt_and_merge])
def test_pairs(benchmark, say, model_of, way):
    neurons = model_of(3072).neurons(0)
    benchmark.pedantic(way, args=(neurons,), rounds=3, warmup_rounds=1)
    tracemalloc.start()
    way(neurons)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    say(f"pairs, {way.__name__}: {peak / 1e6:.0f} MB at most")
