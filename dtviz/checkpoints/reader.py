"""Reader: files that are not trusted, parsed in a child process, for pages and for the command.

A child opens one source as `dtviz.load` does, confined and with bounded memory and time. It
describes the model, and sends arrays when they are asked for: JSON and raw numbers, nothing that is
unpickled. If it dies, hangs or grows, that is an error of dtviz. Children are forked from a process
that has imported what they need and opened nothing, so that one is there at once.
"""

import contextlib
import faulthandler
import json
import os
import signal
import threading
import weakref
from collections.abc import Iterator
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any, TextIO

import numpy as np
import psutil

from dtviz import errors
from dtviz.checkpoints import DEMO, load, load_bytes
from dtviz.checkpoints.confinement import confine
from dtviz.checkpoints.description import Piece, array, described, model_of
from dtviz.checkpoints.directory import CONFIG, place_in_cache
from dtviz.checkpoints.files import opened
from dtviz.checkpoints.fork_context import begin, fork_context
from dtviz.checkpoints.gguf_file import is_gguf, read_header
from dtviz.checkpoints.hub import downloaded, is_hub_name
from dtviz.checkpoints.sae import trained_on
from dtviz.checkpoints.small_files import MOST_BYTES
from dtviz.checkpoints.smollm2 import SMOLLM2, smollm2_file
from dtviz.checkpoints.verification import cached
from dtviz.directions import Float32
from dtviz.errors import BadCheckpoint, DtvizError, remade, shortened
from dtviz.model import Model
from dtviz.output import read_start

# Bytes by which a child may grow: so many, and as often the size of what it opens.
_MEMORY, _TIMES = 2**30, 12
# Seconds that a child may take for an answer: so many, and one for as many bytes.
_SECONDS, _BYTES_A_SECOND = 60, 50_000_000
# Numbers go through the pipe in pieces of so many bytes, and texts are at most so long.
_CHUNK, _MOST_TEXT = 2**28, 2**30
_ERRORS = ("BadArgument", "BadCheckpoint", "FileProblem", "UnknownName")
# Codes with which a child ends: faulthandler's, and our own.
_TOO_LONG, _TOO_LARGE = 1, 3
# Children that open something at once; others wait.
_OPENING = threading.BoundedSemaphore(2)


def read(source: str | Path, model: str | Path | None = None) -> Model:
    """Return the model in a source, as `dtviz.load` does, parsed in a child.

    The bundled model is read here. What is named by its name on the hub is downloaded here, and
    opened there; a Path is never such a name.

    Args:
        source, model: as for `dtviz.load`; each is parsed in a child of its own.

    Raises:
        DtvizError: as `dtviz.load` does, and if the child dies, takes too long or too much memory.
    """
    if model is not None:
        return trained_on(read(source), lambda: read(model))
    if source == DEMO:
        return load(source)
    path, name = Path(source), None
    if source == SMOLLM2:
        path = smollm2_file()
    elif is_hub_name(source) and not os.path.exists(path):
        path, name = downloaded(str(source)), str(source)
    return Reader(path, None, name).model(str(source))


def read_bytes(data: bytes, name: str) -> Model:
    """Return the model in the bytes of a checkpoint file, as `load_bytes` does, parsed in a child.

    Raises:
        DtvizError: as `load_bytes` does, and if the child dies, takes too long or too much memory.
    """
    return Reader(Path(name), data, None).model(None)


def warm() -> None:
    """Start, in the background, the process that children are forked from."""
    threading.Thread(target=fork_context, daemon=True).start()


