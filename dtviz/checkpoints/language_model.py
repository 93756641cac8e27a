"""A language model -> Model: normalizations folded, read layer by layer when asked for."""

from collections.abc import Callable
from functools import partial
from typing import Any

import torch
from torch import Tensor

from dtviz.checkpoints.checkpoint import finite
from dtviz.checkpoints.norm import Norm
from dtviz.checkpoints.parts import Block, Parts
from dtviz.checkpoints.tokens import token_names
from dtviz.directions import LAYER_NORM_EPSILON, Directions, Normalization
from dtviz.errors import BadCheckpoint
from dtviz.later import Later
from dtviz.model import Model, Side

_MATRICES: dict[Side, str] = {"out": "W_out", "in": "W_in", "gate": "W_gate"}


def language_model(parts: Parts, name: str, **about: Any) -> Model:
    """Return the model with its normalizations folded; nothing is read yet.

    Args:
        parts: where its weights are.
        name: for titles.
        about: what else `Model` takes: source, sha256.

    Raises:
        BadCheckpoint: if shapes disagree.
    """
    _, d_model = _shape(parts)
    before = parts.blocks[0].before
    final = parts.final or before
    given = {"unembedding": parts.unembed, "embedding": parts.embed}
    found = {
        what: stored
        for what, stored in given.items()
        if stored is not None and stored.shape[1] == d_model
    }
    lengths = {stored.shape[0] for stored in found.values()}
    tokens = {
        length: token_names(parts.tokenizer, length)
        if parts.tokens is None
        else parts.tokens[:length]
        for length in lengths
    }

    def directions(what: str, norm: Norm | None, read: Callable[[], Tensor]) -> Directions | None:
        if what not in found:
            return None
        shape = found[what].shape
        return Directions(_later(shape, read), tokens[shape[0]], what, *_normalization(norm))

    normalization, epsilon = _normalization(final)
    return Model(
        name=name,
        weights={
            side: [
                _later(block.sides[side].shape, partial(_folded, block, side, layer))
                for layer, block in enumerate(parts.blocks)
            ]
            for side in parts.blocks[0].sides
        },
        unembedding=directions("unembedding", final, partial(_unembedding, parts)),
        unembedding_bias=_bias(parts) if "unembedding" in found else None,
        embedding=None if parts.embed is None else directions("embedding", before, parts.embed),
        normalization=normalization,
        epsilon=epsilon,
        processing=_processing(parts),
        notes=(
            *parts.notes,
            *(
                f"The model has no {what} in its residual stream to compare neurons with."
                for what in given
                if what not in found
            ),
        ),
        **about,
    )


def _later(shape: tuple[int, ...], read: Callable[[], Tensor]) -> Any:
    """Return what stands for an array until it is read."""
    return Later(shape, lambda: read().numpy())


def _normalization(norm: Norm | None) -> tuple[Normalization | None, float]:
    return (None, LAYER_NORM_EPSILON) if norm is None else (norm.kind, norm.epsilon)


def _shape(parts: Parts) -> tuple[int, ...]:
    """Return (d_mlp, d_model), which all sides of all layers must have."""
    shapes = {stored.shape for block in parts.blocks for stored in block.sides.values()}
    sides = {tuple(block.sides) for block in parts.blocks}
    if len(shapes) != 1 or len(sides) != 1:
        raise BadCheckpoint(
            expected="layers whose MLPs are all of one kind and size (d_mlp, d_model)",
            got=", ".join(map(str, sorted(shapes))) or "no layers",
            do="Open another model: dtviz does not support layers of several sizes.",
        )
    return shapes.pop()


def _folded(block: Block, side: Side, layer: int) -> Tensor:
    """Return the neurons' vectors of a layer, (d_mlp, d_model)."""
    rows = block.sides[side]()
    if side == "out":
        rows = rows if block.after is None else block.after.into_writers(rows)
    elif block.before is not None:
        rows = block.before.into_readers(rows)
    return finite(rows, f"{_MATRICES[side]}, layer {layer}, once folded")


def _unembedding(parts: Parts) -> Tensor:
    """Return what reads LN(x) itself, (tokens, d_model); it is not centred."""
    assert parts.unembed is not None  # noqa: S101  nobody asks for it else
    rows = parts.unembed()
    if parts.final is None:
        return rows
    return finite(parts.final.scaled(rows), "the unembedding, once folded")


def _bias(parts: Parts) -> Any:
    """Return what is added to the logits, (tokens,), with the last norm's bias folded in."""
    unembed, own = parts.unembed, parts.unembed_bias
    shift = None if parts.final is None else parts.final.bias
    if unembed is None or (own is None and shift is None):
        return None

    def read() -> Tensor:
        terms = [] if own is None else [own()]
        terms += [] if shift is None else [unembed() @ shift()]
        return finite(torch.stack(terms).sum(dim=0), "the bias of the unembedding, once folded")

    return _later(unembed.shape[:1], read)


def _processing(parts: Parts) -> str:
    """Say what was done to the weights, for titles."""
    before, after = parts.blocks[0].before, parts.blocks[0].after
    norms = list(dict.fromkeys(norm.name for norm in (before, parts.final) if norm is not None))
    if not norms and not parts.processed:
        return "no normalization; weights as stored"
    readers = "W_in and W_gate" if "gate" in parts.blocks[0].sides else "W_in"
    centred = "centred" if before is not None and before.kind == "LN" else "not centred"
    said = [f"{' and '.join(norms) or 'no normalization'} folded", f"{readers} {centred}"]
    if after is not None:
        said.append(f"{after.name} after the MLPs folded into W_out")
    as_processed = "W_out and unembedding as TransformerLens processed them"
    return "; ".join([*said, as_processed if parts.processed else "unembedding not centred"])
