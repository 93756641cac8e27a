"""Sources: what can be opened, and the models in them, which all pages of a process share."""

import contextlib
import itertools
import os
import time
from functools import lru_cache
from pathlib import Path
from typing import Any

from dtviz import snapshot
from dtviz.checkpoints import DEMO, NAMES, is_folder_of_model
from dtviz.checkpoints.files import file_bytes, sha256
from dtviz.checkpoints.reader import read
from dtviz.demo import CHECKPOINT
from dtviz.errors import BadCheckpoint, DtvizError, FileProblem, remade, shortened
from dtviz.model import Model
from dtviz.output import as_text

EXTENSIONS = (".pt", ".safetensors")
# These are too large to be uploaded, or hashed as a whole.
_LARGE = ".gguf"
_LISTED = (*EXTENSIONS, _LARGE)
# To find the checkpoint of a snapshot, so many files of so many bytes in all are hashed, and so
# many folders and GGUF files are opened.
_MOST_TRIED, _MOST_SEARCHED, _MOST_OPENED = 100, 1_000_000_000, 5
# Seconds.
_REFUSED_FOR = 60


def choices(source: str | Path | Model) -> dict[str, str | Path | Model]:
    """Return what can be picked: a label and a source for `open_model` each, the first to open.

    Args:
        source: a model, open or as for `dtviz.load`, or a folder of models. "demo" can always be
            picked.

    Raises:
        FileProblem: if a folder cannot be read, or holds no model.
    """
    folder = folder_of(source)
    if folder is None:
        return {_label(source): source, "demo": DEMO}
    paths = _models(folder)
    if not paths:
        raise FileProblem(
            expected=f"a folder with checkpoints ({', '.join(_LISTED)}) or "
            "directories of language models (config.json)",
            got=f"{shortened(str(source))}, which has none",
            do="Name another folder, or a checkpoint.",
        )
    return {**{_label(path): path for path in paths}, "demo": DEMO}


def folder_of(source: str | Path | Model) -> Path | None:
    """Return the folder of models that a source is, if it is one."""
    if isinstance(source, Model):
        return None
    path = Path(source)
    is_path = source not in NAMES and os.path.isdir(path)
    return path if is_path and not is_folder_of_model(path) else None


def _models(folder: Path) -> list[Path]:
    """Return what can be opened of what is in a folder.

    Raises:
        FileProblem: if it cannot be read.
    """
    try:
        entries = sorted(folder.iterdir())
    except OSError as error:
        raise FileProblem(
            expected="a folder that can be read",
            got=f"{shortened(str(folder))}: {error.strerror}",
            do="Check the path and the permissions of the folder.",
        ) from error
    return [path for path in entries if path.suffix in _LISTED or is_folder_of_model(path)]


def reopened(path: str | Path) -> tuple[str | Path, dict[str, Any]]:
    """Return the checkpoint that a snapshot was made from, and what the snapshot says of itself.

    The checkpoint is recognized by its hash: the bundled one, or one beside the snapshot or in the
    current folder. Those of the model's name are tried first, then the smallest. Files of 1 GB in
    all are hashed, and a few folders opened, in a child process.

    Raises:
        FileProblem: if the file is no snapshot, or its checkpoint was not found.
    """
    about = snapshot.read(path)
    name, wanted = about.get("model"), about.get("sha256")
    found: set[Path] = set()
    for folder in (Path(path).parent, Path()):
        with contextlib.suppress(FileProblem):
            found.update(_models(folder))
    ordered = sorted(found, key=lambda one: (name not in (one.stem, one.name), _size(one), one))
    files = [one for one in ordered if _is_hashed(one)][:_MOST_TRIED]
    sizes = itertools.accumulate(map(_size, files))
    tried = {one for one, size in zip(files, sizes, strict=True) if size <= _MOST_SEARCHED}
    others = [one for one in ordered if is_folder_of_model(one) or _is_large(one)]
    tried.update(others[:_MOST_OPENED])
    for one in [CHECKPOINT, *(one for one in ordered if one in tried)]:
        with contextlib.suppress(DtvizError, OSError):
            if isinstance(wanted, str) and _sha256(one, _changed(one)) == wanted:
                return (DEMO if one == CHECKPOINT else one), about
    raise FileProblem(
        expected=f"the checkpoint of {shortened(name)}, whose sha256 is {shortened(wanted)}",
        got=f"none such beside the snapshot or in this folder; {len(tried)} of {len(found)} "
        "models there were compared",
        do="Put the checkpoint beside the snapshot, under the name of the model.",
    )


def _size(path: Path) -> int:
    """Return the bytes that are read to hash what is at a path; of large models few are."""
    return path.stat().st_size if _is_hashed(path) else 0


def _is_hashed(path: Path) -> bool:
    """Tell whether the hash of a model is that of its file."""
    return path.is_file() and path.suffix != _LARGE


def _is_large(path: Path) -> bool:
    return path.is_file() and path.suffix == _LARGE


# Each page that opens asks again.
@lru_cache(maxsize=2 * _MOST_TRIED)
def _sha256(path: Path, changed: int) -> str | None:
    """Return the hash that tells the model at a path from others, as in `Model.sha256`."""
    return sha256(file_bytes(path)) if _is_hashed(path) else open_model(path).sha256


def _label(source: str | Path | Model) -> str:
    if isinstance(source, Model):
        return source.name
    name = Path(source).name or Path(source).resolve().name
    # Only what comes before paths is called that alone.
    return str(source) if name in NAMES else as_text(name)


def open_model(source: str | Path | Model) -> Model:
    """Return a model that all sessions share, read again when its files have changed.

    A child process parses its files.

    Args:
        source: as for `dtviz.load`, or a model that is open already; what is a Path is not looked
            for on the hub.

    Raises:
        DtvizError: if the file cannot be opened; what its content is refused for is not tried
            again within a minute, unless it changes.
    """
    if isinstance(source, Model):
        return source
    changed = _changed(Path(source))
    refusal = _refusal(source, changed, int(time.monotonic() / _REFUSED_FOR))
    if refusal is not None:
        raise remade(BadCheckpoint, refusal)
    return _loaded(source, changed)


@lru_cache(maxsize=100)
def _refusal(source: str | Path, changed: int, minute: int) -> str | None:
    """Return what the content of a source is refused for; every page that opens asks again."""
    try:
        _loaded(source, changed)
    except BadCheckpoint as error:
        return str(error)
    return None


def _changed(path: Path) -> int:
    """Return when what is at a path changed last, in any way: in nanoseconds, 0 if nothing is."""
    files, newest = [path], 0
    with contextlib.suppress(OSError, ValueError):  # no folder, or one that has gone
        files += path.iterdir()
    for file in files:
        with contextlib.suppress(OSError, ValueError):
            status = file.stat()
            newest = max(newest, status.st_mtime_ns, status.st_ctime_ns)
    return newest


@lru_cache(maxsize=8)
def _loaded(source: str | Path, changed: int) -> Model:
    return read(source)
