"""Cache: trees that took long to find, kept on disk from one session to the next.

They lie in the folder that the environment variable DTVIZ_CACHE names (none are kept if it is
empty), or else in ``dtviz`` in the user's folder for caches: XDG_CACHE_HOME, or ~/.cache. It can be
deleted at any time.
"""

import contextlib
import hashlib
import io
import os
import warnings
from pathlib import Path

import numpy as np
from scipy.cluster import hierarchy

from dtviz import __version__
from dtviz.analyses.clustering import ClusterAnalysis, Clustering
from dtviz.directions import Directions
from dtviz.output import write_whole

# Beyond that, the files that were not used for longest are deleted.
MOST_BYTES = 256 * 2**20
# Of fewer rows, a tree is found in about a second.
LEAST_ROWS = 4_096
# Those that were never finished, too.
_FILES = "*clustering-*.npz*"


def folder() -> Path | None:
    """Return where trees are kept, or None if none are to be."""
    named = os.environ.get("DTVIZ_CACHE")
    if named is not None:
        return Path(named) if named else None
    caches = os.environ.get("XDG_CACHE_HOME")
    return (Path(caches) if caches else Path.home() / ".cache") / "dtviz"


def clustered(rows: Directions, analysis: ClusterAnalysis, sha256: str | None) -> Clustering:
    """Return the clustering of rows, from the cache if it is there; what is found is kept.

    A file that is damaged counts as none. A disk that cannot be written is warned of, and no more.

    Args:
        rows: of a model.
        analysis: that clusters them.
        sha256: of the model's file; of a model without one, nothing is kept.

    Raises:
        BadArgument: as the analysis does.
    """
    place = folder()
    if place is None or sha256 is None or len(rows) < LEAST_ROWS:
        return analysis(rows)
    path = place / f"clustering-{_key(rows, analysis, sha256)}.npz"
    found = _read(path, rows.names)
    if found is None:
        found = analysis(rows)
        _write(path, found)
    return found


def _key(rows: Directions, analysis: ClusterAnalysis, sha256: str) -> str:
    most = min(analysis.exact_up_to, len(rows))
    options = (analysis.method, analysis.distance, analysis.optimal_order, most)
    known = (__version__, sha256, rows.vectors.shape, *options)
    key = hashlib.sha256(repr(known).encode())
    # Whatever they were made from: a space, a filter of features, LayerNorm.
    key.update(np.ascontiguousarray(rows.vectors).data)
    return key.hexdigest()


def _read(path: Path, names: list[str]) -> Clustering | None:
    try:
        # Opened here: NumPy leaves open what it cannot read.
        with path.open("rb") as content, np.load(content, allow_pickle=False) as file:
            linkage, groups = file["linkage"], int(file["groups"])
        os.utime(path)
        fits = linkage.dtype == np.float64 and linkage.shape == (len(names) - 1, 4)
        if fits and np.isfinite(linkage).all() and hierarchy.is_valid_linkage(linkage):
            return Clustering(names, linkage, groups or None)
    except Exception:  # noqa: S110  whatever is wrong with it, it is found anew
        pass
    return None


def _write(path: Path, found: Clustering) -> None:
    content = io.BytesIO()
    np.savez(content, linkage=found.linkage, groups=np.array(found.groups or 0))
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        write_whole(path, content.getvalue())
        _trim(path.parent)
    except OSError:
        warnings.warn(
            f"dtviz cannot keep what it found in {path.parent}: set DTVIZ_CACHE to a folder that "
            "can be written, or make room.",
            stacklevel=2,
        )


def _trim(place: Path) -> None:
    """Delete the files that were not used for longest, so that the others fit."""
    files = []
    for file in place.glob(_FILES):
        with contextlib.suppress(FileNotFoundError):  # another process deleted it
            status = file.stat()
            files.append((status.st_mtime_ns, status.st_size, file))
    size = 0
    for _, bytes_of_file, file in sorted(files, reverse=True):
        size += bytes_of_file
        if size > MOST_BYTES:
            file.unlink(missing_ok=True)