class Reader:
    """One source, open in a child. It opens it again if the child is gone.

    Args:
        path: of a file or a folder; of an upload, its name.
        data: what was uploaded.
        name: of the model, if not that of the path.
    """

    def __init__(self, path: Path, data: bytes | None, name: str | None) -> None:
        self._path = path
        self._data = data
        self._name = name
        size = len(data) if data is not None else _size(path)
        self._memory = min(_MEMORY + _TIMES * size, psutil.virtual_memory().available)
        self._seconds = _SECONDS + size // _BYTES_A_SECOND
        self._lock = threading.Lock()
        self._child: _Child | None = None
        self._sha256: str | None = None

    def model(self, source: str | None) -> Model:
        """Return the model; of one whose arrays all are in memory the child ends here."""
        said = self._open()
        self._sha256 = said["sha256"]
        if self._name is not None:
            said["name"] = self._name
        made = model_of(said, source, self._array)
        if said["is_in_memory"]:
            self._leave()
        return made

    def _open(self) -> dict[str, Any]:
        with _OPENING, self._failing():
            key = _key(self._path) if self._data is None else None
            known = None if key is None else cached.read(key)
            kept = {} if key is None or known is None else {key: known}
            self._child = _Child(self._path, self._data, self._memory, self._seconds, kept)
            found: dict[str, Any] = self._child.answer()
            # Of this configuration alone: what another said of others is not believed.
            if key is not None and known is None and key in found["found"]:
                cached.write(key, str(found["found"][key]))
            return found

    def _array(self, piece: Piece, shape: tuple[int, ...]) -> Float32:
        with self._lock:
            if self._child is None and self._open()["sha256"] != self._sha256:
                self._leave()
                raise BadCheckpoint(
                    expected=f"{shortened(self._path.name)} as it was when it was opened",
                    got="another model there",
                    do="Open it again.",
                )
            with self._failing():
                assert self._child is not None  # noqa: S101  it was opened
                return self._child.array(piece, shape)

    @contextlib.contextmanager
    def _failing(self) -> Iterator[None]:
        """Turn the end of the child into an error."""
        try:
            yield
        except (EOFError, OSError, ValueError, KeyError) as error:
            if isinstance(error, DtvizError):
                if self._child is not None and self._sha256 is None:
                    self._leave()
                raise
            code = None if self._child is None else self._child.code()
            self._leave()
            raise BadCheckpoint(
                expected=f"{shortened(self._path.name)} as a model that can be read in "
                f"{self._seconds:,} s and {self._memory / 1e9:.1f} GB of memory",
                got=f"one at which its reader {_ending(code)}",
                do="The file may be damaged, or made to do so; nothing else is affected.",
            ) from error

    def _leave(self) -> None:
        if self._child is not None:
            self._child.end()
        self._child = None


def _ending(code: int | None) -> str:
    """Return how a child ended that ended with this code."""
    if code is not None and code < 0:
        return f"was ended by {signal.Signals(-code).name}"
    return {_TOO_LONG: "took longer", _TOO_LARGE: "took more memory"}.get(code or 0, "ended")


class _Child:
    """The process, seen from its parent."""

    def __init__(
        self, path: Path, data: bytes | None, memory: int, seconds: int, known: dict[str, str]
    ) -> None:
        context = fork_context()
        self._connection, other = context.Pipe()
        self._process = context.Process(
            target=_serve,
            args=(other, str(path), data is not None, memory, seconds, known),
            daemon=True,
        )
        # Also when nobody holds the model any more, or Python ends.
        self.end = weakref.finalize(self, _end, self._process, self._connection)
        begin(self._process)
        other.close()
        if data is not None:
            self._connection.send_bytes(data)

    def answer(self) -> Any:
        """Return what the child says next.

        Raises:
            DtvizError: that it met.
            EOFError: if it has ended.
        """
        said = json.loads(self._connection.recv_bytes(_MOST_TEXT))
        if "error" in said:
            raise remade(getattr(errors, _known(said["error"])), str(said["message"]))
        return said

    def array(self, piece: Piece, shape: tuple[int, ...]) -> Float32:
        """Return an array of this shape."""
        self._connection.send_bytes(json.dumps(piece).encode())
        if self.answer()["shape"] != list(shape):
            raise ValueError(f"another shape than {shape}")
        found = np.empty(shape, dtype=np.float32)
        for chunk in _chunks(found):
            self._connection.recv_bytes_into(chunk)
        found.flags.writeable = False
        return found

    def code(self) -> int | None:
        """Return the code with which the process ends that has closed its connection."""
        self._process.join(1)
        code: int | None = self._process.exitcode
        return code


