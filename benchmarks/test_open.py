"""From opening the page of a running server to the first brush possible."""

import pytest

import dtviz
from benchmarks.plain import empty_page
from dtviz.sources import open_model

_BRUSHABLE = """(names) => {
  const page = window.Bokeh?.documents?.[0]
  return page != null && page.is_idle && names.every((name) => {
    const figure = page.get_model_by_name(name)
    return figure != null && Bokeh.index.find_one(figure) != null &&
      !figure.properties.inner_width.is_unset && figure.inner_width > 0
  })
}"""


def explorer():
    explorer = dtviz.Explorer(open_model("demo"))
    # The other views come while the first can be brushed.
    return explorer.page(), ["congruence", "difference", "similarity"]


def one_plot_in_the_same_shell():
    return empty_page(), ["plot"]


@pytest.mark.benchmark(group="open the page to the first brush possible")
@pytest.mark.parametrize("shown", [explorer, one_plot_in_the_same_shell])
def test_open(benchmark, gestures, serve, shown):
    # A new session each time, as for a new user; the model is loaded once for all.
    _, [first, *others] = shown()
    address = serve(lambda: shown()[0])

    def open_page():
        gestures.page.goto(address)
        gestures.page.wait_for_function(_BRUSHABLE, arg=[first])

    def leave():
        # Not before all is there: else the server has work left when the next page opens.
        if gestures.page.url == address:
            gestures.page.wait_for_function(_BRUSHABLE, arg=others)
        gestures.page.goto("about:blank")

    benchmark.pedantic(open_page, setup=leave, rounds=7, warmup_rounds=1)
