"""Distributions: of the cosines between all pairs of rows, beside what chance would give."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

import numpy as np
import numpy.typing as npt
import pandas as pd

from dtviz.accelerator import product
from dtviz.analyses.chance import SHARE, cosine_cdf, cosine_limit, dimensions, random_like
from dtviz.analyses.spaces import (
    Space,
    check_space,
    projected,
    side_of,
    space,
    spaces_of,
    targets_of,
)
from dtviz.directions import Directions, Float32
from dtviz.errors import BadArgument
from dtviz.model import Model

# Bins of the histogram from -1 to 1: each cosine falls into one.
BINS = 100
_EDGES = np.linspace(-1, 1, BINS + 1)
# Rows of the similarity matrix that are held at a time.
_BLOCK = 512
# Bins of |cosine| among which quartiles are looked for.
_NARROW = 2**16
# For congruences, what chance gives is simulated: so often, with so many neurons at most. Another
# draw falls between the least and the greatest of 39 with a probability of 38 / 40.
_DRAWS = 39
_DRAWN_NEURONS = 256
# Half the width of a 95% interval of a normal distribution.
_Z = 1.959964


@dataclass(frozen=True, eq=False)
class Distribution:
    """Of the cosines between all pairs of rows, each pair once.

    Args:
        counts: pairs in each of the bins, (bins,).
        chance: the share of pairs in each bin for random directions: the least, the usual and the
            greatest in 95% of cases, (3, bins).
        chance_ecdf: the same of the share of pairs up to the end of each bin, (3, bins).
    """

    counts: npt.NDArray[np.int64]
    chance: npt.NDArray[np.float64]
    chance_ecdf: npt.NDArray[np.float64]

    @property
    def edges(self) -> npt.NDArray[np.float64]:
        """The ends of the bins, from -1 to 1, (bins + 1,)."""
        return _EDGES

    @property
    def pairs(self) -> int:
        """How many pairs there are."""
        return int(self.counts.sum())

    @property
    def share(self) -> npt.NDArray[np.float64]:
        """The share of pairs in each bin, (bins,); zeros without pairs."""
        return self.counts / max(self.pairs, 1)

    @property
    def ecdf(self) -> npt.NDArray[np.float64]:
        """The share of pairs whose cosine is at most the end of each bin, (bins,)."""
        return np.cumsum(self.share)

    def frame(self) -> pd.DataFrame:
        """Return a row a bin: from, to, pairs, share, ecdf, and the bands of chance."""
        bands = {
            f"{what}_{end}": row
            for what, band in (("chance", self.chance), ("chance_ecdf", self.chance_ecdf))
            for end, row in zip(("low", "mid", "high"), band, strict=True)
        }
        ends = {"from": _EDGES[:-1], "to": _EDGES[1:]}
        return pd.DataFrame(
            {**ends, "pairs": self.counts, "share": self.share, "ecdf": self.ecdf, **bands}
        )


def pair_cosines(a: Directions) -> Iterator[Float32]:
    """Yield the cosines of all pairs of rows, each pair once, some rows at a time."""
    unit = a.unit().vectors
    for start in range(0, len(unit), _BLOCK):
        block = np.clip(product(unit[start : start + _BLOCK], unit[start:]), -1, 1)
        rows = len(block)
        yield block[:, :rows][np.triu_indices(rows, 1)]
        yield block[:, rows:].ravel()


def pair_counts(a: Directions) -> npt.NDArray[np.int64]:
    """Return how many pairs of rows have their cosine in each bin, up to its end, (bins,)."""
    counts = np.zeros(BINS, dtype=np.int64)
    for cosines in pair_cosines(a):
        # Turned: a bin of NumPy's has its lower end, here it is to have its upper one.
        counts += np.histogram(-cosines, BINS, (-1, 1))[0][::-1]
    return counts


def distribution(
    model: Model,
    name: Space,
    layer: int | Literal["all"],
    *,
    layer_norm: bool = True,
    embedding: Directions | None = None,
    unembedding: Directions | None = None,
    seed: int = 0,
) -> Distribution:
    """Return how the cosines in a space are distributed, and how those of random neurons would be.

    Between weights the latter is computed: the cosines of random directions are independent of
    each other two by two, so a bin's count has a binomial's mean and variance; the band is 1.96
    standard deviations wide on either side. For congruences it is simulated: random neurons with
    the norms of the model's are sent through the same steps.

    Args:
        model, name, layer, layer_norm, embedding, unembedding: see `space`.
        seed: of the simulation.

    Raises:
        UnknownName: if the model has no such space or layer.
        BadArgument: if there is nothing to compare with.
    """
    check_space(model, name)
    weights = model.neurons(layer, side_of(name))
    targets = targets_of(
        model, name, layer_norm=layer_norm, embedding=embedding, unembedding=unembedding
    )
    counts = pair_counts(projected(weights, name, targets, layer_norm=layer_norm))
    if targets is None:
        bands = _exact(dimensions(weights), int(counts.sum()))
    else:
        n = min(len(weights), _DRAWN_NEURONS)
        drawn = [
            pair_counts(
                projected(
                    random_like(weights, n, seed + draw), name, targets, layer_norm=layer_norm
                )
            )
            for draw in range(_DRAWS)
        ]
        bands = _simulated(np.stack(drawn))
    return Distribution(counts, *bands)


def similarity_limit(
    model: Model,
    name: Space,
    layer: int | Literal["all"],
    *,
    layer_norm: bool = True,
    embedding: Directions | None = None,
    unembedding: Directions | None = None,
    seed: int = 0,
) -> float:
    """Return the |cosine| that 95% of the pairs of random neurons stay below in a space.

    Args:
        model, name, layer, layer_norm, embedding, unembedding, seed: see `distribution`.

    Raises:
        UnknownName: if the model has no such space or layer.
        BadArgument: if there is nothing to compare with.
    """
    check_space(model, name)
    weights = model.neurons(layer, side_of(name))
    if name in ("out", "in", "gate"):
        return cosine_limit(dimensions(weights))
    targets = targets_of(
        model, name, layer_norm=layer_norm, embedding=embedding, unembedding=unembedding
    )
    drawn = random_like(weights, _DRAWN_NEURONS, seed)
    rows = projected(drawn, name, targets, layer_norm=layer_norm)
    return float(np.quantile(np.abs(np.concatenate(list(pair_cosines(rows)))), SHARE))


Bands = tuple[npt.NDArray[np.float64], npt.NDArray[np.float64]]


def _exact(d: int, pairs: int) -> Bands:
    ecdf = cosine_cdf(_EDGES, d) if d > 1 else np.where(_EDGES < 1, 0.5, 1.0)

    def band(p: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
        half = _Z * np.sqrt(p * (1 - p) / max(pairs, 1))
        return np.stack([np.maximum(p - half, 0), p, np.minimum(p + half, 1)])

    return band(np.diff(ecdf[1:], prepend=0)), band(ecdf[1:])


def _simulated(drawn: npt.NDArray[np.int64]) -> Bands:
    shares = drawn / np.maximum(drawn.sum(axis=1, keepdims=True), 1)
    tail = (1 - SHARE) / 2

    def band(drawn: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
        at = [tail, 0.5, 1 - tail]
        return np.asarray(np.quantile(drawn, at, axis=0, method="weibull"))

    return band(shares), band(np.cumsum(shares, axis=1))


def summary(
    model: Model,
    layer: int | Literal["all"] = "all",
    *,
    layer_norm: bool = True,
    embedding: Directions | None = None,
    unembedding: Directions | None = None,
) -> pd.DataFrame:
    """Return statistics of |cosine| over all pairs of neurons, for the spaces side by side.

    Args:
        model, layer, layer_norm, embedding, unembedding: see `space`.

    Returns:
        The rows count, mean, std, min, 25%, 50%, 75% and max (as pandas describes); a column for
        each of the spaces in, out, in congruence and out congruence that the model has.

    Raises:
        UnknownName: if the model has no such layer.
        BadArgument: if there are no pairs: one neuron.
    """
    columns = {}
    for name in ("in", "out", "in congruence", "out congruence"):
        has_none = name == "in congruence" and embedding is not None and len(embedding) == 0
        if name not in spaces_of(model) or has_none:
            continue
        rows = space(
            model,
            name,
            layer,
            layer_norm=layer_norm,
            embedding=embedding,
            unembedding=unembedding,
        )
        if len(rows) < 2:
            raise BadArgument(
                expected="two neurons or more, to compare in pairs",
                got=f"{len(rows)}",
                do="Choose a layer with more of them.",
            )
        columns[name] = _described(rows)
    return pd.DataFrame(columns)


def _described(a: Directions) -> pd.Series:
    """Return what pandas' describe would of |cosine|, without holding those of all pairs at once.

    The quartiles are exact: what lies in the same narrow bins as they do is sorted.
    """
    counts = np.zeros(_NARROW + 1, dtype=np.int64)
    total = squares = greatest = 0.0
    least = 1.0
    for cosines in pair_cosines(a):
        counts += np.bincount(_narrow(cosines), minlength=len(counts))
        absolute = np.abs(cosines).astype(np.float64)
        total += absolute.sum()
        squares += (absolute**2).sum()
        least, greatest = absolute.min(initial=least), absolute.max(initial=greatest)
    n = int(counts.sum())
    places = np.array([0.25, 0.5, 0.75]) * (n - 1)
    ranks = np.unique(np.concatenate([np.floor(places), np.ceil(places)]).astype(int))
    bins = np.searchsorted(np.cumsum(counts), ranks, "right")
    is_near = np.isin(np.arange(len(counts)), bins)
    near = [np.abs(cosines[is_near[_narrow(cosines)]]) for cosines in pair_cosines(a)]
    farther = np.cumsum(np.where(is_near, 0, counts))[bins]
    values = np.sort(np.concatenate(near)).take(ranks - farther, mode="clip")
    quartiles = np.interp(places, ranks, values)
    std = np.sqrt(max(squares - total**2 / n, 0) / (n - 1)) if n > 1 else np.nan
    names = ["count", "mean", "std", "min", "25%", "50%", "75%", "max"]
    return pd.Series([n, total / n, std, least, *quartiles, greatest], names)


def _narrow(cosines: Float32) -> npt.NDArray[np.int32]:
    return np.asarray(np.abs(cosines) * np.float32(_NARROW), dtype=np.int32)
