"""A Hugging Face directory: config.json and files of weights, read piece by piece."""

import hashlib
import math
import os
import re
from collections.abc import Mapping
from functools import cached_property
from pathlib import Path

from dtviz.checkpoints.files import check_links, samples
from dtviz.checkpoints.quantized import dequantized
from dtviz.checkpoints.small_files import json_object, read_bytes
from dtviz.checkpoints.stored import Stored
from dtviz.checkpoints.weight_files import SAFETENSORS, weight_files, weights_in
from dtviz.errors import BadCheckpoint, shortened

CONFIG = "config.json"
# Configurations, weights and tokenizers.
_READ = (".json", SAFETENSORS, ".bin", ".npz", ".txt", ".model", ".tiktoken", ".jinja")
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
        BadCheckpoint: if config.json is no configuration, or there are no whole files of weights.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        check_inside(path)
        self.config_text = read_bytes(path / CONFIG)
        self.config = json_object(self.config_text, path / CONFIG)
        self._files = weight_files(path)
        floats: dict[str, Stored] = {}
        packed: dict[str, Stored] = {}
        for file in self._files:
            held = weights_in(file)
            floats |= held.floats
            packed |= held.packed
        self.weights = dequantized(self.config, floats, packed)
        check_counts(self.config, len(self.weights), CONFIG)

    @cached_property
    def sha256(self) -> str:
        """A hash that tells this model from others without reading all of it.

        It is made from config.json and, of each file of weights, the name, the size, the header (of
        .safetensors files) and 64 pieces of 4 KiB, evenly spread: a difference elsewhere alone is
        not seen.
        """
        found = hashlib.sha256(self.config_text)
        for file in self._files:
            size = file.stat().st_size
            found.update(f"{file.name} {size} ".encode())
            with file.open("rb") as opened:
                if file.suffix == SAFETENSORS:
                    length = opened.read(8)
                    found.update(opened.read(int.from_bytes(length, "little")))
                for piece in samples(opened, size):
                    found.update(piece)
        return found.hexdigest()


def check_inside(path: Path) -> None:
    """Refuse links to files elsewhere, but for those of the hub's cache, into its own blobs."""
    read = [entry for entry in path.glob("*") if entry.suffix in _READ]
    cached = place_in_cache(path)
    check_links(read, [path] if cached is None else [path, cached / "blobs"])


def place_in_cache(path: Path) -> Path | None:
    """Return where the hub's cache has the repository that a path is in, if it is in one.

    Its files are links to blobs beside its snapshots.
    """
    place = path.resolve() if path.is_dir() else path.parent.resolve()
    snapshot = next((up for up in (place, *place.parents) if up.parent.name == "snapshots"), None)
    return None if snapshot is None else snapshot.parents[1]


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
