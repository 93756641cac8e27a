"""Spaces: what neurons can be compared by, their weights or their congruences."""

from typing import Literal, get_args

from dtviz.analyses.congruence import congruence
from dtviz.analyses.products import gram_root, is_vocabulary
from dtviz.directions import Directions
from dtviz.errors import BadArgument, UnknownName, listed, shortened
from dtviz.model import Model, Side

Space = Literal["out", "in", "gate", "out congruence", "in congruence"]
SPACES: tuple[Space, ...] = get_args(Space)


def side_of(name: Space) -> Side:
    """Return the side of the neurons that a space is made from."""
    sides: dict[Space, Side] = {
        "out": "out",
        "in": "in",
        "gate": "gate",
        "out congruence": "out",
        "in congruence": "in",
    }
    return sides[name]


def spaces_of(model: Model) -> list[Space]:
    """Return the spaces that a model has."""
    has = {"out congruence": model.unembedding, "in congruence": model.embedding}
    return [
        name
        for name in SPACES
        if side_of(name) in model.sides and (name not in has or has[name] is not None)
    ]


def check_space(model: Model, name: Space) -> None:
    """Refuse what is no space of a model."""
    if name not in spaces_of(model):
        raise UnknownName(
            expected=f"a space of {model.name} among {listed(list(spaces_of(model)))}",
            got=shortened(name),
            do="Choose one of these.",
        )


def space(
    model: Model,
    name: Space,
    layer: int | Literal["all"] = "all",
    *,
    layer_norm: bool = True,
    embedding: Directions | None = None,
    unembedding: Directions | None = None,
) -> Directions:
    """Return the rows that stand for a layer's neurons in a space.

    Args:
        model: what to look at.
        name: "out", "in" or "gate": the weights themselves, (n, d_model); "out congruence":
            LN(out) @ unembeddingᵀ, (n, A); "in congruence": in @ LN(embedding)ᵀ, (n, F). Of a
            vocabulary these are (n, d_model): turned, with the same norms and cosines.
        layer: a layer's number or "all".
        layer_norm: whether congruences are with LayerNorm.
        embedding: the features to compare with instead of all the model's, as from `restricted`.
        unembedding: the actions or tokens to compare with instead of the model's, as from
            `condensed`.

    Raises:
        UnknownName: if the model has no such space or layer.
    """
    check_space(model, name)
    weights = model.neurons(layer, side_of(name))
    targets = targets_of(
        model, name, layer_norm=layer_norm, embedding=embedding, unembedding=unembedding
    )
    return projected(weights, name, targets, layer_norm=layer_norm)


def targets_of(
    model: Model,
    name: Space,
    *,
    layer_norm: bool = True,
    embedding: Directions | None = None,
    unembedding: Directions | None = None,
) -> Directions | None:
    """Return what neurons are multiplied with in a space, None for their weights; see `space`.

    Raises:
        BadArgument: if there is nothing to compare with.
    """
    if name in ("out", "in", "gate"):
        return None
    targets = model.unembedding if unembedding is None else unembedding
    if name == "in congruence":
        targets = model.embedding if embedding is None else embedding
    if targets is None or len(targets) == 0:
        raise BadArgument(
            expected=f"something to compare with, for the {name}",
            got="no features" if targets is not None else f"{model.name}, which has none",
            do="Choose another space, or widen the filter of features.",
        )
    return condensed(targets, layer_norm=layer_norm and name == "in congruence")


def condensed(targets: Directions, *, layer_norm: bool) -> Directions:
    """Return what stands for targets in a space: of a vocabulary, fewer rows; see `gram_root`.

    A root stays as it is.

    Args:
        targets: what neurons are compared with.
        layer_norm: whether it is normalized, where the model does so.
    """
    if is_vocabulary(targets) and len(targets) > targets.vectors.shape[1]:
        return gram_root(targets, layer_norm=layer_norm)
    return targets.layer_normed() if layer_norm else targets


def projected(
    weights: Directions, name: Space, targets: Directions | None, *, layer_norm: bool = True
) -> Directions:
    """Return what stands in a space for any rows of weights.

    Args:
        weights: rows of the side that the space is made from.
        name: of the space.
        targets: as from `targets_of`.
        layer_norm: whether what is written is normalized.
    """
    if targets is None:
        return weights
    if layer_norm and name == "out congruence":
        weights = weights.layer_normed()
    rows = congruence(weights, targets).to_numpy()
    return Directions(rows, weights.names, f"{name}, {weights.label}")
