"""anatomy_of: what was found in a small copy, by the names of its parameters."""

import re
from collections.abc import Iterable, Sequence
from dataclasses import replace

import torch

from dtviz.checkpoints.verification.anatomy import MLP, Anatomy, NormPlace, Place
from dtviz.checkpoints.verification.discovery import Discovery, output_of
from dtviz.checkpoints.verification.found import Found, Head, Reader
from dtviz.checkpoints.verification.refusals import unsupported
from dtviz.model import Side

# The number of an expert in the name of a weight.
_EXPERT = re.compile(r"(experts?[._](?:\w+_)?)(\d+)(?=\.)")


def anatomy_of(discovery: Discovery) -> Anatomy:
    """Return where the weights of a copy, and of the model that it is of, are kept.

    Raises:
        BadCheckpoint: if the copy has no MLPs that read and write one residual stream.
    """
    layers = {layer: _mlps(discovery, found) for layer, found in discovery.mlps.items()}
    head, lookup = discovery.head, discovery.uses[discovery.lookup]
    return Anatomy(
        layers=layers,
        routers={
            layer: router
            for layer, found in discovery.mlps.items()
            if (router := _router(discovery, found)) is not None
        },
        embed=Place(lookup.name) if lookup.kind == "lookup" else None,
        embed_norms=_norms(discovery, discovery.origin[1]),
        embed_alone=_is_alone(discovery),
        unembed=None if head is None else _unembed(discovery, head),
        bias=None if head is None else f"{_output(discovery)}.bias",
        final=None if head is None else _norm(discovery, head.source.norm),
        left_out=tuple(place for place in discovery.places.values() if place not in layers),
    )


def _is_alone(discovery: Discovery) -> bool:
    """Tell whether the norm after the embedding reads that alone: no positions are added."""
    passed, lookup = discovery.origin[1], discovery.uses[discovery.lookup]
    return not passed or torch.equal(discovery.uses[passed[0]].input, lookup.output)


def _mlps(discovery: Discovery, found: Sequence[Found]) -> tuple[MLP, ...]:
    """Return the MLPs of a layer: what differs in the number of an expert alone is one entry."""
    result: dict[MLP, None] = {}
    measured = {out_of(discovery, one) for one in found if one.written is not None}
    for one in found:
        out = out_of(discovery, one)
        if one.written is None and out in measured:
            continue  # an expert to which the router sent no token: it is as the others are
        sides: dict[Side, Place] = {"out": out}
        sides |= {side: _place(discovery, reader) for side, reader in one.readers.items()}
        inside = None if one.at == one.out else discovery.uses[one.at].name
        mlp = MLP(
            sides=tuple(sides.items()),
            are_experts=out.stacked or "{}" in out.name,
            before=_norm(discovery, one.source.norm),
            inside=_norm(discovery, inside),
            after=_norms(discovery, one.after),
        )
        result[mlp] = None
    if sum(mlp.are_experts for mlp in result) > 1:
        raise unsupported("one with several sets of experts in a layer")
    return tuple(sorted(result, key=lambda mlp: mlp.are_experts))


def expert_of(discovery: Discovery, found: Found) -> int | None:
    """Return the number of an expert, None of an MLP that is none."""
    use = discovery.uses[found.out]
    numbered = _EXPERT.search(use.name)
    return int(numbered[2]) if numbered else use.index


def out_of(discovery: Discovery, found: Found) -> Place:
    """Return the place of what an MLP writes with."""
    return _turned(_place(discovery, Reader(found.out, 0, 1, False)))


def _place(discovery: Discovery, reader: Reader) -> Place:
    use = discovery.uses[reader.use]
    return Place(
        _EXPERT.sub(r"\1{}", use.name),
        stacked=use.index is not None,
        transposed=use.transposed,
        part=reader.part,
        parts=reader.parts,
        interleaved=reader.interleaved,
    )


def _turned(place: Place) -> Place:
    return Place(place.name, stacked=place.stacked, transposed=not place.transposed)


def _norms(discovery: Discovery, numbers: Iterable[int]) -> tuple[NormPlace, ...]:
    return tuple(discovery.norms[discovery.uses[number].name] for number in numbers)


def _norm(discovery: Discovery, name: str | None) -> NormPlace | None:
    return None if name is None else discovery.norms[name]


def _unembed(discovery: Discovery, head: Head) -> Place:
    """Return its place by its own name, also where it is tied to the embedding."""
    place = _place(discovery, Reader(head.use, 0, 1, False))
    return replace(place, name=f"{_output(discovery)}.weight")


def _output(discovery: Discovery) -> str:
    """Return the name of the module that gives the logits."""
    output = output_of(discovery.model)
    return next(str(name) for name, each in discovery.model.named_modules() if each is output)


def _router(discovery: Discovery, found: Iterable[Found]) -> Place | None:
    """Return the map whose results are as many as the experts, and that reads what they read."""
    experts = [one for one in found if expert_of(discovery, one) is not None]
    if not experts:
        return None
    first = experts[0]
    name = discovery.uses[first.out].name
    parameter = discovery.model.get_parameter(name)
    count = len(parameter) if parameter.ndim == 3 else _count(discovery, name)
    for number in range(first.source.use + 1, first.out):
        use = discovery.uses[number]
        if use.kind == "linear" and use.output.shape == (discovery.tokens, count):
            return _place(discovery, Reader(number, 0, 1, False))
    return None


def _count(discovery: Discovery, name: str) -> int:
    pattern = _EXPERT.sub(r"\1{}", name)
    names = (_EXPERT.sub(r"\1{}", other) for other, _ in discovery.model.named_parameters())
    return sum(other == pattern for other in names)
