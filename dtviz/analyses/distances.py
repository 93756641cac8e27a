"""Distances between all rows, made some rows at a time: only the condensed vector is ever whole."""

from typing import Any, Literal, get_args

import numpy as np
import numpy.typing as npt
import psutil

from dtviz.accelerator import product
from dtviz.directions import Directions
from dtviz.errors import BadArgument

Distance = Literal["cosine", "absolute", "rows"]
DISTANCES: tuple[Distance, ...] = get_args(Distance)
# What is computed between points.
Metric = Literal["cosine", "absolute", "euclidean", "lines"]
Points = npt.NDArray[np.floating[Any]]

# Rows whose distances are held at a time.
_BLOCK = 512
# A float64 for each pair, another in the copy that SciPy works on, and whether it is finite.
_BYTES_A_PAIR = 17


def metric_of(distance: Distance, method: str) -> Metric:
    """Return what is computed between `points`, for a method of SciPy's linkage.

    Ward's method is one of Euclidean distances: between unit vectors, sqrt(2 - 2 cos); up to sign,
    between the lines along them (their projections u uᵀ), sqrt(2 - 2 cos²).
    """
    if distance == "rows":
        return "euclidean"
    if method == "ward":
        return "lines" if distance == "absolute" else "euclidean"
    return distance


def points(a: Directions, distance: Distance, method: str = "average") -> Points:
    """Return what distances are taken between, (rows, width): unit vectors for a cosine distance.

    For "rows" these are points as far from each other as the rows of the similarity matrix
    S = U Uᵀ are: with U = Q R, |s_i - s_j| = |U (u_i - u_j)| = |R (u_i - u_j)|.
    """
    unit = a.unit().vectors
    if distance != "rows" and method != "ward":
        return unit
    # In float64: what is near is far from zero.
    doubled = unit.astype(np.float64)
    if distance != "rows":
        return doubled
    triangle = np.asarray(np.linalg.qr(doubled, mode="r"))
    return np.asarray(doubled @ triangle.T)


def between(a: Points, b: Points, metric: Metric) -> Points:
    """Return the distance of each point of ``a`` from each of ``b``, (points of a, points of b).

    Between the means of groups of unit vectors, 1 - cos is the mean distance of their members.
    """
    products = product(a, b)
    if metric in ("euclidean", "lines"):
        squares = [(points**2).sum(axis=1) for points in (a, b)]
        if metric == "lines":
            products, squares = products**2, [of**2 for of in squares]
        squared = squares[0][:, None] + squares[1] - 2 * products
        return np.asarray(np.sqrt(np.maximum(squared, 0)))
    np.clip(products, -1, 1, out=products)
    return np.asarray(1 - (np.abs(products) if metric == "absolute" else products))


def condensed(a: Points, metric: Metric) -> npt.NDArray[np.float64]:
    """Return the distances of all pairs of points as SciPy orders them, (n (n - 1) / 2,).

    Raises:
        BadArgument: if this machine has no memory free for clustering by them.
    """
    n = len(a)
    _check_memory(n)
    distances = np.empty(n * (n - 1) // 2)
    end = 0
    for start in range(0, n, _BLOCK):
        for row, values in enumerate(between(a[start : start + _BLOCK], a[start:], metric)):
            begin, end = end, end + n - 1 - start - row
            distances[begin:end] = values[row + 1 :]
    return distances


def _check_memory(n: int) -> None:
    free = psutil.virtual_memory().available
    needed = n * (n - 1) // 2 * _BYTES_A_PAIR
    if needed > free:
        raise BadArgument(
            expected=f"rows that can all be compared with each other in the {free / 1e9:.1f} GB "
            f"of memory that are free: about {int((2 * free / _BYTES_A_PAIR) ** 0.5):,}",
            got=f"{n:,}, which need {needed / 1e9:.1f} GB",
            do="Lower exact_up_to: above it rows are put into groups first.",
        )
