"""From the mouse button's release to every view painted, against link_selections."""

import itertools
from collections.abc import Callable

import pytest

import dtviz
from benchmarks.brushing import Brush
from benchmarks.plain import linked_page
from tests.browser.gestures import Gestures


class PageClock:
    """A clock that only the page moves on: what is timed is what the page measured, in seconds."""

    now = 0.0

    def __call__(self) -> float:
        return self.now


CLOCK = PageClock()


def hub(explorer: dtviz.Explorer):
    return explorer.page(), {"top_k": 20}


def snapshot(explorer: dtviz.Explorer):
    return explorer, {"top_k": 20}


def link_selections(explorer: dtviz.Explorer):
    return linked_page(explorer), {"table": 20, "rows": 1, "columns": 1}


@pytest.mark.parametrize(
    ("n", "way"),
    [
        *itertools.product([256, 3072, 12_288], [hub, snapshot, link_selections]),
        *itertools.product([36_864], [hub, snapshot]),
    ],
)
@pytest.mark.benchmark(timer=CLOCK)
def test_brush_to_painted(
    benchmark, gestures: Gestures, serve: Callable, model_of, tmp_path, n, way
):
    benchmark.group = f"brush to painted, n = {n:,}"
    explorer = dtviz.Explorer(model_of(n))
    shown, rows_a_neuron = way(explorer)
    if way is snapshot:
        shown.save(tmp_path / "snapshot.html")
        gestures.open_file(tmp_path / "snapshot.html")
    else:
        gestures.open(serve(shown))
    brush = Brush(gestures, explorer.neurons, rows_a_neuron)

    def release():
        CLOCK.now += brush.release() / 1000

    benchmark.pedantic(release, setup=brush.draw, rounds=8, warmup_rounds=4)
