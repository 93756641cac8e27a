"""From the mouse button's release to every view painted, against link_selections."""

from collections.abc import Callable

import pytest

import dtviz
from benchmarks.plain import linked_page
from tests.browser.gestures import Gestures

# Resolves two frames after the condition holds: Bokeh paints at most one frame later.
_ARM = """([condition, names]) => {
  const page = Bokeh.documents[0]
  const count = (name) => {
    const source = page.get_model_by_name(name) ??
      [...page.all_models].find((model) => model.type.endsWith("Tabulator")).source
    return Object.values(source.data)[0].length
  }
  const holds = new Function("page", "count", `return ${condition}`)
  const before = names.map(count).join()
  window.painted = new Promise((resolve) => {
    const look = () => {
      const changed = names.map(count).join() !== before && holds(page, count)
      requestAnimationFrame(changed ? () => requestAnimationFrame(() => setTimeout(resolve)) : look)
    }
    requestAnimationFrame(look)
  })
}"""
# Two boxes, in shares of the plot, so that each brush changes the selection.
_BOXES = [((0.55, 0.55), (0.80, 0.80)), ((0.10, 0.15), (0.45, 0.45))]


def hub(explorer: dtviz.Explorer):
    return explorer.page(), "true", ["top_k"]


def link_selections(explorer: dtviz.Explorer):
    agree = "count('rows') === count('columns') && count('top_k') === 20 * count('rows')"
    return linked_page(explorer), agree, ["top_k", "rows", "columns"]


@pytest.mark.parametrize("n", [256, 3072])
@pytest.mark.parametrize("way", [hub, link_selections])
def test_brush_to_painted(benchmark, gestures: Gestures, serve: Callable, model_of, n, way):
    benchmark.group = f"brush to painted, n = {n:,}"
    shown, condition, names = way(dtviz.Explorer(model_of(n)))
    gestures.open(serve(shown))
    mouse = gestures.page.mouse
    boxes = iter(_BOXES * 20)

    def draw_box():
        (x0, y0), (x1, y1) = next(boxes)
        start, end = gestures.shares("congruence", (x0, y0), (x1, y1))
        mouse.move(*start)
        mouse.down()
        mouse.move(*end, steps=4)
        gestures.page.evaluate(_ARM, [condition, names])

    def release():
        mouse.up()
        gestures.page.evaluate("() => window.painted")

    benchmark.pedantic(release, setup=draw_box, rounds=10, warmup_rounds=2)
