"""What is untrusted is parsed in a child: it can crash, hang, grow or misbehave, and no more."""

import ctypes
import os
import signal
import socket
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import psutil
import pytest

import dtviz
from dtviz import partitions
from dtviz.checkpoints import reader
from dtviz.errors import BadCheckpoint, DtvizError, FileProblem
from dtviz.model import Model
from tests.checkpoints import language_models
from tests.checkpoints.published import published

_serve = reader._serve


@pytest.fixture(scope="module")
def tiny(tmp_path_factory) -> Path:
    path = tmp_path_factory.mktemp("tiny") / "tiny.pt"
    path.write_bytes(published(layers=2, d_model=8, d_mlp=12, view=2, gated=True).pt())
    return path


@pytest.fixture(scope="module")
def directory(tmp_path_factory) -> Path:
    return language_models.saved("llama", tmp_path_factory.mktemp("saved") / "llama")


@pytest.fixture(scope="module")
def partitioned(tiny, tmp_path_factory) -> Path:
    with ThreadPoolExecutor(1) as executor:
        folder = tmp_path_factory.mktemp("partitioned") / "table"
        partitions.write(dtviz.load(tiny), folder, executor)
    return folder


def assert_same(one: Model, other: Model) -> None:
    assert repr(one) == repr(other)
    for what in ("sha256", "source", "notes", "agent", "epsilon", "normalization", "sides"):
        assert getattr(one, what) == getattr(other, what), what
    for side in one.sides:
        for layer in range(one.n_layers):
            assert np.array_equal(one.weights[side][layer], other.weights[side][layer])
    for what in ("unembedding", "embedding", "rtg", "action_embedding", "time_embedding"):
        mine, its = getattr(one, what), getattr(other, what)
        assert (mine is None) == (its is None)
        if mine is not None:
            assert np.array_equal(mine.vectors, its.vectors)
            assert (mine.names, mine.label) == (its.names, its.label)
            assert (mine.normalization, mine.epsilon) == (its.normalization, its.epsilon)
    assert (one.unembedding_bias is None) == (other.unembedding_bias is None)
    assert one.unembedding_bias is None or np.array_equal(
        one.unembedding_bias, other.unembedding_bias
    )


def test_a_checkpoint_is_the_same_as_read_here(tiny):
    assert_same(reader.read(str(tiny)), dtviz.load(str(tiny)))


def test_a_language_model_is_the_same_as_read_here(directory):
    assert_same(reader.read(str(directory)), dtviz.load(str(directory)))


def test_a_folder_of_parquet_is_the_same_as_read_here(partitioned):
    assert_same(reader.read(str(partitioned)), dtviz.load(str(partitioned)))


def test_an_upload_is_the_same_as_read_here(tiny):
    data = tiny.read_bytes()
    assert_same(reader.read_bytes(data, "a.pt"), dtviz.checkpoints.load_bytes(data, "a.pt"))


def test_the_bundled_model_needs_no_child(monkeypatch):
    monkeypatch.setattr(reader, "Reader", None)
    assert reader.read("demo").name == dtviz.load("demo").name


def children() -> set[int]:
    """The children that read, which the process that they are forked from has."""
    return {one.pid for one in psutil.Process().children(recursive=True) if _reads(one)}


def _reads(process: psutil.Process) -> bool:
    parent = process.parent()
    return parent is not None and parent.pid != os.getpid()


def test_a_child_ends_with_what_it_was_for(tiny, directory):
    before = children()
    reader.read(str(tiny))
    assert children() == before  # all of it was sent
    model = reader.read(str(directory))
    (child,) = children() - before
    neurons = model.neurons(1)
    del model
    assert len(neurons.vectors) == 24  # by who holds it, it is still read
    del neurons
    assert not psutil.pid_exists(child)


