"""Cache: what took long to find, kept on disk from one session to the next.

These are trees, the greatest cosines in blocks, what whole layers answer to in a vocabulary, and
the few rows that stand for one. They lie in the folder that the environment variable DTVIZ_CACHE
names (none are kept if it is empty), or else in ``dtviz`` in the user's folder for caches:
XDG_CACHE_HOME, or ~/.cache; none are kept where there is no such folder. It can be deleted at any
time. A file that is damaged counts as none. A disk that cannot be written is warned of, and no
more. Of a model without a file, and so without a hash, nothing is kept.
"""

import contextlib
import hashlib
import io
import os
import re
import warnings
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
import pandas as pd
from scipy.cluster import hierarchy

from dtviz import __version__
from dtviz.analyses import spaces
from dtviz.analyses.blocks import Blocks
from dtviz.analyses.clustering import ClusterAnalysis, Clustering
from dtviz.analyses.moments import MOMENTS
from dtviz.analyses.products import Products, is_vocabulary, rooted
from dtviz.analyses.ranking import Ranking
from dtviz.analyses.survey import Survey
from dtviz.directions import Directions, Float32
from dtviz.output import cache_folder, write_whole

Result = TypeVar("Result")
Arrays = Mapping[str, np.ndarray]

# Beyond that, the files that were not used for longest are deleted.
MOST_BYTES = 256 * 2**20
# Of fewer rows, a tree is found in about a second, and the greatest cosines, too.
LEAST_ROWS = 4_096
# Those that were never finished, too: their names begin so, after a dot, and end otherwise.
_FILES = re.compile(r"\.?(clustering|greatest|root|survey|verification)-[0-9a-f]{32}")


def clustered(rows: Directions, analysis: ClusterAnalysis, sha256: str | None) -> Clustering:
    """Return the clustering of rows, from the cache if it is there; what is found is kept.

    Args:
        rows: of a model.
        analysis: that clusters them.
        sha256: of the model's file; None if it has none.

    Raises:
        BadArgument: as the analysis does.
    """
    if len(rows) < LEAST_ROWS:
        return analysis(rows)
    options = analysis.decisive(len(rows))

    def unpacked(held: Arrays) -> Clustering | None:
        linkage, groups = held["linkage"], int(held["groups"])
        fits = linkage.dtype == np.float64 and linkage.shape == (len(rows) - 1, 4)
        if fits and np.isfinite(linkage).all() and hierarchy.is_valid_linkage(linkage):
            return Clustering(rows.names, linkage, groups or None)
        return None

    # By the rows, whatever they were made from: a space, a filter of features, LayerNorm.
    path = _path("clustering", sha256, options, [rows.vectors])
    found = _read(path, unpacked)
    if found is None:
        found = analysis(rows)
        _write(path, {"linkage": found.linkage, "groups": np.array(found.groups or 0)})
    return found


def kept(blocks: Blocks, sha256: str | None) -> Blocks:
    """Return blocks whose whole, where it takes long to find, comes from the cache and goes there.

    Args:
        blocks: of a model's neurons.
        sha256: of the model's file; None if it has none.
    """
    if blocks.value != "greatest" or len(blocks.unit) < LEAST_ROWS:
        return blocks
    return _KeptBlocks(blocks.unit, blocks.most, blocks.value, sha256)


@dataclass(frozen=True, eq=False)
class _KeptBlocks(Blocks):
    sha256: str | None = None

    @cached_property
    def values(self) -> Float32:
        """The whole, (cells, cells)."""

        def unpacked(held: Arrays) -> Float32 | None:
            values = held["values"]
            fits = values.dtype == np.float32 and values.shape == (self.cells, self.cells)
            return values if fits and (np.abs(values) <= 1).all() else None

        path = _path("greatest", self.sha256, (self.most,), [self.unit])
        found = _read(path, unpacked)
        if found is None:
            found = self.within((0, len(self.unit)), (0, len(self.unit)))
            _write(path, {"values": found})
        return found


