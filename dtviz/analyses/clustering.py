"""Hierarchical clustering of directions by their cosine similarity."""

from dataclasses import dataclass
from typing import Literal, get_args

import numpy as np
import numpy.typing as npt
import pandas as pd
import param
from scipy.cluster import hierarchy
from scipy.spatial.distance import squareform

from dtviz.analyses.distances import DISTANCES, Distance, condensed, metric_of, points
from dtviz.analyses.groups_first import grouped_linkage
from dtviz.analyses.leaf_order import best_leaf_order
from dtviz.directions import Directions
from dtviz.errors import BadArgument, is_whole, listed, shortened

Method = Literal["average", "single", "complete", "ward"]
METHODS: tuple[Method, ...] = get_args(Method)
# Rows that are all compared with each other: some seconds, and 2.3 GB of memory.
EXACT_UP_TO = 16_384
# Rows whose best leaf order is found in about a second.
MOST_ORDERED = 1_000


@dataclass(frozen=True, eq=False)
class Clustering:
    """A tree over named rows.

    Args:
        names: the rows' names, in their own order.
        linkage: SciPy's linkage matrix, float64 (rows - 1, 4).
        groups: into how many groups the rows were put first, where the tree is approximate.
    """

    names: list[str]
    linkage: npt.NDArray[np.float64]
    groups: int | None = None

    def __post_init__(self) -> None:
        self.linkage.flags.writeable = False

    @property
    def order(self) -> npt.NDArray[np.intp]:
        """Rows in leaf order, (rows,)."""
        if len(self.names) == 1:
            return np.zeros(1, dtype=np.intp)
        return np.asarray(hierarchy.leaves_list(self.linkage), dtype=np.intp)

    @property
    def leaf(self) -> npt.NDArray[np.int32]:
        """Place of each row in leaf order, from 0, (rows,)."""
        leaf = np.empty(len(self.names), dtype=np.int32)
        leaf[self.order] = np.arange(len(leaf))
        return leaf

    def cut(self, n: int) -> npt.NDArray[np.intp]:
        """Return the cluster of each row, (rows,), numbered from 0, cutting into ``n`` clusters.

        Where merges tie there can be fewer than ``n``.

        Raises:
            BadArgument: if n is not an integer from 1 to the number of rows.
        """
        if not is_whole(n, 1, len(self.names)):
            raise BadArgument(
                expected=f"a number of clusters from 1 to {len(self.names)}",
                got=shortened(n),
                do="Choose one of these.",
            )
        if len(self.names) == 1:
            return np.zeros(1, dtype=np.intp)
        clusters = hierarchy.fcluster(self.linkage, n, criterion="maxclust")
        return np.asarray(clusters - 1, dtype=np.intp)

    def __repr__(self) -> str:
        how = "" if self.groups is None else f", approximate: {self.groups} groups first"
        return f"Clustering({len(self.names)} rows{how}: {listed(self.names, 3)})"


def cluster(
    a: Directions,
    method: Method = "average",
    distance: Distance = "cosine",
    *,
    optimal_order: bool = False,
    exact_up_to: int = EXACT_UP_TO,
) -> Clustering:
    """Cluster the rows of ``a``.

    More rows than ``exact_up_to`` are put into groups by k-means; each group has a tree of its own,
    and one over their means joins them. The result tells how many ``groups`` there were.

    Args:
        a: at least one row.
        method: how clusters merge: "average", "single", "complete" or "ward".
        distance: "cosine": 1 - cos; "absolute": 1 - |cos|; "rows": Euclidean, between the rows of
            the similarity matrix. Ward's method takes Euclidean distances in their place:
            sqrt(2 - 2 cos), between unit vectors, and sqrt(2 - 2 cos²), between lines.
        optimal_order: turn the branches so that neighbouring leaves are as close as can be; the
            time for it grows with the cube of the rows: a quarter of a second for 768.
        exact_up_to: rows that are all compared with each other, 2 or more; memory and time for
            it grow with their square.

    Raises:
        BadArgument: if there are no rows, the method or distance is none of these, or this machine
            has too little memory free.
    """
    for value, choices, what in (
        (method, METHODS, "method"),
        (distance, DISTANCES, "distance"),
    ):
        if value not in choices:
            raise BadArgument(
                expected=f"a {what} among {listed(list(choices))}",
                got=shortened(value),
                do="Choose one of these.",
            )
    if not is_whole(exact_up_to, 2):
        raise BadArgument(
            expected="exact_up_to, a whole number from 2",
            got=shortened(exact_up_to),
            do=f"Pass exact_up_to={EXACT_UP_TO}, for instance.",
        )
    if len(a) == 0:
        raise BadArgument(
            expected="at least one row to cluster", got="none", do="Choose some rows first."
        )
    if len(a) == 1:
        return Clustering(a.names, np.empty((0, 4)))
    compared, metric, groups = points(a, distance, method), metric_of(distance, method), None
    if len(a) > exact_up_to:
        linkage, groups = grouped_linkage(compared, method, metric, exact_up_to)
    else:
        linkage = hierarchy.linkage(condensed(compared, metric), method)
    if optimal_order:
        linkage = best_leaf_order(linkage, squareform(condensed(compared, metric)))
    return Clustering(a.names, linkage, groups)


