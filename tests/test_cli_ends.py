"""How the command ends, whatever happens: with one line at most, and with all that it started."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import psutil
import pytest

from dtviz import snapshot
from tests.checkpoints import language_models
from tests.checkpoints.published import published


def started(*words, **options):
    """The command as a user starts it, and goes on meanwhile."""
    return subprocess.Popen(
        [sys.executable, "-m", "dtviz.cli", *words],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        preexec_fn=_as_from_a_terminal,
        **options,
    )


def _as_from_a_terminal():
    """Hear signals, also where the tests run in the background or under nohup."""
    signal.signal(signal.SIGHUP, signal.SIG_DFL)
    signal.signal(signal.SIGINT, signal.SIG_DFL)


def wait_until(condition, seconds=100):
    """Wait for a condition, as long as a busy machine may take."""
    for _ in range(10 * seconds):
        if found := condition():
            return found
        time.sleep(0.1)
    raise AssertionError("it did not come true")


@pytest.fixture
def pipe(tmp_path):
    os.mkfifo(tmp_path / "pipe.html")
    (tmp_path / "zero.html").symlink_to("/dev/zero")
    return tmp_path


@pytest.mark.parametrize("name", ["pipe.html", "zero.html"])
@pytest.mark.parametrize("words", ["explore {}", "explore --auth {}", "table pairs {} --out a.csv"])
def test_what_has_no_end_is_not_waited_for(run, pipe, monkeypatch, words, name):
    monkeypatch.chdir(pipe)
    result = run(*words.format(name).split())
    assert (result.returncode, result.stdout) == (2, "")
    [line] = result.stderr.splitlines()
    assert line.startswith("dtviz: Expected ")
    assert name in line


def test_an_origin_that_is_none_is_refused(run):
    result = run("explore", "--no-browser", "--allow-websocket-origin", "http://x")
    assert result.returncode == 2
    [line] = result.stderr.splitlines()
    assert line.startswith("dtviz: Expected ")
    assert "http://x" in line


def test_a_file_larger_than_the_memory_is_refused(run, tmp_path):
    path = tmp_path / "large.pt"
    with path.open("wb") as file:
        file.truncate(psutil.virtual_memory().total)
    result = run("table", "pairs", str(path), "--out", str(tmp_path / "a.csv"))
    assert result.returncode == 2
    [line] = result.stderr.splitlines()
    assert "GB of memory that are free" in line


def test_no_memory_is_said(run, tmp_path, monkeypatch):
    def full(*_):
        raise MemoryError

    monkeypatch.setattr("dtviz.tables.encoded", full)
    result = run("table", "pairs", "--out", str(tmp_path / "a.csv"))
    assert (result.returncode, result.stderr.count("\n")) == (2, 1)
    assert "this machine's memory" in result.stderr


def test_a_name_that_is_no_utf_8(run, tmp_path):
    """Bytes that Python has as surrogates, which nothing can write or print."""
    path, out = (os.fsdecode(os.fsencode(tmp_path) + name) for name in (b"/a\xff.pt", b"/b\xff"))
    Path(path).write_bytes(published(layers=1, layer_norm="none").pt())
    for kind, end in (("pairs", ".csv"), ("neurons", ".parquet"), ("layers", "")):
        assert run("table", kind, path, "--out", out + end).returncode == 0
    assert run("snapshot", path, f"{out}.html").returncode == 0
    assert snapshot.read(f"{out}.html")["model"] == "a\\udcff"
    assert run("snapshot", f"{out}.pt", f"{out}.html").stderr.encode()  # which fails for surrogates


def test_a_folder_to_work_in_that_is_gone(tmp_path):
    program = "import os, sys; os.rmdir(os.getcwd()); from dtviz import cli; sys.exit(cli.main())"
    words = [sys.executable, "-c", program, "table", "neurons", "--out", "a.csv"]
    (tmp_path / "gone").mkdir()
    done = subprocess.run(words, cwd=tmp_path / "gone", capture_output=True, text=True, timeout=100)
    assert (done.returncode, done.stdout) == (2, "")
    [line] = done.stderr.splitlines()
    assert line.startswith("dtviz: Expected a folder to work in")


_NOBODY = """
import pwd, sys
def nobody(*_):
    raise KeyError
