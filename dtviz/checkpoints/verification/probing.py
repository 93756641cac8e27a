"""Probing: which results of linear maps are neurons' pre-activations, found by changing a few."""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from functools import partial
from typing import TYPE_CHECKING, NamedTuple

from torch import Tensor

from dtviz.checkpoints.verification.found import Reader
from dtviz.checkpoints.verification.run import Run
from dtviz.model import Side

if TYPE_CHECKING:
    from dtviz.checkpoints.verification.discovery import Discovery

# Of a map, in each round. What a gate such as ReLU keeps shut is not seen in one place, but in
# another.
_PROBES, _ROUNDS = 4, 4
_SIZE = 2.0
# The number of a round, a row, a column.
_Hit = tuple[int, int, int]


class _Round(NamedTuple):
    """The places that were changed, by the number of a use, and the runs: upwards, downwards."""

    probes: dict[int, list[tuple[int, int]]]
    up: Run
    down: Run


class Probing:
    """Runs of a copy with few numbers of each map's result changed, all else held fixed.

    Args:
        discovery: of the copy.
        layers: the numbers of the linear maps' uses, of each layer.
    """

    def __init__(self, discovery: "Discovery", layers: Iterable[Sequence[int]]) -> None:
        self._discovery = discovery
        uses, wide_ones = discovery.uses, []
        for numbers in layers:
            read = {uses[n].input.shape[1] for n in numbers}
            # Others, a router for instance, would send tokens elsewhere.
            wide = {parts * n for parts in (1, 2) for n in read if n > 1}
            wide_ones.append([n for n in numbers if uses[n].output.shape[1] in wide])
        self._rounds = [self._round(wide_ones, turn) for turn in range(_ROUNDS)]

    def readers(self, numbers: Iterable[int], out: int, at: int) -> dict[Side, Reader] | None:
        """Return the readers of the neurons whose activations a map reads; None if they are none.

        Of a neuron, a change of one number at one place changes one number at that place.

        Args:
            numbers: of the linear maps of its layer.
            out: of the map.
            at: of what reads the activations: the map, or a norm before it.
        """
        uses = self._discovery.uses
        if uses[out].output.shape[1] != self._discovery.width:
            return None
        base = uses[at].input
        moves = [
            (up.uses[at].input - base, down.uses[at].input - base) for _, up, down in self._rounds
        ]
        moved = [(a.abs() + b.abs() > 1e-6).nonzero().tolist() for a, b in moves]
        columns_of: dict[tuple[int, int], list[int]] = defaultdict(list)
        for turn, places in enumerate(moved):
            for row, column in places:
                columns_of[turn, row].append(column)
        unexplained: set[_Hit] = {
            (turn, row, column) for turn, places in enumerate(moved) for row, column in places
        }
        readers: dict[Reader, bool] = {}
        for number in numbers:
            if number >= out or len(uses[number].output) != len(base):
                continue
            hits = [
                (turn, row, column)
                for turn, (probes, *_) in enumerate(self._rounds)
                for row, column in probes.get(number, ())
                if (turn, row) in columns_of
            ]
            parts, rest = divmod(uses[number].output.shape[1], base.shape[1])
            if rest or parts not in (1, 2) or not hits:
                continue
            for reader, shown in _parts(number, parts, base.shape[1], hits, columns_of).items():
                unexplained -= shown
                readers[reader] = all(
                    _is_linear(*(float(move[row, column]) for move in moves[turn]))
                    for turn, row, column in shown
                )
        if unexplained or not readers:
            return None
        linear_ones = [reader for reader, is_linear in readers.items() if is_linear]
        others = [reader for reader, is_linear in readers.items() if not is_linear]
        if not linear_ones and len(others) == 1:
            return {"in": others[0]}
        if len(linear_ones) == 1 and len(others) == 1:
            return {"in": linear_ones[0], "gate": others[0]}
        return None

    def _round(self, layers: Iterable[Sequence[int]], turn: int) -> _Round:
        probes = {
            number: self._probe(number, place, turn)
            for numbers in layers
            for place, number in enumerate(numbers)
        }
        up, down = (
            self._discovery.run(
                frozen=self._discovery.base,
                outputs={n: partial(_add, probe, by) for n, probe in probes.items()},
            )
            for by in (_SIZE, -_SIZE)
        )
        return _Round(probes, up, down)

    def _probe(self, number: int, place: int, turn: int) -> list[tuple[int, int]]:
        """Return which numbers of a result to change: (row, column)."""
        use = self._discovery.uses[number]
        columns = use.output.shape[1]
        # What a router did not send is sent as zeros by some: no gate opens there.
        rows = use.input.abs().amax(1).nonzero().flatten().tolist()
        groups = len(rows) // _PROBES
        if groups == 0:
            return []
        first = _PROBES * ((place + turn) % groups)
        spread = (2 * turn, columns - 1 - 2 * turn, 2 * turn + 1, columns - 2 - 2 * turn)
        return [(rows[first + i], column % columns) for i, column in enumerate(spread)]


def _add(probe: list[tuple[int, int]], size: float, result: Tensor) -> Tensor:
    moved = result.clone()
    for row, column in probe:
        moved[row, column] += size
    return moved


def _is_linear(rise: float, fall: float) -> bool:
    return abs(rise + fall) <= 1e-4 * (abs(rise) + abs(fall)) + 1e-6


def _parts(
    number: int,
    parts: int,
    neurons: int,
    hits: Sequence[_Hit],
    columns_of: Mapping[tuple[int, int], list[int]],
) -> dict[Reader, set[_Hit]]:
    """Return the parts of a map's result that are of one neuron each, and where that was seen."""
    for interleaved in (False, True)[:parts]:
        found: dict[Reader, set[_Hit]] = defaultdict(set)
        for turn, row, column in hits:
            part, neuron = divmod(column, neurons)
            if interleaved:
                neuron, part = divmod(column, 2)
            if columns_of[turn, row] != [neuron]:
                break
            found[Reader(number, part, parts, interleaved)].add((turn, row, neuron))
        else:
            # Of a pair, one alone is no proof.
            return found if len(found) == parts else {}
    return {}
