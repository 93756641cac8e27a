"""Files that are read whole: configurations, indices, those of tokenizers."""

import json
from collections.abc import Mapping
from pathlib import Path

from dtviz.checkpoints.files import WHOLE
from dtviz.errors import BadCheckpoint, FileProblem, shortened

# A configuration is a few kilobytes, an index of the largest models a few megabytes; the largest
# tokenizers have 35.
MOST_BYTES = 50_000_000


def read_bytes(path: Path) -> bytes:
    """Return what is in a file that is read whole: a configuration, an index, a tokenizer's."""
    try:
        size = path.stat().st_size
        if size <= MOST_BYTES:
            return path.read_bytes()
    except OSError as error:
        raise FileProblem(
            expected=f"to read {path.name}",
            got=f"{shortened(str(path))}: {error.strerror}",
            do="Check the path and the permissions of the file.",
        ) from error
    raise BadCheckpoint(
        expected=f"{path.name} of at most {MOST_BYTES:,} bytes",
        got=f"{size:,} in {shortened(str(path))}",
        do=WHOLE,
    )


def read_json(path: Path) -> Mapping[str, object]:
    """Return the object that a JSON file holds."""
    return json_object(read_bytes(path), path)


def json_object(text: bytes, path: Path) -> Mapping[str, object]:
    """Return the object that the text of a JSON file is.

    Args:
        text: what is in the file.
        path: of the file, for messages.

    Raises:
        BadCheckpoint: if it is none.
    """
    try:
        held = json.loads(text)
    except (ValueError, RecursionError):
        held = None
    if not isinstance(held, dict):
        raise BadCheckpoint(
            expected=f"{path.name} as a JSON object",
            got=f"something else in {shortened(str(path))}",
            do=WHOLE,
        )
    return held
