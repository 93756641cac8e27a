"""Options: what to look at, and how, fitted to a model."""

from collections.abc import Sequence
from typing import Any, Literal

import numpy as np
import param

from dtviz.analyses.blocks import BlockAnalysis
from dtviz.analyses.clustering import ClusterAnalysis
from dtviz.analyses.congruence import Compared, CongruenceAnalysis, usual_pair
from dtviz.analyses.features import FeatureFilter
from dtviz.analyses.products import is_vocabulary
from dtviz.analyses.ranking import RankingAnalysis
from dtviz.analyses.similarity import ExemplarAnalysis, PairsAnalysis
from dtviz.analyses.spaces import spaces_of
from dtviz.analyses.vocabulary import MOST_OFFERED, Vocabulary
from dtviz.directions import NORMALIZATIONS
from dtviz.errors import BadArgument, DtvizError, UnknownName, listed, shortened
from dtviz.model import Model, Side

Layer = int | Literal["all"]


class _Model(param.Parameter):
    """A model that is checked before it is set."""

    def __set__(self, obj: "Options", model: object) -> None:
        obj.check(model)
        if model is not getattr(obj, str(self.name)):  # to Param even the same would be another
            super().__set__(obj, model)


class Options(param.Parameterized):
    """What to look at: a model, a layer, a side, and the options of the analyses.

    Args:
        model: what to look at.
        layer: a layer's number or "all"; the last layer by default.
        side: which vectors of the neurons to look at: "out", "in" or "gate".
        x, y: the actions (or tokens) to compare; left and right, or the first and the last, by
            default. Of a model with more than 100 of them, each can be several: a list of names,
            or a text of names parted by commas; see `Vocabulary`.
        layer_norm, contrast: see `CongruenceAnalysis`.
        space, method, distance, exact_up_to, optimal_order, clusters: see `ClusterAnalysis`.
        block_value: see `BlockAnalysis`.
        norm_above, named: see `FeatureFilter`.
        ranked_by, k: see `RankingAnalysis`; by default what a neuron reads, or the tokens that
            it writes where the unembedding is a vocabulary.
        threshold, alike_to, alike_by, alike_count: see `ExemplarAnalysis`.
        pairs_above: see `PairsAnalysis`.

    Raises:
        BadArgument: if an option is none of those it can be.
        UnknownName: if the model has no such layer, side or action.
    """

    model = _Model(doc="The model in view; set it to open another.")
    layer = param.Selector(label="Layer", doc="The layer whose neurons are in view, or all.")
    side = param.Selector(
        label="Side",
        doc="Which weights of a neuron to look at: what it writes (out), what it reads (in), or "
        "what its gate reads (gate).",
    )

    def __init__(
        self,
        model: Model,
        *,
        layer: Layer | None = None,
        side: Side | None = None,
        x: str | Sequence[str] | None = None,
        y: str | Sequence[str] | None = None,
        layer_norm: bool | None = None,
        contrast: bool | None = None,
        space: str | None = None,
        method: str | None = None,
        distance: str | None = None,
        exact_up_to: int | None = None,
        optimal_order: bool | None = None,
        clusters: int | None = None,
        block_value: str | None = None,
        norm_above: float | None = None,
        named: str | None = None,
        ranked_by: str | None = None,
        k: int | None = None,
        threshold: float | None = None,
        alike_to: str | None = None,
        alike_by: str | None = None,
        alike_count: int | None = None,
        pairs_above: float | None = None,
    ) -> None:
        super().__init__(model=model)
        self.congruence = CongruenceAnalysis()
        self.clustering = ClusterAnalysis()
        self.blocks = BlockAnalysis()
        self.features = FeatureFilter()
        self.ranking = RankingAnalysis()
        self.exemplar = ExemplarAnalysis()
        self.pairs = PairsAnalysis()
        self.ranking.ranked_by = usual_ranking(model)
        self._offer_all(keep=False)
        _choose(self, layer=layer, side=side)
        _choose(self.congruence, x=x, y=y, layer_norm=layer_norm, contrast=contrast)
        _choose(
            self.clustering,
            space=space,
            method=method,
            distance=distance,
            exact_up_to=exact_up_to,
            optimal_order=optimal_order,
            clusters=clusters,
        )
        _choose(self.blocks, block_value=block_value)
        _choose(self.features, norm_above=norm_above, named=named)
        _choose(self.ranking, ranked_by=ranked_by, k=k)
        _choose(
            self.exemplar,
            threshold=threshold,
            alike_to=alike_to,
            alike_by=alike_by,
            alike_count=alike_count,
        )
        _choose(self.pairs, pairs_above=pairs_above)
        self.param.watch(self._open, "model")

    def check(self, model: object) -> None:
        """Refuse what cannot be looked at.

        Raises:
            BadArgument: if it is no model.
        """
        if not isinstance(model, Model):
            raise BadArgument(
                expected="a Model",
                got=shortened(model),
                do="Open a checkpoint with dtviz.load, or make one with Model.from_arrays.",
            )

    @property
    def analyses(self) -> tuple[param.Parameterized, ...]:
        """The analyses: their parameters are the options."""
        return (
            self.congruence,
            self.clustering,
            self.blocks,
            self.features,
            self.ranking,
            self.exemplar,
            self.pairs,
        )

    @property
    def options(self) -> dict[str, Any]:
        """The options in force: what is taken besides the model, to show the same again."""
        return {"layer": self.layer, "side": self.side} | {
            name: value
            for analysis in self.analyses
            for name, value in analysis.param.values().items()
            if name != "name"
        }

    def choose(self, /, **options: Any) -> None:
        """Set several options at once; None leaves one as it is.

        Raises:
            UnknownName: if there is no such option, or for a name or layer that it cannot be.
            BadArgument: for another value that it cannot have; those before it are set.
        """
        owners: dict[str, param.Parameterized] = {"layer": self, "side": self}
        for analysis in self.analyses:
            owners |= dict.fromkeys((name for name in analysis.param if name != "name"), analysis)
        for name, value in options.items():
            if name not in owners:
                raise UnknownName(
                    expected=f"an option among {listed(list(owners), len(owners))}",
                    got=shortened(name),
                    do="Choose one of these.",
                )
            _choose(owners[name], **{name: value})

    def _open(self, event: Any) -> None:
        if event.old is not None and self.ranking.ranked_by == usual_ranking(event.old):
            self.ranking.ranked_by = usual_ranking(self.model)
        self._offer_all(keep=True)

    def _offer_all(self, *, keep: bool) -> None:
        """Fit the choices of the options to the model; a choice it has too stays, if to be kept."""
        self.congruence.param.layer_norm.label = NORMALIZATIONS[self.model.normalization or "LN"]
        layers = list(self.model.layers)
        _offer(self.param.layer, [*layers, "all"], layers[-1])
        _offer(self.param.side, list(self.model.sides), "out")
        spaces = [name for name in spaces_of(self.model) if name not in self.model.sides]
        _offer(self.clustering.param.space, ["weights", *spaces], "weights")
        if self.model.unembedding is None:
            return
        actions = self.model.unembedding.names
        vocabulary = Vocabulary(actions) if len(actions) > MOST_OFFERED else None
        for axis, usual in zip("xy", usual_pair(actions), strict=True):
            parameter = self.congruence.param[axis]
            before = getattr(self.congruence, axis) if keep else usual
            parameter.vocabulary = vocabulary
            if vocabulary is None:
                _offer(parameter, actions, usual)
            else:
                setattr(self.congruence, axis, before if vocabulary.has(before) else usual)


