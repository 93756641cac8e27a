"""Writing files whole: a path holds what it held, or all of what is new."""

import contextlib
import os
import re
import tempfile
from collections.abc import Iterator
from pathlib import Path

from dtviz.errors import BadArgument, FileProblem, shortened


def write_whole(path: str | os.PathLike[str], data: bytes) -> None:
    """Write a file; one that exists is kept until the new one is complete.

    Raises:
        FileProblem: if it cannot be written; nothing of it is left behind.
    """
    target = _place(path)
    unfinished = None
    try:
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
    except OSError as error:
        raise _problem(path, error) from error
    finally:
        if unfinished is not None:
            unfinished.unlink(missing_ok=True)


@contextlib.contextmanager
def folder_written_whole(path: str | os.PathLike[str], mark: str) -> Iterator[Path]:
    """Yield a folder to write into; it takes the path once all is written.

    Args:
        path: of the folder; one that exists is kept until the new one is complete.
        mark: the name of a file that every such folder holds: only one with it is replaced.

    Raises:
        BadArgument: if there is something else at the path.
        FileProblem: if it cannot be written; nothing of it is left behind.
    """
    target = _place(path)
    if target.exists() and not (target / mark).is_file():
        raise BadArgument(
            expected="the path of a new folder, or of one written before",
            got=f"{shortened(str(path))}, which holds something else",
            do="Choose another path, or remove it first.",
        )
    try:
        with tempfile.TemporaryDirectory(
            dir=target.parent, prefix=f".{target.name[:50]}."
        ) as beside:
            written = Path(beside) / "new"
            written.mkdir()
            yield written
            old = Path(beside) / "old"
            if target.exists():
                target.rename(old)
            try:
                written.rename(target)
            except OSError:
                if old.exists():
                    old.rename(target)
                raise
    except FileProblem:
        raise
    except OSError as error:
        raise _problem(path, error) from error


def _place(path: str | os.PathLike[str]) -> Path:
    """Return a path that something may be at.

    Raises:
        FileProblem: if nothing can be.
    """
    try:
        os.lstat(path)
    except FileNotFoundError:
        pass
    except (OSError, ValueError) as error:  # a ValueError for a path with a null character
        raise _problem(path, error) from error
    return Path(path)


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
