"""From running a notebook's cell to the explorer drawn below it."""

import pytest

from tests.browser.test_notebook import CELLS, lab

__all__ = ["lab"]

_LAST = "Bokeh.documents.findLast((page) => page.get_model_by_name('similarity') != null)"
_DRAWN = f"""() => {{
  const page = window.Bokeh && {_LAST}
  return page != null && page !== window.before && ["congruence", "similarity"].every((name) => {{
    const figure = page.get_model_by_name(name)
    return Bokeh.index.find_one(figure) != null && !figure.properties.inner_width.is_unset &&
      figure.inner_width > 0
  }})
}}"""


@pytest.mark.benchmark(group="run a notebook's cell to the explorer drawn")
def test_shown_by_a_cell(benchmark, lab, gestures):
    page = gestures.page
    run_cell = lab(page, CELLS)
    run_cell(0)
    cell = page.locator(".jp-CodeCell").first.locator(".cm-content")

    def choose():
        page.evaluate(f"() => {{ window.before = window.Bokeh && {_LAST} }}")
        cell.click()

    def run():
        page.keyboard.press("Shift+Enter")
        page.wait_for_function(_DRAWN, timeout=60_000)

    # What the first run took beyond these are the imports.
    benchmark.pedantic(run, setup=choose, rounds=5, warmup_rounds=1)