def usual_ranking(model: Model) -> str:
    """Return by what items are ranked unless told otherwise; see `RankingAnalysis`."""
    return "out congruence" if is_vocabulary(model.unembedding) else "in congruence"


def _offer(parameter: param.Selector, choices: list[Any], default: Any) -> None:
    """Give a parameter its choices; its value stays if it is among them."""
    owner, name = parameter.owner, parameter.name
    value = getattr(owner, name)
    parameter.objects = choices
    # Set in any case: a widget that lost its choice has taken the first one.
    setattr(owner, name, value if value in choices else default)


def _choose(owner: param.Parameterized, **options: Any) -> None:
    """Set those options that are not None.

    Raises:
        UnknownName: for a name or layer that is not among the choices.
        BadArgument: for another value that the option cannot have.
    """
    for name, value in options.items():
        if value is None:
            continue
        if isinstance(value, np.generic):
            value = value.item()
        parameter = owner.param[name]
        is_typed = isinstance(parameter, Compared) and parameter.vocabulary is not None
        is_chosen = isinstance(parameter, param.Selector) and not is_typed
        choices = list(parameter.objects) if is_chosen else None
        # Of the same type: True is not layer 1, though it equals it.
        if choices is not None and not any(
            type(value) is type(choice) and value == choice for choice in choices
        ):
            raise UnknownName(
                expected=f"{name} to be one of {listed(choices)}",
                got=shortened(value),
                do="Choose one of these.",
            )
        try:
            if isinstance(value, bool) and isinstance(parameter, param.Number):
                raise TypeError("Pass a number.")
            setattr(owner, name, value)
        except DtvizError:
            raise
        except (TypeError, ValueError) as error:
            raise BadArgument(
                expected=f"an option that fits: {parameter.doc}",
                got=f"{name}={shortened(value)}",
                do=str(error),
            ) from error
