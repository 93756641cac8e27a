"""Bad input ends with one clear line on standard error and exit status 2."""

import subprocess
import sys

import pytest


def run(*words):
    return subprocess.run(
        [sys.executable, "-m", "dtviz.cli", *words], capture_output=True, text=True, timeout=120
    )


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"not a checkpoint",
        b"PK\x03\x04 cut short",
        b"\x80\x02cposix\nsystem\nX\x02\x00\x00\x00lsq\x01\x85R.",
    ],
    ids=["empty", "text", "truncated", "pickle"],
)
def test_a_file_that_is_no_checkpoint(tmp_path, content):
    path = tmp_path / "model.pt"
    path.write_bytes(content)
    result = run("explore", str(path), "--no-browser")
    assert result.returncode == 2
    assert result.stdout == ""
    [line] = result.stderr.splitlines()
    assert line.startswith("dtviz: Expected ")


def test_a_file_that_is_not_there():
    result = run("explore", "nowhere.pt", "--no-browser")
    assert result.returncode == 2
    assert len(result.stderr.splitlines()) == 1
    assert "nowhere.pt" in result.stderr


@pytest.mark.parametrize("words", [("explode",), ("explore", "--port", "many"), ()])
def test_wrong_words_end_with_status_2_and_no_traceback(words):
    result = run(*words)
    assert result.returncode == 2
    assert "Traceback" not in result.stderr


def test_the_version():
    import dtviz

    assert run("--version").stdout == f"dtviz {dtviz.__version__}\n"
