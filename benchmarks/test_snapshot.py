"""Snapshots: how soon they are written, how large they are, how soon one can brush in them."""

import pytest

import dtviz
from benchmarks.test_open import _BRUSHABLE
from dtviz.sources import open_model


@pytest.fixture(params=["demo", 3072])
def explorer(request, model_of):
    model = open_model("demo") if request.param == "demo" else model_of(request.param)
    return dtviz.Explorer(model)


@pytest.mark.benchmark(group="write a snapshot")
def test_write(benchmark, say, explorer, tmp_path):
    path = tmp_path / "snapshot.html"
    benchmark.pedantic(explorer.save, args=(path,), rounds=5, warmup_rounds=1)
    say(f"snapshot of {len(explorer.neurons):,} neurons: {path.stat().st_size / 1e6:.1f} MB")


@pytest.mark.benchmark(group="open a snapshot to the first brush possible")
def test_open(benchmark, explorer, gestures, tmp_path):
    path = tmp_path / "snapshot.html"
    explorer.save(path)
    gestures.open_file(path)

    def open_page():
        gestures.page.goto(path.as_uri())
        gestures.page.wait_for_function(_BRUSHABLE, arg=["congruence"])

    def leave():
        gestures.page.goto("about:blank")

    benchmark.pedantic(open_page, setup=leave, rounds=7, warmup_rounds=1)
