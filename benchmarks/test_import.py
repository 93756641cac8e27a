"""``import dtviz`` against starting Python, and against importing what dtviz defers."""

import subprocess
import sys

import pytest


@pytest.mark.benchmark(group="import")
@pytest.mark.parametrize("statement", ["pass", "import dtviz", "import panel"])
def test_import(benchmark, statement):
    words = [sys.executable, "-c", statement]
    benchmark.pedantic(subprocess.run, args=(words,), kwargs={"check": True}, rounds=5)