def test_errors_are_those_of_load(tmp_path):
    for data in (b"", b"PK\x03\x04", b"\x80\x02.", bytes(100)):
        (tmp_path / "a.pt").write_bytes(data)
        with pytest.raises(BadCheckpoint) as here:
            dtviz.load(tmp_path / "a.pt")
        with pytest.raises(BadCheckpoint) as there:
            reader.read(str(tmp_path / "a.pt"))
        assert str(there.value) == str(here.value)
    with pytest.raises(FileProblem, match="no such file"):
        reader.read(str(tmp_path / "none.pt"))


def instead(does):
    """A child in which opening does something else."""

    def decorated(*given):
        reader.load = does
        _serve(*given)

    return decorated


def aborts(*given):
    instead(lambda _: ctypes.string_at(0))(*given)


def sleeps(*given):
    instead(lambda _: time.sleep(3600))(*given)


def _holds_the_interpreter(_):
    ctypes.PyDLL(None).sleep(3600)


def hangs(*given):
    instead(_holds_the_interpreter)(*given)


def grows(*given):
    instead(lambda _: bytearray(20 * 2**30))(*given)


def panics(*given):
    def panic(_):
        raise BaseException("no Exception")

    instead(panic)(*given)


@pytest.mark.parametrize(
    ("serve", "ends", "within"),
    [
        (aborts, "was ended by SIGSEGV", 30),
        (sleeps, "took longer", 30),
        (hangs, "took longer", 30),
        (grows, "took more memory", 30),
        (panics, "BaseException: 'no Exception'", 30),
    ],
)
def test_the_end_of_a_child_is_an_error(tiny, monkeypatch, serve, ends, within):
    if sys.platform != "linux" and serve is grows:
        pytest.skip("memory is limited on Linux")
    reader.read(str(tiny))  # what children are forked from runs
    before = children()
    monkeypatch.setattr(reader, "_serve", serve)
    monkeypatch.setattr(reader, "_SECONDS", 2)
    start = time.monotonic()
    with pytest.raises(BadCheckpoint, match=ends):
        reader.read(str(tiny))
    assert time.monotonic() - start < within
    assert children() == before
    monkeypatch.undo()
    assert reader.read(str(tiny)).n_layers == 2


def test_a_crash_is_reported_within_a_second(tiny, monkeypatch):
    reader.read(str(tiny))
    before = children()
    monkeypatch.setattr(reader, "_serve", sleeps)
    with ThreadPoolExecutor(1) as executor:
        reading = executor.submit(reader.read, str(tiny))
        while not (started := children() - before):
            assert not reading.done()
        os.kill(started.pop(), signal.SIGKILL)
        crashed = time.monotonic()
        with pytest.raises(BadCheckpoint, match="was ended by SIGKILL"):
            reading.result()
        assert time.monotonic() - crashed < 1


def test_a_child_that_was_ended_is_replaced(directory):
    before = children()
    model = reader.read(str(directory))
    (child,) = children() - before
    os.kill(child, signal.SIGKILL)
    with pytest.raises(BadCheckpoint, match="was ended by SIGKILL"):
        model.neurons(0).vectors  # noqa: B018
    assert np.array_equal(model.neurons(0).vectors, dtviz.load(directory).neurons(0).vectors)


def test_another_model_in_its_place_is_an_error(tmp_path):
    directory = language_models.saved("gpt2", tmp_path / "model")
    before = children()
    model = reader.read(str(directory))
    (child,) = children() - before
    os.kill(child, signal.SIGKILL)
    config = (directory / "config.json").read_text()
    (directory / "config.json").write_text(config + " ")
    with pytest.raises(BadCheckpoint, match="SIGKILL"):
        model.neurons(0).vectors  # noqa: B018
    with pytest.raises(BadCheckpoint, match="another model there"):
        model.neurons(0).vectors  # noqa: B018


