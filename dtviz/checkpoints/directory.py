"""A Hugging Face directory: config.json and .safetensors files, read piece by piece."""

import hashlib
import json
import math
import os
import re
from collections.abc import Callable, Mapping
from functools import cached_property
from pathlib import Path

from safetensors import safe_open
from torch import Tensor

from dtviz.checkpoints.files import WHOLE, check_links
from dtviz.checkpoints.stored import Stored
from dtviz.errors import BadCheckpoint, FileProblem, listed, shortened

CONFIG = "config.json"
_INDEX = "model.safetensors.index.json"
# Configurations, weights and tokenizers.
_READ = (".json", ".safetensors", ".txt", ".model", ".jinja")
_PICKLED = (".bin", ".pt", ".pth", ".ckpt", ".h5", ".msgpack")
_FLOATS = ("F64", "F32", "F16", "BF16")
# A configuration is a few kilobytes, an index of the largest models a few megabytes.
_MOST_BYTES = 50_000_000
# Of each file so many pieces of so many bytes, evenly spread, enter the hash.
_PIECES, _PIECE = 64, 4096
# Entries of config.json that say how many modules to make.
_COUNTED = re.compile(r"(\w+_)?layers?|(n|num)_(\w+_)?(block|expert|stage)s?|depths?")

# Each gets a name of its own when the configuration is read.
_MOST_LABELS = 100_000


def is_directory_of_model(path: str | Path) -> bool:
    """Tell whether a path is that of a language model's directory."""
    return os.path.isfile(Path(path) / CONFIG)


class Directory:
    """What a Hugging Face directory holds. Opening it reads headers, no weights.

    Raises:
        FileProblem: if it cannot be read.
        BadCheckpoint: if config.json is no configuration, or there are no whole .safetensors files.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        _check_inside(path)
        self.config = read_json(path / CONFIG)
        self._files = _files(path)
        self.weights: dict[str, Stored] = {}
        for file in self._files:
            self.weights |= _weights(file)
        if "configuration_files" in self.config:  # for other versions of transformers
            raise BadCheckpoint(
                expected=f"{CONFIG} that is used as it is",
                got="one that names others to use instead: configuration_files",
                do=f"Take that entry out of {CONFIG}.",
            )
        _check_counts(self.config, len(self.weights))

    @cached_property
    def sha256(self) -> str:
        """A hash that tells this model from others without reading all of it.

        It is made from config.json and, of each .safetensors file, the name, the size, the header
        and 64 pieces of 4 KiB, evenly spread: a difference elsewhere alone is not seen.
        """
        found = hashlib.sha256((self.path / CONFIG).read_bytes())
        for file in self._files:
            size = file.stat().st_size
            found.update(f"{file.name} {size} ".encode())
            with file.open("rb") as opened:
                length = opened.read(8)
                found.update(opened.read(int.from_bytes(length, "little")))
                for piece in range(_PIECES):
                    opened.seek(size * piece // _PIECES)
                    found.update(opened.read(_PIECE))
        return found.hexdigest()


def _check_inside(path: Path) -> None:
    """Refuse links to files elsewhere, but for those of the hub's cache, into its own blobs."""
    read = [entry for entry in path.glob("*") if entry.suffix in _READ]
    place = path.resolve()
    in_cache = place.parent.name == "snapshots"
    check_links(read, [path, place.parents[1] / "blobs"] if in_cache else [path])


def read_json(path: Path) -> Mapping[str, object]:
    """Return the object that a JSON file holds."""
    try:
        text = path.read_bytes() if path.stat().st_size <= _MOST_BYTES else b""
    except OSError as error:
        raise FileProblem(
            expected=f"to read {path.name}",
            got=f"{shortened(str(path))}: {error.strerror}",
            do="Check the path and the permissions of the file.",
        ) from error
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


def _files(path: Path) -> list[Path]:
    """Return the weight files: those that the index names, or the one, or all."""
    if (path / _INDEX).is_file():
        named = read_json(path / _INDEX).get("weight_map")
        names = sorted({str(name) for name in named.values()}) if isinstance(named, dict) else []
        files = [path / name for name in names]
    else:
        one = path / "model.safetensors"
        files = [one] if one.is_file() else sorted(path.glob("*.safetensors"))
    # An index may name what is elsewhere, or what cannot be a name.
    missing = [file.name for file in files if file.parent != path or not os.path.isfile(file)]
    if files and not missing:
        return files
    pickled = sorted(file.name for file in path.glob("*") if file.suffix in _PICKLED)
    if missing:
        got, do = f"one without {listed(missing)}", "Download the files that are missing."
    elif pickled:
        got = f"{listed(pickled)}, of a kind that could run code when it is read"
        do = "Save the model with save_pretrained, which writes .safetensors."
    else:
        got, do = "no weights", "Download the .safetensors files, too."
    raise BadCheckpoint(
        expected=f"weights as .safetensors in {shortened(str(path))}", got=got, do=do
    )


def _weights(file: Path) -> dict[str, Stored]:
    """Return the weights in a file; of floats only, those of other kinds are no weights."""
    try:
        with safe_open(file, framework="pt") as opened:
            slices = {key: opened.get_slice(key) for key in opened.keys()}  # noqa: SIM118
            return {
                key: Stored(key, tuple(found.get_shape()), _reader(file, key))
                for key, found in slices.items()
                if found.get_dtype() in _FLOATS
            }
    except Exception as error:  # of many kinds: each means that the file is damaged
        raise _damaged(file) from error


def _reader(file: Path, key: str) -> Callable[[], Tensor]:
    def read() -> Tensor:
        try:
            with safe_open(file, framework="pt") as opened:
                tensor: Tensor = opened.get_tensor(key)
                return tensor
        except Exception as error:
            raise _damaged(file) from error

    return read


def _damaged(file: Path) -> BadCheckpoint:
    return BadCheckpoint(
        expected=f"{shortened(file.name)} as a whole .safetensors file",
        got="one that is damaged, cut short or gone",
        do=WHOLE,
    )


def _check_counts(config: object, weights: int) -> None:
    """Refuse a configuration that tells of more layers than there are weights.

    Making the modules of a model takes time for each of them, whatever is in the files.
    """
    pending = [("", config)]
    while pending:
        key, value = pending.pop()
        if isinstance(value, Mapping):
            pending += [(str(name), inner) for name, inner in value.items()]
        elif isinstance(value, list):
            pending += [(key, inner) for inner in value]
        elif isinstance(value, int | float) and value > _most(key, weights):
            raise BadCheckpoint(
                expected=f"{shortened(key)} in {CONFIG} to agree with the weights",
                got=f"{shortened(value)}, and {weights} weights in all",
                do=f"Correct {CONFIG}, or download the files that are missing.",
            )


def _most(key: str, weights: int) -> float:
    if key == "num_labels":
        return _MOST_LABELS
    return weights if _COUNTED.fullmatch(key) else math.inf
