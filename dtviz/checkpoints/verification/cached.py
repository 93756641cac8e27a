"""Texts kept from one session to the next, by the hash of the configuration that they are of.

A text is believed that this user wrote, where none but this user may write, and that is whole and
of the configuration asked for. A confined process has no folder: one that is not gives it the text
that it needs, and keeps what it found.
"""

import contextlib
import hashlib
import os
import stat
from importlib.metadata import version
from pathlib import Path

from dtviz import __version__
from dtviz.errors import DtvizError
from dtviz.output import cache_folder, read_start, write_whole

# A hundred layers take 200 KB.
_MOST_BYTES = 20_000_000
# Of this process, by their keys.
texts: dict[str, str] = {}


def key_of(config: bytes) -> str:
    """Return the hash of a configuration, and of what makes models of it."""
    versions = (__version__, version("torch"), version("transformers"))
    return hashlib.sha256(repr((versions, config)).encode()).hexdigest()


def read(key: str) -> str | None:
    """Return the text that was kept; None if there is none that can be believed."""
    if key in texts:
        return texts[key]
    place = _place(key)
    if place is None:
        return None
    with contextlib.suppress(OSError, ValueError):
        if _is_own(place.parent) and _is_own(place):
            digest, _, text = read_start(place, _MOST_BYTES).decode().partition("\n")
            if digest == _digest(key, text):
                return text
    return None


def write(key: str, text: str) -> None:
    """Keep a text, on disk if this process can."""
    texts[key] = text
    place = _place(key)
    if place is None or len(text) > _MOST_BYTES:
        return
    with contextlib.suppress(OSError, DtvizError):
        place.parent.mkdir(parents=True, exist_ok=True)
        write_whole(place, f"{_digest(key, text)}\n{text}".encode())


def _is_own(path: Path) -> bool:
    """Tell whether a file or folder is this user's, no link, and nobody else may write it."""
    if not hasattr(os, "getuid"):
        return True  # without users, as on Windows, whose folders are a user's own
    state = path.lstat()
    return (
        not stat.S_ISLNK(state.st_mode)
        and state.st_uid == os.getuid()
        and not state.st_mode & (stat.S_IWGRP | stat.S_IWOTH)
    )


def _digest(key: str, text: str) -> str:
    return hashlib.sha256(f"{key}\n{text}".encode()).hexdigest()


def _place(key: str) -> Path | None:
    folder = cache_folder()
    return None if folder is None else folder / f"verification-{key[:32]}.json"
