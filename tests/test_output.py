import errno
import os
import subprocess
import sys
import threading

import pytest

from dtviz.errors import BadArgument, FileProblem
from dtviz.output import folder_written_whole, read_start, write_whole
from dtviz.sets import Sets


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


def contents(folder):
    return {path.name: path.read_text() for path in folder.iterdir()}


def write_folder(path, text):
    with folder_written_whole(path, "mark") as folder:
        (folder / "mark").write_text(text)
        (folder / "a").write_text(text)


@pytest.mark.parametrize("exists", [True, False])
def test_a_link_is_followed_and_stays(tmp_path, exists):
    (tmp_path / "elsewhere").mkdir()
    if exists:
        (tmp_path / "elsewhere" / "a.bin").write_bytes(b"old")
        write_folder(tmp_path / "elsewhere" / "layers", "old")
    (tmp_path / "file").symlink_to("elsewhere/a.bin")
    (tmp_path / "layers").symlink_to("elsewhere/layers")
    write_whole(tmp_path / "file", b"new")
    write_folder(tmp_path / "layers", "new")
    assert (tmp_path / "file").is_symlink()
    assert (tmp_path / "layers").is_symlink()
    assert (tmp_path / "elsewhere" / "a.bin").read_bytes() == b"new"
    assert contents(tmp_path / "elsewhere" / "layers") == {"mark": "new", "a": "new"}
    assert sorted(os.listdir(tmp_path / "elsewhere")) == ["a.bin", "layers"]


def test_what_is_read_only_is_refused_and_stays(tmp_path):
    path, folder = tmp_path / "a.bin", tmp_path / "layers"
    path.write_bytes(b"old")
    write_folder(folder, "old")
    path.chmod(0o444)
    folder.chmod(0o555)
    (tmp_path / "link").symlink_to(path)
    for place in (path, tmp_path / "link"):
        with pytest.raises(FileProblem, match="read-only"):
            write_whole(place, b"new")
    with pytest.raises(FileProblem, match="read-only"):
        write_folder(folder, "new")
    assert path.read_bytes() == b"old"
    assert contents(folder) == {"mark": "old", "a": "old"}
    folder.chmod(0o755)


@pytest.mark.parametrize("name", ["", "loop", "missing/link"])
def test_a_path_that_leads_nowhere_is_refused(tmp_path, monkeypatch, name):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "loop").symlink_to("loop")
    with pytest.raises(FileProblem):
        write_whole(name, b"new")
    with pytest.raises(FileProblem):
        write_folder(name, "new")
    assert os.listdir(tmp_path) == ["loop"]


def test_a_pipe_and_a_device_are_written_to(tmp_path):
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    (tmp_path / "null").symlink_to(os.devnull)
    got = []
    reader = threading.Thread(target=lambda: got.append(pipe.read_bytes()))
    reader.start()
    write_whole(pipe, b"content")
    write_whole(tmp_path / "null", b"content")
    reader.join()
    assert got == [b"content"]
    assert pipe.is_fifo()
    for place in (pipe, os.devnull):
        with pytest.raises(BadArgument, match="something else"):
            write_folder(place, "new")
    assert sorted(os.listdir(tmp_path)) == ["null", "pipe"]


def test_standard_output_is_a_path(tmp_path):
    program = "from dtviz.output import write_whole; write_whole('/dev/stdout', b'content')"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, timeout=60)
    assert (done.returncode, done.stdout, done.stderr) == (0, b"content", b"")


@pytest.mark.parametrize("place", ["pipe", os.devnull, "/dev/zero", "."])
def test_of_what_has_no_end_nothing_is_read(tmp_path, monkeypatch, demo, place):
    monkeypatch.chdir(tmp_path)
    os.mkfifo("pipe")
    with pytest.raises(OSError, match="not a regular file"):
        read_start(place, 10)
    with pytest.raises(FileProblem, match="not a regular file"):
        Sets().read(place, demo)


def test_of_a_file_no_more_is_read_than_is_allowed(tmp_path):
    (tmp_path / "a").write_bytes(b"content")
    assert read_start(tmp_path / "a", 3) == b"con"
    assert read_start(tmp_path / "a", 10) == b"content"


# --- a folder, stopped at each step ---------------------------------------------------------------

_STOPPED = """
import os, sys
from dtviz.output import folder_written_whole
path, how, step = sys.argv[1], sys.argv[2], int(sys.argv[3])
steps = [0]
def stop(event, arguments):
    if event in ("os.rename", "os.rmdir", "os.remove", "os.mkdir", "os.chmod") or (
        event == "open" and ".pyc" not in str(arguments[0])
    ):
        steps[0] += 1
        if steps[0] == step:
            os._exit(9) if how == "killed" else sys.exit(9)
with folder_written_whole(path, "mark") as folder:
    open(folder / "mark", "w").write("new")
    open(folder / "a", "w").write("new")
    sys.addaudithook(stop)
"""


@pytest.mark.parametrize("how", ["killed", "asked to end"])
def test_a_folder_is_lost_at_no_step(tmp_path, how):
    """Before each of the system's calls that a whole folder takes, the process ends."""
    old, new = ({"mark": text, "a": text} for text in ("old", "new"))
    found = []
    for step in range(1, 100):
        path = tmp_path / str(step) / "layers"
        path.parent.mkdir()
        write_folder(path, "old")
        words = [sys.executable, "-c", _STOPPED, str(path), how, str(step)]
        ended = subprocess.run(words, timeout=60, stderr=subprocess.DEVNULL).returncode
        if not path.exists():
            assert how == "killed"
            assert contents(path.parent / ".layers.old") == old
            found.append("aside")
        else:
            assert contents(path) in (old, new)
            found.append(contents(path)["a"])
        if ended == 0:
            break
    assert ended == 0
    assert found[0] == "old"
    assert found[-1] == "new"
    assert ("aside" in found) == (how == "killed")


def test_a_folder_that_was_moved_aside_is_put_back_and_that_is_said(tmp_path, caplog):
    path = tmp_path / "layers"
    write_folder(path, "old")
    path.rename(tmp_path / ".layers.old")
    with pytest.raises(ZeroDivisionError), folder_written_whole(path, "mark"):
        _ = 1 / 0
    assert contents(path) == {"mark": "old", "a": "old"}
    [said] = caplog.messages
    assert said.endswith("is back: a run that was to replace it stopped.")
    write_folder(path, "new")
    assert contents(path) == {"mark": "new", "a": "new"}
    assert os.listdir(tmp_path) == ["layers"]


def test_what_a_stopped_run_left_beside_is_cleared_away(tmp_path, caplog):
    path = tmp_path / "layers"
    write_folder(path, "older")
    path.rename(tmp_path / ".layers.old")
    write_folder(tmp_path / "layers2", "old")
    (tmp_path / "layers2").rename(path)
    write_folder(path, "new")
    assert contents(path) == {"mark": "new", "a": "new"}
    assert os.listdir(tmp_path) == ["layers"]
    assert caplog.messages == []


def test_something_else_at_the_path_leaves_the_folder_aside(tmp_path):
    path = tmp_path / "layers"
    write_folder(path, "old")
    path.rename(tmp_path / ".layers.old")
    path.mkdir()
    with pytest.raises(BadArgument, match="something else"):
        write_folder(path, "new")
    assert contents(tmp_path / ".layers.old") == {"mark": "old", "a": "old"}
