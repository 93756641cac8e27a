"""Parts: what of a language model dtviz looks at, wherever its weights are."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from dtviz.checkpoints.norm import Norm
from dtviz.checkpoints.stored import Stored
from dtviz.model import Side


@dataclass(frozen=True, kw_only=True)
class Block:
    """An MLP of a layer, or one of its experts, and the normalizations around it.

    Args:
        sides: for "out", "in" and, of gated MLPs, "gate", the weights with a row a neuron,
            (d_mlp, d_model).
        expert: its number, of an expert.
        before: what the residual stream goes through before the MLP reads it, if anything.
        inside: what the activations go through before the last map.
        after: what the MLP's result goes through before it is added to the residual stream.
    """

    sides: Mapping[Side, Stored]
    expert: int | None = None
    before: Norm | None = None
    inside: Norm | None = None
    after: Sequence[Norm] = ()


@dataclass(frozen=True, kw_only=True)
class Parts:
    """A language model's weights as they are stored, nothing folded.

    Args:
        layers: by their numbers, the MLPs of the layers that have any, experts last.
        routers: by the number of a layer, what chooses among its experts, (experts, d_model).
        unembed, embed: (tokens, d_model).
        unembed_bias: (tokens,).
        embed_norms: what goes between the embedding and the first layer.
        embed_alone: whether nothing else, positions for instance, is added before these.
        final: what the residual stream goes through before the unembedding reads it.
        tokenizer: a tokenizer of Hugging Face's in memory; None where there is none.
        tokens: names of the tokens where they are known without one, at least as many as rows.
        processed: whether TransformerLens folded and centred weights before; it may have centred
            what neurons write, and the unembedding.
        notes: what a user should know.
    """

    layers: Mapping[int, Sequence[Block]]
    routers: Mapping[int, Stored] = field(default_factory=dict)
    unembed: Stored | None = None
    unembed_bias: Stored | None = None
    embed: Stored | None = None
    embed_norms: Sequence[Norm] = ()
    embed_alone: bool = True
    final: Norm | None = None
    tokenizer: Any = None
    tokens: list[str] | None = None
    processed: bool = False
    notes: tuple[str, ...] = field(default=())
