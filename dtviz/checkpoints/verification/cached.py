"""Texts kept from one session to the next, by the hash of the configuration that they are of.

A confined process has no folder: one that is not gives it the text that it needs, and keeps what it
found.
"""

import contextlib
import hashlib
from importlib.metadata import version
from pathlib import Path

from dtviz import __version__
from dtviz.errors import DtvizError
from dtviz.output import cache_folder, write_whole

# A hundred layers take 200 KB.
_MOST_BYTES = 20_000_000
# Of this process, by their keys.
texts: dict[str, str] = {}


def key_of(config: bytes) -> str:
    """Return the hash of a configuration, and of what makes models of it."""
    versions = (__version__, version("torch"), version("transformers"))
    return hashlib.sha256(repr((versions, config)).encode()).hexdigest()


def read(key: str) -> str | None:
    """Return the text that was kept; None if there is none that can be read."""
    if key in texts:
        return texts[key]
    place = _place(key)
    with contextlib.suppress(OSError, ValueError):
        if place is not None and place.stat().st_size <= _MOST_BYTES:
            return place.read_text()
    return None


def write(key: str, text: str) -> None:
    """Keep a text, on disk if this process can."""
    texts[key] = text
    place = _place(key)
    if place is None or len(text) > _MOST_BYTES:
        return
    with contextlib.suppress(OSError, DtvizError):
        place.parent.mkdir(parents=True, exist_ok=True)
        write_whole(place, text.encode())


def _place(key: str) -> Path | None:
    folder = cache_folder()
    return None if folder is None else folder / f"verification-{key[:32]}.json"