pwd.getpwuid = pwd.getpwnam = nobody
from dtviz import cli
for words in ("snapshot a.html", "table neurons llama --out a.csv"):
    if cli.main(words.split()):
        sys.exit(2)
"""


def test_a_user_without_a_name_and_a_home(tmp_path):
    language_models.saved("llama", tmp_path / "llama")
    unset = ("HOME", "DTVIZ_CACHE", "XDG_CACHE_HOME", "USER", "LOGNAME")
    done = subprocess.run(
        [sys.executable, "-c", _NOBODY],
        cwd=tmp_path,
        env={name: value for name, value in os.environ.items() if name not in unset},
        capture_output=True,
        text=True,
        timeout=200,
    )
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
    assert {"a.html", "a.csv"} <= {*os.listdir(tmp_path)}
    # Nothing is kept in a folder that is called ~.
    assert not (tmp_path / "~").exists()


@pytest.fixture
def unread():
    """A pipe that nobody reads any more."""
    reading, writing = os.pipe()
    os.close(reading)
    with open(writing, "wb") as file:
        yield file


def version(**options):
    """What it prints, as if buffered: else argparse itself leaves it at that."""
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONUNBUFFERED"}
    words = [sys.executable, "-m", "dtviz.cli", "--version"]
    return subprocess.run(
        words, stderr=subprocess.PIPE, text=True, timeout=100, env=environment, **options
    )


def test_an_output_that_nobody_reads(unread):
    done = version(stdout=unread)
    assert (done.returncode, done.stderr) == (141, "")


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs a device that is full")
def test_an_output_to_a_disk_that_is_full():
    with open("/dev/full", "wb") as full:
        done = version(stdout=full)
    assert done.returncode == 2
    [line] = done.stderr.splitlines()
    assert line.startswith("dtviz: ")
    assert "No space left" in line


def test_an_output_that_was_closed_before():
    done = version(preexec_fn=lambda: os.close(1))
    assert done.returncode == 0
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize("name", ["SIGINT", "SIGHUP", "SIGKILL"])
def test_no_process_outlives_the_command(tmp_path, name):
    """Ended while workers are at it, by the user, the terminal or the system."""
    number = getattr(signal, name)
    command = started("table", "layers", "--out", str(tmp_path / "layers"), start_new_session=True)
    process = psutil.Process(command.pid)

    def workers():
        found = process.children(recursive=True)
        return [one for one in found if "spawn_main" in " ".join(one.cmdline())] and found

    children = wait_until(workers)
    # As a terminal does, to all of them.
    os.killpg(command.pid, number) if name == "SIGINT" else command.send_signal(number)
    _, said = command.communicate(timeout=100)
    assert psutil.wait_procs(children, timeout=100)[1] == []
    assert command.returncode == {"SIGINT": 130, "SIGKILL": -9}.get(name, 128 + number)
    if name != "SIGKILL":  # then Python's resource tracker says that it clears away
        assert said == ""
        assert os.listdir(tmp_path) == []


def test_ctrl_c_while_a_model_is_read_ends_it_without_a_word(tmp_path):
    directory = language_models.saved("llama", tmp_path / "llama")
    words = ("table", "neurons", str(directory), "--out", str(tmp_path / "a.csv"))
    command = started(*words, start_new_session=True)
    wait_until(lambda: psutil.Process(command.pid).children())
    os.killpg(command.pid, signal.SIGINT)
    assert command.communicate(timeout=100) == ("", "")
    assert command.returncode == 130
    assert os.listdir(tmp_path) == ["llama"]
