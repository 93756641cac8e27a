"""A process that opens checkpoints one after another, and tells what came of each."""

import contextlib
import multiprocessing
import os
import re
import resource
import sys
import time
from multiprocessing.connection import Connection
from pathlib import Path
from typing import NamedTuple

import psutil

from .mutations import SENTINEL

# Of address space, so that what asks for too much does not take the machine's memory.
_MOST = 4 * 2**30
# No checkpoint may make Python do these.
_FORBIDDEN = (
    *("os.system", "os.exec", "os.posix_spawn", "os.fork", "subprocess.Popen", "pickle.find_class"),
    *("socket.connect", "socket.getaddrinfo"),
)


class Outcome(NamedTuple):
    """What came of opening a checkpoint.

    Args:
        kind: "opened", "refused" (an error of dtviz), or "failed".
        what: the message of an error; of one that is not dtviz's, with its traceback.
        seconds: of the processor.
        mebibytes: by which the process grew at most, since it had opened one of each form.
    """

    kind: str
    what: str
    seconds: float
    mebibytes: float


class Opener:
    """The process. It may die, or be killed, of what it opens.

    Args:
        whole: checkpoints that open, one of each form, opened first.
        folder: where it works.
    """

    def __init__(self, whole: list[Path], folder: Path) -> None:
        # Not forked: it would begin with what the tests before left behind.
        context = multiprocessing.get_context("spawn")
        self._connection, other = context.Pipe()
        self._process = context.Process(target=_serve, args=(other, whole, folder), daemon=True)
        self._process.start()
        other.close()
        began = self._answer(120)
        assert began.kind == "opened", began

    def open(self, path: Path, patience: float) -> Outcome:
        """Open a checkpoint; after so many seconds, or a crash, that has failed."""
        self._connection.send(str(path))  # of a Path, a class would be looked up
        return self._answer(patience)

    def _answer(self, patience: float) -> Outcome:
        try:
            if self._connection.poll(patience):
                return self._connection.recv()
        except EOFError:
            self._process.join()
            return Outcome("failed", f"the process died, {self._process.exitcode}", 0, 0)
        return Outcome("failed", f"no end after {patience:g} s", patience, 0)

    def close(self) -> None:
        self._process.kill()
        self._process.join()
        self._connection.close()


def _serve(connection: Connection, whole: list[Path], folder: Path) -> None:
    os.chdir(folder)
    import dtviz
    from dtviz.errors import DtvizError

    for path in whole:
        _look_at(dtviz.load(path))
    forbidden: list[str] = []
    sys.addaudithook(lambda event, _: event in _FORBIDDEN and forbidden.append(event))
    before = _peak()
    most = psutil.Process().memory_info().vms + _MOST
    resource.setrlimit(resource.RLIMIT_AS, (most, most))
    connection.send(Outcome("opened", "", 0, 0))
    with contextlib.suppress(EOFError):
        for path in iter(connection.recv, None):
            start = time.process_time()
            kind, what = "opened", ""
            try:
                _look_at(dtviz.load(path))
            except DtvizError as error:
                kind, what = "refused", str(error)
                if len(what) > 600 or "\n" in what:
                    kind = "failed"
            except BaseException:  # panics of Rust are no Exceptions
                import traceback

                kind, what = "failed", traceback.format_exc()[-3000:]
            if forbidden or os.path.exists(SENTINEL):
                kind, what = "failed", f"a payload ran: {forbidden}"
            seconds = time.process_time() - start
            connection.send(Outcome(kind, what, seconds, _peak() - before))


def _look_at(model) -> None:
    """Read what a page shows first: names, and the vectors of a layer."""
    repr(model)
    layer = model.n_layers - 1
    for side in model.sides:
        neurons = model.neurons(layer, side)
        assert len(neurons.names) == len(neurons.vectors) == model.d_mlp
    neurons.layer_normed()
    for directions in (model.unembedding, model.embedding):
        if directions is not None:
            assert len(directions.names) == len(directions.norms)
    assert model.unembedding_bias is None or len(model.unembedding_bias) == len(model.unembedding)


def _peak() -> float:
    """Return the most memory that this process has had, in MiB."""
    if sys.platform == "darwin":
        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20
    # On Linux what getrusage tells begins at what the process that started this one took.
    own = re.search(r"VmHWM:\s+(\d+)", Path("/proc/self/status").read_text())
    assert own is not None
    return int(own[1]) / 2**10
