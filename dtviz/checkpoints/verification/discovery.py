"""Discovery: what in a small copy of a language model is an MLP, found by trying.

Linear maps are held fixed, and one of their results is changed: what changes then in what other
maps read tells how they are joined. No names are needed for that, and no formulas.
"""

from collections import defaultdict
from collections.abc import Mapping
from functools import cached_property, partial
from typing import Any

import torch
from torch import Tensor, nn

from dtviz.checkpoints.verification.found import Found, Head, Source
from dtviz.checkpoints.verification.names import layer_of
from dtviz.checkpoints.verification.norms import norms_of
from dtviz.checkpoints.verification.probing import Probing
from dtviz.checkpoints.verification.refusals import (
    NO_MLP,
    NOT_STEADY,
    NOT_THE_STREAM,
    NOT_WRITTEN,
    unread,
    unsupported,
)
from dtviz.checkpoints.verification.run import Run
from dtviz.checkpoints.verification.writing import with_written


class Discovery:
    """Experiments on a small copy.

    Args:
        model: of random weights, on the CPU, in float32.
        inputs: what it takes.
        width: d_model.

    Raises:
        BadCheckpoint: if it has no MLPs that read the residual stream and write to it.
    """

    def __init__(self, model: nn.Module, inputs: Mapping[str, Any], width: int) -> None:
        self.model, self.inputs, self.width = model, inputs, width
        self.norms = norms_of(model, width)
        self.run = partial(Run, model, inputs, self.norms)
        self.base = self.run()
        self.uses = self.base.uses
        ids = inputs.get("decoder_input_ids", inputs.get("input_ids"))
        self.ids = ids.flatten()
        self.tokens = len(self.ids)
        self._why: dict[int, str] = {}

    # The residual stream

    @cached_property
    def lookup(self) -> int:
        """The use of the token embedding; of one that is narrower, what makes it wide."""
        narrow = False
        for number, use in enumerate(self.uses):
            if use.kind == "lookup" and torch.equal(use.input, self.ids):
                if self._is_width(use.output):
                    return number
                narrow = True
            elif (
                narrow
                and use.kind == "linear"
                and layer_of(use.name) is None
                and self._is_width(use.output)
            ):
                return number
        raise unsupported("one without an embedding of tokens")

    @cached_property
    def origin(self) -> tuple[int, tuple[int, ...]]:
        """The use whose result starts the residual stream, and the norms between it and the
        embedding.
        """
        passed: list[int] = []
        while True:
            last = passed[-1] if passed else self.lookup
            moved = self.run(frozen=self.base, outputs={last: lambda x: x + self.noise})
            following = next(
                (n for n in range(last + 1, len(self.uses)) if self.factor(moved, n) is not None),
                None,
            )
            if following is None:
                raise unread(self, moved, last)
            use = self.uses[following]
            # A norm outside the layers whose result nothing skips.
            if (
                use.kind == "norm"
                and layer_of(use.name) is None
                and not self._skips(moved, following)
            ):
                passed.append(following)
                continue
            return last, tuple(passed)

    def _skips(self, moved: Run, norm: int) -> bool:
        """Tell whether something after a norm still reads what the norm reads."""
        return any(self.factor(moved, n) is not None for n in range(norm + 1, len(self.uses)))

    @cached_property
    def noise(self) -> Tensor:
        """What the residual stream is changed by, (tokens, d_model)."""
        random = torch.Generator().manual_seed(1)
        return torch.randn(self.tokens, self.width, generator=random)

    @cached_property
    def stream(self) -> dict[int, float | None]:
        """By the number of a use that reads the residual stream: by what the stream was multiplied
        since it started, None if that is no number.
        """
        moved = self.run(frozen=self.base, outputs={self.origin[0]: lambda x: x + self.noise})
        found: dict[int, float | None] = {}
        for number, use in enumerate(self.uses):
            if number <= self.origin[0] or not self._is_width(use.input) or use.kind == "lookup":
                continue
            # What it does not reach stays the same to the last bit.
            if not torch.equal(moved.uses[number].input, use.input):
                found[number] = self.factor(moved, number)
        return found

    def factor(self, moved: Run, number: int) -> float | None:
        """Return the number by which a change of the stream arrives at a use; None if there is
        none.
        """
        use = self.uses[number]
        if use.kind == "lookup" or not self._is_width(use.input):
            return None
        return ratio(moved.uses[number].input - use.input, self.noise)

    def _is_width(self, tensor: Tensor) -> bool:
        return tensor.ndim == 2 and tensor.shape == (self.tokens, self.width)

    # What reads, and what writes

    @cached_property
    def mlps(self) -> dict[int, list[Found]]:
        """By the number of a layer, its MLPs.

        Raises:
            BadCheckpoint: if there are none.
        """
        uses_of = self._linear_uses()
        probing = Probing(self, uses_of.values())
        found: dict[int, list[Found]] = defaultdict(list)
        for layer, numbers in uses_of.items():
            for out in numbers:
                at = self._norm_before(out)
                readers = probing.readers(numbers, out, at)
                if not readers:
                    continue
                source = self._source(next(iter(readers.values())).use)
                if source is None or not self.is_stream(source):
                    self._why.setdefault(layer, NOT_THE_STREAM)
                elif not self._is_steady(at):
                    self._why.setdefault(layer, NOT_STEADY)
                else:
                    found[layer].append(Found(out, readers, at, source))
        own = self._of_their_own(found)
        written = with_written(self, own)
        self._why |= {layer: NOT_WRITTEN for layer in own if layer not in self._why}
        if not written:
            whys = dict.fromkeys(self._why.get(layer, NO_MLP) for layer in self.places.values())
            raise unsupported(f"one without layers that can be shown: {'; '.join(whys)}")
        return written

    @property
    def left_out(self) -> dict[str, list[int]]:
        """By why they are left out, the numbers of layers that are."""
        found: dict[str, list[int]] = {}
        for layer in self.places.values():
            if layer not in self.mlps:
                found.setdefault(self._why.get(layer, NO_MLP), []).append(layer)
        return found

    def _of_their_own(self, layers: Mapping[int, list[Found]]) -> dict[int, list[Found]]:
        """Return MLPs without the gates of attention, whose activations hold other tokens, too.

        Where all tokens' pre-activations are the same, those of an MLP without a gate are.
        """
        ones = [one for found in layers.values() for one in found if len(one.readers) == 1]
        same = self.run(
            frozen=self.base, outputs={one.readers["in"].use: _as_first for one in ones}
        )

        def is_its_own(one: Found) -> bool:
            given = same.uses[one.at].input
            # What experts read may be weighted.
            if len(one.readers) > 1 or len(given) != self.tokens:
                return True
            return torch.allclose(given, given[:1], atol=1e-4 * float(given.abs().max()))

        return {
            layer: kept for layer, found in layers.items() if (kept := [*filter(is_its_own, found)])
        }

    @cached_property
    def retold(self) -> Run:
        """A run on other tokens: what lookups find changes, and what comes of it without maps."""
        key = "decoder_input_ids" if "decoder_input_ids" in self.inputs else "input_ids"
        others = {**self.inputs, key: self.inputs[key].roll(1)}
        return Run(self.model, others, self.norms, frozen=self.base)

    def _is_steady(self, at: int) -> bool:
        """Tell whether activations depend on what neurons read alone, not on the token itself."""
        return torch.equal(self.retold.uses[at].input, self.uses[at].input)

    @cached_property
    def head(self) -> Head | None:
        """The map that gives the logits, if it reads the residual stream."""
        module = output_of(self.model)
        weight = getattr(module, "weight", None)
        names = {n for n, p in self.model.named_parameters(remove_duplicate=False) if p is weight}
        for number in range(len(self.uses) - 1, -1, -1):
            use = self.uses[number]
            if use.kind == "linear" and use.name in names:
                source = self._source(number)
                return Head(number, source) if source and self.is_stream(source) else None
        return None

    @cached_property
    def places(self) -> dict[tuple[str, int], int]:
        """The numbers of layers: of those in the stacks that the residual stream goes through."""
        names = {
            layer: number
            for number, use in enumerate(self.uses)
            if number in self.stream and (layer := layer_of(use.name)) is not None
        }
        return {layer: place for place, layer in enumerate(names)}

    def _linear_uses(self) -> dict[int, list[int]]:
        """Return the linear maps that are used in each layer."""
        found: dict[int, list[int]] = defaultdict(list)
        for number, use in enumerate(self.uses):
            place = self.places.get(layer_of(use.name) or ("", -1))
            if use.kind == "linear" and place is not None:
                found[place].append(number)
        return found

    def is_stream(self, source: Source) -> bool:
        """Tell whether it is the residual stream, which norms may stand in (post-norm)."""
        is_norm = source.norm is not None
        factor = self.stream.get(source.use, 0.0)
        return factor != 0.0 and (factor is not None or is_norm)

    def _norm_before(self, out: int) -> int:
        """Return the norm that activations pass before a map reads them, or the map itself."""
        use = self.uses[out]
        for number in range(out - 1, max(out - 4, -1), -1):
            norm = self.uses[number]
            if norm.kind != "norm" or norm.output.shape != use.input.shape:
                continue
            if torch.allclose(norm.output, use.input, atol=1e-5) and number not in self.stream:
                return number
        return out

    def _source(self, number: int) -> Source | None:
        """Return what a linear map reads, found among what norms give and others read."""
        read = self.uses[number].input
        if read.shape[1] != self.width:
            return None
        for earlier in range(number - 1, -1, -1):
            use = self.uses[earlier]
            if use.kind == "norm" and self._is_width(use.output):
                matched = matching(read, use.output)
                if matched is not None:
                    return Source(earlier, use.name, *matched)
        if self._is_width(read):
            every = torch.arange(self.tokens)
            return Source(number, None, every, torch.ones(self.tokens))
        for earlier in range(number - 1, -1, -1):
            use = self.uses[earlier]
            if use.kind == "linear" and self._is_width(use.input):
                matched = matching(read, use.input)
                if matched is not None:
                    return Source(earlier, None, *matched)
        return None


