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
Expert = int | Literal["all"]
# Of layers of more neurons, whose trees would be approximate, one expert is shown first.
_MOST_AT_ONCE = 16_384
# What is an option of no analysis.
OWN = ("layer", "expert", "side", "colour_column")


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
        expert: of layers with experts, the number of the one whose neurons are in view, or "all";
            the first by default where a layer has more than 16,384 neurons. Of layers without it
            all neurons are in view.
        side: which vectors of the neurons to look at: "out", "in" or "gate".
        colour_column: the column of the neuron table that colours points: "difference", or of a
            model with experts "expert".
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
        UnknownName: if the model has no such layer, expert, side or action.
    """

    model = _Model(doc="The model in view; set it to open another.")
    layer = param.Selector(label="Layer", doc="The layer whose neurons are in view, or all.")
    expert = param.Selector(
        label="Expert",
        doc="Of layers with experts, the one whose neurons are in view, or all.",
    )
    colour_column = param.Selector(
        objects=["difference"],
        label="Colour",
        doc="Colour neurons by the difference of the two congruences, or by their expert.",
    )
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
        expert: Expert | None = None,
        side: Side | None = None,
        colour_column: str | None = None,
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
        _choose(self, layer=layer, expert=expert, side=side, colour_column=colour_column)
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
        return {name: getattr(self, name) for name in OWN} | {
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
        owners: dict[str, param.Parameterized] = dict.fromkeys(OWN, self)
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
        had_usual = event.old is not None and self.expert == usual_expert(event.old)
        self._offer_all(keep=True)
        if had_usual:
            self.expert = usual_expert(self.model)

    @property
    def experts(self) -> tuple[int, ...]:
        """The experts of the layer in view; none of all layers together."""
        return () if self.layer == "all" else self.model.experts(self.layer)

    @property
    def has_experts(self) -> bool:
        """Whether neurons of several experts are in view."""
        layers = self.model.layers if self.layer == "all" else [self.layer]
        return self.expert_in_view is None and any(
            len(self.model.experts(layer)) > 1 for layer in layers
        )

    @property
    def colour(self) -> str:
        """What colours the neurons in view: "expert" only where there are several."""
        return self.colour_column if self.has_experts else "difference"

    @property
    def expert_in_view(self) -> int | None:
        """The expert whose neurons alone are in view; None if those of the whole layer are."""
        return self.expert if self.expert in self.experts else None

    def _offer_all(self, *, keep: bool) -> None:
        """Fit the choices of the options to the model; a choice it has too stays, if to be kept."""
        self.congruence.param.layer_norm.label = NORMALIZATIONS[self.model.normalization or "LN"]
        layers = list(self.model.layers)
        _offer(self.param.layer, [*layers, "all"], layers[-1])
        experts = sorted({one for layer in layers for one in self.model.experts(layer)})
        _offer(self.param.expert, ["all", *experts], usual_expert(self.model))
        columns = ["difference", "expert"] if experts else ["difference"]
        _offer(self.param.colour_column, columns, "difference")
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


def usual_expert(model: Model) -> Expert:
    """Return which expert's neurons are in view unless asked otherwise; see `Options`."""
    wide = [
        layer
        for layer, width in zip(model.layers, model.widths, strict=True)
        if width > _MOST_AT_ONCE and model.experts(layer)
    ]
    return model.experts(wide[0])[0] if wide else "all"


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
