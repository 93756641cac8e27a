"""A brush of the scatter, timed by the page: from the button's release to all views painted."""

import itertools
from collections.abc import Mapping

import pandas as pd

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


class Brush:
    """Boxes drawn one after the other, each of which changes the selection.

    Args:
        gestures: the page.
        neurons: the table of the neurons shown.
        rows_a_neuron: rows of each source whose data are of the selected neurons, by its name.
    """

    def __init__(
        self, gestures: Gestures, neurons: pd.DataFrame, rows_a_neuron: Mapping[str, int]
    ) -> None:
        self._gestures, self._neurons, self._rows_a_neuron = gestures, neurons, rows_a_neuron
        self._boxes = itertools.cycle(_BOXES)

    def draw(self) -> None:
        """Draw a box, and hold the button."""
        corners = self._gestures.corners("congruence", next(self._boxes))
        (x0, y0), (x1, y1) = corners
        inside = self._neurons["x"].between(x0, x1) & self._neurons["y"].between(y0, y1)
        start, end = self._gestures.screen("congruence", *corners)
        mouse = self._gestures.page.mouse
        mouse.move(*start)
        mouse.down()
        mouse.move(*end, steps=4)
        counts = {
            name: {"rows": rows, "expected": int(inside.sum())}
            for name, rows in self._rows_a_neuron.items()
        }
        self._gestures.page.evaluate(_WATCH, [counts, 600])

    def release(self) -> float:
        """Release the button; return the milliseconds until all views are painted."""
        self._gestures.page.mouse.up()
        took: float = self._gestures.page.evaluate("() => window.took")
        return took
