"""Description: a model as plain values, to pass it from one process to another without pickles."""

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any, cast

from dtviz.checkpoints.partitioned import ITEMS, about
from dtviz.directions import Directions, Float32
from dtviz.later import Later, Layers
from dtviz.model import Model, Side

Piece = Sequence[str | int]
"""Which array: ``["out", 3]`` (side and layer), ``["embedding"]``, ``["unembedding_bias"]``…"""


def described(model: Model) -> dict[str, Any]:
    """Return what is known of a model before its arrays are read, in values that JSON has."""
    items = {name: getattr(model, name) for name in ITEMS}
    is_lazy = model.is_postponed("unembedding_bias")
    return {
        **about(model),
        "items": {
            name: {"rows": len(item), "names": item.names, "label": item.label}
            | {"normalization": item.normalization, "epsilon": item.epsilon}
            for name, item in items.items()
            if item is not None
        },
        "has_bias": is_lazy or model.unembedding_bias is not None,
        "is_in_memory": all(
            cast(Layers, layers).are_in_memory for layers in model.weights.values()
        ),
    }


def array(model: Model, piece: Piece) -> Float32:
    """Return an array of a model, read if it was not."""
    match piece:
        case [str(side), int(layer)]:
            found: Float32 = cast(Layers, model.weights[cast(Side, side)])[layer]
        case ["unembedding_bias"]:
            assert model.unembedding_bias is not None  # noqa: S101  nobody asks for it else
            found = model.unembedding_bias
        case [name]:
            found = getattr(model, str(name)).vectors
    return found


def model_of(
    said: dict[str, Any],
    source: str | None,
    read: Callable[[Piece, tuple[int, ...]], Float32],
) -> Model:
    """Return the model that a description is of.

    Args:
        said: as `described` returns it.
        source: see `Model`.
        read: returns an array, given which and its shape; it is called at once for models whose
            arrays are in memory, else when they are asked for.
    """
    shape = (said["d_mlp"], said["d_model"])

    def given(piece: Piece, shape: tuple[int, ...]) -> Any:
        return (
            read(piece, shape)
            if said["is_in_memory"]
            else Later(shape, partial(read, piece, shape))
        )

    def item(name: str) -> Directions | None:
        if name not in said["items"]:
            return None
        one = said["items"][name]
        vectors = given([name], (one["rows"], said["d_model"]))
        return Directions(vectors, one["names"], one["label"], one["normalization"], one["epsilon"])

    return Model(
        name=said["name"],
        weights={
            side: [given([side, layer], shape) for layer in range(said["n_layers"])]
            for side in said["sides"]
        },
        **{name: item(name) for name in ITEMS},
        unembedding_bias=given(["unembedding_bias"], (said["items"]["unembedding"]["rows"],))
        if said["has_bias"]
        else None,
        normalization=said["normalization"],
        epsilon=said["epsilon"],
        processing=said["processing"],
        agent=said["agent"] and tuple(said["agent"]),
        sha256=said["sha256"],
        source=source,
        notes=tuple(said["notes"]),
    )
