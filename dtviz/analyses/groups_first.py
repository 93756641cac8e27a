"""A tree of more rows than can all be compared with each other: an approximation.

Rows are put into groups by k-means. Each group has its own tree, and those of the groups are joined
by one over the groups' means.
"""

import warnings

import numpy as np
import numpy.typing as npt
from scipy.cluster import hierarchy
from scipy.cluster.vq import kmeans2, vq

from dtviz.analyses.distances import Metric, Points, between, condensed

Float64 = npt.NDArray[np.float64]
Rows = npt.NDArray[np.intp]

# How many groups there are at most, and of how many rows for each they are found.
_GROUPS = 2_048
_ROWS_A_GROUP = 6
_ITERATIONS = 4
# Rows whose distances from all groups are held at a time.
_BLOCK = 8_192


def grouped_linkage(
    points: Points, method: str, metric: Metric, most: int, seed: int = 0
) -> tuple[Float64, int]:
    """Return an approximate linkage, and how many groups were made first.

    Distances within a group are those of its rows; between groups, those of their means, raised
    where they are less than what they join.

    Args:
        points: as from `points`, (n, width), n at least 2.
        method: of SciPy's linkage.
        metric: between points.
        most: rows that may be compared with each other at once, at least 2.
        seed: of the k-means.

    Returns:
        SciPy's linkage matrix, (n - 1, 4), its heights in order; and the number of groups.
    """
    groups = _groups(points, min(_GROUPS, most, len(points)), most, seed)
    trees = [_linkage(points[rows], method, metric) for rows in groups]
    means = np.stack([points[rows].mean(axis=0) for rows in groups])
    if method == "ward":
        above = _ward(between(means, means, metric), np.array([*map(len, groups)]))
    else:
        above = _linkage(means, method, metric)
    return _joined(groups, trees, above), len(groups)


def _groups(points: Points, k: int, most: int, seed: int) -> list[Rows]:
    random = np.random.default_rng(seed)
    sample = random.permutation(len(points))[: k * _ROWS_A_GROUP]
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "One of the clusters is empty")
        centres, _ = kmeans2(points[sample], k, _ITERATIONS, minit="points", rng=random)
    starts = range(0, len(points), _BLOCK)
    nearest = np.concatenate([vq(points[i : i + _BLOCK], centres)[0] for i in starts])
    groups = [np.flatnonzero(nearest == group) for group in np.unique(nearest)]
    # Rows that are all alike make one group, whatever its size.
    return [part for rows in groups for part in np.array_split(rows, -(-len(rows) // most))]


def _linkage(points: Points, method: str, metric: Metric) -> Float64:
    if len(points) == 1:
        return np.empty((0, 4))
    return np.asarray(hierarchy.linkage(condensed(points, metric), method))


def _ward(distances: Points, sizes: Rows) -> Float64:
    """Return Ward's tree over the means of groups, which SciPy has for groups of equal size only.

    Merges stand after those that they join, found by chains of nearest neighbours.

    Args:
        distances: Euclidean, between the means, (groups, groups).
        sizes: rows in each group.
    """
    size = sizes.astype(float)
    squared = distances**2 * 2 * size[:, None] * size / (size[:, None] + size)
    np.fill_diagonal(squared, np.inf)
    node = np.arange(len(size))
    merges: list[tuple[float, ...]] = []
    chain: list[int] = []
    while len(merges) < len(size) - 1:
        chain = chain or [int(size.argmax())]
        last = squared[chain[-1]]
        nearest = int(last.argmin())
        if len(chain) == 1 or last[nearest] < last[chain[-2]]:
            chain.append(nearest)
            continue
        one, other = chain.pop(), chain.pop()
        both, height = size[one] + size[other], squared[one, other]
        merges.append((node[one], node[other], float(np.sqrt(height)), both))
        # Lance and Williams' formula.
        joined = (size + size[one]) * squared[one] + (size + size[other]) * squared[other]
        squared[one] = squared[:, one] = (joined - size * height) / (size + both)
        squared[other] = squared[:, other] = np.inf
        size[one], size[other], node[one] = both, 0, len(size) + len(merges) - 1
    return np.array(merges).reshape(-1, 4)


def _joined(groups: list[Rows], trees: list[Float64], above: Float64) -> Float64:
    """Return one linkage of the trees of all groups and the one above them."""
    n = sum(map(len, groups))
    merges: list[Float64] = []
    nodes = n  # rows, and after them merges, as SciPy numbers them

    def add(leaves: Rows, tree: Float64) -> int:
        """Add the merges of a tree over some nodes; return the node that joins them all."""
        nonlocal nodes
        node_of = np.append(leaves, np.arange(nodes, nodes + len(tree)))
        merges.append(np.column_stack([node_of[tree[:, :2].astype(int)], tree[:, 2]]))
        nodes += len(tree)
        return int(node_of[-1])

    tops = [add(rows, tree) for rows, tree in zip(groups, trees, strict=True)]
    add(np.array(tops), above)
    children, heights = np.split(np.concatenate(merges), [2], axis=1)
    children = children.astype(int)
    height = np.append(np.zeros(n), heights)
    size = np.append(np.ones(n), np.zeros(n - 1))
    for merge, pair in enumerate(children, n):
        height[merge] = max(height[merge], *height[pair])
        size[merge] = size[pair].sum()
    # No merge comes before those that it joins: they are as low, and first.
    order = np.argsort(height[n:], kind="stable")
    place = np.append(np.arange(n), np.empty(n - 1, dtype=int))
    place[n + order] = np.arange(n, 2 * n - 1)
    pairs = np.sort(place[children[order]], axis=1)
    return np.column_stack([pairs, height[n + order], size[n + order]])
