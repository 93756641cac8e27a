"""A real Chromium, and explorers served to it."""

import asyncio
import contextlib
import os
import queue
import shutil
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import panel as pn
import pytest
from playwright.sync_api import Browser, Error, sync_playwright

from dtviz.explorer import Explorer
from dtviz.model import Model
from tests.browser.gestures import Gestures
from tests.conftest import GATED

_NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable", "chrome")
_FLAGS = [
    "--no-sandbox",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]
WINDOW = {"width": 1440, "height": 900}


@pytest.fixture(scope="session")
def chromium() -> Iterator[Browser]:
    with sync_playwright() as playwright:
        paths = [path for name in _NAMES if (path := shutil.which(name))]
        try:
            if paths:
                browser = playwright.chromium.launch(executable_path=paths[0], args=_FLAGS)
            else:  # where Chrome is not on the path, as on a Mac
                browser = playwright.chromium.launch(channel="chrome", args=_FLAGS)
        except Error as error:
            if os.environ.get("CI"):
                raise
            pytest.skip(f"no Chrome or Chromium was found: {error.message.splitlines()[0]}")
        yield browser
        browser.close()


@pytest.fixture(scope="session")
def gated_path(gated: Model) -> Path:
    """The published checkpoint, where it is at hand."""
    return GATED


@pytest.fixture
def gestures(chromium: Browser) -> Iterator[Gestures]:
    """A page to act on. It must end without an error and without a request beyond this machine."""
    context = chromium.new_context(viewport=WINDOW)  # type: ignore[arg-type]
    context.set_default_timeout(15_000)
    page = Gestures(context.new_page())
    yield page
    context.close()
    assert not page.errors
    assert not page.foreign_requests


@pytest.fixture
def serve() -> Iterator[Callable[[Any], str]]:
    """Serve an explorer, or what Panel can serve, from a thread; returns its address."""
    with contextlib.ExitStack() as servers:

        def start(shown: Any) -> str:
            page = shown.page() if isinstance(shown, Explorer) else shown
            started: queue.Queue[Any] = queue.Queue()

            def run() -> None:
                # Not Panel's own thread: this one says when it listens, and at which port.
                asyncio.set_event_loop(asyncio.new_event_loop())
                server = pn.serve({"explore": page}, port=0, start=False, show=False, verbose=False)
                server.start()
                started.put(server)
                server.io_loop.start()

            thread = threading.Thread(target=run)
            thread.start()
            server = started.get(timeout=30)
            servers.callback(thread.join)
            servers.callback(server.io_loop.add_callback, server.io_loop.stop)
            return f"http://localhost:{server.port}/explore"

        yield start


class Home:
    """Where an explorer is shown: on a served page, or in a snapshot opened from disk, offline."""

    def __init__(self, kind: str, gestures: Gestures, serve: Callable[[Any], str], folder: Path):
        self.has_python = kind == "served"
        self._gestures, self._serve, self._folder = gestures, serve, folder

    def show(self, explorer: Explorer) -> None:
        if self.has_python:
            self._gestures.open(self._serve(explorer))
        else:
            explorer.save(self._folder / "snapshot.html")
            self._gestures.open_file(self._folder / "snapshot.html")


@pytest.fixture(params=["served", "snapshot"])
def home(request, gestures, serve, tmp_path) -> Home:
    """Both homes: what the browser does alone, it does in either."""
    return Home(request.param, gestures, serve, tmp_path)
