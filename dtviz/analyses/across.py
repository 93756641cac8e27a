"""Across spaces: the embedding, the neurons and the unembedding compared with each other."""

from typing import Literal, get_args

import numpy as np
import pandas as pd

from dtviz.analyses.congruence import congruence
from dtviz.analyses.similarity import cosine_similarity
from dtviz.directions import Directions
from dtviz.errors import BadArgument, UnknownName, listed, shortened
from dtviz.model import Model

Crossing = Literal["embedding × unembedding", "in × unembedding", "out × embedding", "RTG"]
CROSSINGS: tuple[Crossing, ...] = get_args(Crossing)


def across(
    model: Model,
    crossing: Crossing,
    layer: int | Literal["all"] = "all",
    *,
    embedding: Directions | None = None,
    unembedding: Directions | None = None,
) -> pd.DataFrame:
    """Compare two of a model's spaces that no weights connect.

    Args:
        model: what to look at.
        crossing: "embedding × unembedding": dot products, features x actions;
            "in × unembedding": cosines, neurons x actions;
            "out × embedding": cosines, neurons x features;
            "RTG": dot products of the neurons' in and out vectors with the return-to-go
            direction, neurons x ("in", "out").
        layer: of the neurons: a layer's number or "all".
        embedding: the features to compare with instead of all the model's, as from `restricted`.
        unembedding: the actions or tokens to compare with instead of all the model's.

    Returns:
        float32 frame.

    Raises:
        UnknownName: if there is no such crossing or layer.
        BadArgument: if the model lacks one of the two.
    """
    if crossing not in CROSSINGS:
        raise UnknownName(
            expected=f"a crossing among {listed(list(CROSSINGS))}",
            got=shortened(crossing),
            do="Choose one of these.",
        )
    if embedding is None:
        embedding = model.embedding
    if unembedding is None:
        unembedding = model.unembedding
    if crossing == "embedding × unembedding":
        return congruence(
            _there(embedding, model, "embedding"), _there(unembedding, model, "unembedding")
        )
    if crossing == "in × unembedding":
        return cosine_similarity(_reading(model, layer), _there(unembedding, model, "unembedding"))
    if crossing == "out × embedding":
        return cosine_similarity(model.neurons(layer), _there(embedding, model, "embedding"))
    rtg = _there(model.rtg, model, "return-to-go embedding")
    columns = {"in": congruence(_reading(model, layer), rtg)} if "in" in model.sides else {}
    columns["out"] = congruence(model.neurons(layer), rtg)
    return pd.DataFrame({side: frame.iloc[:, 0] for side, frame in columns.items()})


def _reading(model: Model, layer: int | Literal["all"]) -> Directions:
    if "in" not in model.sides:
        raise BadArgument(
            expected="a model whose neurons have a side 'in'",
            got=f"{model.name}, which has only {listed(list(model.sides))}",
            do="Choose another comparison.",
        )
    return model.neurons(layer, "in")


def _there(directions: Directions | None, model: Model, what: str) -> Directions:
    if directions is None:
        raise BadArgument(
            expected=f"a model with a linear {what}",
            got=f"{model.name}, which has none",
            do="Choose another comparison.",
        )
    if len(directions) == 0:
        raise BadArgument(
            expected="some input features to compare with",
            got="none that pass the filter",
            do="Lower the norm that they must have, or look for another name.",
        )
    return directions


def ranked(frame: pd.DataFrame) -> pd.DataFrame:
    """Return a frame in long form, the greatest value first.

    Returns:
        Columns rank (from 1), name (the frame's row), item (its column) and value; names and items
        as categories.
    """
    values = frame.to_numpy()
    order = np.argsort(-values, axis=None, kind="stable")
    rows, columns = np.unravel_index(order, values.shape)
    return pd.DataFrame(
        {
            "rank": np.arange(1, len(order) + 1),
            "name": pd.Categorical.from_codes(rows, pd.Index(frame.index)),
            "item": pd.Categorical.from_codes(columns, pd.Index(frame.columns)),
            "value": values.ravel()[order],
        }
    )
