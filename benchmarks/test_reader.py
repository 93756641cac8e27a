"""Opening by the command, whose reader is a child process, against reading in its own process."""

import subprocess
import sys
import urllib.request

import pytest

from tests.checkpoints import language_models
from tests.conftest import GATED

# What the command does, and the same with `dtviz.load` in place of the reader.
_COMMAND = "import sys; from dtviz import cli; sys.exit(cli.main(sys.argv[1:]))"
_IN_PROCESS = (
    "from dtviz.checkpoints import load, reader; reader.read = load; reader.warm = lambda: None; "
    f"{_COMMAND}"
)


@pytest.mark.parametrize("way", ["child", "own process"])
@pytest.mark.parametrize("what", ["demo", "gated", "gpt2"])
def test_open_by_the_command(benchmark, tmp_path, what, way):
    if what == "gated" and not GATED.exists():
        pytest.skip(f"needs ../shared/checkpoints/{GATED.name} beside the repository")
    benchmark.group = f"start the command, and load its page: {what}"
    source = {"demo": "demo", "gated": str(GATED)}.get(what) or str(
        language_models.saved("gpt2", tmp_path / "gpt2")
    )
    script = _COMMAND if way == "child" else _IN_PROCESS
    words = [sys.executable, "-c", script, "explore", source, "--port", "0", "--no-browser"]

    def opened():
        with subprocess.Popen(words, stdout=subprocess.PIPE, text=True) as process:
            address = process.stdout.readline().split("dtviz is at ")[1].split()[0]
            with urllib.request.urlopen(address) as answer:
                assert answer.status == 200
            process.kill()

    benchmark.pedantic(opened, rounds=5, warmup_rounds=1)
