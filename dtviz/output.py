"""Whole files: a path holds what it held, or all of what is new.

A link is followed, as by whatever opens a file: what it leads to is replaced, and the link stays.
"""

import contextlib
import errno
import logging
import os
import re
import tempfile
from collections.abc import Iterator
from pathlib import Path

from dtviz.errors import BadArgument, FileProblem, shortened


def read_start(path: str | os.PathLike[str], most: int) -> bytes:
    """Return the first ``most`` bytes of a file, or all of a shorter one.

    Raises:
        OSError, ValueError: if it cannot be read, or is a pipe or a device, which may have no end.
    """
    if not os.path.isfile(path):
        os.stat(path)  # says what is wrong with the path
        raise OSError(errno.EINVAL, "not a regular file")
    with open(path, "rb") as file:
        return file.read(most)


def cache_folder() -> Path | None:
    """Return where results are kept between sessions, or None if none are to be."""
    named = os.environ.get("DTVIZ_CACHE")
    if named is not None:
        return Path(named) if named else None
    caches = os.environ.get("XDG_CACHE_HOME")
    if caches:
        return Path(caches) / "dtviz"
    try:
        home = Path.home()
    except RuntimeError:  # a user without a name and without HOME, as in a container
        return None
    return home / ".cache" / "dtviz" if home.is_dir() else None


def write_whole(path: str | os.PathLike[str], data: bytes) -> None:
    """Write a file; one that exists is kept until the new one is complete.

    A pipe or a device is written to, not replaced.

    Raises:
        FileProblem: if it cannot be written, or is read-only; nothing of it is left behind.
    """
    target = _place(path)
    unfinished = None
    try:
        if os.path.exists(path) and not os.path.isfile(path):
            # Not the target: what /dev/stdout leads to may have no path.
            with open(path, "wb") as pipe:
                pipe.write(data)
            return
        with tempfile.NamedTemporaryFile(
            dir=target.parent, prefix=f".{target.name[:50]}.", delete=False
        ) as file:
            unfinished = Path(file.name)
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        # As any new file; NamedTemporaryFile lets nobody else read.
        unfinished.chmod(target.stat().st_mode if target.exists() else 0o666 & ~_umask())
        unfinished.replace(target)
        _keep_names(target.parent)
    except OSError as error:
        raise _problem(path, error) from error
    finally:
        if unfinished is not None:
            unfinished.unlink(missing_ok=True)


@contextlib.contextmanager
def folder_written_whole(path: str | os.PathLike[str], mark: str) -> Iterator[Path]:
    """Yield a folder to write into; it takes the path once all is written.

    An old folder is renamed to ``.NAME.old`` before the new one takes its place. A run that is
    stopped between the two leaves it there; the next one puts it back, and logs that.

    Args:
        path: of the folder; one that exists is kept until the new one is complete.
        mark: the name of a file that every such folder holds: only one with it is replaced.

    Raises:
        BadArgument: if there is something else at the path.
        FileProblem: if it cannot be written, or is read-only; nothing of it is left behind.
    """
    target = _place(path)
    try:
        with tempfile.TemporaryDirectory(
            dir=target.parent, prefix=f".{target.name[:50]}."
        ) as beside:
            old = target.parent / f".{target.name}.old"
            if _settle(old, target, mark, beside):
                logging.getLogger("dtviz").warning(
                    f"dtviz: {shortened(str(path))} is back: a run that was to replace it stopped."
                )
            if target.exists() and not (target / mark).is_file():
                raise BadArgument(
                    expected="the path of a new folder, or of one written before",
                    got=f"{shortened(str(path))}, which holds something else",
                    do="Choose another path, or remove it first.",
                )
            written = Path(beside) / "new"
            written.mkdir()
            yield written
            _keep_contents(written)
            try:
                if target.exists():
                    written.chmod(target.stat().st_mode)
                    target.rename(old)
                written.rename(target)
                _keep_names(target.parent)
            finally:
                _settle(old, target, mark, beside)
    except FileProblem:
        raise
    except OSError as error:
        raise _problem(path, error) from error


def _settle(old: Path, target: Path, mark: str, beside: str) -> bool:
    """Put an old folder back if none took its place, else away; return whether it was put back."""
    if not (old / mark).is_file():
        return False
    if target.exists():
        if (target / mark).is_file():
            old.rename(tempfile.mkdtemp(dir=beside))  # is deleted with it
        return False
    old.rename(target)
    return True


def _keep_contents(folder: Path) -> None:
    """Have all that is in a folder on the disk, should the power fail."""
    for entry in [folder, *folder.rglob("*")]:
        if entry.is_dir():
            _keep_names(entry)
        else:
            with entry.open("rb+") as file:
                os.fsync(file.fileno())


def _keep_names(folder: Path) -> None:
    """Have the names in a folder on the disk."""
    with contextlib.suppress(OSError):  # not every system can
        descriptor = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)


def _place(path: str | os.PathLike[str]) -> Path:
    """Return where a path leads.

    Raises:
        FileProblem: if nothing can be written there.
    """
    try:
        with contextlib.suppress(FileNotFoundError):  # new, or a link to what is new
            # To root, the system itself forbids nothing.
            if not (os.stat(path).st_mode & 0o222 and os.access(path, os.W_OK)):
                raise PermissionError(errno.EACCES, "read-only")
        if not os.fspath(path):
            raise FileNotFoundError(errno.ENOENT, "no name")
        return Path(os.path.realpath(path))
    except (OSError, ValueError) as error:  # a ValueError for a path with a null character
        raise _problem(path, error) from error


def _problem(path: str | os.PathLike[str], error: Exception) -> FileProblem:
    return FileProblem(
        expected="a path that can be written",
        got=f"{shortened(str(path))}: {getattr(error, 'strerror', error)}",
        do="Check the folder, its permissions and the space on the disk, or choose another.",
    )


def _umask() -> int:
    mask = os.umask(0)
    os.umask(mask)
    return mask


def is_text(value: object) -> bool:
    """Return whether it is a string that can be written as UTF-8."""
    return isinstance(value, str) and not re.search("[\ud800-\udfff]", value)


def as_text(name: str) -> str:
    r"""Return a name that can be written as UTF-8: of bytes that are none of it, "\\udcff" each."""
    return name.encode(errors="backslashreplace").decode()
