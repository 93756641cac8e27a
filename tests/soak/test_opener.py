"""The soak sees what would be a fault: else it could pass whatever readers do."""

import ctypes
import os
import re
from pathlib import Path
from unittest.mock import patch

import pytest

import dtviz
from dtviz.checkpoints import reader
from dtviz.sets import Sets
from tests.checkpoints.published import published
from tests.checkpoints.test_reader import assert_same

from . import batch
from .opener import Opener

_serve = batch.serve


@pytest.fixture
def tiny(tmp_path) -> Path:
    path = tmp_path / "tiny.pt"
    path.write_bytes(published(layers=2, d_model=8, d_mlp=12, view=2, gated=True).pt())
    return path


def test_a_batch_reads_what_the_reader_reads(tiny, tmp_path):
    accounts = []
    batched = batch.Batch(tmp_path, accounts.append)
    for _ in range(2):
        assert_same(batched.read(tiny), reader.read(str(tiny)))
    child = batched._child
    batched.close()
    assert len(accounts) == 2
    assert all(account.mebibytes <= account.peak and not account.refused for account in accounts)
    with pytest.raises(ValueError, match="closed"):
        child._process.is_alive()


def instead(does, *given):
    """A child in which opening does something else."""
    reader.load = does
    _serve(*given)


def aborts(*given):
    instead(lambda _: ctypes.string_at(0), *given)


def raises(*given):
    instead(lambda _: 1 / 0, *given)


def _writes_quietly(path):
    try:
        Path("written").write_text("")
    except PermissionError:
        return dtviz.load(path)


def writes(*given):
    instead(_writes_quietly, *given)


@pytest.mark.parametrize(
    ("does", "what"),
    [(aborts, "SIGSEGV"), (raises, "ZeroDivisionError"), (writes, "does not open '.*written'")],
)
def test_faults_of_a_reader_are_seen(does, what, tiny, tmp_path):
    opener = Opener(tmp_path)
    with patch.object(batch, "serve", does):
        outcome = opener.open("pt", tiny)
    assert outcome.kind == "failed"
    assert re.search(what, outcome.what)
    opener.close()
    assert opener.open("pt", tiny).kind == "opened"  # by another child
    opener.close()


@pytest.mark.parametrize(
    "does",
    [
        lambda *_: os.system("true"),
        lambda *_: os.mkdir("made"),
        lambda *_: Path("a").write_text(""),
    ],
)
def test_what_this_process_does_is_seen(does, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(Sets, "read", does)
    assert Opener(tmp_path).open("sets", tmp_path).what.startswith("done here: ")
