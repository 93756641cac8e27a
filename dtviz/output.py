"""Writing files whole: a path holds what it held, or all of what is new."""

import os
import tempfile
from pathlib import Path

from dtviz.errors import FileProblem, shortened


def write_whole(path: str | os.PathLike[str], data: bytes) -> None:
    """Write a file; one that exists is kept until the new one is complete.

    Raises:
        FileProblem: if it cannot be written; nothing of it is left behind.
    """
    target = Path(path)
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
        if unfinished is not None:
            unfinished.unlink(missing_ok=True)
        raise FileProblem(
            expected="a path that can be written",
            got=f"{shortened(str(path))}: {error.strerror}",
            do="Check the folder, its permissions and the space on the disk, or choose another.",
        ) from error


def _umask() -> int:
    mask = os.umask(0)
    os.umask(mask)
    return mask
