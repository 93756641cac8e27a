"""Small models, each with something or without."""

from collections.abc import Sequence

import numpy as np

from dtviz.directions import Directions
from dtviz.model import Model

# Eighteen places of an observation.
PLACES = [f"{what}, ({x},{y})" for what in ("key", "door") for x in range(3) for y in range(3)]


def small(
    n: int = 12,
    layers: int = 2,
    d: int = 6,
    *,
    sides: Sequence[str] = ("out", "in"),
    actions: Sequence[str] = ("left", "right", "forward"),
    features: Sequence[str] = tuple(PLACES),
    rtg: bool = True,
    every: np.ndarray | None = None,
    name: str = "small",
    **options,
) -> Model:
    """A model of random weights; without what is empty or False.

    Args:
        every: the weights of each side and layer, instead of random ones.
    """
    random = np.random.default_rng(1)
    normalization = options.pop("normalization", "LN")

    def named(names):
        rows = random.normal(size=(len(names), d))
        return Directions(rows, list(names), "vectors", normalization) if names else None

    def weights():
        return random.normal(size=(n, d)) if every is None else every

    return Model(
        name=name,
        weights={side: [weights() for _ in range(layers)] for side in sides},
        unembedding=named(actions),
        embedding=named(features),
        rtg=named(["RTG"]) if rtg else None,
        normalization=normalization,
        **options,
    )
