"""A Hugging Face directory: config.json and .safetensors files, read piece by piece."""

import hashlib
import json
import math
import os
import re
from collections.abc import Mapping
from functools import cached_property, partial
from pathlib import Path

import torch
from torch import Tensor

from dtviz.checkpoints.files import WHOLE, check_links, gone, samples, unchanged
from dtviz.checkpoints.safetensors_file import FLOATS, Entry, read_array, read_header
from dtviz.checkpoints.stored import Stored
from dtviz.errors import BadCheckpoint, FileProblem, listed, shortened

CONFIG = "config.json"
_INDEX = "model.safetensors.index.json"
# Configurations, weights and tokenizers.
_READ = (".json", ".safetensors", ".txt", ".model", ".tiktoken", ".jinja")
_PICKLED = (".bin", ".pt", ".pth", ".ckpt", ".h5", ".msgpack")
# A configuration is a few kilobytes, an index of the largest models a few megabytes; the largest
# tokenizers have 35.
MOST_BYTES = 50_000_000
# Entries of config.json that say how many modules to make.
_COUNTED = re.compile(r"(\w+_)?layers?|(n|num)_(\w+_)?(block|expert|stage)s?|depths?")

# Below it a count takes no time, whatever there is.
_LEAST_COUNT = 200
# Of anything else, such as positions, so many at most; some numbers are of nothing that is made.
_MOST = 2**27
_UNCOUNTED = re.compile("theta|base|seed|_id$|_ids$|scal|value|token|limit|eps")
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
        self.config_text = read_bytes(path / CONFIG)
        self.config = _object(self.config_text, path / CONFIG)
        self._files = _files(path)
        self.weights: dict[str, Stored] = {}
        for file in self._files:
            self.weights |= _weights(file)
        check_counts(self.config, len(self.weights), CONFIG)

    @cached_property
    def sha256(self) -> str:
        """A hash that tells this model from others without reading all of it.

        It is made from config.json and, of each .safetensors file, the name, the size, the header
        and 64 pieces of 4 KiB, evenly spread: a difference elsewhere alone is not seen.
        """
        found = hashlib.sha256(self.config_text)
        for file in self._files:
            size = file.stat().st_size
            found.update(f"{file.name} {size} ".encode())
            with file.open("rb") as opened:
                length = opened.read(8)
                found.update(opened.read(int.from_bytes(length, "little")))
                for piece in samples(opened, size):
                    found.update(piece)
        return found.hexdigest()


def _check_inside(path: Path) -> None:
    """Refuse links to files elsewhere, but for those of the hub's cache, into its own blobs."""
    read = [entry for entry in path.glob("*") if entry.suffix in _READ]
    place = path.resolve()
    in_cache = place.parent.name == "snapshots"
    check_links(read, [path, place.parents[1] / "blobs"] if in_cache else [path])


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
    return _object(read_bytes(path), path)


def _object(text: bytes, path: Path) -> Mapping[str, object]:
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
    """Return the weight files: the one, or those that the index names, or all.

    Of several sets transformers loads the first in this order.
    """
    one = path / "model.safetensors"
    if one.is_file():
        return [one]
    if (path / _INDEX).is_file():
        named = read_json(path / _INDEX).get("weight_map")
        names = sorted({str(name) for name in named.values()}) if isinstance(named, dict) else []
        files = [path / name for name in names]
    else:
        files = sorted(path.glob("*.safetensors"))
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
        with file.open("rb") as opened:
            state = os.fstat(opened.fileno())
            tensors = read_header(opened, file.name).tensors
    except OSError as error:
        raise gone(file) from error
    return {
        key: Stored(key, entry.shape, partial(_read, file, state, entry))
        for key, entry in tensors.items()
        if entry.dtype in FLOATS
    }


def _read(file: Path, before: os.stat_result, entry: Entry) -> Tensor:
    """Return a weight of a file that is still the one whose header was read."""
    with unchanged(file, before) as opened:
        return torch.from_numpy(read_array(opened, entry, file.name))


def check_counts(config: object, weights: int, stated_in: str) -> None:
    """Refuse a configuration by which a model would take ages to make, whatever is in the files.

    A count of modules can be greater than that of the weights: it may be of what is not used. What
    stands in a list within a list says how often something is repeated.
    """
    counted = max(weights, _LEAST_COUNT)
    pending: list[tuple[str, object, int]] = [("", config, 0)]
    while pending:
        key, value, depth = pending.pop()
        if isinstance(value, Mapping):
            pending += [(str(name), inner, 0) for name, inner in value.items()]
        elif isinstance(value, list):
            pending += [(key, inner, depth + 1) for inner in value]
        elif isinstance(value, int | float) and value > _most(key, depth, counted):
            raise BadCheckpoint(
                expected=f"{shortened(key)} in {stated_in} to agree with the weights",
                got=f"{shortened(value)}, and {weights} weights in all",
                do=f"Correct {stated_in}, or download the files that are missing.",
            )


def _most(key: str, depth: int, counted: int) -> float:
    if key == "num_labels":
        return _MOST_LABELS
    if depth > 1 or _COUNTED.fullmatch(key):
        return counted
    return math.inf if _UNCOUNTED.search(key) else _MOST
