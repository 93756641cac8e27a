"""Congruence: dot products of neurons with actions (or tokens), raw or as a contrast of two."""

import re
from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd
import param

from dtviz.accelerator import product
from dtviz.analyses.vocabulary import MOST_OFFERED, SPACE, Vocabulary
from dtviz.directions import Directions, Float32
from dtviz.errors import BadArgument, shortened

# Tokens of a set that a title names.
_MOST_CALLED = 3


def congruence(a: Directions, b: Directions) -> pd.DataFrame:
    """Return the dot product of each row of ``a`` with each row of ``b``.

    Nothing is normalized here: pass ``a.layer_normed()`` for what remains after LayerNorm.

    Returns:
        float32 frame, a.names x b.names.

    Raises:
        BadArgument: if the two live in residual streams of different widths.
    """
    check_widths(a, b)
    return pd.DataFrame(product(a.vectors, b.vectors), index=a.names, columns=b.names)


def contrast(directions: Directions, a: str, b: str) -> Directions:
    """Return what of ``a`` is not in ``b``, and what of ``b`` is not in ``a``.

    "a not b" is a - (a·b / b·b) b: the exact projection, orthogonal to b whatever the lengths.

    Returns:
        Two rows: "a not b", "b not a".

    Raises:
        UnknownName: if a name is not among the directions.
        BadArgument: if both are the same.
    """
    vectors = _contrasted(directions.vector(a), directions.vector(b))
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


def angle_between(a: Float32, b: Float32) -> float:
    """Return the angle between two vectors in degrees, from 0 to 180; 90 if one has length 0."""
    pair = Directions(np.stack([a, b]), ["a", "b"]).unit().vectors
    return float(np.degrees(np.arccos(np.clip(float(np.dot(*pair)), -1, 1))))


def _contrasted(vector_a: Float32, vector_b: Float32) -> Float32:
    """Return "a not b" and "b not a", (2, d_model); zeros where a is b."""
    a, b = (vector.astype(np.float64) for vector in (vector_a, vector_b))
    return np.stack([_without(a, b), _without(b, a)]).astype(np.float32)


def _without(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    squared_length = b @ b
    return a if squared_length == 0 else a - (a @ b) / squared_length * b


def check_widths(a: Directions, b: Directions) -> None:
    """Raise BadArgument unless two sets are as wide, which is known before they are read."""
    if a.shape[1] != b.shape[1]:
        raise BadArgument(
            expected=f"vectors of one residual stream, {a.shape[1]} wide",
            got=f"{b.label}, {b.shape[1]} wide",
            do="Compare directions of the same model.",
        )


def usual_pair(actions: list[str]) -> tuple[str, str]:
    """Return the actions to compare unless told otherwise.

    These are left and right, or the first and the last; of a vocabulary the first two tokens that
    are words: three letters or more, with a space before them.
    """
    if len(actions) > MOST_OFFERED:
        words = (name for name in actions if re.fullmatch(rf"{SPACE}[^\W\d_]{{3,}}", name))
        first, second = next(words, None), next(words, None)
        if first is not None and second is not None:
            return first, second
    return (
        "left" if "left" in actions else actions[0],
        "right" if "right" in actions else actions[-1],
    )


class Compared(param.Selector):
    """An action, among its objects; of a vocabulary one or several tokens, as a text.

    The text is checked before it is set, and written as `Vocabulary.written` does.
    """

    __slots__ = ["vocabulary"]

    _slot_defaults = dict(param.Selector._slot_defaults, vocabulary=None)  # noqa: RUF012

    def __set__(self, obj: Any, value: Any) -> None:
        if self.vocabulary is not None:
            value = self.vocabulary.written(value)
            self.objects = [value]  # type: ignore[misc]  # a property, and no slot
        super().__set__(obj, value)


class CongruenceAnalysis(param.Parameterized):
    """How neurons line up with two actions (or tokens), or with two sets of tokens."""

    x = Compared(objects=["left"], label="Across", doc="The action on the horizontal axis.")
    y = Compared(objects=["right"], label="Up", doc="The action on the vertical axis.")
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
        x, y = self.directions(unembedding)
        return _contrasted(x, y) if self.contrast else np.stack([x, y])

    def directions(self, unembedding: Directions) -> tuple[Float32, Float32]:
        """Return the directions of x and of y: of several tokens, the mean of their vectors."""
        x, y = (unembedding.subset(self.members(axis)).vectors.mean(axis=0) for axis in "xy")
        return x, y

    def members(self, axis: str) -> list[str]:
        """Return the names of the actions (or tokens) on an axis, "x" or "y"."""
        text: str = getattr(self, axis)
        vocabulary: Vocabulary | None = self.param[axis].vocabulary
        return [text] if vocabulary is None else vocabulary.members(text)

    def called(self, axis: str) -> str:
        """Return what to call the actions (or tokens) on an axis: of many, the first three."""
        names = self.members(axis)
        if len(names) == 1:
            return names[0]
        more = f" and {len(names) - _MOST_CALLED} more" if len(names) > _MOST_CALLED else ""
        return f"{', '.join(names[:_MOST_CALLED])}{more} (mean of {len(names)})"

    def applies_layer_norm(self, neurons: Directions, side: str) -> bool:
        """Return whether these options normalize these neurons."""
        normed = self.layer_norm and not self.contrast and side == "out"
        return normed and neurons.normalization is not None
