"""Distributions: of the cosines between all neurons, and between the selected ones."""

from typing import Any

import holoviews as hv
import pandas as pd

from dtviz.analyses.distributions import Distribution, pair_counts
from dtviz.tabs.space import SpaceTab
from dtviz.views import looks, titles
from dtviz.views.distribution import ecdf, histogram


class Distributions(SpaceTab):
    """Histogram, ECDF, and the statistics of the spaces side by side."""

    title = "Distributions"
    doc = "How the cosines between neurons are distributed, and how by chance."
    follows_selection = True
    has_text = True

    def find(self) -> str:
        """Find the distribution of all pairs and of the selected ones."""
        rows = self.rows
        if len(rows) < 2:
            return "This layer has one neuron: there are no pairs to compare."
        self._all = self.study.distribution(self.space)
        chosen = self.chosen(rows)
        counts = pair_counts(rows.subset(chosen))
        self._selected = Distribution(counts, self._all.chance, self._all.chance_ecdf)
        statistics = self.study.summary.drop(index="count")
        self.text = "<b>|cosine| of all pairs</b>" + statistics.to_html(
            border=0, float_format="{:.3f}".format
        )
        return ""

    def make_views(self) -> list[Any]:
        """Return histogram and ECDF."""
        hooks = hv.opts.Overlay(hooks=[looks.tidy])
        return [self.plot(self._draw_histogram, hooks), self.plot(self._draw_ecdf, hooks)]

    def _draw_histogram(self) -> hv.Overlay:
        where = titles.of_layer(self.study.layer, self.space)
        share = pd.Series(self._selected.share)
        return histogram(self._all.frame(), share, titles.of_distribution(where))

    def _draw_ecdf(self) -> hv.Overlay:
        title = titles.of_ecdf(self._all.pairs, self._selected.pairs)
        return ecdf(self._all.frame(), pd.Series(self._selected.ecdf), title)
