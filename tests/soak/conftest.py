"""Long runs: short in `make test`, at full length in `make soak`, which prints their figures."""

import pytest

from benchmarks.figures import pytest_terminal_summary, say
from tests.browser.conftest import browse, downloads, gestures, launched

__all__ = ["browse", "downloads", "gestures", "pytest_terminal_summary", "say"]


def pytest_addoption(parser) -> None:
    parser.addoption("--long", action="store_true", help="the tests of tests/soak at full length")


@pytest.fixture(scope="session")
def is_long(pytestconfig) -> bool:
    """Whether this is the long run."""
    # Where all tests run, the option is not known when the command line is read.
    return pytestconfig.getoption("--long", default=False)


@pytest.fixture
def browser(pytestconfig, downloads):
    """A browser for one test: others of this process use asyncio."""
    with launched(pytestconfig, downloads) as browser:
        yield browser
