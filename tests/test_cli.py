"""Bad input ends with one clear line on standard error and exit status 2."""

import contextlib
import io
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from itertools import cycle
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

import dtviz
from dtviz import cli, snapshot, tables
from dtviz.study import Study
from tests.checkpoints import language_models
from tests.checkpoints.published import published
from tests.conftest import GATED
from tests.tokens import wordy


def run_alone(*words):
    """The command as a user starts it."""
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
def test_a_file_that_is_no_checkpoint(run, tmp_path, content):
    path = tmp_path / "model.pt"
    path.write_bytes(content)
    result = run("explore", str(path), "--no-browser")
    assert result.returncode == 2
    assert result.stdout == ""
    [line] = result.stderr.splitlines()
    assert line.startswith("dtviz: Expected ")


def test_a_file_that_is_not_there(run):
    result = run("explore", "nowhere.pt", "--no-browser")
    assert result.returncode == 2
    assert len(result.stderr.splitlines()) == 1
    assert "nowhere.pt" in result.stderr


@pytest.mark.parametrize(
    "words", [("explode",), ("explore", "--port", "many"), (), ("table", "neurons")]
)
def test_wrong_words_end_with_status_2_and_no_traceback(run, words):
    result = run(*words)
    assert result.returncode == 2
    [line] = result.stderr.splitlines()
    assert line.startswith("dtviz")
    assert line.endswith("--help")


def test_the_version(run):
    result = run("--version")
    assert (result.returncode, result.stdout) == (0, f"dtviz {dtviz.__version__}\n")


def test_help_names_every_table(run):
    result = run("table", "--help")
    assert result.returncode == 0
    words = result.stdout.replace(",", " ").replace("\n", " ").replace("- ", "-").split()
    assert set(tables.KINDS) <= set(words)


def test_a_snapshot_of_the_demo(run, tmp_path):
    path = tmp_path / "demo.html"
    result = run("snapshot", str(path), "--layer", "1", "--select", "L1N1,L1N132")
    assert (result.returncode, result.stderr) == (0, "")
    about = snapshot.read(path)
    assert about["options"]["layer"] == 1
    assert about["selected"] == ["L1N1", "L1N132"]


def test_a_table_of_another_checkpoint(run, gated, tmp_path):
    path = tmp_path / "neurons.csv"
    result = run("table", "neurons", str(GATED), "--layer", "0", "--out", str(path))
    assert (result.returncode, result.stderr) == (0, "")
    neurons = dtviz.Explorer(gated, layer=0).neurons
    written = pd.read_csv(path)
    assert written["name"].tolist() == neurons["name"].tolist()
    np.testing.assert_allclose(written["difference"], neurons["difference"], rtol=1e-6)


@pytest.mark.parametrize(
    ("kind", "suffix"), list(zip(tables.KINDS, cycle(tables.FORMATS), strict=False))
)
def test_a_table_is_that_of_the_study(run, demo, tmp_path, kind, suffix):
    path = tmp_path / f"table{suffix}"
    result = run("table", kind, "--out", str(path))
    assert (result.returncode, result.stdout, result.stderr) == (0, "", "")
    expected = tables.encoded(tables.table(kind, Study(demo)), suffix, demo)
    assert path.read_bytes() == expected


@pytest.mark.parametrize("layer", ["0", "all"])
def test_a_table_is_of_the_layer_that_is_named(run, demo, tmp_path, layer):
    path = tmp_path / "clusters.csv"
    assert run("table", "clusters", "--layer", layer, "--out", str(path)).returncode == 0
    study = Study(demo, layer=layer if layer == "all" else int(layer))
    assert path.read_bytes() == tables.encoded(tables.table("clusters", study), ".csv", demo)


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
        ("table", "pairs", "--out", "missing/table.csv"),
        ("table", "pairs", "--out", "table.csv", "--layer", "9"),
        ("table", "pairs", "nowhere.pt", "--out", "table.csv"),
        ("explore", "page.html", "--no-browser"),
    ],
)
def test_wrong_words_end_in_one_line_and_write_nothing(run, tmp_path, monkeypatch, words):
    monkeypatch.chdir(tmp_path)
    result = run(*words)
    assert result.returncode == 2
    [line] = result.stderr.splitlines()
    assert line.startswith("dtviz: Expected ")
    assert list(tmp_path.iterdir()) == []


