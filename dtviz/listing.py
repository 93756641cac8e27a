"""Listing: the items (features, actions or tokens) that each neuron answers to most and least."""

from collections.abc import Callable, Generator, Sequence
from typing import Any

import numpy as np
import pandas as pd

from dtviz.analyses.chance import SHARE, random_like
from dtviz.analyses.moments import moments_of_items, moments_of_products
from dtviz.analyses.products import Products, is_vocabulary
from dtviz.analyses.ranking import Ranking, rank_products
from dtviz.analyses.survey import Survey, survey
from dtviz.cache import keep_survey, known_survey
from dtviz.directions import Directions
from dtviz.model import Model, Side
from dtviz.rows import Result, Rows

# Neurons whose items are listed at once, of those that are selected, while not all are known.
MOST_LISTED = 64
# Random neurons whose moments tell what chance gives, and the seed that they are drawn with.
_DRAWN_NEURONS = 400
_SEED = 0


class Listing(Rows):
    """The items that are ranked for each neuron, and the moments over them.

    A whole layer's products with a vocabulary take seconds, or minutes: they are surveyed only
    when asked for. Takes what `Rows` takes.
    """

    @property
    def items(self) -> Directions | None:
        """What is ranked for each neuron, as far as it passes the filter; maybe nothing."""
        return self._ranked_items[0]

    @property
    def every_item(self) -> Directions | None:
        """The same, whether it passes the filter or not."""
        model: Model = self.model
        is_written = self.ranking.ranked_by == "out congruence"
        return model.unembedding if is_written else model.embedding

    @property
    def _ranked_items(self) -> tuple[Directions | None, str]:
        if self.ranking.ranked_by != "out congruence":
            return self._filtered
        what = "tokens", "This model has no actions or tokens to list.", "actions or tokens"
        return self._pass(self.every_item, *what)

    @property
    def why_nothing(self) -> str:
        """Why there is nothing to rank for the neurons, in a sentence; empty if there is."""
        why_no_items = self._ranked_items[1]
        if why_no_items:
            return why_no_items
        if self.reading_side not in self.model.sides:
            return "The neurons of this model have no side 'in': what they read is not known."
        return ""

    @property
    def reading_side(self) -> Side:
        """The side of the neurons that is compared with what is ranked."""
        if self.ranking.ranked_by != "in congruence":
            return "out"
        return "gate" if self.side == "gate" else "in"

    @property
    def products(self) -> Products | None:
        """What is ranked, neurons x items, not yet multiplied; None if there is nothing."""
        items = self.items
        if self.why_nothing or items is None:
            return None
        neurons, layer_norm = self.rows(self.reading_side), self.congruence.layer_norm
        return self._keep(
            "products",
            lambda: self.ranking.products(neurons, items, layer_norm=layer_norm),
            *(neurons, items, self.ranking.ranked_by, layer_norm),
        )

    @property
    def reading(self) -> pd.DataFrame | None:
        """What is ranked, neurons x items; None if there is nothing, or a whole vocabulary."""
        products = self.products
        if products is None or self.has_vocabulary:
            return None
        return self._keep("reading", products.frame, products)

    @property
    def has_vocabulary(self) -> bool:
        """Whether so many items are ranked that a whole layer is surveyed only if asked for."""
        return is_vocabulary(self.items)

    @property
    def is_surveyed(self) -> bool:
        """Whether what concerns all neurons in view is known, or known at once."""
        products = self.products
        return products is None or (
            self._is_known("listed", products, self.ranking.k)
            and self._is_known("moments", products)
            and self._is_known("moments of items", products)
        )

    def _is_known(self, what: str, *inputs: Any) -> bool:
        """Return whether a result on all neurons is known, or known at once."""
        if not self.has_vocabulary or self._is_kept(what, *inputs):
            return True
        products, k = self.products, self.ranking.k
        assert products is not None  # noqa: S101  it was asked for
        known = self._keep(
            "survey", lambda: known_survey(products, k, self.model.sha256), products, k
        )
        if known is not None:
            self._take(known, products, k)
        return self._is_kept(what, *inputs)

    def survey(self) -> Generator[int, None, None]:
        """Find what concerns all neurons in view; yield how many are done, again and again.

        Once it has ended, ``listed``, ``moments`` and ``feature_moments`` are known.
        """
        products, k = self.products, self.ranking.k
        if products is None or self.is_surveyed:
            return
        found = yield from survey(products, k)
        self._take(found, products, k)
        keep_survey(found, products, k, self.model.sha256)

    def _take(self, found: Survey, products: Products, k: int) -> None:
        self._hold("survey", found, products, k)
        self._hold("listed", found.ranking, products, k)
        self._hold("moments", found.of_neurons, products)
        self._hold("moments of items", found.of_items, products)

    def survey_all(self) -> None:
        """Find what concerns all neurons in view, now; see `survey`."""
        for _ in self.survey():
            pass

    def _of_all(self, what: str, compute: Callable[[], Result], *inputs: Any) -> Result | None:
        """Return a result on all neurons in view; None if it waits for a survey."""
        return self._keep(what, compute, *inputs) if self._is_known(what, *inputs) else None

    @property
    def listed(self) -> Ranking | None:
        """The items at either end for each neuron in view; None if there are none, or unknown."""
        products, k = self.products, self.ranking.k
        if products is None:
            return None
        return self._of_all("listed", lambda: rank_products(products, k), products, k)

    @property
    def ranked(self) -> pd.DataFrame:
        """What each neuron in view answers to most and least, as from `dtviz.top_k`; maybe empty.

        What is not known yet is found now.
        """
        self.survey_all()
        listed = self.listed
        none = pd.DataFrame(columns=["name", "end", "rank", "item", "value"])
        return self._keep("ranked", lambda: none if listed is None else listed.frame(), listed)

    def ranking_of(self, chosen: Sequence[str]) -> pd.DataFrame:
        """Return what a page lists: of all neurons in view if known, else of those chosen.

        Of more than 64 that are chosen, it is those of greatest difference.

        Returns:
            Columns neuron (its row in the neuron table), item and value; 2k rows a neuron, the k
            greatest first, then the k least.
        """
        listed = self.listed
        if listed is not None or self.products is None:
            rows = None
        else:
            rows = self._rows_of(chosen, MOST_LISTED)
            listed = self._listed_of(rows)
        of = "all" if rows is None else str(rows)
        return self._keep("ranking", lambda: _sent(listed, rows), listed, of)

    def ranked_of(self, chosen: Sequence[str]) -> pd.DataFrame:
        """Return what neurons answer to most and least, as from `dtviz.top_k`; maybe empty."""
        if self.listed is None and self.products is not None:
            return self._listed_of(self._rows_of(chosen)).frame()
        return self.ranked[self.ranked["name"].isin(chosen)]

    def _rows_of(self, names: Sequence[str], most: int | None = None) -> list[int]:
        """Return the rows of neurons that are in view, of many those of greatest difference."""
        known = pd.Index(self.in_view.names)
        rows = known.get_indexer(pd.Index(list(names), dtype=object))
        rows = rows[rows >= 0]
        differences = self.compared["difference"].abs().to_numpy()[rows]
        return sorted(int(row) for row in rows[np.argsort(-differences, kind="stable")[:most]])

    def _listed_of(self, rows: list[int]) -> Ranking:
        products, k = self.products, self.ranking.k
        assert products is not None  # noqa: S101  it was asked for
        return self._keep(
            "listed of some",
            lambda: rank_products(products.of(rows), k),
            *(products, k, str(rows)),
        )

    @property
    def moments(self) -> pd.DataFrame | None:
        """The moments of each neuron over the items; None as for ``listed``."""
        products = self.products
        if products is None:
            return None
        return self._of_all("moments", lambda: moments_of_products(products), products)

    @property
    def feature_moments(self) -> pd.DataFrame | None:
        """The moments of each item over the neurons, and the norm of its vector."""
        products, items = self.products, self.items
        if products is None or items is None:
            return None
        found = self._of_all("moments of items", lambda: moments_of_items(products), products)
        return None if found is None else found.assign(norm=items.norms)

    @property
    def moments_limits(self) -> pd.DataFrame | None:
        """The rows low and high: between them are the moments of 95% of random neurons."""
        products = self.products
        if products is None or self.moments is None:
            return None
        return self._keep("moments limits", self._moments_limits, products)

    def _moments_limits(self) -> pd.DataFrame:
        items = self.items
        assert items is not None  # noqa: S101  there is something to rank
        drawn = random_like(self.rows(self.reading_side), _DRAWN_NEURONS, _SEED)
        products = self.ranking.products(drawn, items, layer_norm=self.congruence.layer_norm)
        tail = (1 - SHARE) / 2
        limits = moments_of_products(products).quantile([tail, 1 - tail])
        return limits.set_axis(["low", "high"])


def _sent(listed: Ranking | None, rows: Sequence[int] | None) -> pd.DataFrame:
    """Return a ranking as a page takes it; see `Listing.ranking_of`."""
    if listed is None:
        return pd.DataFrame({"neuron": [], "item": [], "value": []})
    rows = range(len(listed.names)) if rows is None else rows
    neuron = np.repeat(np.array(rows, dtype=np.int32), listed.columns.shape[1])
    return listed.frame()[["item", "value"]].assign(neuron=neuron)
