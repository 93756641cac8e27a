"""Parts: what of a language model dtviz looks at, wherever its weights are."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from dtviz.checkpoints.norm import Norm
from dtviz.checkpoints.stored import Stored
from dtviz.model import Side


@dataclass(frozen=True, kw_only=True)
class Block:
    """The MLP of one layer, and the normalizations around it.

    Args:
        sides: for "out", "in" and, of gated MLPs, "gate", the weights with a row a neuron,
            (d_mlp, d_model).
        before: what the residual stream goes through before the MLP reads it, if anything.
        after: what the MLP's result goes through before it is added to the residual stream.
    """

    sides: Mapping[Side, Stored]
    before: Norm | None = None
    after: Norm | None = None


@dataclass(frozen=True, kw_only=True)
class Parts:
    """A language model's weights as they are stored, nothing folded.

    Args:
        blocks: the layers.
        unembed, embed: (tokens, d_model).
        unembed_bias: (tokens,).
        final: what the residual stream goes through before the unembedding reads it.
        tokenizer: a tokenizer of Hugging Face's in memory; None where there is none.
        tokens: names of the tokens where they are known without one, at least as many as rows.
        processed: whether TransformerLens folded and centred weights before; it may have centred
            what neurons write, and the unembedding.
        notes: what a user should know.
    """

    blocks: Sequence[Block]
    unembed: Stored | None = None
    unembed_bias: Stored | None = None
    embed: Stored | None = None
    final: Norm | None = None
    tokenizer: Any = None
    tokens: list[str] | None = None
    processed: bool = False
    notes: tuple[str, ...] = field(default=())
