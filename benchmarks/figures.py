"""Figures that a run prints at its end, and what they were measured on."""

import os
import platform
from collections.abc import Callable
from importlib.metadata import version
from pathlib import Path

import psutil
import pytest

_SAID = pytest.StashKey[list[str]]()


@pytest.fixture(scope="session")
def say(pytestconfig) -> Callable[[str], None]:
    """Print a figure at the end of the run."""
    return pytestconfig.stash.setdefault(_SAID, []).append


def pytest_terminal_summary(terminalreporter, config) -> None:
    """Print what was said."""
    terminalreporter.section(f"measured on {machine()}")
    for figure in config.stash.get(_SAID, []):
        terminalreporter.line(figure)


def machine() -> str:
    """Name the processor, its cores, the memory and the versions that matter."""
    info = Path("/proc/cpuinfo")
    lines = info.read_text().splitlines() if info.exists() else []
    names = [line.split(":", 1)[1].strip() for line in lines if line.startswith("model name")]
    processor = names[0] if names else platform.processor() or platform.machine()
    return (
        f"{processor}, {os.cpu_count()} cores, {psutil.virtual_memory().total / 2**30:.0f} GiB, "
        f"{platform.system()}, Python {platform.python_version()}, "
        + ", ".join(f"{name} {version(name)}" for name in ("numpy", "torch", "panel", "bokeh"))
    )
