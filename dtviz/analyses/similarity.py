"""Cosine similarity of directions: whole, or averaged over blocks of a given order."""

from collections.abc import Sequence

import numpy as np
import pandas as pd

from dtviz.analyses.congruence import congruence
from dtviz.directions import Directions, Float32


def cosine_similarity(a: Directions, b: Directions | None = None) -> pd.DataFrame:
    """Return the cosine of each row of ``a`` with each row of ``b`` (of ``a`` itself without b).

    A row of zeros has cosine 0 with everything, itself included.

    Returns:
        float32 frame, a.names x b.names, within [-1, 1].

    Raises:
        BadArgument: if the two live in residual streams of different widths.
    """
    return congruence(a.unit(), (a if b is None else b).unit()).clip(-1, 1)


def averaged_similarity(
    directions: Directions, order: Sequence[int] | np.ndarray, most: int
) -> tuple[Float32, np.ndarray]:
    """Return the cosine similarity of all rows in ``order``, averaged to at most ``most`` squared.

    The mean cosine over a block is the dot product of the blocks' mean unit vectors, so the whole
    matrix is never made.

    Returns:
        The matrix (m, m), float32, and the m + 1 bounds: cell i covers the rows
        ``order[bounds[i]:bounds[i + 1]]``. With at most ``most`` rows each cell is one row.
    """
    unit = directions.unit().vectors[np.asarray(order, dtype=int)]
    cells = max(1, min(most, len(unit)))
    bounds = np.arange(cells + 1) * len(unit) // cells
    sums = np.add.reduceat(unit, bounds[:-1], axis=0)
    means = sums / np.diff(bounds)[:, None].astype(np.float32)
    similarity: Float32 = np.clip(means @ means.T, -1, 1)
    return similarity, bounds