def test_a_wrong_word_to_the_command_alone_ends_in_one_line(tmp_path):
    result = run_alone("table", "pairs", "nowhere.pt", "--out", str(tmp_path / "table.csv"))
    assert (result.returncode, result.stdout) == (2, "")
    [line] = result.stderr.splitlines()
    assert line.startswith("dtviz: Expected ")
    assert list(tmp_path.iterdir()) == []


def test_a_file_that_is_there_stays_when_the_table_cannot_be_made(run, tmp_path):
    path = tmp_path / "table.csv"
    path.write_text("kept")
    assert run("table", "everything", "--out", str(path)).returncode == 2
    assert run("table", "pairs", "--layer", "9", "--out", str(path)).returncode == 2
    assert path.read_text() == "kept"


def test_a_table_of_one_expert(run, tmp_path, monkeypatch):
    path = str(language_models.saved("deepseek", tmp_path / "model"))
    out = tmp_path / "table.csv"
    assert run("table", "neurons", path, "--expert", "1", "--out", str(out)).returncode == 0
    table = pd.read_csv(out)
    assert list(table["name"]) == [f"L2E1N{neuron}" for neuron in range(8)]
    monkeypatch.setattr("dtviz.options._MOST_AT_ONCE", 8)
    result = run("table", "neurons", path, "--out", str(out))
    assert "the neurons of expert 0 alone; --expert all for all" in result.stderr
    assert list(pd.read_csv(out)["name"]) == [f"L2E0N{neuron}" for neuron in range(8)]
    result = run("table", "layers", path, "--expert", "1", "--out", str(tmp_path / "folder"))
    assert result.returncode == 2
    assert "no --expert, or --expert all" in result.stderr


def test_a_language_model(run, tmp_path):
    """Opened where its tables and snapshots are made."""
    path = str(language_models.saved("llama", tmp_path / "llama"))
    out = tmp_path / "neurons.csv"
    assert run("table", "neurons", path, "--layer", "1", "--out", str(out)).returncode == 0
    table = pd.read_csv(out)
    assert list(table["name"]) == [f"L1N{neuron}" for neuron in range(24)]
    assert "RMSNorm folded" in table.iloc[0, -1]
    page = tmp_path / "page.html"
    assert run("snapshot", path, str(page), "--select", "L2N3").returncode == 0
    assert snapshot.read(page)["selected"] == ["L2N3"]
    (tmp_path / "llama" / "config.json").write_text("{")
    done = run("table", "neurons", path, "--out", str(out))
    assert (done.returncode, done.stderr.count("\n")) == (2, 1)
    assert "config.json as a JSON object" in done.stderr


def test_a_language_model_is_verified(run, tmp_path):
    done = run("verify", str(language_models.saved("llama", tmp_path / "llama")))
    assert done.returncode == 0
    assert "gate: 3 compared, greatest difference" in done.stdout
    assert "unembedding: 7 compared, greatest difference" in run("verify", "demo").stdout


@pytest.mark.parametrize(
    ("kind", "said"),
    [
        ("neurons", ""),
        ("top-k", ""),
        ("pairs", "pairs: those of greatest |cosine|"),
        ("in-unembedding", "of 5,000 of the unembedding: the compared and the longest"),
    ],
)
def test_a_table_says_what_it_leaves_out(run, monkeypatch, tmp_path, kind, said):
    monkeypatch.setattr("dtviz.analyses.similarity.MOST_PAIRS", 5)
    monkeypatch.setattr("dtviz.checkpoints.reader.read", lambda *_: wordy(n=12))
    path = tmp_path / "table.csv"
    result = run("table", kind, "wordy", "--out", str(path))
    assert (result.returncode, result.stdout) == (0, "")
    assert said in result.stderr
    assert bool(result.stderr) == bool(said)
    table = pd.read_csv(path, keep_default_na=False)
    assert len(table) > 0
    assert kind != "neurons" or "kurtosis" in table


