"""Leaf order: the tree's branches turned so that neighbouring leaves are as close as can be.

SciPy's `optimal_leaf_ordering` does not find it (scipy issue 11227). This is the dynamic program of
Bar-Joseph et al. (2001), "Fast optimal leaf ordering for hierarchical clustering".
"""

from collections.abc import Iterator

import numpy as np
import numpy.typing as npt
from scipy.cluster import hierarchy

Float64 = npt.NDArray[np.float64]


def best_leaf_order(linkage: Float64, distances: Float64) -> Float64:
    """Return the linkage with branches turned so that the way from leaf to leaf is shortest.

    Args:
        linkage: SciPy's, (rows - 1, 4), of two rows or more.
        distances: between all rows, (rows, rows).
    """
    n = len(linkage) + 1
    order = hierarchy.leaves_list(linkage)
    between = distances[np.ix_(order, order)]
    children = linkage[:, :2].astype(int)
    spans = [slice(0, 0)] * (2 * n - 1)
    for place, row in enumerate(order):
        spans[row] = slice(place, place + 1)
    for merge, (left, right) in enumerate(children):
        spans[n + merge] = slice(spans[left].start, spans[right].stop)

    def ends(node: int) -> Iterator[tuple[slice, slice]]:
        """Yield the leaves that the way through a node can start at, with those it can end at."""
        if node < n:
            yield spans[node], spans[node]
            return
        left, right = (spans[child] for child in children[node - n])
        yield left, right
        yield right, left

    # From each leaf to each other one, the shortest way through the smallest branch with both.
    ways = np.zeros((n, n))
    for left, right in children:
        here, there = spans[left], spans[right]
        onward = np.empty((here.stop - here.start, there.stop - there.start))
        for starts, stops in ends(left):
            onward[_within(starts, here)] = _shortest(ways[starts, stops], between[stops, there])
        for starts, stops in ends(right):
            ways[here, stops] = _shortest(onward[:, _within(starts, there)], ways[starts, stops])
        ways[there, here] = ways[here, there].T

    turned = np.zeros(n - 1, dtype=bool)
    here, there = (spans[child] for child in children[-1])
    first, last = _argmin(ways[here, there])
    to_walk = [(2 * n - 2, here.start + first, there.start + last)]
    while to_walk:
        node, first, last = to_walk.pop()
        if node < n:
            continue
        left, right = children[node - n]
        if not _holds(spans[left], first):
            turned[node - n] = True
            left, right = right, left
        stops = next(stops for starts, stops in ends(left) if _holds(starts, first))
        starts = next(starts for starts, stops in ends(right) if _holds(stops, last))
        found = ways[first, stops][:, None] + between[stops, starts] + ways[starts, last]
        stop, start = _argmin(found)
        to_walk += [(left, first, stops.start + stop), (right, starts.start + start, last)]
    best = linkage.copy()
    best[turned, :2] = linkage[turned, 1::-1]
    return best


def _shortest(a: Float64, b: Float64) -> Float64:
    """Return the least a[i, k] + b[k, j] of all k, (rows of a, columns of b)."""
    if b.shape[1] < a.shape[1]:
        return np.stack([(a + column).min(axis=1) for column in b.T], axis=1)
    if len(a) < a.shape[1]:
        return np.stack([(row[:, None] + b).min(axis=0) for row in a])
    least: Float64 = a[:, 0, None] + b[0]
    for k in range(1, len(b)):
        np.minimum(least, a[:, k, None] + b[k], out=least)
    return least


def _within(part: slice, whole: slice) -> slice:
    return slice(part.start - whole.start, part.stop - whole.start)


def _holds(span: slice, place: int) -> bool:
    return bool(span.start <= place < span.stop)


def _argmin(matrix: Float64) -> tuple[int, int]:
    row, column = np.unravel_index(matrix.argmin(), matrix.shape)
    return int(row), int(column)
