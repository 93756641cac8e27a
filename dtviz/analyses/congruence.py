"""Congruence: dot products of neurons with actions (or tokens), raw or as a contrast of two."""

from dataclasses import replace

import numpy as np
import pandas as pd
import param

from dtviz.directions import Directions, Float32
from dtviz.errors import BadArgument, shortened


def congruence(a: Directions, b: Directions) -> pd.DataFrame:
    """Return the dot product of each row of ``a`` with each row of ``b``.

    Nothing is normalized here: pass ``a.layer_normed()`` for what remains after LayerNorm.

    Returns:
        float32 frame, a.names x b.names.

    Raises:
        BadArgument: if the two live in residual streams of different widths.
    """
    _check_widths(a, b)
    return pd.DataFrame(a.vectors @ b.vectors.T, index=a.names, columns=b.names)


def contrast(directions: Directions, a: str, b: str) -> Directions:
    """Return what of ``a`` is not in ``b``, and what of ``b`` is not in ``a``.

    "a not b" is a - (a·b / b·b) b: the exact projection, orthogonal to b whatever the lengths.

    Returns:
        Two rows: "a not b", "b not a".

    Raises:
        UnknownName: if a name is not among the directions.
        BadArgument: if both are the same.
    """
    vectors = _contrasted(directions, a, b)
    if a == b:
        raise BadArgument(
            expected="two names to contrast",
            got=f"{shortened(a)} twice",
            do="Choose another for one of them.",
        )
    return replace(
        directions,
        vectors=vectors,
        names=[f"{a} not {b}", f"{b} not {a}"],
        label=f"contrast of {a} and {b}",
    )


def angle(directions: Directions, a: str, b: str) -> float:
    """Return the angle between two rows in degrees, from 0 to 180; 90 if one has length 0."""
    unit = directions.unit()
    cosine = float(np.dot(unit.vector(a), unit.vector(b)))
    return float(np.degrees(np.arccos(np.clip(cosine, -1, 1))))


def _contrasted(directions: Directions, a: str, b: str) -> Float32:
    """Return "a not b" and "b not a", (2, d_model); zeros where a is b."""
    vector_a, vector_b = (directions.vector(name).astype(np.float64) for name in (a, b))
    both = np.stack([_without(vector_a, vector_b), _without(vector_b, vector_a)])
    return both.astype(np.float32)


def _without(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    squared_length = b @ b
    return a if squared_length == 0 else a - (a @ b) / squared_length * b


def _check_widths(a: Directions, b: Directions) -> None:
    if a.vectors.shape[1] != b.vectors.shape[1]:
        raise BadArgument(
            expected=f"vectors of one residual stream, {a.vectors.shape[1]} wide",
            got=f"{b.label}, {b.vectors.shape[1]} wide",
            do="Compare directions of the same model.",
        )


def usual_pair(actions: list[str]) -> tuple[str, str]:
    """Return the actions to compare unless told otherwise: left and right, or first and last."""
    return (
        "left" if "left" in actions else actions[0],
        "right" if "right" in actions else actions[-1],
    )


class CongruenceAnalysis(param.Parameterized):
    """How neurons line up with two actions (or tokens)."""

    x = param.Selector(objects=["left"], label="Across", doc="The action on the horizontal axis.")
    y = param.Selector(objects=["right"], label="Up", doc="The action on the vertical axis.")
    layer_norm = param.Boolean(
        default=True,
        label="LayerNorm",
        doc="Normalize what is written (and the embedding) as the model does before reading it.",
    )
    contrast = param.Boolean(
        default=False,
        label="Contrast",
        doc="Compare with what only one of the two actions has: 'right not left' instead of "
        "'right'. Uses the weights without normalization.",
    )

    def __call__(self, neurons: Directions, side: str, unembedding: Directions) -> pd.DataFrame:
        """Return columns x, y and difference (y - x), one row a neuron.

        LayerNorm applies to what neurons write (side "out"), as it comes after them.
        """
        if self.applies_layer_norm(neurons, side):
            neurons = neurons.layer_normed()
        values = self.targets(unembedding) @ neurons.vectors.T
        return pd.DataFrame(
            {"x": values[0], "y": values[1], "difference": values[1] - values[0]},
            index=pd.Index(neurons.names, name="name"),
        )

    def targets(self, unembedding: Directions) -> Float32:
        """Return the two directions that neurons are compared with, (2, d_model)."""
        if self.contrast:
            return _contrasted(unembedding, self.x, self.y)
        return np.stack([unembedding.vector(self.x), unembedding.vector(self.y)])

    def applies_layer_norm(self, neurons: Directions, side: str) -> bool:
        """Return whether these options normalize these neurons."""
        normed = self.layer_norm and not self.contrast and side == "out"
        return normed and neurons.normalization is not None
