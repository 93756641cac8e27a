"""Many sources, one after another, in one child of the reader: forking for each takes too long.

`Batch.read` is `dtviz.checkpoints.reader.read`: its parent's side as it is, with its pipe, limits
and errors. The child is forked from the process that the reader forks from, confined once by
`reader._prepare`, and answers about each source by `reader._answer`, as a child of the reader does
about its only one. What is left out is the fork and the confinement per source. A child that has
ended is replaced.
"""

import contextlib
import faulthandler
import json
import os
import sys
import time
from collections.abc import Callable
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any, NamedTuple
from unittest.mock import patch

import psutil

from dtviz.checkpoints import reader

_NEXT = b""
_Child = reader._Child


class Account(NamedTuple):
    """What a child says of one source.

    Args:
        refused: what it was kept from, by its confinement.
        seconds: of the processor.
        mebibytes: that it has now.
        peak: mebibytes that it had at most, ever.
        children: processes that it has started.
    """

    refused: list[str]
    seconds: float
    mebibytes: float
    peak: float
    children: int


class Batch:
    """A child that opens what is in a folder.

    Args:
        folder: with all that it opens.
        say: is given what the child says of each source.
    """

    def __init__(self, folder: Path, say: Callable[[Account], None]) -> None:
        self._folder = folder
        self._say = say
        self._child: Any = None
        self._turn: _Turn | None = None

    def read(self, path: Path) -> Any:
        """Return the model at a path, as `reader.read` does."""
        with patch.object(reader, "_Child", self._begin):
            return reader.read(str(path))

    def finish(self) -> None:
        """Be done with the last model that was read; it can show nothing more."""
        if self._turn is not None:
            self._turn.end()

    def close(self) -> None:
        self.finish()
        if self._child is not None:
            self._child.end()
        self._child = None

    def _begin(
        self, path: Path, data: bytes | None, memory: int, seconds: int, known: dict[str, str]
    ) -> "_Turn":
        self.finish()
        if self._child is None:
            with patch.object(reader, "_serve", serve):
                self._child = _Child(self._folder, data, memory, seconds, known)
        self._child._connection.send_bytes(os.fsencode(path))
        self._turn = _Turn(self._child, self._finished)
        return self._turn

    def _finished(self, account: Account | None) -> None:
        self._turn = None
        if account is not None:
            self._say(account)
        else:
            self._child.end()
            self._child = None


class _Turn:
    """What the reader takes for a child of its own."""

    def __init__(self, child: Any, finished: Callable[[Account | None], None]) -> None:
        self._connection = child._connection
        self._finished = finished
        self._is_over = False
        self.answer, self.array, self.code = child.answer, child.array, child.code

    def end(self) -> None:
        if self._is_over:
            return
        self._is_over = True
        try:
            self._connection.send_bytes(_NEXT)
            account = Account(*json.loads(self._connection.recv_bytes()))
        except (EOFError, OSError):
            account = None
        self._finished(account)


# --- in the child ---------------------------------------------------------------------------------


def serve(
    connection: Connection,
    folder: str,
    is_upload: bool,
    memory: int,
    seconds: int,
    known: dict[str, str],
) -> None:
    """Confine this process as `reader._serve` does; answer about one source after another."""
    refused: list[str] = []
    with open(os.devnull, "w") as nowhere, contextlib.suppress(EOFError, OSError):
        os.nice(5)
        with patch.object(sys, "addaudithook", lambda hook: addaudithook(_noting(hook, refused))):
            reader._prepare(reader._needed(Path(folder)), memory)
        while True:
            path = os.fsdecode(connection.recv_bytes())
            start = time.process_time()
            with contextlib.suppress(EOFError):
                turn: Any = _Until(connection)
                reader._answer(turn, path, [], seconds, nowhere)
                turn.recv_bytes()
            faulthandler.cancel_dump_traceback_later()
            seconds_taken = time.process_time() - start
            account = Account(refused, seconds_taken, *memory_of(os.getpid()), _children())
            connection.send_bytes(json.dumps(account).encode())
            refused.clear()


addaudithook = sys.addaudithook


def _noting(
    hook: Callable[[str, tuple[Any, ...]], None], refused: list[str]
) -> Callable[[str, tuple[Any, ...]], None]:
    """Return a hook that notes what another refuses."""

    def note(event: str, said: tuple[Any, ...]) -> None:
        try:
            hook(event, said)
        except PermissionError as error:
            refused.append(str(error)[:500])
            raise

    return note


class _Until:
    """A connection that ends where the next source begins."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self.send_bytes = connection.send_bytes

    def recv_bytes(self) -> bytes:
        data = self._connection.recv_bytes()
        if data == _NEXT:
            raise EOFError
        return data


def memory_of(pid: int) -> tuple[float, float]:
    """Return the mebibytes that a process has, and had at most."""
    status = Path(f"/proc/{pid}/status")
    if not status.exists():  # no Linux: what it had at most is not known
        return (psutil.Process(pid).memory_info().rss / 2**20,) * 2
    sizes = dict(line.split(":", 1) for line in status.read_text().splitlines())
    return tuple(int(sizes[name].split()[0]) / 2**10 for name in ("VmRSS", "VmHWM"))


def _children() -> int:
    return len(psutil.Process().children())