def _end(process: Any, connection: Connection) -> None:
    connection.close()
    if process.pid is not None:  # Ctrl-C can come before it has started
        if process.is_alive():
            process.kill()
        process.join()
    process.close()


def _known(kind: object) -> str:
    return str(kind) if kind in _ERRORS else "BadCheckpoint"


def _chunks(values: Float32) -> Iterator[memoryview]:
    data = values.reshape(-1).view(np.uint8).data
    for start in range(0, len(data), _CHUNK):
        yield data[start : start + _CHUNK]


def _key(path: Path) -> str | None:
    """Return the key of a language model's configuration, None of other sources."""
    with contextlib.suppress(OSError, ValueError):
        if is_gguf(path):
            with opened(path) as file:
                return cached.key_of(read_header(file, path.name).sha256)
        return cached.key_of(read_start(path / CONFIG, MOST_BYTES))
    return None


def _size(path: Path) -> int:
    """Return the bytes of a file, or of those in a folder, as they may be read together."""
    files = [path, *path.iterdir()] if path.is_dir() else [path]
    return sum(file.stat().st_size for file in files if file.is_file())


# --- in the child ---------------------------------------------------------------------------------


def _serve(
    connection: Connection,
    path: str,
    is_upload: bool,
    memory: int,
    seconds: int,
    known: dict[str, str],
) -> None:
    """Confine this process, and answer about a source until the parent has gone."""
    cached.texts.update(known)
    with open(os.devnull, "w") as nowhere, contextlib.suppress(EOFError, OSError):
        data = [connection.recv_bytes()] if is_upload else []
        with contextlib.suppress(OSError, AttributeError):
            os.nice(5)  # who has a page open comes first
        _prepare([] if is_upload else _needed(Path(path)), memory)
        _answer(connection, path, data, seconds, nowhere)


def _answer(
    connection: Connection, path: str, data: list[bytes], seconds: int, nowhere: TextIO
) -> None:
    """Open a source, describe it, and send its arrays for as long as they are asked for.

    What was uploaded is taken out of its list, so that nothing keeps it.
    """
    # Of its own: it also ends what never gives the interpreter back.
    faulthandler.dump_traceback_later(seconds, exit=True, file=nowhere)
    with _answering(connection):
        model = load_bytes(data.pop(), path) if data else load(Path(path))
        _say(connection, {**described(model), "found": cached.texts})
        while True:
            faulthandler.cancel_dump_traceback_later()
            piece = json.loads(connection.recv_bytes())
            faulthandler.dump_traceback_later(seconds, exit=True, file=nowhere)
            with _answering(connection):
                found = np.ascontiguousarray(array(model, piece))
                _say(connection, {"shape": found.shape})
                for chunk in _chunks(found):
                    connection.send_bytes(chunk)


def _needed(path: Path) -> list[Path]:
    """Return where the files of a source may be."""
    cached = place_in_cache(path)
    return [path, *([] if cached is None else [cached])]


def _prepare(readable: list[Path], memory: int) -> None:
    import torch

    # What a child finds its parent keeps: it can write nothing itself.
    os.environ["DTVIZ_CACHE"] = ""
    # Each would take a part of the memory for its own.
    torch.set_num_threads(min(4, torch.get_num_threads()))
    confine(readable, memory)


@contextlib.contextmanager
def _answering(connection: Connection) -> Iterator[None]:
    """Send an error instead of an answer."""
    try:
        yield
    except (EOFError, BrokenPipeError):
        raise
    except DtvizError as error:
        _say(connection, {"error": type(error).__name__, "message": str(error)})
    except MemoryError:
        os._exit(_TOO_LARGE)
    except BaseException as error:  # panics of Rust are no Exceptions
        message = BadCheckpoint(
            expected="a model that dtviz can read",
            got=f"one that ends in {type(error).__name__}: {shortened(str(error), 200)}",
            do="Open another, or save it again.",
        )
        _say(connection, {"error": "BadCheckpoint", "message": str(message)})


def _say(connection: Connection, what: dict[str, Any]) -> None:
    connection.send_bytes(json.dumps(what).encode())
