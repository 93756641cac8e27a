"""From the mouse button's release to every view painted, against link_selections."""

import itertools
from collections.abc import Callable

import pytest

import dtviz
from benchmarks.plain import linked_page
from tests.browser.gestures import Gestures

# Resolves to the milliseconds from the button's release until the views agree and the last of the
# figures has painted: told when none has for a while, counted until then.
_WATCH = """([counts, quiet]) => {
  const page = Bokeh.documents[0]
  const count = (name) => {
    const source = page.get_model_by_name(name) ??
      [...page.all_models].find((model) => model.type.endsWith("Tabulator")).source
    return Object.values(source.data)[0].length
  }
  // The mouse moves by whole pixels: the box may hold some neurons more or less than asked for.
  const agree = () => {
    const neurons = Object.entries(counts).map(([name, {rows}]) => count(name) / rows)
    const {expected} = Object.values(counts)[0]
    return neurons.every((n) => n === neurons[0]) &&
      Math.abs(neurons[0] - expected) <= 2 + expected / 20
  }
  const released = new Promise((resolve) => {
    addEventListener("pointerup", () => resolve(performance.now()), {capture: true, once: true})
  })
  // A task that a frame's callback queues runs once the frame is laid out and painted.
  let painted = 0
  const paint = () => setTimeout(() => painted = performance.now())
  const figures = ["congruence", "difference", "similarity"].map((name) =>
    Bokeh.index.find_one(page.get_model_by_name(name)))
  for (const figure of figures) {
    figure.repainted.connect(paint)
  }
  // Tables are no figures: what changes in the page's elements is painted, too.
  const elements = new MutationObserver(paint)
  const observe = (root) => {
    elements.observe(root, {subtree: true, childList: true, characterData: true})
    for (const {shadowRoot} of root.querySelectorAll("*")) {
      if (shadowRoot != null) {
        observe(shadowRoot)
      }
    }
  }
  observe(document)
  let agreed = false
  window.took = released.then((start) => new Promise((resolve, reject) => {
    const look = () => {
      if (performance.now() - start > 30000) {
        reject(new Error("the views did not agree within 30 s"))
        return
      }
      if (!agreed && agree()) {
        agreed = true
        paint()
      }
      if (agreed && painted > 0 && performance.now() - painted > quiet) {
        figures.forEach((figure) => figure.repainted.disconnect(paint))
        elements.disconnect()
        resolve(painted - start)
      } else {
        requestAnimationFrame(look)
      }
    }
    look()
  }))
}"""
# Small and large boxes in shares of the plot, so that each brush changes the selection.
_BOXES = [
    ((0.55, 0.55), (0.80, 0.80)),
    ((0.05, 0.05), (0.50, 0.50)),
    ((0.10, 0.15), (0.35, 0.45)),
    ((0.50, 0.05), (0.95, 0.50)),
]


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
    mouse = gestures.page.mouse
    boxes = itertools.cycle(_BOXES)

    def draw_box():
        corners = gestures.corners("congruence", next(boxes))
        (x0, y0), (x1, y1) = corners
        inside = explorer.neurons["x"].between(x0, x1) & explorer.neurons["y"].between(y0, y1)
        start, end = gestures.screen("congruence", *corners)
        mouse.move(*start)
        mouse.down()
        mouse.move(*end, steps=4)
        counts = {
            name: {"rows": rows, "expected": int(inside.sum())}
            for name, rows in rows_a_neuron.items()
        }
        gestures.page.evaluate(_WATCH, [counts, 600])

    def release():
        mouse.up()
        CLOCK.now += gestures.page.evaluate("() => window.took") / 1000

    benchmark.pedantic(release, setup=draw_box, rounds=8, warmup_rounds=4)
