"""What a user does with the mouse, and what is then on the page."""

import contextlib
import re
import tempfile
import time
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from playwright.sync_api import Locator, Page, TimeoutError, expect

# Seconds: a wait ends when its condition holds, and a slow machine takes long to import PyTorch.
PATIENCE = 60
FIGURES = ["congruence", "difference", "similarity"]
# The document of an explorer: in a notebook there are others, too.
_SHOWN = """window.explorerPage = () => {
  const pages = window.Bokeh?.documents ?? []
  return pages.find((page) => page.get_model_by_name("neurons") != null) ?? pages[0]
}"""
_HUB = "explorerPage().get_model_by_name('neurons')"
_ON_SCREEN = """([name, points]) => {
  const figure = explorerPage().get_model_by_name(name)
  const {frame, canvas_view} = Bokeh.index.find_one(figure)
  const {left, top} = canvas_view.el.getBoundingClientRect()
  return points.map(([x, y]) => [left + frame.x_scale.compute(x), top + frame.y_scale.compute(y)])
}"""
_IN_FIGURE = """([name, places]) => {
  const figure = explorerPage().get_model_by_name(name)
  const {frame, canvas_view} = Bokeh.index.find_one(figure)
  const {left, top} = canvas_view.el.getBoundingClientRect()
  return places.map(([x, y]) => [frame.x_scale.invert(x - left), frame.y_scale.invert(y - top)])
}"""
# Drawn, and where everything is has not changed for ten looks, one a frame.
_READY = """(names) => {
  const page = explorerPage()
  if (page == null) {
    return false
  }
  const figures = names.map((name) => page.get_model_by_name(name))
  if (!figures.every((figure) => figure != null && Bokeh.index.find_one(figure) != null &&
      !figure.properties.inner_width.is_unset && figure.inner_width > 0)) {
    return false
  }
  const places = JSON.stringify(figures.map((figure) => {
    const {frame, canvas_view} = Bokeh.index.find_one(figure)
    const {left, top} = canvas_view.el.getBoundingClientRect()
    return [left, top, frame.bbox.left, frame.bbox.top, frame.bbox.width, frame.bbox.height]
  }))
  const looks = window.places === places ? window.looks + 1 : 0
  Object.assign(window, {places, looks})
  return looks >= 10
}"""


