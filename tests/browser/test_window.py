"""Windows of several sizes: one scrolls to what does not fit, and in a large one all does."""

import pytest
from playwright.sync_api import expect

from tests.browser.conftest import WINDOW

# The end of a figure in the window, in pixels from its top.
_BOTTOM = """Bokeh.index.find_one(
  explorerPage().get_model_by_name("counts")).el.getBoundingClientRect().bottom"""


@pytest.fixture
def served(gestures, serve, explorer):
    gestures.open(serve(explorer))
    return gestures


@pytest.mark.parametrize(("width", "height"), [(1366, 657), (1440, 780)])
def test_in_a_low_window_one_scrolls_to_all_of_a_tab(served, width, height):
    page = served.page
    page.set_viewport_size({"width": width, "height": height})
    served.wait_until_drawn()
    served.select(["L2N1", "L2N132"])
    served.open_tab("Counts", "counts")
    assert page.evaluate(_BOTTOM) > height
    page.locator(".bk-tab.bk-active").hover()
    page.mouse.wheel(0, 1_000)
    page.wait_for_function(f"{_BOTTOM} <= innerHeight")
    served.open_tab("Tables")
    last = page.locator(".tabulator-footer")
    expect(last).to_be_in_viewport(ratio=1)


def test_in_a_large_window_nothing_is_scrolled(served):
    assert WINDOW == {"width": 1440, "height": 900}
    beyond = served.page.locator(".main-content").evaluate(
        "(all) => [all.scrollHeight - all.clientHeight, all.scrollWidth - all.clientWidth]"
    )
    assert beyond == [0, 0]
