"""Chance: what the same numbers would be for random directions.

The cosine c of a fixed direction with one drawn at random in d dimensions has a density
proportional to (1 - c²)^((d-3)/2): (c + 1) / 2 follows a beta distribution with both parameters
(d - 1) / 2.
"""

from collections.abc import Callable

import numpy as np
import numpy.typing as npt
from scipy.optimize import brentq
from scipy.stats import beta

from dtviz.directions import Directions, Float32
from dtviz.errors import BadArgument, is_whole, shortened

# The part of what is random that a band holds.
SHARE = 0.95
# Norms that stand for those of all neurons, evenly spaced among their quantiles.
_NORMS = 101


def dimensions(a: Directions) -> int:
    """Return in how many dimensions the rows lie: one less than they have if they are centred.

    Weights that read a LayerNorm's result are centred when it is folded, and LN(x) is.
    """
    width = int(a.vectors.shape[1])
    return width - 1 if _are_centred(a) else width


def _are_centred(a: Directions) -> bool:
    means = np.abs(a.vectors.mean(axis=1, dtype=np.float64))
    return a.vectors.shape[1] > 1 and bool((means <= 1e-5 * a.norms).all()) and bool(a.norms.any())


def cosine_cdf(cosine: npt.ArrayLike, d: int) -> npt.NDArray[np.float64]:
    """Return the share of random directions in d dimensions (at least 2) with at most a cosine."""
    half = (d - 1) / 2
    return np.asarray(beta.cdf((np.asarray(cosine, dtype=np.float64) + 1) / 2, half, half))


def cosine_limit(d: int, share: float = SHARE) -> float:
    """Return the |cosine| that a share of random directions in d dimensions stays below."""
    if d < 2:
        return 1.0
    half = (d - 1) / 2
    return float(2 * beta.ppf((1 + share) / 2, half, half) - 1)


def random_like(a: Directions, n: int, seed: int) -> Directions:
    """Return n random directions with norms drawn from those of ``a``, centred where ``a`` is.

    Raises:
        BadArgument: if n or the seed is not an integer from 0, or ``a`` has no norms to draw from.
    """
    for value, what in ((n, "how many to draw"), (seed, "a seed")):
        if not is_whole(value, 0):
            raise BadArgument(
                expected=f"{what} as an integer of 0 or more",
                got=shortened(value),
                do="Pass n=100 and seed=0, for instance.",
            )
    if n > len(a) == 0:
        raise BadArgument(
            expected="at least one row, for the norms of random ones",
            got="none",
            do="Choose some rows first.",
        )
    random = np.random.default_rng(seed)
    rows = random.normal(size=(n, a.vectors.shape[1]))
    if _are_centred(a):
        rows -= rows.mean(axis=1, keepdims=True)
    rows *= (random.choice(a.norms, n) / np.linalg.norm(rows, axis=1))[:, None]
    names = [f"random {i}" for i in range(n)]
    return Directions(rows.astype(np.float32), names, "random", a.normalization, a.epsilon)


def congruence_limit(a: Directions, target: Float32, share: float = SHARE) -> float:
    """Return the |congruence| with a target that a share of random directions stays below.

    The random directions have the norms of ``a``, and are centred where ``a`` is.
    """
    d, [length] = dimensions(a), _seen(a, target[None])
    norms = _norms(a) * np.linalg.norm(length)
    if d < 2:
        return float(np.quantile(norms, share))

    def excess(limit: float) -> float:
        scaled = np.divide(limit, norms, out=np.full_like(norms, np.inf), where=norms > 0)
        return float((2 * cosine_cdf(np.minimum(scaled, 1), d) - 1).mean() - share)

    return _root(excess, norms)


def congruence_ellipse(
    a: Directions, targets: Float32, share: float = SHARE, points: int = 100
) -> npt.NDArray[np.float64]:
    """Return the ellipse, in the plane of two congruences, that holds a share of random directions.

    A random direction of length r, seen in a plane, is within R of the origin with probability
    1 - (1 - R²/r²)^((d-2)/2). The two congruences are a linear map of that plane.

    Args:
        a: directions whose norms the random ones have; they are centred where ``a`` is.
        targets: the two directions compared with, (2, d_model).
        share: of the random directions that fall inside.
        points: corners of the ellipse; the first is repeated at the end.

    Returns:
        (points + 1, 2): congruences with the first and the second target.
    """
    d, norms = dimensions(a), _norms(a)

    def excess(radius: float) -> float:
        scaled = np.divide(radius, norms, out=np.ones_like(norms), where=norms > 0)
        return float((1 - (1 - np.minimum(scaled, 1) ** 2) ** ((d - 2) / 2)).mean() - share)

    radius = _root(excess, norms) if d > 2 else float(np.quantile(norms, share))
    angles = np.linspace(0, 2 * np.pi, points + 1)
    circle = radius * np.stack([np.cos(angles), np.sin(angles)], axis=1)
    _, to_targets = np.linalg.qr(_seen(a, targets).T)
    if len(to_targets) < 2:  # in one dimension there is no plane
        to_targets = np.concatenate([to_targets, np.zeros((1, 2))])
    return np.asarray(circle @ to_targets)


def _root(excess: Callable[[float], float], norms: npt.NDArray[np.float64]) -> float:
    """Return where the excess is zero, from 0 to the greatest norm."""
    return 0.0 if excess(0) >= 0 else float(brentq(excess, 0, norms.max()))


def _seen(a: Directions, targets: Float32) -> npt.NDArray[np.float64]:
    """Return what of the targets directions like ``a`` can meet: centred ones miss their mean."""
    seen: npt.NDArray[np.float64] = targets.astype(np.float64)
    return seen - seen.mean(axis=1, keepdims=True) if _are_centred(a) else seen


def _norms(a: Directions) -> npt.NDArray[np.float64]:
    return np.quantile(a.norms.astype(np.float64), np.linspace(0, 1, min(_NORMS, len(a))))
