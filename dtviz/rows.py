"""Rows: the vectors of a model's neurons under options, and what they are compared with."""

from collections.abc import Callable
from dataclasses import dataclass, is_dataclass
from typing import Any, TypeVar

import pandas as pd

from dtviz.analyses.clustering import Clustering
from dtviz.analyses.spaces import Space, space, spaces_of
from dtviz.cache import condensed
from dtviz.directions import Directions
from dtviz.errors import BadArgument, DtvizError
from dtviz.model import Model
from dtviz.options import Layer, Options

Result = TypeVar("Result")


@dataclass(frozen=True, eq=False)
class _Kept:
    """A result, and what it was made from."""

    inputs: tuple[Any, ...]
    result: Any


class Rows(Options):
    """The vectors of a model's neurons, in each space, and what they are compared with.

    Each result is computed when it is first asked for, and kept until something that it was made
    from changes. All that look at a model share what is made from the same; frames and arrays,
    which users may change, are each one's own. Takes what `Options` takes.
    """

    def __init__(self, model: Model, **options: Any) -> None:
        self._kept: dict[str, _Kept] = {}
        super().__init__(model, **options)

    def _keep(self, what: str, compute: Callable[[], Result], *inputs: Any) -> Result:
        """Return a result, computed again only if its inputs are others than last time."""
        kept = self._known(what, *inputs) or self._hold(what, compute(), *inputs)
        result: Result = kept.result
        return result

    def _is_kept(self, what: str, *inputs: Any) -> bool:
        """Return whether a result is known that was made from these inputs, here or elsewhere."""
        return self._known(what, *inputs) is not None

    def _known(self, what: str, *inputs: Any) -> _Kept | None:
        kept = self._kept.get(what)
        if kept is not None and all(map(_is_same, kept.inputs, inputs)):
            return kept
        shared: _Kept | None = self.model.shared.get(_key(what, inputs))
        if shared is not None:
            self._kept[what] = shared
        return shared

    def _hold(self, what: str, result: Any, *inputs: Any) -> _Kept:
        """Keep a result that was made from these inputs."""
        kept = self._kept[what] = _Kept(inputs, result)
        if is_dataclass(result) or isinstance(result, tuple):
            self.model.shared[_key(what, inputs)] = kept
        if isinstance(result, Clustering):
            self.model.trees.append(kept)
        return kept

    @property
    def shown(self) -> Model:
        """The model; where one expert is in view, with that alone."""
        model, layer, expert = self._where
        if expert is None or layer == "all":
            return model
        return self._keep("shown", lambda: model.of_expert(layer, expert), *self._where)

    @property
    def _where(self) -> tuple[Model, Layer, int | None]:
        """Which neurons are in view: by what holds none of them."""
        return self.model, self.layer, self.expert_in_view

    @property
    def _view(self) -> tuple[Any, ...]:
        return (*self._where, self.side)

    @staticmethod
    def _values(analysis: Any) -> tuple[Any, ...]:
        # Without its name: each has one of its own.
        return tuple(value for name, value in analysis.param.values().items() if name != "name")

    @property
    def in_view(self) -> Directions:
        """The vectors of the neurons in view."""
        shown = self.shown
        return self._keep("in_view", lambda: shown.neurons(self.layer, self.side), *self._view)

    def rows(self, name: Space, layer: Layer | None = None) -> Directions:
        """Return what stands for the neurons of a layer, that in view by default; see `space`."""
        in_view = layer is None or layer == self.layer
        layer = self.layer if layer is None else layer
        model = self.shown if in_view else self.model
        options = self._space_options(name)
        return self._keep(
            f"rows {name}" if in_view else f"rows {name} elsewhere",
            lambda: space(model, name, layer, **options),
            *(self._where if in_view else (model, layer)),
            *options.values(),
        )

    @property
    def spaces(self) -> list[Space]:
        """The spaces that the neurons can be compared in: those that have something to hold."""
        every = spaces_of(self.model)
        has_features = self.embedding is not None and len(self.embedding) > 0
        return [name for name in every if has_features or name != "in congruence"]

    def _space_options(self, *names: Space) -> dict[str, Any]:
        """Return what the rows of some spaces depend on, besides the model and the layer.

        Weights are what they are, with LayerNorm or without, whatever features there are.
        """
        layer_norm = self.congruence.layer_norm
        options: dict[str, Any] = {}
        if "out congruence" in names or "in congruence" in names:
            options["layer_norm"] = layer_norm
        if "out congruence" in names:
            options["unembedding"] = self._condensed("unembedding", self.model.unembedding, False)
        if "in congruence" in names:
            options["embedding"] = self._condensed("embedding", self.embedding, layer_norm)
        return options

    def _condensed(
        self, what: str, targets: Directions | None, layer_norm: bool
    ) -> Directions | None:
        """Return fewer rows in place of a vocabulary, with which spaces are the same."""
        if targets is None:
            return None
        return self._keep(
            f"condensed {what}",
            lambda: condensed(targets, layer_norm=layer_norm, sha256=self.model.sha256),
            targets,
            layer_norm,
        )

    # What is compared with two actions.

    @property
    def compared(self) -> pd.DataFrame:
        """The congruences with the two actions: columns x, y and difference.

        Raises:
            BadArgument: if the model has no actions or tokens to compare with.
        """
        unembedding = self._unembedding
        return self._keep(
            "compared",
            lambda: self.congruence(self.in_view, self.side, unembedding),
            *self._view,
            *self._values(self.congruence),
        )

    @property
    def axes(self) -> tuple[str, str]:
        """What x and y stand for: "left" and "right", or "left not right" and so on."""
        x, y = self.congruence.called("x"), self.congruence.called("y")
        return (f"{x} not {y}", f"{y} not {x}") if self.congruence.contrast else (x, y)

    @property
    def is_layer_normed(self) -> bool:
        """Whether the vectors of the neurons are normalized before they are compared."""
        return self.congruence.applies_layer_norm(self.in_view, self.side)

    @property
    def _unembedding(self) -> Directions:
        unembedding: Directions | None = self.model.unembedding
        if unembedding is None:
            raise BadArgument(
                expected="a model with an unembedding: actions or tokens to compare",
                got=f"{self.model.name}, which has none",
                do="Give Model.from_arrays an unembedding.",
            )
        return unembedding

    # What is compared with features.

    @property
    def embedding(self) -> Directions | None:
        """The features that pass the filter, maybe none; None where the model has none."""
        return self._filtered[0]

    @property
    def why_no_features(self) -> str:
        """Why no feature passes the filter, in a sentence; empty if some do."""
        return self._filtered[1]

    @property
    def _filtered(self) -> tuple[Directions | None, str]:
        every = self.model.embedding
        what = "features", "This model has no input features to list.", "input features"
        return self._pass(every, *what)

    def _pass(
        self, every: Directions | None, what: str, why_none: str, noun: str
    ) -> tuple[Directions | None, str]:
        """Return what passes the filter, and why nothing does."""
        values = self._values(self.features)
        return self._keep(what, lambda: self._filter(every, why_none, noun), every, *values)

    def _filter(
        self, every: Directions | None, why_none: str, noun: str
    ) -> tuple[Directions | None, str]:
        if every is None:
            return None, why_none
        try:
            passed = self.features(every)
        except DtvizError as error:
            return every.subset([]), str(error)
        if len(passed) > 0:
            return passed, ""
        return passed, (
            f"None of the {len(every):,} {noun} passes the filter: lower the norm that "
            "they must have, or look for another name."
        )


def _is_same(a: object, b: object) -> bool:
    """Return whether two inputs of a result are the same thing, or equal options."""
    return a is b or (isinstance(a, str | int | float) and a == b)


def _key(what: str, inputs: tuple[Any, ...]) -> tuple[Any, ...]:
    """Return what a result is found by: equal for inputs that are the same.

    What a result was made from is kept with it, so no other thing can have its id.
    """
    return what, *(one if isinstance(one, str | int | float) else (id(one),) for one in inputs)