# What a shell passes on, or nearly: no path elsewhere, for something may be written there.
ODD = [
    *("", "-", "--", "-1", ".", "..", "~", "\0", "a\0b", "\udc80", "x" * 5000, "\n", "/dev/null"),
    *("１", "²", "9" * 5000, "1e9", "nan", "demo", "DEMO", "a.csv", "a.parquet", "a.html", "gpt2"),
    *(
        "L2N1",
        "L2N1,",
        ",",
        "L2N1,\udc80",
        "--layer=all",
        "--port=-1",
        "hf://x",
        "tiny.pt",
        "folder",
    ),
]
USUAL = [
    *("explore", "snapshot", "table", "neurons", "layers", "pairs", "actions"),
    *("--layer", "all", "0", "--out", "--select", "--port", "--no-browser"),
]
WORDS = (
    st.sampled_from(USUAL) | st.sampled_from(ODD) | st.text(st.characters(exclude_characters="/"))
)


@settings(max_examples=150)
@given(st.lists(WORDS, max_size=7))
@example(["explore", "a\0b.html"])
@example(["explore", "folder"])
@example(["snapshot", "tiny.pt", "a\0b"])
@example(["snapshot", "tiny.pt", "a.html", "--select", "\udc80"])
@example(["table", "neurons", "tiny.pt", "--out", "a\0b.csv"])
@example(["table", "neurons", "tiny.pt", "--out", "\udc80.csv"])
@example(["table", "layers", "tiny.pt", "--out", "a\0b"])
@example(["table", "layers", "tiny.pt", "--out", "x" * 5000])
@example(["table", "layers", "tiny.pt", "--out", ""])
@example(["table", "neurons", "tiny.pt", "--out", ".csv", "--layer", "9" * 5000])
@example(["table", "neurons", "tiny.pt", "--out", ".csv", "--layer", "9" * 4000])
def test_no_words_end_in_a_traceback(tmp_path_factory, words):
    """Whatever they are, the command ends with 0, or 2 and one line."""

    def offline(*_, **__):
        raise OSError("no network")

    @contextlib.contextmanager
    def here(_):
        with ThreadPoolExecutor(1) as executor:
            yield executor

    err = io.StringIO()
    with pytest.MonkeyPatch.context() as patch, contextlib.redirect_stderr(err):
        patch.chdir(tmp_path_factory.mktemp("words"))
        Path("tiny.pt").write_bytes(published(layers=1, layer_norm="none").pt())
        Path("folder").mkdir()
        patch.setattr("huggingface_hub.snapshot_download", offline)
        patch.setattr("tornado.netutil.bind_sockets", offline)
        patch.setattr("dtviz.partitions.workers", here)
        try:
            status = cli.main(words)
        except SystemExit as exit_:
            status = exit_.code
    assert status in (0, 2)
    said = err.getvalue()
    assert "Traceback" not in said
    if status == 2:
        [line] = said.splitlines()
        assert line.startswith("dtviz: Expected ") or line.endswith("--help")


@pytest.mark.parametrize("port", ["-1", "65536", "1" * 30])
def test_a_port_that_cannot_be_is_told(run, port):
    result = run("explore", f"--port={port}", "--no-browser")
    assert result.returncode == 2
    assert f"--port: expected a number up to 65535, got '{port}'" in result.stderr


@pytest.mark.parametrize("address", ["", "x", "tcp://", "tcp://[", "a\0b"])
def test_an_address_that_cannot_be_is_told(run, tmp_path, address):
    pytest.importorskip("distributed")
    result = run("table", "layers", "--out", str(tmp_path / "a"), "--dask", address)
    assert result.returncode == 2
    [line] = result.stderr.splitlines()
    assert line.startswith("dtviz: Expected a Dask scheduler")
