"""From a click to painted: another layer of the demo model, and each tab opened the first time."""

import itertools
import re

import pytest

import dtviz
from benchmarks.test_brush import PageClock
from dtviz.sources import open_model

CLOCK = PageClock()

# Resolves to the milliseconds from the click until a condition holds and what it asks for has
# been painted: a task that a frame's callback queues runs once the frame is laid out and painted.
_WATCH = """([condition, argument]) => {
  const holds = eval(condition)
  const clicked = new Promise((resolve) => {
    addEventListener("click", () => resolve(performance.now()), {capture: true, once: true})
  })
  window.took = clicked.then((start) => new Promise((resolve, reject) => {
    const look = () => {
      if (holds(argument)) {
        requestAnimationFrame(() => setTimeout(() => resolve(performance.now() - start)))
      } else if (performance.now() - start > 20000) {
        reject(new Error(`not painted within 20 s: ${argument}`))
      } else {
        requestAnimationFrame(look)
      }
    }
    look()
  }))
}"""
_LAYER = """(layer) => {
  const page = Bokeh.documents[0]
  return page.get_model_by_name("neurons").data.name[0] === `L${layer}N0` &&
    ["congruence", "difference", "similarity"].every((name) =>
      page.get_model_by_name(name).title.text.includes(`layer ${layer}`))
}"""
# All figures of the tab are laid out, and painted at the next frame; or its table is. Only of these
# few models is a view looked for: to look for every model's would take most of the time measured.
_TAB = """([figures, tables]) => {
  const models = [...Bokeh.documents[0].all_models]
  const kinds = (ending) => models.filter(({type}) => type.endsWith(ending))
  const laid_out = kinds("Figure").filter((figure) =>
    !figure.properties.inner_width.is_unset && figure.inner_width > 0)
  const filled = tables === 0 ? [] : kinds("Tabulator").filter((table) =>
    Bokeh.index.find_one(table)?.shadow_el.querySelector(".tabulator-row") != null)
  return laid_out.length >= 4 + figures && filled.length >= tables
}"""
# How many figures and tables each tab has, besides the four figures above.
TABS = {
    "Counts": [1, 0],
    "Channel map": [1, 0],
    "Selected": [1, 0],
    "Alike": [1, 0],
    "Moments": [3, 0],
    "Distributions": [2, 0],
    "Across spaces": [2, 0],
    "Unembedding": [2, 0],
    "Tables": [0, 1],
}


def explorer() -> dtviz.Explorer:
    shown = dtviz.Explorer(open_model("demo"))
    shown.selection.names = list(shown.neurons.nlargest(10, "difference")["name"])
    return shown


@pytest.fixture
def clicked(gestures):
    """Click, and let the clock move on by what the page measured."""

    def click(element) -> None:
        element.click()
        CLOCK.now += gestures.page.evaluate("() => window.took") / 1000

    return click


def next_layer(gestures, *layers):
    """Return what opens the list of layers, and watches for the next of some in turn."""
    turns = itertools.cycle(layers)

    def open_list():
        layer = next(turns)
        gestures.page.get_by_role("combobox", name=re.compile("^Layer ")).click()
        gestures.page.evaluate(_WATCH, [_LAYER, layer])
        return (gestures.page.get_by_role("menuitem", name=layer, exact=True),), {}

    return open_list


@pytest.mark.benchmark(group="switch the layer: click to painted", timer=CLOCK)
def test_layer(benchmark, gestures, serve, clicked):
    gestures.open(serve(lambda: explorer().page()))
    opened = next_layer(gestures, "0", "1", "2")
    benchmark.pedantic(clicked, setup=opened, rounds=9, warmup_rounds=3)


@pytest.mark.benchmark(group="open a tab the first time: click to painted", timer=CLOCK)
@pytest.mark.parametrize("title", TABS)
def test_tab(benchmark, gestures, serve, clicked, title):
    address = serve(lambda: explorer().page())

    def open_page():
        gestures.page.goto("about:blank")
        gestures.open(address)
        # With the sidebar the page is complete: neither server nor browser is busy.
        gestures.page.get_by_role("combobox", name=re.compile("^Layer ")).wait_for()
        gestures.page.evaluate("() => new Promise((resolve) => requestIdleCallback(resolve))")
        gestures.page.evaluate(_WATCH, [_TAB, TABS[title]])
        return (gestures.page.locator(".bk-tab").get_by_text(title, exact=True),), {}

    benchmark.pedantic(clicked, setup=open_page, rounds=4, warmup_rounds=1)
