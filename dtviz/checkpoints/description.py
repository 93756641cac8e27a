"""Description: a model as plain values, to pass it from one process to another without pickles."""

from collections.abc import Callable, Sequence
from dataclasses import asdict
from functools import partial
from itertools import accumulate
from typing import Any, cast

import numpy as np

from dtviz.checkpoints.partitioned import ITEMS, about
from dtviz.dictionary import Dictionary
from dtviz.directions import Directions, Float32
from dtviz.later import Later
from dtviz.layers import Layers
from dtviz.model import Model, Side
from dtviz.verification_report import report_of, scales_of

Piece = Sequence[str | int]
"""Which array: ``["out", 3]`` (side and place of a layer), ``["out", 3, 64, 8]`` (8 of its rows),
``["router", 3]``, ``["embedding"]``, ``["unembedding_bias"]``…"""


def described(model: Model) -> dict[str, Any]:
    """Return what is known of a model before its arrays are read, in values that JSON has."""
    items = {name: getattr(model, name) for name in ITEMS}
    is_lazy = model.is_postponed("unembedding_bias")
    return {
        **about(model),
        "items": {name: _stated(item) for name, item in items.items() if item is not None},
        "layers": model.layers,
        "groups": model.groups,
        "routers": {layer: _stated(router) for layer, router in model.routers.items()},
        "scales": dict(model.scales),
        "dictionary": None if model.dictionary is None else asdict(model.dictionary),
        "verified": None if model.verified is None else model.verified.as_dict(),
        "has_bias": is_lazy or model.unembedding_bias is not None,
        "is_in_memory": all(
            cast(Layers, layers).are_in_memory for layers in model.weights.values()
        ),
    }


def _stated(item: Directions) -> dict[str, Any]:
    return {
        "rows": len(item),
        "names": item.names,
        "label": item.label,
        "normalization": item.normalization,
        "epsilon": item.epsilon,
    }


def array(model: Model, piece: Piece) -> Float32:
    """Return an array of a model, read if it was not."""
    found: Float32
    match piece:
        case ["router", int(layer)]:
            found = model.routers[layer].vectors
        case [str(side), int(layer), int(start), int(rows)]:
            part = cast(Layers, model.weights[cast(Side, side)]).part(layer, start, rows)
            found = np.asarray(part.read(), dtype=np.float32)
        case [str(side), int(layer)]:
            found = cast(Layers, model.weights[cast(Side, side)])[layer]
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
    groups = [[(str(label), int(count)) for label, count in each] for each in said["groups"]]
    width = said["d_model"]

    def given(piece: Piece, shape: tuple[int, ...]) -> Any:
        return (
            read(piece, shape)
            if said["is_in_memory"]
            else Later(shape, partial(read, piece, shape))
        )

    def item(name: str) -> Directions | None:
        if name not in said["items"]:
            return None
        return directions([name], said["items"][name])

    def directions(piece: Piece, one: dict[str, Any]) -> Directions:
        vectors = given(piece, (one["rows"], width))
        return Directions(vectors, one["names"], one["label"], one["normalization"], one["epsilon"])

    def layer(side: str, place: int) -> Any:
        counts = [count for _, count in groups[place]]
        whole = given([side, place], (sum(counts), width))
        if len(counts) == 1 or not isinstance(whole, Later):
            return whole
        starts = accumulate(counts, initial=0)
        pieces = [
            given([side, place, start, count], (count, width))
            for start, count in zip(starts, counts, strict=False)
        ]
        return Later(whole.shape, whole.read, pieces)

    return Model(
        name=said["name"],
        weights={
            side: [layer(side, place) for place in range(said["n_layers"])]
            for side in said["sides"]
        },
        layers=[int(number) for number in said["layers"]],
        groups=groups,
        routers={
            int(number): directions(["router", int(number)], one)
            for number, one in said["routers"].items()
        },
        scales=scales_of(said["scales"]),
        dictionary=None if said["dictionary"] is None else Dictionary(**said["dictionary"]),
        verified=None if said["verified"] is None else report_of(said["verified"]),
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
