"""Figures that long runs print, each run short in `make test` and long in `make soak`."""

from collections.abc import Callable

import pytest

from tests.browser.conftest import browse, chromium, gestures, serve
from tests.machine import machine

__all__ = ["browse", "chromium", "gestures", "serve"]

_FIGURES = pytest.StashKey[list[str]]()


@pytest.fixture(scope="session")
def is_long(request) -> bool:
    """Whether this is the long run."""
    return request.config.getoption("--long")


@pytest.fixture(scope="session")
def say(request) -> Callable[[str], None]:
    """Print a figure after the run."""
    return request.config.stash.setdefault(_FIGURES, []).append


def pytest_terminal_summary(terminalreporter, config) -> None:
    figures = config.stash.get(_FIGURES, [])
    if figures:
        terminalreporter.section(f"figures on {machine()}")
        for figure in figures:
            terminalreporter.line(figure)
