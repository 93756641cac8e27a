"""Distributions: of the cosines between all neurons, and between the selected ones."""

import asyncio
import html
from typing import Any

import holoviews as hv
import pandas as pd
import panel as pn
import param

from dtviz.analyses.distributions import Distribution, pair_counts
from dtviz.analyses.products import is_vocabulary
from dtviz.errors import DtvizError
from dtviz.tabs.space import SpaceTab
from dtviz.views import looks, titles
from dtviz.views.distribution import ecdf, histogram


class Distributions(SpaceTab):
    """Histogram, ECDF, and the statistics of the spaces side by side."""

    title = "Distributions"
    doc = "How the cosines between neurons are distributed, and how by chance."
    follows_selection = True
    has_text = True

    # Asks for the statistics, which are found beside what one does.
    _wanted = param.Event()

    def set_up(self) -> None:
        """Offer the spaces, and hear when statistics are asked for."""
        super().set_up()
        self._is_seeking = False
        self._why_none = ""
        self.param.watch(self._seek, "_wanted")

    def find(self) -> str:
        """Find the distribution of all pairs and of the selected ones."""
        rows = self.rows
        if len(rows) < 2:
            return "This layer has one neuron: there are no pairs to compare."
        self._all = self.study.distribution(self.space)
        chosen = self.chosen(rows)
        counts = pair_counts(rows.subset(chosen))
        self._selected = Distribution(counts, self._all.chance, self._all.chance_ecdf)
        self._why_none = ""
        if not is_vocabulary(self.study.model.unembedding):
            self.study.summary  # noqa: B018  found at once
        if not self.study.is_summarized:
            self.text = "The statistics of the spaces are being found."
            self._wanted = True
        self._tell()
        return ""

    async def _seek(self, _: object) -> None:
        """Find the statistics in a thread: of a whole vocabulary that takes seconds."""
        if self._is_seeking:
            return
        self._is_seeking = True
        try:
            while not self.study.is_summarized:  # other options may have come meanwhile
                await asyncio.to_thread(lambda: self.study.summary)
        except (DtvizError, MemoryError) as error:
            self._why_none = str(error) or "There is not enough memory for the statistics."
        finally:
            self._is_seeking = False
        # With the page's lock, as other changes from threads.
        pn.state.execute(self._tell, schedule=True)

    def _tell(self) -> None:
        """Show the statistics, if they are known, or why there are none."""
        if self.study.is_summarized:
            statistics = self.study.summary.drop(index="count")
            self.text = "<b>|cosine| of all pairs</b>" + statistics.to_html(
                border=0, float_format="{:.3f}".format
            )
        elif self._why_none:
            self.text = html.escape(self._why_none)

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
