"""Long runs: short in `make test`, at full length in `make soak`, which prints their figures."""

from collections.abc import Callable

import pytest

from benchmarks.machine import machine

_FIGURES = pytest.StashKey[list[tuple[str, str]]]()


def pytest_addoption(parser) -> None:
    parser.addoption("--long", action="store_true", help="the tests of tests/soak at full length")


@pytest.fixture(scope="session")
def is_long(pytestconfig) -> bool:
    """Whether this is the long run."""
    # Where all tests run, the option is not known when the command line is read.
    return pytestconfig.getoption("--long", default=False)


@pytest.fixture(scope="session")
def say(pytestconfig) -> Callable[[str, str], None]:
    """Print a figure, after its name, at the end of the run."""
    figures = pytestconfig.stash.setdefault(_FIGURES, [])
    return lambda name, figure: figures.append((name, figure))


def pytest_terminal_summary(terminalreporter, config) -> None:
    figures = config.stash.get(_FIGURES, [])
    if figures:
        terminalreporter.section(f"figures, on {machine()}")
        for name, figure in figures:
            terminalreporter.line(f"{name}: {figure}")