def _as_first(result: Tensor) -> Tensor:
    return result[:1].expand_as(result)


def output_of(model: Any) -> nn.Module | None:
    """Return the module that gives the logits, if the model has one."""
    found: nn.Module | None = model.get_output_embeddings()
    return found


def ratio(found: Tensor, expected: Tensor) -> float | None:
    """Return the number by which one is a multiple of the other, None if there is none."""
    size = float((expected * expected).sum())
    factor = float((found * expected).sum()) / size if size else 0.0
    if abs(factor) < 1e-6:
        return None
    return (
        factor
        if (found - factor * expected).abs().max() <= 1e-3 * abs(factor) * expected.abs().max()
        else None
    )


def matching(read: Tensor, given: Tensor) -> tuple[Tensor, Tensor] | None:
    """Return for each row of one the row of the other that it is a multiple of, and by how much."""
    a, b = nn.functional.normalize(read, dim=1), nn.functional.normalize(given, dim=1)
    held = read.abs().amax(dim=1) > 0  # what a router did not send is sent as zeros by some
    close, places = (a @ b.T).max(dim=1)
    if not held.any() or close[held].min() < 1 - 1e-5:
        return None
    if len(a) == len(b):
        every = torch.arange(len(a))
        same = (a * b).sum(1)[held].min() > 1 - 1e-5
        places = every if same else places
    return places, (read * given[places]).sum(1) / (given[places] ** 2).sum(1)
