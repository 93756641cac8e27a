"""Distributions: of the cosines between all neurons, and between the selected ones."""

import math
from collections.abc import Callable
from typing import Any

import holoviews as hv
import numpy as np
import numpy.typing as npt
import pandas as pd

from dtviz.analyses.distributions import Distribution, pair_counts
from dtviz.directions import Directions
from dtviz.tabs.space import SpaceTab
from dtviz.views import looks, titles
from dtviz.views.distribution import ecdf, histogram

Counts = npt.NDArray[np.int64]


class Distributions(SpaceTab):
    """Histogram, ECDF, and the statistics of the spaces side by side."""

    title = "Distributions"
    doc = "How the cosines between neurons are distributed, and how by chance."
    follows_selection = True
    has_text = True

    def set_up(self) -> None:
        """Offer the spaces."""
        super().set_up()
        self._counted: tuple[Directions, list[str], Counts] | None = None

    def find(self) -> str:
        """Find the distribution of all pairs and of the selected ones."""
        rows, missing = self.rows, self.missing()
        if len(rows) < 2:
            return "This layer has one neuron: there are no pairs to compare."
        if "statistics" not in missing:
            statistics = self.study.summary.drop(index="count")
            self.text = "<b>|cosine| of all pairs</b>" + statistics.to_html(
                border=0, float_format="{:.3f}".format
            )
        elif not self.why_none:
            self.text = "The statistics of the spaces are being found."
        if missing.keys() - {"statistics"}:
            counting = f"The cosines of {math.comb(len(rows), 2):,} pairs are being counted."
            return self.why_none or counting
        self._all = self.study.distribution(self.space)
        counts = self._count(rows, self.chosen(rows))
        self._selected = Distribution(counts, self._all.chance, self._all.chance_ecdf)
        return ""

    def missing(self) -> dict[str, Callable[[], object]]:
        """Return what counts many pairs, and finds the statistics of many or of a vocabulary."""
        study, rows, name = self.study, self.rows, self.space
        chosen = self.chosen(rows)
        missing: dict[str, Callable[[], object]] = {}
        if len(rows) < 2:
            return missing
        if self.has_many and not study.is_distributed(name):
            missing["all"] = lambda: study.distribution(name)
        if len(chosen) > self.at_once and self._known(rows, chosen) is None:
            missing["selected"] = lambda: self._count(rows, chosen)
        if self.lacks_summary:
            missing["statistics"] = lambda: study.summary
        return missing

    def _known(self, rows: Directions, chosen: list[str]) -> Counts | None:
        """Return what was counted last, if it was of these."""
        if self._counted is None or self._counted[0] is not rows or self._counted[1] != chosen:
            return None
        return self._counted[2]

    def _count(self, rows: Directions, chosen: list[str]) -> Counts:
        """Return how many pairs of the selected neurons have their cosine in each bin."""
        counts = self._known(rows, chosen)
        if counts is None:
            counts = pair_counts(rows.subset(chosen))
            self._counted = (rows, chosen, counts)
        return counts

    def make_views(self) -> list[Any]:
        """Return histogram and ECDF."""
        hooks = hv.opts.Overlay(hooks=[looks.tidy])
        return [self.plot(self._draw_histogram, hooks), self.plot(self._draw_ecdf, hooks)]

    def _draw_histogram(self) -> hv.Overlay:
        where = titles.of_layer(self.study.layer, self.space, self.study.expert_in_view)
        share = pd.Series(self._selected.share)
        return histogram(self._all.frame(), share, titles.of_distribution(where))

    def _draw_ecdf(self) -> hv.Overlay:
        title = titles.of_ecdf(self._all.pairs, self._selected.pairs)
        return ecdf(self._all.frame(), pd.Series(self._selected.ecdf), title)
