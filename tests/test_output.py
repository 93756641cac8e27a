import errno
import os
import subprocess
import sys

import pytest

from dtviz.errors import FileProblem
from dtviz.output import write_whole


def test_a_file_is_written_and_replaced(tmp_path):
    path = tmp_path / "a.bin"
    write_whole(path, b"first")
    write_whole(str(path), b"second")
    assert path.read_bytes() == b"second"
    assert os.listdir(tmp_path) == ["a.bin"]


def test_the_permissions_are_those_of_any_new_file_and_stay(tmp_path):
    (tmp_path / "usual").touch()
    path = tmp_path / "a.bin"
    write_whole(path, b"")
    assert path.stat().st_mode == (tmp_path / "usual").stat().st_mode
    path.chmod(0o640)
    write_whole(path, b"again")
    assert path.stat().st_mode & 0o777 == 0o640


@pytest.mark.parametrize("name", ["missing/a.bin", "folder", "a\0b", "x" * 5000])
def test_a_path_that_cannot_be_written_is_told(tmp_path, name):
    (tmp_path / "folder").mkdir()
    with pytest.raises(FileProblem, match="Expected a path that can be written"):
        write_whole(tmp_path / name, b"content")
    assert os.listdir(tmp_path) == ["folder"]


def test_a_disk_that_fills_leaves_the_old_file_whole_and_nothing_else(tmp_path, monkeypatch):
    path = tmp_path / "a.bin"
    write_whole(path, b"old")

    def full(descriptor):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(FileProblem, match="No space left on device"):
        write_whole(path, b"new")
    assert path.read_bytes() == b"old"
    assert os.listdir(tmp_path) == ["a.bin"]


_ENDED_WHILE_WRITING = """
import os, signal, sys
from dtviz import cli
os.fsync = lambda _: os.kill(os.getpid(), signal.SIGTERM)
sys.exit(cli.main(["snapshot", sys.argv[1]]))
"""


def test_a_command_that_is_ended_while_it_writes_leaves_no_half_file(tmp_path):
    path = tmp_path / "demo.html"
    path.write_text("old")
    done = subprocess.run([sys.executable, "-c", _ENDED_WHILE_WRITING, str(path)], timeout=120)
    assert done.returncode == 128 + 15
    assert path.read_text() == "old"
    assert os.listdir(tmp_path) == ["demo.html"]
