"""Anatomy: where a kind of language model keeps its neurons, as found in a small copy of it."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from dtviz.directions import Normalization
from dtviz.model import Side


@dataclass(frozen=True)
class Place:
    """Where a matrix with a row a neuron, or a token, is kept.

    Args:
        name: of the parameter; "{}" stands in it for the number of an expert.
        stacked: whether its first axis is that of the experts.
        transposed: whether it is kept with a column a neuron.
        part, parts: of a matrix that holds several: which one, of how many.
        interleaved: whether their rows alternate.
    """

    name: str
    stacked: bool = False
    transposed: bool = False
    part: int = 0
    parts: int = 1
    interleaved: bool = False


@dataclass(frozen=True)
class NormPlace:
    """Where the parameters of a norm are kept, and what it does; see `Norm`."""

    kind: Normalization
    epsilon: float
    offset: int = 0
    weight: str | None = None
    bias: str | None = None


@dataclass(frozen=True)
class MLP:
    """The neurons of an MLP, or of each of the experts of a layer.

    Args:
        sides: "out", "in" and, of gated MLPs, "gate", each with its place.
        are_experts: whether the places stand for many experts.
        before: what the residual stream passes before the neurons read it.
        inside: what activations pass before the last map.
        after: what the result passes before it is added to the residual stream.
    """

    sides: tuple[tuple[Side, Place], ...]
    are_experts: bool = False
    before: NormPlace | None = None
    inside: NormPlace | None = None
    after: tuple[NormPlace, ...] = ()


@dataclass(frozen=True)
class Anatomy:
    """Where a kind of language model keeps what dtviz shows.

    Args:
        layers: by the number of a layer that has neurons, its MLPs, experts last.
        routers: by the number of a layer with experts, what chooses among them.
        embed, unembed: None where there is none that the residual stream has in common.
        bias: the name of what is added to the logits, where the model has such a parameter.
        embed_norms: what a token's vector passes to become the residual stream.
        embed_alone: whether nothing else is added before that.
        final: what the residual stream passes before the unembedding reads it.
        left_out: the numbers of layers without neurons.
    """

    layers: Mapping[int, tuple[MLP, ...]]
    routers: Mapping[int, Place] = field(default_factory=dict)
    embed: Place | None = None
    embed_norms: tuple[NormPlace, ...] = ()
    embed_alone: bool = True
    unembed: Place | None = None
    bias: str | None = None
    final: NormPlace | None = None
    left_out: tuple[int, ...] = ()
