"""Study: what the analyses find of a model's neurons under options. It knows no plot."""

from typing import Any

import numpy as np
import pandas as pd

from dtviz.analyses.across import Crossing, across
from dtviz.analyses.blocks import Blocks
from dtviz.analyses.chance import congruence_ellipse, congruence_limit
from dtviz.analyses.clustering import Clustering, tree_segments
from dtviz.analyses.congruence import angle_between
from dtviz.analyses.distributions import Distribution, distribution, similarity_limit, summary
from dtviz.analyses.products import is_vocabulary
from dtviz.analyses.similarity import Pairs
from dtviz.analyses.spaces import Space
from dtviz.cache import clustered, kept
from dtviz.directions import Directions, Float32
from dtviz.listing import Listing
from dtviz.model import Model
from dtviz.neurons import experts_of, neuron_table
from dtviz.options import Layer

# Cells a side that the heatmap has at most: of more neurons a cell shows several.
MOST_CELLS = 1024
# Values that two spaces are compared by, and rows of a vocabulary that are kept anyhow.
_MOST_CROSSED, _LEAST_CROSSED = 4_000_000, 100


class Study(Listing):
    """A model's neurons under options, and what the analyses find of them.

    Each result is computed when it is first asked for, and kept until something that it was made
    from changes. Takes what `Options` takes.
    """

    @property
    def vector_sets(self) -> dict[str, Directions]:
        """Every set of vectors that can be looked at by itself, with the features that pass."""
        model = self.model
        features = self.embedding if self.embedding is not None and len(self.embedding) else None
        sets: dict[str, Directions | None] = {
            "unembedding": model.unembedding,
            "embedding": features,
            "return-to-go": model.rtg,
            "action embedding": model.action_embedding,
            "time embedding": model.time_embedding,
        }
        if self.layer in model.routers:
            sets["router"] = model.routers[self.layer]
        named = {name: found for name, found in sets.items() if found is not None}
        return named | {f"neurons, {side}": self.rows(side) for side in model.sides}

    @property
    def neurons(self) -> pd.DataFrame:
        """The neuron table: one row a neuron in view, see `neuron_table`."""
        found = (self.compared, self.clustered, self.clusters, self.moments, self.rtg)
        experts = experts_of(self.shown, self.layer)
        return self._keep("neurons", lambda: neuron_table(self.in_view, *found, experts), *found)

    @property
    def angle(self) -> float:
        """The angle between what x and y stand for, the two actions say, in degrees."""
        return angle_between(*self.congruence.directions(self._unembedding))

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
    def clustered(self) -> Clustering:
        """The clustering of the neurons in view."""
        of, space = self.clustering, self.space
        return self._keep(
            "clustered",
            lambda: clustered(self.rows(space), of, self.model.sha256),
            *(*self._where, space, *self._space_options(space).values()),
            # An order that cannot be had is another tree, too: the titles say so.
            *(of.optimal_order, *of.decisive(len(self.in_view))),
        )

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

        def find() -> Blocks:
            unit = rows.unit().vectors[tree.order]
            return kept(self.blocks(unit, MOST_CELLS), self.model.sha256)

        return self._keep("similarity", find, tree, *self._values(self.blocks))

    @property
    def similar_pairs(self) -> Pairs:
        """The pairs of neurons that resemble each other, and how many there are."""
        rows = self.rows(self.space)
        return self._keep(
            "similar pairs", lambda: self.pairs(rows), rows, *self._values(self.pairs)
        )

    @property
    def is_paired(self) -> bool:
        """Whether ``similar_pairs`` are known: of many neurons they take seconds."""
        rows = self.rows(self.space)
        return self._is_kept("similar pairs", rows, *self._values(self.pairs))

    @property
    def similarity_limit(self) -> float:
        """The |cosine| that 95% of the pairs of random neurons would stay below."""
        return self._keep(
            "similarity limit",
            lambda: similarity_limit(
                self.shown, self.space, self.layer, **self._space_options(self.space)
            ),
            self.rows(self.space),
        )

    def distribution(self, name: Space) -> Distribution:
        """Return how the cosines in a space are distributed; see `dtviz.distribution`."""
        # All of it known before it is computed, which may be in a thread.
        model, layer, options = self.shown, self.layer, self._space_options(name)
        return self._keep(
            f"distribution {name}",
            lambda: distribution(model, name, layer, **options),
            self.rows(name),
        )

    def is_distributed(self, name: Space) -> bool:
        """Return whether the `distribution` in a space is known: of many neurons it takes long."""
        return self._is_kept(f"distribution {name}", self.rows(name))

    @property
    def summary(self) -> pd.DataFrame:
        """Statistics of |cosine| in the spaces side by side; see `dtviz.summary`."""
        # All of it known before it is computed, which may be in a thread.
        of = self.shown, self.layer, self.congruence.layer_norm, self.embedding
        return self._keep("summary", lambda: self._summary(*of), *self._summarized)

    @property
    def is_summarized(self) -> bool:
        """Whether ``summary`` is known: of many neurons, or a vocabulary, it takes seconds."""
        return self._is_kept("summary", *self._summarized)

    @property
    def _summarized(self) -> tuple[Any, ...]:
        return *self._where, self.congruence.layer_norm, self.embedding

    def _summary(
        self, model: Model, layer: Layer, layer_norm: bool, embedding: Directions | None
    ) -> pd.DataFrame:
        return summary(
            model,
            layer,
            layer_norm=layer_norm,
            unembedding=self._condensed("unembedding", model.unembedding, False),
            embedding=self._condensed("embedding", embedding, layer_norm),
        )

    # What no weights connect.

    def crossing(self, name: Crossing) -> pd.DataFrame:
        """Return two spaces compared, as from `dtviz.across`; see `crossing_cut`.

        Raises:
            BadArgument: if the model lacks one of the two.
        """
        short = {what: few for what, _, few in self._crossed()}
        return across(self.shown, name, self.layer, **short)

    def crossing_cut(self, name: Crossing) -> str:
        """Return which part of a vocabulary is compared there; empty if it is all of it."""
        cut = [
            f"{len(few):,} of {len(every):,} of the {what}"
            for what, every, few in self._crossed()
            if what in name.split(" × ") and len(few) < len(every)
        ]
        return f"{' × '.join(cut)}: the compared and the longest" if cut else ""

    def _crossed(self) -> list[tuple[str, Directions, Directions]]:
        """Return the vectors that neurons are crossed with, and what of them is short enough."""
        both = {"embedding": self.embedding, "unembedding": self.model.unembedding}
        most = max(_LEAST_CROSSED, _MOST_CROSSED // max(len(self.in_view), _MOST_CROSSED // 1_000))
        return [
            (what, every, self.shortlist(every, most))
            for what, every in both.items()
            if every is not None
        ]

    def shortlist(self, directions: Directions, most: int) -> Directions:
        """Return directions; of a vocabulary those on the axes, and so many that are longest."""
        if not is_vocabulary(directions):
            return directions
        known = set(directions.names)
        compared = [*self.congruence.members("x"), *self.congruence.members("y")]
        rows = [directions.row(name) for name in compared if name in known]
        longest = np.argsort(-directions.norms, kind="stable")[:most]
        return directions.subset([int(row) for row in dict.fromkeys([*rows, *longest])])

    @property
    def rtg(self) -> pd.DataFrame | None:
        """The congruence of each neuron's vectors with the return-to-go; None if it has none."""
        if self.model.rtg is None:
            return None
        shown = self.shown
        return self._keep("rtg", lambda: across(shown, "RTG", self.layer), *self._where)
