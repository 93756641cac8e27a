"""Bad input ends with one clear line on standard error and exit status 2."""

import subprocess
import sys

import numpy as np
import pandas as pd
import pytest

import dtviz
from dtviz import snapshot
from tests.conftest import GATED


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
    assert run("--version").stdout == f"dtviz {dtviz.__version__}\n"


def test_a_snapshot_of_the_demo(tmp_path):
    path = tmp_path / "demo.html"
    result = run("snapshot", str(path), "--layer", "1", "--select", "L1N1,L1N132")
    assert (result.returncode, result.stderr) == (0, "")
    about = snapshot.read(path)
    assert about["options"]["layer"] == 1
    assert about["selected"] == ["L1N1", "L1N132"]


def test_a_table_of_another_checkpoint(gated, tmp_path):
    path = tmp_path / "neurons.csv"
    result = run("table", "neurons", str(GATED), "--layer", "0", "--out", str(path))
    assert (result.returncode, result.stderr) == (0, "")
    neurons = dtviz.Explorer(gated, layer=0).neurons
    written = pd.read_csv(path)
    assert written["name"].tolist() == neurons["name"].tolist()
    np.testing.assert_allclose(written["difference"], neurons["difference"], rtol=1e-6)


@pytest.mark.parametrize(
    "words",
    [
        ("snapshot", "missing/demo.html"),
        ("snapshot", "nowhere.pt", "demo.html"),
        ("snapshot", "demo.html", "--layer", "9"),
        ("snapshot", "demo.html", "--layer", "last"),
        ("snapshot", "demo.html", "--select", "L2N1,N7"),
        ("table", "everything", "--out", "table.csv"),
        ("table", "pairs", "--out", "table.txt"),
        ("table", "pairs", "--out", "table.csv", "--layer", "9"),
        ("explore", "page.html", "--no-browser"),
    ],
)
def test_wrong_words_end_in_one_line_and_write_nothing(tmp_path, monkeypatch, words):
    monkeypatch.chdir(tmp_path)
    result = run(*words)
    assert result.returncode == 2
    [line] = result.stderr.splitlines()
    assert line.startswith("dtviz: Expected ")
    assert list(tmp_path.iterdir()) == []
