"""Confinement: what a process that parses what is untrusted cannot do any more.

It can neither write files, start programs, nor open connections, and reads only what it is given
and what Python itself is made of. Its memory is limited where the system can do that (Linux). This
keeps a mistake of a library that parses a file from doing harm; it does not stop machine code.
"""

import contextlib
import os
import signal
import sys
import sysconfig
from collections.abc import Iterable, Iterator
from multiprocessing import resource_tracker
from pathlib import Path
from typing import Any

import psutil

# Names of audit events: what begins with one of these is refused.
_REFUSED = (
    *("os.exec", "os.fork", "os.posix_spawn", "os.spawn", "os.startfile", "os.system", "pty."),
    *("subprocess.", "socket.", "http.", "urllib.", "ftplib.", "smtplib.", "webbrowser."),
    *("os.chflags", "os.chmod", "os.chown", "os.kill", "os.link", "os.mkdir", "os.remove"),
    *("os.rename", "os.rmdir", "os.setxattr", "os.symlink", "os.truncate", "os.utime", "shutil."),
    *("tempfile.", "pickle.find_class"),
)
_WRITES = os.O_WRONLY | os.O_RDWR | os.O_APPEND | os.O_CREAT | os.O_TRUNC


@contextlib.contextmanager
def uninterrupted() -> Iterator[None]:
    """Have the processes that are started meanwhile not hear Ctrl-C: this one ends them."""
    if not hasattr(signal, "pthread_sigmask"):  # Windows
        yield
        return
    # Where this is started, it lets signals through again.
    resource_tracker.ensure_running()
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def confine(readable: Iterable[Path], memory: int) -> None:
    """Confine this process, for good.

    Args:
        readable: files, and folders with all that is in them, that it can go on reading.
        memory: bytes by which it can grow.
    """
    own = str(Path(__file__).parents[1])  # a checkout may be elsewhere than what Python installed
    python = [*sys.path, sys.prefix, sys.base_prefix, *sysconfig.get_paths().values(), own]
    places = [*map(str, readable), *python, "/proc", "/sys", os.devnull]
    # The empty path is the folder that one works in.
    allowed = {os.path.realpath(place) for place in places if place}
    _limit(memory)

    def refuse(event: str, arguments: tuple[Any, ...]) -> None:
        if event == "open":
            path, _, flags = arguments
            if isinstance(path, int) or not isinstance(flags, int):
                return
            place = os.path.realpath(os.fsdecode(path))
            is_allowed = any(place == one or place.startswith(f"{one}{os.sep}") for one in allowed)
            if flags & _WRITES or not is_allowed:
                raise PermissionError(f"a reader does not open {place!r} ({flags:o})")
        elif event.startswith(_REFUSED):
            raise PermissionError(f"a reader does not do {event}")

    sys.addaudithook(refuse)


def _limit(memory: int) -> None:
    try:
        import resource
    except ImportError:  # Windows
        return
    most = psutil.Process().memory_info().vms + memory
    for which, limit in (
        (resource.RLIMIT_AS, most),
        (resource.RLIMIT_FSIZE, 0),
        (resource.RLIMIT_CORE, 0),
    ):
        # macOS refuses some.
        with contextlib.suppress(OSError, ValueError):
            resource.setrlimit(which, (limit, limit))
