"""Labels come from files that nobody vouches for: they are shown as text, and none of them runs."""

import re

import numpy as np
import pytest
from playwright.sync_api import expect

import dtviz
from dtviz.app import App
from dtviz.demo import CHECKPOINT
from dtviz.directions import Directions
from tests.browser import hostile
from tests.browser.hostile import FILES, Watch
from tests.browser.test_notebook import lab

__all__ = ["lab"]
ACTIONS = hostile.names("action")
CHOSEN = ["L0N3", "L1N1", "L1N5"]
UPLOAD = "input[type=file][accept*='.pt']"


@pytest.fixture
def watch(gestures):
    """Sees a label run, or become an element, from before the page is opened until its end."""
    watch = Watch(gestures.page)
    yield watch
    watch.assert_nothing()


def titled(gestures, x, y):
    """Wait until the scatter is titled by what it compares."""
    gestures.page.wait_for_function(
        """(text) => explorerPage().get_model_by_name("congruence")
          .title.text.replaceAll("\u2060", "").startsWith(text)""",
        arg=f"{y} against {x}",
    )


def assert_told(gestures, explorer, x, y):
    """The axes are called as they are where the pointer rests on a neuron."""
    place = explorer.neurons.loc["L1N5"]
    gestures.hover("congruence", place["x"], place["y"])
    tooltip = gestures.page.locator(".bk-tooltip-content").filter(visible=True).first
    for expected in ("L1N5", x, y, f"{place['x']:.3f}", f"{place['y']:.3f}"):
        expect(tooltip).to_contain_text(expected)


FIGURES = ".bk-Figure, .tabulator"


def figures(gestures):
    """The figures and tables in sight: the main four, and behind them those of a tab."""
    return gestures.page.locator(FIGURES).filter(visible=True)


def open_tab(gestures, tab):
    """Open a tab, and wait until something is in it."""
    gestures.open_tab(tab.title)
    if not tab.made_at_once:
        expect(figures(gestures).nth(4)).to_be_visible()


def settle(gestures, explorer):
    """Wait until all that Python has said is in the page."""
    mode = "add" if explorer.selection.mode == "replace" else "replace"
    explorer.selection.mode = mode
    expect(gestures.bar(f"[data-mode={mode}]")).to_have_attribute("aria-pressed", "true")
    gestures.wait_until_drawn()


def hover(gestures, boxes):
    """Go over some boxes, so that they tell of what is under the pointer."""
    for box in boxes:
        for down in np.linspace(0.2, 0.8, 4):
            for across in np.linspace(0.1, 0.9, 6):
                x, y = box["x"] + across * box["width"], box["y"] + down * box["height"]
                gestures.page.mouse.move(x, y)
                # The pointer is heard of once a frame.
                gestures.page.evaluate("() => new Promise(requestAnimationFrame)")


def boxes(gestures):
    """Where the figures and tables in sight are."""
    return figures(gestures).evaluate_all("(all) => all.map((one) => one.getBoundingClientRect())")


def draw_anew(gestures):
    """Let Bokeh draw what scripts have written, as when style sheets change."""
    gestures.page.evaluate(
        """() => [...explorerPage().all_models].filter(({type}) => type === "Div")
          .forEach((one) => Bokeh.index.find_one(one)?.rerender())"""
    )


def offered(gestures, label):
    """What a list of choices offers."""
    page = gestures.page
    page.get_by_role("combobox", name=re.compile(f"^{label} ")).click()
    page.get_by_role("menuitem").first.wait_for()
    texts = [text.replace("\u2060", "") for text in page.get_by_role("menuitem").all_text_contents()]
    page.get_by_role("menuitem").first.click()
    expect(page.locator(".MuiBackdrop-root")).to_have_count(0)
    return texts


def test_nothing_runs_on_a_served_page(gestures, serve, watch, tmp_path):
    hostile.write(tmp_path / FILES[0])
    for name in FILES[1:]:
        (tmp_path / f"{name}.pt").write_bytes(b"")
    app = App(str(tmp_path))
    explorer = app.explorer
    explorer.selection.names = CHOSEN
    explorer.sets.items = hostile.sets(explorer.model).items
    gestures.open(serve(app))
    gestures.expect_text(explorer.model.name)
    gestures.expect_text(explorer.model.processing)

    # Choices.
    files = {FILES[0], "demo", *(f"{name}.pt" for name in FILES[1:])}
    assert set(offered(gestures, "Model")) == files
    assert offered(gestures, "Across") == explorer.model.unembedding.names
    for x, y in zip(ACTIONS[::2], ACTIONS[1::2], strict=True):
        explorer.choose(x=x, y=y)
        titled(gestures, x, y)
        assert_told(gestures, explorer, x, y)
    icon = next(name for name in ACTIONS if ":material/" in name)
    gestures.choose("Across", icon.replace(":material/", ":material\u2060/"))
    titled(gestures, icon, ACTIONS[-1])
    assert explorer.congruence.x == icon
    expect(gestures.page.locator("[class*=material-icons]").get_by_text("home")).to_have_count(0)
    watch.assert_nothing()

    # Every tab, with everything that it can show.
    hover(gestures, boxes(gestures))
    for tab in explorer.tabs:
        open_tab(gestures, tab)
        choice = {"Tables": "kind", "Unembedding": "which", "Across spaces": "crossing"}
        choice |= {"Moments": "of", "Alike": "space", "Distributions": "space"}
        parameter = choice.get(tab.title)
        for one in tab.param[parameter].objects if parameter else [None]:
            if parameter:
                setattr(tab, parameter, one)
            settle(gestures, explorer)
            hover(gestures, boxes(gestures)[4:])
            assert tab.message == ""
            watch.assert_nothing()
    draw_anew(gestures)

    # Sidebar and bar.
    for name in hostile.names("search"):
        gestures.find(name)
        gestures.bar("input").press("Enter")
        gestures.page.wait_for_function(
            """() => document.querySelector("*") != null"""
        )
    gestures.bar("[data-ask=recipe]").click()
    expect(gestures.bar("dialog.recipe pre")).to_contain_text("ran(1)")
    gestures.page.keyboard.press("Escape")
    gestures.toggle_theme()
    gestures.wait_until_drawn()
