"""What opens files as dtviz's pages do, and says what came of each.

Models are read by a child of the reader (see `batch`), sets and snapshots in this process.
"""

import contextlib
import os
import sys
import time
import traceback
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple
from unittest.mock import patch

import psutil

import dtviz
from dtviz.app import App
from dtviz.checkpoints import reader
from dtviz.checkpoints.fork_context import fork_context
from dtviz.errors import DtvizError
from dtviz.sets import Sets

from .batch import Account, Batch

# No file may make Python do these in the process that pages are served by.
_FORBIDDEN = (
    *("os.exec", "os.fork", "os.mkdir", "os.posix_spawn", "os.remove", "os.rename", "os.system"),
    *("pickle.find_class", "shutil.", "socket.getaddrinfo", "subprocess.Popen"),
)
# Of so many models one is read in a child of its own, as pages do.
_SHARE = 50
# What the reader says of a child that ended, and of an error that nobody thought of.
_ENDED, _UNFORESEEN = "at which its reader", "one that ends in"


class Outcome(NamedTuple):
    """What came of opening a file.

    Args:
        kind: "opened", "refused" (an error of dtviz), or "failed".
        what: the message of an error; of one that is not dtviz's, with its traceback.
        seconds: of the processor.
    """

    kind: str
    what: str
    seconds: float


class Opener:
    """What opens files one after another.

    Args:
        folder: of the files.
    """

    def __init__(self, folder: Path) -> None:
        self._batch = Batch(folder, self._take)
        self._opened = 0
        self._happened: list[str] | None = None
        self._before = {one.pid for one in psutil.Process().children(recursive=True)}
        self._demo = dtviz.load("demo")
        fork_context()  # makes a folder of its own
        # Of the last model: what its reader's child said.
        self.account: Account | None = None
        sys.addaudithook(self._hear)

    def open(self, kind: str, path: Path) -> Outcome:
        """Open a file, and read what a page shows of it."""
        self._opened += 1
        self.account = None
        came, what = "opened", ""
        start = time.process_time()
        # Without a folder for caches: there what was found of a configuration would be written.
        with patch.dict(os.environ, DTVIZ_CACHE=""), self._listening() as happened:
            try:
                self._open(kind, path)
            except DtvizError as error:
                came, what = "refused", str(error)
                if len(what) > 900 or "\n" in what or _ENDED in what or _UNFORESEEN in what:
                    came = "failed"
            except BaseException as error:  # panics of Rust are no Exceptions
                if isinstance(error, KeyboardInterrupt):
                    raise
                came, what = "failed", traceback.format_exc()[-3000:]
            self._batch.finish()
        seconds = time.process_time() - start
        if self.account is not None:
            seconds = self.account.seconds
            if self.account.refused or self.account.children:
                came, what = "failed", f"the reader was kept from something: {self.account}"
        if happened:
            came, what = "failed", f"done here: {happened}"
        return Outcome(came, what, seconds)

    def _open(self, kind: str, path: Path) -> None:
        if kind == "sets":
            Sets().read(str(path), self._demo)
        elif kind == "snapshots":
            App(path)
        elif self._opened % _SHARE == 0:
            _look_at(reader.read(str(path)))
        else:
            _look_at(self._batch.read(path))

    def close(self) -> None:
        """Have another child read what comes next, if anything does."""
        self._batch.close()

    @property
    def strangers(self) -> list[psutil.Process]:
        """Processes that were started since, without those of readers."""
        return [
            one
            for one in psutil.Process().children(recursive=True)
            if one.pid not in self._before and not _is_of_readers(one)
        ]

    def _take(self, account: Account) -> None:
        self.account = account

    @contextlib.contextmanager
    def _listening(self) -> Iterator[list[str]]:
        self._happened = []
        try:
            yield self._happened
        finally:
            self._happened = None

    def _hear(self, event: str, said: tuple[Any, ...]) -> None:
        # A hook stays for as long as the process does.
        if self._happened is not None and _is_forbidden(event, said):
            self._happened.append(f"{event} {said}"[:500])


def _is_forbidden(event: str, said: tuple[Any, ...]) -> bool:
    """Tell whether what Python does is what no file may make it do: run, connect or write."""
    if event == "open":
        path, _, flags = said
        is_pipe = isinstance(path, int)  # to what children are forked from
        return not is_pipe and isinstance(flags, int) and bool(flags & (os.O_WRONLY | os.O_RDWR))
    if event == "socket.connect":
        return not isinstance(said[1], str | bytes)  # as to what children are forked from
    return event.startswith(_FORBIDDEN)


def _is_of_readers(process: psutil.Process) -> bool:
    with contextlib.suppress(psutil.Error):
        return "multiprocessing" in " ".join(process.cmdline())
    return True  # it has gone


def _look_at(model: dtviz.Model) -> None:
    """Read what a page shows first: names, and the vectors of a layer."""
    repr(model)
    layer = model.layers[-1]
    for side in model.sides:
        neurons = model.neurons(layer, side)
        assert len(neurons.names) == len(neurons.vectors) == model.widths[-1]
    neurons.layer_normed()
    for directions in (model.unembedding, model.embedding):
        if directions is not None:
            assert len(directions.names) == len(directions.norms)
    assert model.unembedding_bias is None or len(model.unembedding_bias) == len(model.unembedding)