class Gestures:
    """A page that shows an explorer; its browser leaves downloads in a folder."""

    HUB = _HUB

    def __init__(self, page: Page, downloads: Path) -> None:
        self.page = page
        self._downloads = downloads
        self.errors: list[str] = []
        self.foreign_requests: list[str] = []
        self.file = ""
        page.add_init_script(_SHOWN)
        page.on("pageerror", lambda error: self.errors.append(str(error)))
        page.on("console", self._hear)
        page.on("request", lambda request: self._note(request.url))

    def _hear(self, message: Any) -> None:
        if message.type == "error":
            self.errors.append(message.text)

    def _note(self, url: str) -> None:
        parts = urlsplit(url)
        if url == self.file:
            return
        if parts.scheme not in ("data", "blob") and parts.hostname not in (
            "localhost",
            "127.0.0.1",
        ):
            self.foreign_requests.append(url)

    def open(self, address: str) -> None:
        """Open an address and wait until all views are drawn."""
        self.page.goto(address)
        self.wait_until_drawn()

    def wait_until_drawn(self, *figures: str) -> None:
        """Wait until figures, the main three by default, are drawn and in their places."""
        self.page.evaluate("() => { window.places = null }")
        self.page.wait_for_function(_READY, arg=list(figures) or FIGURES)

    def open_tab(self, title: str, *figures: str) -> None:
        """Open a tab and wait until its figures are drawn."""
        self.page.locator(".bk-tab").get_by_text(title, exact=True).click()
        if figures:
            self.wait_until_drawn(*figures)

    def select(self, names: Iterable[str]) -> None:
        """Select neurons as a script in the page would."""
        self.page.evaluate(
            f"""(names) => {{
              const rows = [...{_HUB}.data.name.keys()]
              {_HUB}.selected.indices = rows.filter((i) => names.includes({_HUB}.data.name[i]))
            }}""",
            list(names),
        )

    def drawn(self, figure: str) -> dict[str, list[Any]]:
        """The columns of what a figure draws: of its first renderer with names or items."""
        return self.page.evaluate(
            """(name) => {
              const {renderers} = explorerPage().get_model_by_name(name)
              const sources = renderers.map(({data_source}) => data_source).filter(Boolean)
              const source = sources.find(({data}) => "item" in data || "name" in data)
              const columns = Object.entries(source.data).map(([k, v]) => [k, [...v]])
              return {...Object.fromEntries(columns), selected: [...source.selected.indices]}
            }""",
            figure,
        )

    def wait_for_title(self, figure: str, text: str) -> None:
        """Wait until the title of a figure has a text in it."""
        self.page.wait_for_function(
            # While a figure gives way to another one, two can bear its name.
            """([name, text]) => [...explorerPage().all_models].some(
              (model) => model.name === name && model.title?.text.includes(text))""",
            arg=[figure, text],
        )

    def open_file(self, path: Path) -> None:
        """Open a file with the network blocked; any other request than for it is foreign."""
        self.page.context.set_offline(True)
        self.file = path.as_uri()
        self.open(self.file)

    def screen(self, figure: str, *points: tuple[float, float]) -> list[tuple[float, float]]:
        """Where points of a figure's data are on the page, in whole pixels as a mouse has them."""
        places = [[float(x), float(y)] for x, y in points]
        return [(round(x), round(y)) for x, y in self.page.evaluate(_ON_SCREEN, [figure, places])]

    def whole(self, figure: str, *points: tuple[float, float]) -> list[tuple[float, float]]:
        """The points of a figure's data that the mouse can reach nearest to others."""
        places = self.screen(figure, *points)
        return [(x, y) for x, y in self.page.evaluate(_IN_FIGURE, [figure, places])]

    def corners(
        self, figure: str, shares: Iterable[tuple[float, float]]
    ) -> list[tuple[float, float]]:
        """Points in a figure's data, given in shares of its frame from the lower left."""
        x0, x1, y0, y1 = self.page.evaluate(
            """(name) => {
              const {x_range, y_range} = explorerPage().get_model_by_name(name)
              return [x_range.start, x_range.end, y_range.start, y_range.end]
            }""",
            figure,
        )
        return [(x0 + x * (x1 - x0), y0 + y * (y1 - y0)) for x, y in shares]

    def path(self, figure: str, *points: tuple[float, float]) -> tuple[float, float, float, float]:
        """Drag the mouse along points of a figure's data.

        Returns the lower left and the upper right corner of where it went, by whole pixels.
        """
        places = self.screen(figure, *points)
        went = self.whole(figure, *points)
        mouse = self.page.mouse
        mouse.move(*places[0])
        mouse.down()
        for place in places[1:]:
            mouse.move(*place, steps=4)
            # A hand takes longer than a frame: a page that is busy would see but one movement.
            self.page.evaluate("() => new Promise(requestAnimationFrame)")
        mouse.up()
        (x0, x1), (y0, y1) = ((min(ends), max(ends)) for ends in zip(*went, strict=True))
        return x0, y0, x1, y1

    def box(
        self, figure: str, x0: float, y0: float, x1: float, y1: float
    ) -> tuple[float, float, float, float]:
        """Draw a box from corner to corner; returns the corners as they were drawn."""
        return self.path(figure, (x0, y0), (x1, y1))

    def tap(self, figure: str, x: float, y: float) -> None:
        """Click one place."""
        [place] = self.screen(figure, (x, y))
        # To Bokeh, two clicks on a figure within 300 ms are a double click, wherever they are.
        self.page.wait_for_function("!(performance.now() - window.tapped < 350)")
        self.page.mouse.click(*place)
        self.page.evaluate("() => { window.tapped = performance.now() }")

    def hover(self, figure: str, x: float, y: float) -> None:
        """Rest the mouse on one place."""
        [place] = self.screen(figure, (x, y))
        self.page.mouse.move(*place)

    def choose(self, label: str, option: str) -> None:
        """Choose an option of a drop-down list."""
        # The accessible name goes on with the tooltip.
        self.page.get_by_role("combobox", name=re.compile(f"^{label} ")).click()
        self.page.get_by_role("menuitem", name=option, exact=True).click()
        # What closes the list when one clicks beside it covers the page a while longer.
        expect(self.page.locator(".MuiBackdrop-root")).to_have_count(0)

    def switch(self, label: str) -> None:
        """Turn a switch on or off."""
        self.page.get_by_role("switch", name=re.compile(f"^{label} ")).click()

    def toggle_theme(self) -> None:
        """Turn the page dark, or light again."""
        self.page.get_by_label(re.compile("Toggle theme|Light or dark")).click()

    def use_tool(self, figure: str, title: str) -> None:
        """Choose a tool in a figure's toolbar."""
        [place] = self.screen(figure, (0, 0))
        self.page.mouse.move(*place)  # toolbars show themselves then
        self.page.evaluate(
            """([name, title]) => {
              const {toolbar} = explorerPage().get_model_by_name(name)
              toolbar.tools.find((tool) => tool.type === title).active = true
            }""",
            [figure, title],
        )

    def data(self, name: str) -> dict[str, list[Any]]:
        """The columns of a named source."""
        return self.page.evaluate(
            """(name) => Object.fromEntries(Object.entries(
              explorerPage().get_model_by_name(name).data).map(([k, v]) => [k, [...v]]))""",
            name,
        )

    def selected(self) -> list[str]:
        """Names of the neurons that are selected in the browser."""
        return self.page.evaluate(f"() => {_HUB}.selected.indices.map((i) => {_HUB}.data.name[i])")

    def wait_for_selected(self, names: set[str]) -> None:
        """Wait until just these are selected in the browser."""
        try:
            self.page.wait_for_function(
                f"""(names) => {{
                  const {{selected, data}} = {_HUB}
                  const chosen = selected.indices.map((i) => data.name[i])
                  return chosen.length === names.length &&
                    names.every((name) => chosen.includes(name))
                }}""",
                arg=sorted(names),
            )
        except TimeoutError:
            assert set(self.selected()) == names  # tells which were
            raise

    def lit(self) -> tuple[set[int], set[int]]:
        """The leaves in view whose columns, and those whose rows, are not faded in the heatmap."""
        rows, columns = self.page.evaluate(
            """() => {
              const figure = explorerPage().get_model_by_name("similarity")
              const sources = figure.renderers.map((renderer) => renderer.data_source)
              const masks = sources.filter((source) => source != null && "size" in source.data)
              return masks.map((mask) => {
                const {image: [pixels], start: [from], size: [size]} = mask.data
                return [...Array(size).keys()].map((leaf) => from + leaf).filter(
                  (leaf) => pixels[Math.floor((leaf + 0.5 - from) * pixels.length / size)] === 0)
              })
            }"""
        )
        return set(columns), set(rows)

    def mask_colour(self) -> list[int]:
        """Red, green and blue of what fades the heatmap."""
        return self.page.evaluate(
            """() => {
              const figure = explorerPage().get_model_by_name("similarity")
              const mask = figure.renderers.map((r) => r.data_source).find((s) => "size" in s.data)
              const pixel = mask.data.image[0].find((pixel) => pixel !== 0)
              return [pixel & 255, (pixel >> 8) & 255, (pixel >> 16) & 255]
            }"""
        )

    def sizes(self) -> list[list[float]]:
        """Width and height of each figure."""
        return self.page.evaluate(
            """(names) => names.map((name) => {
              const figure = explorerPage().get_model_by_name(name)
              const {width, height} = Bokeh.index.find_one(figure).el.getBoundingClientRect()
              return [width, height]
            })""",
            FIGURES,
        )

    def title(self, figure: str) -> str:
        """The title of a figure."""
        return self.page.evaluate(
            "(name) => explorerPage().get_model_by_name(name).title.text", figure
        )

    def expect_text(self, text: str) -> None:
        """Wait until the page shows a text."""
        expect(self.page.get_by_text(text).first).to_be_visible()

    def bar(self, selector: str) -> Locator:
        """What is in the bar above the views."""
        return self.page.locator(f".bar {selector}")

    def use_mode(self, mode: str) -> None:
        """Let gestures combine with what is selected, by a button of the bar."""
        self.bar(f"[data-mode={mode}]").click()
        expect(self.bar(f"[data-mode={mode}]")).to_have_attribute("aria-pressed", "true")

    def type(self, field: Locator, text: str) -> None:
        """Type into a field, in place of what is there.

        What is filled in at once the fields of the sidebar do not notice in Firefox.
        """
        field.press("ControlOrMeta+a")
        field.press_sequentially(text)

    def find(self, text: str) -> None:
        """Type into the search box."""
        self.bar("input").fill(text)

    def download(self, ask: Callable[[], None]) -> Path:
        """Ask for a file; returns it once it is there, under the name that the page gives it."""
        folder = Path(tempfile.mkdtemp(dir=self._downloads))
        if self.page.context.browser.browser_type.name == "chromium":
            with self.page.expect_download() as download:
                ask()
            path = folder / download.value.suggested_filename
            download.value.save_as(path)
            return path
        # Firefox ESR gives no identifier to a file that a page makes: Playwright passes it over.
        ask()
        deadline = time.monotonic() + PATIENCE
        while time.monotonic() < deadline:
            files = [path for path in self._downloads.iterdir() if path.is_file()]
            # Until it is whole, an empty file keeps its place, and what there is of it lies beside.
            if len(files) == 1 and files[0].suffix != ".part" and files[0].stat().st_size > 0:
                return files[0].rename(folder / files[0].name)
            self.page.evaluate("() => new Promise(requestAnimationFrame)")
        raise AssertionError(f"no file was downloaded; there are {files}")

    @contextlib.contextmanager
    def holding(self, *keys: str) -> Iterator[None]:
        """Hold keys down."""
        for key in keys:
            self.page.keyboard.down(key)
        yield
        for key in keys:
            self.page.keyboard.up(key)

    def save_set(self, name: str, note: str = "", colour: str = "") -> None:
        """Save what is selected under a name, in the tab of sets."""
        self.page.get_by_label("Name of the set").fill(name)
        self.page.get_by_label("Note").fill(note)
        if colour:
            self.page.get_by_role("textbox", name="Colour", exact=True).fill(colour)
        self.page.get_by_role("button", name="Save the selection").click()

    def of_set(self, name: str) -> Locator:
        """The row of a set in the tab of sets."""
        return self.page.locator(".list tbody tr").filter(
            has=self.page.locator(".name").get_by_text(name, exact=True)
        )
