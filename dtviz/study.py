"""Study: what the analyses find of a model's neurons under options. It knows no plot."""

from collections.abc import Callable
from typing import Any, TypeVar

import numpy as np
import pandas as pd

from dtviz.analyses.across import across
from dtviz.analyses.blocks import Blocks
from dtviz.analyses.chance import SHARE, congruence_ellipse, congruence_limit, random_like
from dtviz.analyses.clustering import Clustering, tree_segments
from dtviz.analyses.congruence import angle, congruence
from dtviz.analyses.distributions import Distribution, distribution, similarity_limit, summary
from dtviz.analyses.moments import moments
from dtviz.analyses.ranking import Ranking
from dtviz.analyses.similarity import cosine_similarity
from dtviz.analyses.spaces import Space, space, spaces_of
from dtviz.cache import clustered
from dtviz.directions import Directions, Float32
from dtviz.errors import BadArgument, DtvizError
from dtviz.model import Model, Side
from dtviz.neurons import neuron_table
from dtviz.options import Layer, Options

Result = TypeVar("Result")

# Cells a side that the heatmap has at most: of more neurons it shows averages.
MOST_CELLS = 1024
# Random neurons whose moments tell what chance gives, and the seed that they are drawn with.
_DRAWN_NEURONS = 400
_SEED = 0


