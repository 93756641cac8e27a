"""Writing: what changes of activations add to the residual stream, measured on a small copy."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING

import torch
from torch import Tensor

from dtviz.checkpoints.verification.found import Found, Written
from dtviz.checkpoints.verification.run import Run

if TYPE_CHECKING:
    from dtviz.checkpoints.verification.discovery import Discovery

_CLOSE = 1e-5


def with_written(
    discovery: "Discovery", layers: Mapping[int, list[Found]]
) -> dict[int, list[Found]]:
    """Return MLPs with what they write; those that do not write to the residual stream are left
    out.

    All layers are changed in one run, where the stream goes from one to the next as it is; of
    several MLPs in a layer each is changed at tokens of its own.
    """
    is_linear = all(discovery.stream[one.source.use] is not None for one in _all(layers.values()))
    runs = [dict(layers)] if is_linear else [{layer: found} for layer, found in layers.items()]
    result = {}
    for together in runs:
        changed = _changed(discovery, together)
        for layer, found in together.items():
            # What is changed in another layer is not of this one.
            others = [one for other, ones in together.items() if other != layer for one in ones]
            last = max(one.out for one in found)
            starts = [reader.use for one in others for reader in one.readers.values()]
            until = min((start for start in starts if start > last), default=len(discovery.uses))
            shares = [_share(discovery, found, place) for place in range(len(found))]
            measured = [
                _measured(discovery, changed, one, rows, until)
                for one, rows in zip(found, shares, strict=True)
            ]
            result[layer] = [one for one in measured if one is not None]
    return {layer: found for layer, found in result.items() if found}


def _all(layers: Iterable[list[Found]]) -> list[Found]:
    return [one for found in layers for one in found]


def _share(discovery: "Discovery", found: list[Found], place: int) -> Tensor:
    """Return the rows of an MLP at whose tokens only its activations are changed.

    Of a token that it is given several times, the first row.
    """
    tokens = found[place].source.tokens
    held = found[place].source.factors.abs() > 0
    rows = ((tokens % len(found) == place) & held).nonzero().flatten().tolist()
    first = {int(tokens[row]): row for row in reversed(rows)}
    return torch.tensor(sorted(first.values()), dtype=torch.long)


def _changed(discovery: "Discovery", layers: Mapping[int, list[Found]]) -> Run:
    """Return a run in which the results of readers are changed, and writers see it."""
    random = torch.Generator().manual_seed(2)
    outputs: dict[int, Callable[[Tensor], Tensor]] = {}
    inputs: dict[int, Callable[[Tensor], Tensor]] = {}
    for found in layers.values():
        for place, one in enumerate(found):
            rows = _share(discovery, found, place)
            inputs[one.out] = lambda given: given
            for number in {reader.use for reader in one.readers.values()}:
                width = discovery.uses[number].output.shape[1]
                noise = torch.randn(len(rows), width, generator=random)
                outputs[number] = partial(_moved, rows=rows, by=noise)
    held = (n for n, use in enumerate(discovery.uses) if use.kind == "norm")
    # Else what one neuron adds would depend on what all others do.
    outside = frozenset(n for n in held if n not in discovery.stream)
    return discovery.run(frozen=discovery.base, outputs=outputs, inputs_of=inputs, held=outside)


def _moved(result: Tensor, rows: Tensor, by: Tensor) -> Tensor:
    return result.index_add(0, rows, by)


def _measured(
    discovery: "Discovery", changed: Run, one: Found, rows: Tensor, until: int
) -> Found | None:
    """Return an MLP with the norms that its result passes, and what it added to the stream.

    None if none of the uses before one of a certain number reads that.
    """
    if len(rows) == 0:
        return one
    tokens = one.source.tokens[rows]
    stream, start = discovery.stream, one.source.use
    passed: list[int] = []
    for number in range(one.out + 1, until):
        use = discovery.uses[number]
        if use.input.shape != (discovery.tokens, discovery.width) or use.kind == "lookup":
            continue
        change = (changed.uses[number].input - use.input)[tokens]
        if number in stream:
            here, before = stream[number], stream[start]
            if here is None and use.kind != "norm":
                continue
            if here is not None and before is not None:
                came = changed.uses[start].input - discovery.uses[start].input
                change = change - came[tokens] * (here / before)
            if change.abs().max() > _CLOSE:
                moved = changed.uses[one.at].input - discovery.uses[one.at].input
                written = Written(rows, tokens, moved[rows], change, number)
                return replace(one, after=tuple(passed), written=written)
        elif use.kind == "norm" and change.abs().max() > _CLOSE:
            passed.append(number)
    return None