def misbehaves(*given):
    """Try what a hostile file could have a library do; a list of what went through is the error."""

    def tries(path):
        place = Path(path).parent
        done = []
        for name, attempt in {
            "write": lambda: (place / "written").write_text("x"),
            "append": lambda: open(path, "ab"),  # noqa: SIM115
            "raw": lambda: os.open(place / "raw", os.O_CREAT | os.O_WRONLY),
            "read": lambda: (place.parent / "secret").read_text(),
            "through": lambda: (place / ".." / "secret").read_text(),
            "link": lambda: (place / "link").read_text(),
            "home": lambda: Path("/etc/passwd").read_text(),
            "program": lambda: subprocess.run(["true"], check=True),
            "shell": lambda: os.system("true"),
            "fork": os.fork,
            "exec": lambda: os.execv("/bin/true", ["true"]),
            "connection": lambda: socket.create_connection(("127.0.0.1", 9)),
            "name": lambda: socket.getaddrinfo("localhost", 80),
            "remove": lambda: os.remove(path),
            "rename": lambda: os.rename(path, f"{path}2"),
            "folder": lambda: (place / "folder").mkdir(),
            "pickle": lambda: __import__("pickle").loads(b"cos\nsystem\n."),
        }.items():
            try:
                attempt()
                done.append(name)
            except PermissionError:
                pass
        Path(path).read_bytes()  # its own file it can read
        raise FileProblem(expected="nothing to go through", got=str(done), do="Look.")

    instead(tries)(*given)


def test_a_child_neither_writes_nor_runs_nor_connects_nor_reads_elsewhere(
    tiny, tmp_path, monkeypatch
):
    (tmp_path / "secret").write_text("secret")
    folder = tmp_path / "folder"
    folder.mkdir()
    (folder / "a.pt").write_bytes(tiny.read_bytes())
    (folder / "link").symlink_to(tmp_path / "secret")
    monkeypatch.setattr(reader, "_serve", misbehaves)
    with pytest.raises(DtvizError, match="nothing to go through, got \\[\\]"):
        reader.read(str(folder / "a.pt"))
    assert sorted(path.name for path in folder.iterdir()) == ["a.pt", "link"]


def test_a_script_that_reads_runs_once_however_it_is_written(directory, tmp_path):
    """Without `if __name__ == "__main__"`, as many scripts for panel serve are."""
    (tmp_path / "script.py").write_text(
        "import sys\nfrom dtviz.checkpoints import reader\n"
        "print('begun', flush=True)\nprint(reader.read(sys.argv[1]).name)\n"
    )
    words = [sys.executable, tmp_path / "script.py", str(directory)]
    result = subprocess.run(words, capture_output=True, text=True, timeout=120)
    assert (result.stdout.splitlines(), result.stderr) == (["begun", directory.name], "")


_PARENT = """
import sys
from dtviz.checkpoints import reader
if __name__ == "__main__":
    model = reader.read(sys.argv[1])
    print("ready", flush=True)
    sys.stdin.read()
"""


def test_children_end_when_their_parent_is_killed(directory, tmp_path):
    (tmp_path / "parent.py").write_text(_PARENT)
    parent = subprocess.Popen(
        [sys.executable, tmp_path / "parent.py", str(directory)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    with parent:
        assert parent.stdout.readline() == "ready\n"
        started = psutil.Process(parent.pid).children(recursive=True)
        assert started
        parent.kill()
    _, left = psutil.wait_procs(started, timeout=30)
    assert not left


def test_python_files_of_the_folder_that_one_works_in_do_not_run(directory, tmp_path):
    for name in ("torch", "transformers", "json", "tokenizers", "config"):
        (tmp_path / f"{name}.py").write_text("open('ran', 'w')")
    (tmp_path / "place").mkdir()
    (tmp_path / "place" / "parent.py").write_text(_PARENT)
    subprocess.run(
        [sys.executable, "place/parent.py", str(directory)],
        cwd=tmp_path,
        input="",
        text=True,
        check=True,
        capture_output=True,
    )
    assert not (tmp_path / "ran").exists()