def condensed(targets: Directions, *, layer_norm: bool, sha256: str | None) -> Directions:
    """Return the root that stands for a vocabulary in a space, from the cache or kept there.

    Other targets are returned as they are: a space normalizes them.

    Args:
        targets, layer_norm: see `spaces.condensed`.
        sha256: of the model's file; None if it has none.
    """
    rows, width = targets.shape
    if not is_vocabulary(targets) or rows <= width:
        return targets
    if sha256 is None:  # to hash a vocabulary for nothing would take a while
        return spaces.condensed(targets, layer_norm=layer_norm)

    def unpacked(held: Arrays) -> Directions | None:
        root = held["root"]
        fits = root.dtype == np.float32 and root.shape == (width, width)
        return rooted(targets, root) if fits else None

    options = (layer_norm, targets.normalization, targets.epsilon, targets.label, targets.names)
    path = _path("root", sha256, (*options, targets.digest), [])
    found = _read(path, unpacked)
    if found is None:
        found = spaces.condensed(targets, layer_norm=layer_norm)
        _write(path, {"root": found.vectors})
    return found


def known_survey(products: Products, k: int, sha256: str | None) -> Survey | None:
    """Return what was found of products in a survey before; None if it was not, or not kept.

    Args:
        products: of a model's neurons with its vocabulary.
        k: items at either end.
        sha256: of the model's file; None if it has none.
    """
    n, items = products.shape

    def unpacked(held: Arrays) -> Survey | None:
        columns, values = held["columns"], held["values"]
        ends = (n, 2 * min(k, items))
        fits = columns.dtype == np.int32 and columns.shape == ends
        fits &= values.dtype == np.float32 and values.shape == ends
        if not fits or not ((columns >= 0) & (columns < items)).all():
            return None
        moments = []
        for what, names in (("neurons", products.neurons.names), ("items", products.items.names)):
            found = held[what]
            if found.dtype != np.float64:
                return None
            # Of another shape it makes no frame.
            moments.append(pd.DataFrame(found, names, list(MOMENTS)))
        ranking = Ranking(
            products.neurons.names, products.items.names, columns.astype(np.intp), values
        )
        return Survey(ranking, *moments)

    return _read(_survey_path(products, k, sha256), unpacked)


def keep_survey(found: Survey, products: Products, k: int, sha256: str | None) -> None:
    """Keep what was found of products in a survey; see `known_survey`."""
    held = {
        "columns": found.ranking.columns.astype(np.int32),
        "values": found.ranking.values,
        "neurons": found.of_neurons.to_numpy(),
        "items": found.of_items.to_numpy(),
    }
    _write(_survey_path(products, k, sha256), held)


def _survey_path(products: Products, k: int, sha256: str | None) -> Path | None:
    if sha256 is None:  # to hash a vocabulary for nothing would take a while
        return None
    items = products.items
    options = (k, products.are_cosines, items.label, items.names, items.digest)
    scales = [] if products.scales is None else [products.scales]
    return _path("survey", sha256, options, [products.neurons.vectors, *scales])


def _path(
    kind: str, sha256: str | None, options: Sequence[object], arrays: Sequence[np.ndarray]
) -> Path | None:
    """Return where a result is kept that was made from these; None if it is not to be."""
    place = cache_folder()
    if place is None or sha256 is None:
        return None
    shapes = [array.shape for array in arrays]
    key = hashlib.sha256(repr((__version__, sha256, shapes, *options)).encode())
    for array in arrays:
        key.update(np.ascontiguousarray(array).data)
    return place / f"{kind}-{key.hexdigest()}.npz"


def _read(path: Path | None, unpacked: Callable[[Arrays], Result | None]) -> Result | None:
    """Return what a file holds; None if there is none, or what it holds does not fit."""
    if path is None:
        return None
    try:
        # Opened here: NumPy leaves open what it cannot read.
        with path.open("rb") as content, np.load(content, allow_pickle=False) as file:
            found = unpacked(file)
        os.utime(path)
        return found
    except Exception:  # whatever is wrong with it, it is found anew
        return None


def _write(path: Path | None, held: dict[str, Any]) -> None:
    if path is None:
        return
    content = io.BytesIO()
    np.savez(content, **held)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        write_whole(path, content.getvalue())
        _trim(path.parent)
    except OSError:
        warnings.warn(
            f"dtviz cannot keep what it found in {path.parent}: set DTVIZ_CACHE to a folder that "
            "can be written, or make room.",
            stacklevel=3,
        )


def _trim(place: Path) -> None:
    """Delete the files that were not used for longest, so that the others fit."""
    files = []
    for file in filter(lambda file: _FILES.match(file.name), place.iterdir()):
        with contextlib.suppress(FileNotFoundError):  # another process deleted it
            status = file.stat()
            files.append((status.st_mtime_ns, status.st_size, file))
    size = 0
    for _, bytes_of_file, file in sorted(files, reverse=True):
        size += bytes_of_file
        if size > MOST_BYTES:
            file.unlink(missing_ok=True)
