"""Comparison: the vectors that dtviz makes of a small copy, against the copy's own forward pass."""

from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass, field
from itertools import pairwise

import torch
from torch import Tensor

from dtviz.checkpoints.verification.anatomy import Anatomy
from dtviz.checkpoints.verification.assembly import expert_of, out_of
from dtviz.checkpoints.verification.discovery import Discovery, ratio
from dtviz.checkpoints.verification.found import Found
from dtviz.checkpoints.verification.run import as_norm
from dtviz.checkpoints.verification.tally import MOST_ERROR, Tally, centred, relative
from dtviz.model import Model, Side

# Below it a factor is 1, or the same for all tokens.
_SAME = 1e-4
# A line through fewer tokens fits anything.
_LEAST_ROWS = 3


@dataclass
class Comparison:
    """What was compared, with its errors and the factors that were found.

    Args:
        discovery: of the copy.
        anatomy: where it was found to keep its weights.
        model: what dtviz makes of it.
        tally: what was compared, how often, with the greatest errors.
        factors: by what they multiply, and the number of the layer: constants that the vectors
            leave out; None where it is none.
        notes: a sentence each.
    """

    discovery: Discovery
    anatomy: Anatomy
    model: Model
    tally: Tally = field(default_factory=lambda: Tally("a small copy of the model"))
    factors: dict[str, dict[int, float | None]] = field(default_factory=lambda: defaultdict(dict))
    notes: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        self._compare_run()
        for layer, found in self.discovery.mlps.items():
            places = self._blocks(layer)
            for one in found:
                is_expert = expert_of(self.discovery, one) is not None
                start, rows = places[
                    out_of(self.discovery, one).name, expert_of(self.discovery, one)
                ]
                held = {
                    side: torch.tensor(
                        self.model.neurons(layer, side).vectors[start : start + rows]
                    )
                    for side in self.model.sides
                }
                self._compare_read(layer, one, held, is_expert=is_expert)
                self._compare_written(layer, one, held["out"], is_expert=is_expert)
        self._compare_embedding()
        self._compare_logits()
        self._compare_stream()

    def _compare_run(self) -> None:
        """Compare the pass in which uses of weights were recorded with one in which none were."""
        discovery = self.discovery
        with torch.no_grad():
            expected = getattr(discovery.model(**discovery.inputs), "logits", None)
        if isinstance(expected, Tensor) and discovery.base.result is not None:
            error = relative(discovery.base.result, expected)
            if not error <= MOST_ERROR:
                raise self.tally.differs(
                    "logits", f"different by {error:.1e} of them when recorded"
                )

    def _compare_stream(self) -> None:
        """Note by what the stream is multiplied from one layer to the next."""
        stream = self.discovery.stream
        at = {layer: stream[found[0].source.use] for layer, found in self.discovery.mlps.items()}
        for layer, following in pairwise(at):
            here, after = at[layer], at[following]
            if here is not None and after is not None:
                self._note_factor("residual stream", layer, after / here)
            else:
                self._say(
                    "The residual stream passes a norm, or another map that is no factor, between "
                    "layers, which the vectors of one layer leave out for the others and for the "
                    "tokens."
                )

    def _blocks(self, layer: int) -> Mapping[tuple[str, int | None], tuple[int, int]]:
        """Return the first row and the number of rows of each MLP of a layer."""
        groups = iter(self.model.groups[self.model.layers.index(layer)])
        experts = iter(self.model.experts(layer))
        start, found = 0, {}
        for mlp in self.anatomy.layers[layer]:
            name = dict(mlp.sides)["out"].name
            for expert in experts if mlp.are_experts else (None,):
                _, rows = next(groups)
                found[name, expert] = start, rows
                start += rows
        return found

    def _compare_read(
        self, layer: int, one: Found, vectors: Mapping[Side, Tensor], *, is_expert: bool
    ) -> None:
        """Compare pre-activations, up to a bias."""
        uses, source = self.discovery.uses, one.source
        held = (source.factors.abs() > 0).nonzero().flatten()
        if len(held) < _LEAST_ROWS:
            return
        stream = self._read_by(source.use, source.norm)[source.tokens[held]]
        scale = source.factors[held, None]
        is_constant = bool((scale - scale[0]).abs().max() < _SAME * scale.abs().max())
        for side, reader in one.readers.items():
            read = reader.of(uses[reader.use].output)[held]
            found = (stream * scale) @ vectors[side].T
            self._note_read(layer, side, found, read)
        if is_constant:
            self._note_factor("what neurons read", layer, float(scale[0]))
        elif is_expert:
            self._say(
                "What experts read is weighted by the router before, which depends on the token."
            )
        else:
            raise self.tally.differs(
                f"what the neurons of layer {layer} read", "scaled by the token"
            )

    def _note_read(self, layer: int, side: Side, found: Tensor, read: Tensor) -> None:
        # Where tokens hardly differ, rounding is as large as what differs.
        least = 0.01 * float(read.abs().max())
        said = f"what {side!r} of layer {layer} reads"
        self.tally.add(side, centred(found), centred(read), said, least=least)

    def _read_by(self, number: int, norm: str | None) -> Tensor:
        """Return what a use reads of the residual stream, normalized as vectors expect it."""
        given = self.discovery.uses[number].input
        if norm is None:
            return given
        kind = as_norm(self.discovery.norms[norm])
        return kind.applied(given)

    def _compare_written(self, layer: int, one: Found, vectors: Tensor, *, is_expert: bool) -> None:
        """Compare what changes of activations add, up to the norms' lengths."""
        written = one.written
        if written is None or len(written.rows) < _LEAST_ROWS:
            return
        expected = written.activations @ vectors
        if one.at != one.out:
            expected = expected / self._size(one.at)[written.rows]
        for number in one.after:
            expected = expected / self._size(number)[written.tokens]
        factors = (written.stream * expected).sum(1) / (expected * expected).sum(1)
        held = factors.abs() > 0
        what = f"what the neurons of layer {layer} write"
        self.tally.add("out", (expected * factors[:, None])[held], written.stream[held], what)
        # Both are multiplied where the whole stream is.
        here, before = (self.discovery.stream[n] for n in (written.read, one.source.use))
        if here is not None and before is not None:
            factors = factors / (here / before)
        constant = float(factors.mean())
        if (factors - constant).abs().max() <= 10 * _SAME * abs(constant):
            self._note_factor("what neurons write", layer, constant)
        elif is_expert:
            self._say("What experts write is weighted by the router, which depends on the token.")
        else:
            self._say(
                f"What the neurons of layer {layer} write is multiplied by a number that depends "
                "on the token."
            )

    def _size(self, number: int) -> Tensor:
        use = self.discovery.uses[number]
        return as_norm(self.discovery.norms[use.name]).size(use.input)

    def _compare_embedding(self) -> None:
        """Compare what it adds to the residual stream when a token becomes another."""
        if self.model.embedding is None:
            return
        discovery, vectors = self.discovery, torch.tensor(self.model.embedding.vectors)
        ids, start = discovery.ids, discovery.lookup
        stored = discovery.model.get_parameter(discovery.uses[start].name)
        others = ids.roll(1)
        change = (stored[others] - stored[ids]).detach()
        passed = discovery.origin[1]
        is_alone = self.anatomy.embed_alone
        moved = discovery.run(
            frozen=discovery.base,
            outputs={start: lambda found: found + change * self._raw(stored, ids, found)},
            held=frozenset() if is_alone else frozenset(passed),
        )
        first = next(n for n in discovery.stream if discovery.stream[n] is not None or passed)
        expected = vectors[others] - vectors[ids]
        if passed and not is_alone:
            for number in passed:
                expected = expected / self._size(number)
        found = moved.uses[first].input - discovery.uses[first].input
        factor = float((found * expected).sum() / (expected * expected).sum())
        self.tally.add("embedding", expected * factor, found, "what tokens add", len(vectors))
        self._note_factor("embedding", 0, factor)

    def _raw(self, stored: Tensor, ids: Tensor, found: Tensor) -> float:
        """Return by what the result of the lookup differs from the rows."""
        return ratio(found, stored[ids].detach()) or 1.0

    def _compare_logits(self) -> None:
        head, discovery = self.discovery.head, self.discovery
        if head is None or self.model.unembedding is None:
            return
        vectors = torch.tensor(self.model.unembedding.vectors)
        stream = self._read_by(head.source.use, head.source.norm)
        found = (stream * head.source.factors[:, None])[head.source.tokens] @ vectors.T
        if self.model.unembedding_bias is not None:
            found = found + torch.tensor(self.model.unembedding_bias)
        given = discovery.uses[head.use].output
        self.tally.add("unembedding", found, given, "the logits", len(vectors))
        scale = float(head.source.factors.mean())
        logits = discovery.base.result
        if logits is None or logits.flatten(0, -2).shape != found.shape:
            self._say("What becomes of the unembedding's result was not compared.")
            return
        logits = logits.flatten(0, -2)
        factor = ratio(centred(logits), centred(given))
        if factor is None or relative((centred(given)) * factor, centred(logits)) > _SAME:
            self._say(
                "The logits pass a function that is not linear, such as a soft cap, after the "
                "unembedding, which the vectors leave out."
            )
            return
        if relative(given * factor, logits) > _SAME:
            self._say("The model adds a bias to its logits, which is left out.")
        self._note_factor("logits", 0, factor * scale)

    def _note_factor(self, what: str, layer: int, factor: float) -> None:
        known = self.factors[what].setdefault(layer, factor)
        if known is not None and abs(known - factor) > 10 * _SAME * abs(factor):
            self.factors[what][layer] = None
            self._say(f"MLPs of layer {layer} are multiplied by different numbers.")

    def _say(self, note: str) -> None:
        if note not in self.notes:
            self.notes.append(note)