def tree_segments(
    clustering: Clustering, clusters: npt.NDArray[np.intp] | None = None
) -> pd.DataFrame:
    """Return the lines of the dendrogram, three for each merge: up, across and down.

    Leaf p of the leaf order stands at p + 0.5.

    Args:
        clustering: the tree.
        clusters: the cluster of each row, as from `Clustering.cut`; all in one by default.

    Returns:
        Columns column, distance, column_end, distance_end (a line from the one to the other),
        merge (the row of the linkage), cluster (that of all rows that it merges, or -1), and
        first and last (the leaves between which is all that hangs on the line).
    """
    n = len(clustering.names)
    place = np.empty(2 * n - 1)
    place[clustering.order] = np.arange(n) + 0.5
    height = np.zeros(2 * n - 1)
    height[n:] = clustering.linkage[:, 2]
    children = clustering.linkage[:, :2].astype(int)
    of = np.zeros(2 * n - 1, dtype=int)
    first = np.empty(2 * n - 1, dtype=int)
    first[clustering.order] = np.arange(n)
    last = first.copy()
    if clusters is not None:
        of[:n] = clusters
    for merge, (left, right) in enumerate(children):
        place[n + merge] = (place[left] + place[right]) / 2
        of[n + merge] = of[left] if of[left] == of[right] else -1
        first[n + merge] = min(first[left], first[right])
        last[n + merge] = max(last[left], last[right])
    left, right = children.T
    top = height[n:]
    ends = [
        (place[left], height[left], place[left], top),
        (place[left], top, place[right], top),
        (place[right], top, place[right], height[right]),
    ]
    names = ("column", "distance", "column_end", "distance_end")
    segments = {
        name: np.stack(parts, axis=1).ravel()
        for name, parts in zip(names, zip(*ends, strict=True), strict=True)
    }
    merges = {"merge": np.repeat(np.arange(n - 1), 3), "cluster": np.repeat(of[n:], 3)}
    hanging = {
        name: np.stack([leaves[left], leaves[n:], leaves[right]], axis=1).ravel()
        for name, leaves in (("first", first), ("last", last))
    }
    return pd.DataFrame({**segments, **merges, **hanging})


class ClusterAnalysis(param.Parameterized):
    """Which neurons resemble each other."""

    space = param.Selector(
        default="weights",
        objects=["weights", "out congruence", "in congruence"],
        label="Resemblance of",
        doc="Compare neurons by their weights (of the side in view), by what they write (their "
        "congruences with all actions) or by what they read (with all input features).",
    )
    method = param.Selector(
        default="average",
        objects=list(METHODS),
        label="Linkage",
        doc="How far two clusters are from each other: the average, the nearest or the farthest "
        "of their neurons, or by the variance that merging adds (Ward). Ward's takes Euclidean "
        "distances: √(2 − 2 cos) for 1 − cos, √(2 − 2 cos²) for 1 − |cos|.",
    )
    distance = param.Selector(
        default="cosine",
        objects={"1 − cos": "cosine", "1 − |cos|": "absolute", "similarity rows": "rows"},
        label="Distance",
        doc="How far two neurons are from each other: by the angle between them, by the angle "
        "up to sign, or by how they resemble all the others.",
    )
    exact_up_to = param.Integer(
        default=EXACT_UP_TO,
        bounds=(1_024, 65_536),
        step=1_024,
        label="Exact tree up to",
        doc="Up to how many neurons are all compared with each other, which takes memory and time "
        "that grow with their square; more are put into groups first.",
    )
    optimal_order = param.Boolean(
        default=False,
        label="Best leaf order",
        doc="Turn the branches of the tree so that neighbours in the heatmap are as alike as can "
        f"be; for at most {MOST_ORDERED:,} neurons.",
    )
    clusters = param.Integer(
        default=6,
        bounds=(1, 20),
        label="Clusters",
        doc="Into how many clusters to cut the tree; the colours repeat after seven.",
    )

    def __call__(self, rows: Directions) -> Clustering:
        """Return the clustering of rows that stand for neurons in a space."""
        method, distance, optimal_order, exact_up_to = self.decisive(len(rows))
        return cluster(rows, method, distance, optimal_order=optimal_order, exact_up_to=exact_up_to)

    def decisive(self, n: int) -> tuple[Method, Distance, bool, int]:
        """Return what the tree of n rows depends on: options only as far as they matter to it."""
        optimal = self.optimal_order and n <= MOST_ORDERED
        return self.method, self.distance, optimal, max(2, min(self.exact_up_to, n))

    @property
    def of_distance(self) -> str:
        """Which distance the tree is made of, in words."""
        instead = {"euclidean": ", as √(2 − 2 cos)", "lines": ", as √(2 − 2 cos²)"}
        metric = metric_of(self.distance, self.method)
        taken = "" if self.distance == "rows" else instead.get(metric, "")
        return f"{self.distance} distance{taken}"

    def is_too_large(self, n: int) -> bool:
        """Return whether the best leaf order is asked for, and n rows are too many for it."""
        return self.optimal_order and n > MOST_ORDERED

    def cut(self, clustering: Clustering) -> npt.NDArray[np.intp]:
        """Return the cluster of each row, (rows,), numbered from 0."""
        return clustering.cut(min(self.clusters, len(clustering.names)))