class Study(Options):
    """A model's neurons under options, and what the analyses find of them.

    Each result is computed when it is first asked for, and kept until something that it was made
    from changes. Takes what `Options` takes.
    """

    def __init__(self, model: Model, **options: Any) -> None:
        self._kept: dict[str, tuple[tuple[Any, ...], Any]] = {}
        super().__init__(model, **options)

    def _keep(self, what: str, compute: Callable[[], Result], *inputs: Any) -> Result:
        """Return a result, computed again only if its inputs are others than last time."""
        kept = self._kept.get(what)
        if kept is None or not all(map(_is_same, kept[0], inputs)):
            kept = self._kept[what] = (inputs, compute())
        result: Result = kept[1]
        return result

    @property
    def _view(self) -> tuple[Any, ...]:
        return (self.model, self.layer, self.side)

    @property
    def vector_sets(self) -> dict[str, Directions]:
        """Every set of vectors that can be looked at by itself, with the features that pass."""
        model = self.model
        features = self.embedding if self.embedding is not None and len(self.embedding) else None
        sets = {
            "unembedding": model.unembedding,
            "embedding": features,
            "return-to-go": model.rtg,
            "action embedding": model.action_embedding,
            "time embedding": model.time_embedding,
        }
        named = {name: found for name, found in sets.items() if found is not None}
        return named | {f"neurons, {side}": self.rows(side) for side in model.sides}

    # What is compared with two actions.

    @property
    def in_view(self) -> Directions:
        """The vectors of the neurons in view."""
        model: Model = self.model
        return self._keep("in_view", lambda: model.neurons(self.layer, self.side), *self._view)

    @property
    def neurons(self) -> pd.DataFrame:
        """The neuron table: one row a neuron in view, see `neuron_table`."""
        found = (self.compared, self.clustered, self.clusters, self.moments, self.rtg)
        return self._keep("neurons", lambda: neuron_table(self.in_view, *found), *found)

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
        x, y = self.congruence.x, self.congruence.y
        return (f"{x} not {y}", f"{y} not {x}") if self.congruence.contrast else (x, y)

    @property
    def is_layer_normed(self) -> bool:
        """Whether the vectors of the neurons are normalized before they are compared."""
        return self.congruence.applies_layer_norm(self.in_view, self.side)

    @property
    def angle(self) -> float:
        """The angle between the two actions, in degrees."""
        return angle(self._unembedding, self.congruence.x, self.congruence.y)

    @property
    def ellipse(self) -> np.ndarray:
        """Where 95% of random neurons would be in the plane of x and y, (points, 2)."""
        return self._keep("ellipse", self._ellipse, self.compared)

    def _ellipse(self) -> np.ndarray:
        return congruence_ellipse(self._met, self._targets)

    @property
    def limits(self) -> dict[str, tuple[float, float]]:
        """Between which values 95% of random neurons would be, for columns of the neuron table."""
        targets = self._targets
        found = {name: congruence_limit(self._met, targets[i]) for i, name in enumerate("xy")}
        rtg = self.model.rtg
        if rtg is not None:
            for side in ("in", "out"):
                if side in self.model.sides:
                    found[f"rtg_{side}"] = congruence_limit(self.rows(side), rtg.vectors[0])
        limits = {name: (-limit, limit) for name, limit in found.items()}
        if self.moments_limits is not None:
            # Of too few features there is no kurtosis.
            known = self.moments_limits.dropna(axis=1)
            limits |= {str(name): (known[name]["low"], known[name]["high"]) for name in known}
        return limits

    @property
    def difference_limit(self) -> float:
        """The |difference| that 95% of random neurons would stay below."""
        targets = self._targets
        return congruence_limit(self._met, targets[1] - targets[0])

    @property
    def _met(self) -> Directions:
        return self.in_view.layer_normed() if self.is_layer_normed else self.in_view

    @property
    def _targets(self) -> Float32:
        return self.congruence.targets(self._unembedding)

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

    # What resembles each other.

    @property
    def space(self) -> Space:
        """The space that neurons are clustered in: weights where the one chosen has no rows."""
        chosen = self.clustering.space
        if chosen not in self.spaces:
            side: Space = self.side
            return side
        congruences: Space = chosen
        return congruences

    @property
    def spaces(self) -> list[Space]:
        """The spaces that the neurons can be compared in: those that have something to hold."""
        every = spaces_of(self.model)
        has_features = self.embedding is not None and len(self.embedding) > 0
        return [name for name in every if has_features or name != "in congruence"]

    def rows(self, name: Space, layer: Layer | None = None) -> Directions:
        """Return what stands for the neurons of a layer, that in view by default; see `space`."""
        in_view = layer is None or layer == self.layer
        layer = self.layer if layer is None else layer
        options = self._space_options
        # Weights are what they are, with LayerNorm or without, whatever features there are.
        depends = {"out congruence": ["layer_norm"], "in congruence": list(options)}.get(name, [])
        return self._keep(
            f"rows {name}" if in_view else f"rows {name} elsewhere",
            lambda: space(self.model, name, layer, **options),
            self.model,
            layer,
            *(options[option] for option in depends),
        )

    @property
    def _space_options(self) -> dict[str, Any]:
        return {"layer_norm": self.congruence.layer_norm, "embedding": self.embedding}

    @property
    def clustered(self) -> Clustering:
        """The clustering of the neurons in view."""
        rows = self.rows(self.space)
        of = self.clustering
        most = min(of.exact_up_to, len(rows))
        options = (of.method, of.distance, of.optimal_order, most)
        model: Model = self.model
        return self._keep("clustered", lambda: clustered(rows, of, model.sha256), rows, *options)

    @property
    def clusters(self) -> np.ndarray:
        """The cluster of each neuron in view, (n,)."""
        tree = self.clustered
        return self._keep(
            "clusters", lambda: self.clustering.cut(tree), tree, self.clustering.clusters
        )

    @property
    def segments(self) -> pd.DataFrame:
        """The lines of the dendrogram, see `tree_segments`."""
        return tree_segments(self.clustered, self.clusters)

    @property
    def similarity(self) -> Blocks:
        """The cosine similarity in leaf order, in blocks where many."""
        tree, rows = self.clustered, self.rows(self.space)
        return self._keep(
            "similarity",
            lambda: self.blocks(rows.unit().vectors[tree.order], MOST_CELLS),
            *(tree, *self._values(self.blocks)),
        )

    @property
    def similarity_limit(self) -> float:
        """The |cosine| that 95% of the pairs of random neurons would stay below."""
        return self._keep(
            "similarity limit",
            lambda: similarity_limit(self.model, self.space, self.layer, **self._space_options),
            self.rows(self.space),
        )

    def distribution(self, name: Space) -> Distribution:
        """Return how the cosines in a space are distributed; see `dtviz.distribution`."""
        return self._keep(
            f"distribution {name}",
            lambda: distribution(self.model, name, self.layer, **self._space_options),
            self.rows(name),
        )

    @property
    def summary(self) -> pd.DataFrame:
        """Statistics of |cosine| in the spaces side by side; see `dtviz.summary`."""
        options = self._space_options
        return self._keep(
            "summary",
            lambda: summary(self.model, self.layer, **options),
            self.model,
            self.layer,
            *options.values(),
        )

    # What the neurons are compared with, feature by feature.

    @property
    def embedding(self) -> Directions | None:
        """The features that pass the filter, maybe none; None where the model has none."""
        return self._filtered[0]

    @property
    def why_no_features(self) -> str:
        """Why no feature passes the filter, in a sentence; empty if some do."""
        return self._filtered[1]

    @property
    def why_nothing(self) -> str:
        """Why neurons cannot be compared with features, in a sentence; empty if they can be."""
        if self.why_no_features:
            return self.why_no_features
        if self.reading_side not in self.model.sides:
            return "The neurons of this model have no side 'in': what they read is not known."
        return ""

    @property
    def _filtered(self) -> tuple[Directions | None, str]:
        return self._keep("features", self._filter, self.model, *self._values(self.features))

    def _filter(self) -> tuple[Directions | None, str]:
        every = self.model.embedding
        if every is None:
            return None, "This model has no input features to list."
        try:
            passed = self.features(every)
        except DtvizError as error:
            return every.subset([]), str(error)
        if len(passed) > 0:
            return passed, ""
        return passed, (
            f"None of the {len(every):,} input features passes the filter: lower the norm that "
            "they must have, or look for another name."
        )

    @property
    def reading_side(self) -> Side:
        """The side of the neurons that is compared with features."""
        if self.ranking.ranked_by == "out × embedding":
            return "out"
        return "gate" if self.side == "gate" else "in"

    @property
    def reading(self) -> pd.DataFrame | None:
        """The congruences that are ranked, neurons x features; None if there is nothing to rank."""
        by, embedding = self.ranking.ranked_by, self.embedding
        if self.why_nothing or embedding is None:
            return None
        neurons, layer_norm = self.rows(self.reading_side), self.congruence.layer_norm
        return self._keep(
            "reading",
            lambda: self._compare(neurons, embedding),
            *(neurons, embedding, by, layer_norm),
        )

    def _compare(self, neurons: Directions, embedding: Directions) -> pd.DataFrame:
        if self.ranking.ranked_by == "out × embedding":
            return cosine_similarity(neurons, embedding)
        items = embedding.layer_normed() if self.congruence.layer_norm else embedding
        return congruence(neurons, items)

    @property
    def listed(self) -> Ranking | None:
        """The features at either end for each neuron in view; None if there are none."""
        reading = self.reading
        if reading is None:
            return None
        return self._keep("listed", lambda: self.ranking(reading), reading, self.ranking.k)

    @property
    def ranked(self) -> pd.DataFrame:
        """What each neuron in view reads most and least, as from `dtviz.top_k`; maybe empty."""
        listed = self.listed
        none = pd.DataFrame(columns=["name", "end", "rank", "item", "value"])
        return self._keep("ranked", lambda: none if listed is None else listed.frame(), listed)

    @property
    def moments(self) -> pd.DataFrame | None:
        """The moments of each neuron over the features; see `dtviz.moments`."""
        reading = self.reading
        if reading is None:
            return None
        return self._keep("moments", lambda: moments(reading), reading)

    @property
    def feature_moments(self) -> pd.DataFrame | None:
        """The moments of each feature over the neurons, and the norm of its embedding."""
        reading, embedding = self.reading, self.embedding
        if reading is None or embedding is None:
            return None
        return moments(reading.T).assign(norm=embedding.norms)

    @property
    def moments_limits(self) -> pd.DataFrame | None:
        """The rows low and high: between them are the moments of 95% of random neurons."""
        reading = self.reading
        if reading is None:
            return None
        return self._keep("moments limits", self._moments_limits, reading)

    def _moments_limits(self) -> pd.DataFrame:
        embedding = self.embedding
        assert embedding is not None  # noqa: S101  there is something to read
        drawn = random_like(self.rows(self.reading_side), _DRAWN_NEURONS, _SEED)
        tail = (1 - SHARE) / 2
        limits = moments(self._compare(drawn, embedding)).quantile([tail, 1 - tail])
        return limits.set_axis(["low", "high"])

    @property
    def rtg(self) -> pd.DataFrame | None:
        """The congruence of each neuron's vectors with the return-to-go; None if it has none."""
        if self.model.rtg is None:
            return None
        return self._keep(
            "rtg", lambda: across(self.model, "RTG", self.layer), self.model, self.layer
        )

    @staticmethod
    def _values(analysis: Any) -> tuple[Any, ...]:
        return tuple(analysis.param.values().values())


def _is_same(a: object, b: object) -> bool:
    """Return whether two inputs of a result are the same thing, or equal options."""
    return a is b or (isinstance(a, str | int | float) and a == b)
