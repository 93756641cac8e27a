"""A language model -> Model: normalizations folded, read layer by layer when asked for."""

from collections.abc import Callable, Iterable, Sequence
from functools import partial
from typing import Any

import torch
from torch import Tensor

from dtviz.checkpoints.checkpoint import finite
from dtviz.checkpoints.norm import Norm
from dtviz.checkpoints.parts import Block, Parts
from dtviz.checkpoints.stored import Stored
from dtviz.checkpoints.tokens import token_names
from dtviz.directions import LAYER_NORM_EPSILON, Directions, Normalization
from dtviz.errors import BadCheckpoint
from dtviz.later import Later
from dtviz.model import MATRICES, Model, Side
from dtviz.verification_report import VerificationReport


def language_model(
    parts: Parts, name: str, verified: VerificationReport | None = None, **about: Any
) -> Model:
    """Return the model with its normalizations folded; nothing is read yet.

    Args:
        parts: where its weights are.
        name: for titles.
        verified: what was compared with its own forward pass, if anything was.
        about: what else `Model` takes: source, sha256.

    Raises:
        BadCheckpoint: if shapes disagree.
    """
    d_model, sides = _common(parts)
    first = next(iter(parts.layers.values()))[0]
    before = first.before
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

    def layer(blocks: Sequence[Block], side: Side, number: int) -> Later:
        return Later.joined(
            [
                _later(block.sides[side].shape, partial(_folded, block, side, number))
                for block in blocks
            ]
        )

    normalization, epsilon = _normalization(final)
    return Model(
        name=name,
        weights={
            side: [layer(blocks, side, number) for number, blocks in parts.layers.items()]
            for side in sides
        },
        layers=tuple(parts.layers),
        groups=[_groups(blocks) for blocks in parts.layers.values()],
        unembedding=directions("unembedding", final, partial(_unembedding, parts)),
        unembedding_bias=_bias(parts) if "unembedding" in found else None,
        embedding=directions("embedding", before, partial(_embedding, parts)),
        routers={
            number: _router(stored, parts.layers[number], number)
            for number, stored in parts.routers.items()
        },
        normalization=normalization,
        epsilon=epsilon,
        processing=_processing(parts),
        notes=(
            *parts.notes,
            *(() if verified is None else verified.notes),
            *(
                f"The model has no {what} in its residual stream to compare neurons with."
                for what in given
                if what not in found
            ),
        ),
        scales={} if verified is None else verified.scales,
        verified=verified,
        **about,
    )


def _later(shape: tuple[int, ...], read: Callable[[], Tensor]) -> Any:
    """Return what stands for an array until it is read."""
    return Later(shape, lambda: read().numpy())


def _normalization(norm: Norm | None) -> tuple[Normalization | None, float]:
    return (None, LAYER_NORM_EPSILON) if norm is None else (norm.kind, norm.epsilon)


def _common(parts: Parts) -> tuple[int, tuple[Side, ...]]:
    """Return d_model and the sides, which all MLPs of all layers must have."""
    blocks = [block for layer in parts.layers.values() for block in layer]
    widths = {stored.shape[1:] for block in blocks for stored in block.sides.values()}
    counts = {tuple(stored.shape[0] for stored in block.sides.values()) for block in blocks}
    sides = {tuple(sorted(block.sides)) for block in blocks}
    shapes = {stored.shape for block in blocks for stored in block.sides.values()}
    if len(widths) != 1 or len(sides) != 1 or any(len(set(each)) != 1 for each in counts):
        raise BadCheckpoint(
            expected="MLPs that read and write one residual stream, all gated or none",
            got=f"weights of (d_mlp, d_model) {sorted(shapes)}",
            do="Open another model, or correct its configuration.",
        )
    return widths.pop()[0], tuple(blocks[0].sides)


def _groups(blocks: Sequence[Block]) -> list[tuple[str, int]]:
    """Return the label and the number of the neurons of each MLP of a layer."""
    groups: list[tuple[str, int]] = []
    for block in blocks:
        dense = sum(label in ("",) or label.startswith("M") for label, _ in groups)
        label = f"E{block.expert}" if block.expert is not None else f"M{dense}" if dense else ""
        groups.append((label, block.sides["out"].shape[0]))
    return groups


def _folded(block: Block, side: Side, layer: int) -> Tensor:
    """Return the neurons' vectors of an MLP, (d_mlp, d_model)."""
    rows = block.sides[side]()
    if side == "out":
        if block.inside is not None:
            rows = block.inside.into_readers(rows.T).T
        for norm in block.after:
            rows = norm.into_writers(rows)
    elif block.before is not None:
        rows = block.before.into_readers(rows)
    which = "" if block.expert is None else f", expert {block.expert}"
    return finite(rows, f"{MATRICES[side]}, layer {layer}{which}, once folded")


def _router(stored: Stored, blocks: Sequence[Block], layer: int) -> Directions:
    """Return what chooses among the experts of a layer, a row each."""
    before = next(block.before for block in blocks if block.expert is not None)

    def read() -> Tensor:
        rows = stored() if before is None else before.into_readers(stored())
        return finite(rows, f"the router of layer {layer}, once folded")

    names = [f"L{layer}E{expert}" for expert in range(stored.shape[0])]
    return Directions(
        _later(stored.shape, read), names, f"router, layer {layer}", *_normalization(before)
    )


def _embedding(parts: Parts) -> Tensor:
    """Return what tokens add to the residual stream, (tokens, d_model)."""
    assert parts.embed is not None  # noqa: S101  nobody asks for it else
    rows = parts.embed()
    for norm in parts.embed_norms:
        rows = norm.applied(rows) if parts.embed_alone else norm.into_writers(rows)
    return finite(rows, "the embedding, once its normalization is applied")


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
    blocks = [block for layer in parts.layers.values() for block in layer]
    befores = [block.before for block in blocks]
    norms = _names([*befores, parts.final])
    if not norms and not parts.processed:
        return "no normalization; weights as stored"
    readers = "W_in and W_gate" if "gate" in blocks[0].sides else "W_in"
    is_centred = any(norm is not None and norm.kind == "LN" for norm in befores)
    said = [
        f"{norms or 'no normalization'} folded",
        f"{readers} {'centred' if is_centred else 'not centred'}",
    ]
    inside = _names(block.inside for block in blocks)
    if inside:
        said.append(f"{inside} of the activations folded into W_out")
    after = _names(norm for block in blocks for norm in block.after)
    if after:
        said.append(f"{after} after the MLPs folded into W_out")
    if parts.embed_norms:
        how = "applied to" if parts.embed_alone else "folded into"
        said.append(f"{_names(parts.embed_norms)} after the embedding {how} it")
    as_processed = "W_out and unembedding as TransformerLens processed them"
    return "; ".join([*said, as_processed if parts.processed else "unembedding not centred"])


def _names(norms: Iterable[Norm | None]) -> str:
    """Return the names of those that there are, each once."""
    return " and ".join(dict.fromkeys(norm.name for norm in norms if norm is not None))
