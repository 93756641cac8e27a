"""Where a language model keeps its MLPs: the places of an anatomy, as stored weights."""

from collections.abc import Callable, Iterator
from itertools import count, takewhile
from typing import Any

from dtviz.checkpoints.norm import Norm
from dtviz.checkpoints.parts import Block, Parts
from dtviz.checkpoints.stored import Stored
from dtviz.checkpoints.verification.anatomy import MLP, Anatomy, NormPlace, Place

Store = Callable[[str], Stored | None]


def parts_of(anatomy: Anatomy, store: Store, tokenizer: Any, **about: Any) -> Parts:
    """Return the parts of a model; nothing is read.

    Args:
        anatomy: of this kind of models.
        store: returns where the parameter of a name is stored; None if the model has none.
        tokenizer, about: what else `Parts` takes.

    Raises:
        BadCheckpoint: if a weight is missing.
    """
    found = _Store(store)
    return Parts(
        layers={layer: list(found.blocks(mlps)) for layer, mlps in anatomy.layers.items()},
        routers={layer: found.rows(place) for layer, place in anatomy.routers.items()},
        unembed=None if anatomy.unembed is None else found.rows(anatomy.unembed),
        unembed_bias=None if anatomy.bias is None else store(anatomy.bias),
        embed=None if anatomy.embed is None else found.rows(anatomy.embed),
        embed_norms=[found.norm(place) for place in anatomy.embed_norms],
        embed_alone=anatomy.embed_alone,
        final=None if anatomy.final is None else found.norm(anatomy.final),
        tokenizer=tokenizer,
        **about,
    )


class _Store:
    def __init__(self, store: Store) -> None:
        self._store = store

    def blocks(self, mlps: tuple[MLP, ...]) -> Iterator[Block]:
        """Yield the MLPs of a layer, and each of its experts."""
        for mlp in mlps:
            for expert in self._experts(mlp) if mlp.are_experts else (None,):
                yield Block(
                    sides={side: self.rows(place, expert) for side, place in mlp.sides},
                    expert=expert,
                    before=None if mlp.before is None else self.norm(mlp.before),
                    inside=None if mlp.inside is None else self.norm(mlp.inside),
                    after=[self.norm(place) for place in mlp.after],
                )

    def _experts(self, mlp: MLP) -> Iterator[int]:
        place = dict(mlp.sides)["out"]
        if place.stacked:
            return iter(range(self._held(place.name).shape[0]))
        return takewhile(lambda number: self._store(place.name.format(number)), count())

    def rows(self, place: Place, expert: int | None = None) -> Stored:
        """Return the matrix at a place, with a row a neuron, or a token."""
        stored = self._held(place.name if expert is None else place.name.format(expert))
        if place.stacked and expert is not None:
            stored = stored.at(expert)
        if place.transposed:
            stored = stored.transposed
        return stored.part(place.part, place.parts, interleaved=place.interleaved)

    def norm(self, place: NormPlace) -> Norm:
        weight, bias = (
            None if name is None else self._store(name) for name in (place.weight, place.bias)
        )
        return Norm(place.kind, place.epsilon, weight, bias, place.offset)

    def _held(self, name: str) -> Stored:
        found = self._store(name)
        if found is None:
            raise KeyError(name)
        return found
