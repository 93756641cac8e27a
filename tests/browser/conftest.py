"""A real browser, Chromium or Firefox, and explorers served to it."""

import contextlib
import os
import shutil
import threading
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any

import panel as pn
import pytest
from panel.io.server import Server
from playwright.sync_api import Browser, Error, Playwright, expect, sync_playwright

from dtviz.explorer import Explorer
from dtviz.model import Model
from dtviz.server.headers import Guarded
from tests.browser.gestures import PATIENCE, Gestures
from tests.conftest import GATED
from tests.serving import running

# What an executable may be called, by the option that asks for it.
_CHROMIUM = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable", "chrome")
_FIREFOX = ("firefox-esr", "firefox")
_CHROMIUM_FLAGS = [
    "--no-sandbox",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]
WINDOW = {"width": 1440, "height": 900}
expect.set_options(timeout=PATIENCE * 1000)


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--firefox", action="store_true", help="browse in Firefox, not in Chromium")


def pytest_configure(config: pytest.Config) -> None:
    if _in_firefox(config) and not _executable(_FIREFOX):
        raise pytest.UsageError(f"no Firefox was found: none of {', '.join(_FIREFOX)} is there")


def _in_firefox(config: pytest.Config) -> bool:
    # The benchmarks, which take the fixtures from here, have no such option.
    return bool(config.getoption("--firefox", default=False))


def _executable(names: Iterable[str]) -> str | None:
    return next((path for name in names if (path := shutil.which(name))), None)


@pytest.fixture(scope="session")
def downloads(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("downloads")


@pytest.fixture(scope="session")
def browser(request: pytest.FixtureRequest, downloads: Path) -> Iterator[Browser]:
    with launched(request.config, downloads) as browser:
        yield browser


@contextlib.contextmanager
def launched(config: pytest.Config, downloads: Path) -> Iterator[Browser]:
    """Run a browser. As long as it runs, so does an event loop, where asyncio can start none."""
    with sync_playwright() as playwright:
        if _in_firefox(config):
            browser = playwright.firefox.launch(
                channel="moz-firefox",  # driven by WebDriver BiDi, not by a patch of Playwright's
                executable_path=_executable(_FIREFOX),
                downloads_path=downloads,
                firefox_user_prefs={
                    "dom.events.testing.asyncClipboard": True,  # as Chromium's permissions
                    # Playwright does not hear of going back to a page that was kept whole.
                    "browser.sessionhistory.max_total_viewers": 0,
                },
            )
        else:
            browser = _chromium(playwright)
        yield browser
        browser.close()


def _chromium(playwright: Playwright) -> Browser:
    path = _executable(_CHROMIUM)
    # Where Chrome is not on the path, as on a Mac, Playwright looks for it.
    where = {"executable_path": path} if path else {"channel": "chrome"}
    try:
        return playwright.chromium.launch(**where, args=_CHROMIUM_FLAGS)  # type: ignore[arg-type]
    except Error as error:
        if os.environ.get("CI"):
            raise
        pytest.skip(f"no Chrome or Chromium was found: {error.message.splitlines()[0]}")


@pytest.fixture(scope="session")
def gated_path(gated: Model) -> Path:
    """The published checkpoint, where it is at hand."""
    return GATED


@pytest.fixture
def browse(browser: Browser, downloads: Path) -> Iterator[Callable[[], Gestures]]:
    """Open a page in a fresh browser. It must end without an error or a request to elsewhere."""
    with contextlib.ExitStack() as ends:

        def start() -> Gestures:
            context = browser.new_context(
                viewport=WINDOW,  # type: ignore[arg-type]
                permissions=["clipboard-read", "clipboard-write"],
            )
            context.set_default_timeout(PATIENCE * 1000)
            page = Gestures(context.new_page(), downloads)

            def end() -> None:
                context.close()
                assert not page.foreign_requests
                assert not page.errors

            ends.callback(end)
            return page

        yield start


@pytest.fixture
def gestures(browse: Callable[[], Gestures]) -> Gestures:
    """A page to act on."""
    return browse()


@pytest.fixture
def serve() -> Iterator[Callable[[Any], str]]:
    """Serve an explorer, or what Panel can serve, from a thread; returns its address.

    What it answers has the headers of dtviz's own server: all works under these.
    """
    with contextlib.ExitStack() as servers:

        def start(shown: Any) -> str:
            page = shown.page() if isinstance(shown, Explorer) else shown

            def make() -> Server:
                made = pn.serve({"explore": page}, port=0, start=False, show=False, verbose=False)
                made._tornado.add_transform(Guarded)
                return made

            server = servers.enter_context(running(make))
            return f"http://localhost:{server.port}/explore"

        yield start


class Home:
    """Where an explorer is shown: on a served page, or in a snapshot opened from disk, offline."""

    def __init__(self, kind: str, gestures: Gestures, serve: Callable[[Any], str], folder: Path):
        self.has_python = kind == "served"
        self.file = folder / "snapshot.html"
        self._gestures, self.serve = gestures, serve

    def show(self, explorer: Explorer) -> None:
        if self.has_python:
            self._gestures.open(self.serve(explorer))
        else:
            explorer.save(self.file)
            self._gestures.open_file(self.file)


class Chosen:
    """What is selected in a browser and, where there is Python, in an explorer: the same."""

    def __init__(self, gestures: Gestures, home: Home, explorer: Explorer) -> None:
        self._gestures, self._home, self._explorer = gestures, home, explorer
        self._changed = threading.Condition()
        for watched in (explorer.selection, explorer.sets):
            watched.param.watch(self._hear, list(watched.param))
        explorer.param.watch(self._hear, "steps")

    def _hear(self, *_: object) -> None:
        with self._changed:
            self._changed.notify_all()

    def expect(self, names: Iterable[str], elsewhere: Iterable[str] = ()) -> None:
        """Wait until just these are selected: those in view, and those in other layers."""
        here, away = set(names), set(elsewhere)
        self._gestures.wait_for_selected(here)
        self.expect_in_python(lambda: set(self._explorer.selection.names) == here | away)

    def expect_in_python(self, holds: Callable[[], bool]) -> None:
        """Wait until something holds of the explorer, where there is Python."""
        if self._home.has_python:
            with self._changed:
                assert self._changed.wait_for(holds, timeout=PATIENCE), self._explorer


def between(table: Any, column: str, low: float, high: float) -> set[str]:
    """The neurons between two values of a column."""
    return set(table.index[table[column].between(low, high)])


@pytest.fixture(params=["served", "snapshot"])
def home(request, gestures, serve, tmp_path) -> Home:
    """Both homes: what the browser does alone, it does in either."""
    return Home(request.param, gestures, serve, tmp_path)


@pytest.fixture
def explorer(demo):
    return Explorer(demo, layer=2)


@pytest.fixture
def chosen(gestures, home, explorer):
    return Chosen(gestures, home, explorer)


@pytest.fixture
def table(explorer):
    return explorer.neurons
