"""Distributions: of the cosines between all neurons, and between the selected ones."""

import asyncio
import html
import math
from collections.abc import Callable
from typing import Any

import holoviews as hv
import numpy as np
import numpy.typing as npt
import pandas as pd
import panel as pn
import param

from dtviz.analyses.distributions import Distribution, pair_counts
from dtviz.analyses.products import is_vocabulary
from dtviz.directions import Directions
from dtviz.errors import DtvizError
from dtviz.tabs.space import SpaceTab
from dtviz.views import looks, titles
from dtviz.views.distribution import ecdf, histogram

# Neurons whose pairs are counted at once: in a third of a second.
_AT_ONCE = 4_096
Counts = npt.NDArray[np.int64]


class Distributions(SpaceTab):
    """Histogram, ECDF, and the statistics of the spaces side by side."""

    title = "Distributions"
    doc = "How the cosines between neurons are distributed, and how by chance."
    follows_selection = True
    has_text = True

    # Asks for what takes long, which is found beside what one does.
    _wanted = param.Event()

    def set_up(self) -> None:
        """Offer the spaces, and hear when something is asked for."""
        super().set_up()
        self._is_seeking = False
        self._why_none = ""
        self._counted: tuple[Directions, list[str], Counts] | None = None
        self.param.watch(self._seek, "_wanted")

    def find(self) -> str:
        """Find the distribution of all pairs and of the selected ones."""
        rows = self.rows
        if len(rows) < 2:
            return "This layer has one neuron: there are no pairs to compare."
        self._why_none = ""
        if len(rows) <= _AT_ONCE and not is_vocabulary(self.study.model.unembedding):
            self.study.summary  # noqa: B018  found at once
        if self._missing():
            self.text = "The statistics of the spaces are being found."
            self._wanted = True
        if self.study.is_summarized:
            statistics = self.study.summary.drop(index="count")
            self.text = "<b>|cosine| of all pairs</b>" + statistics.to_html(
                border=0, float_format="{:.3f}".format
            )
        if self._missing().keys() - {"statistics"}:
            counting = f"The cosines of {math.comb(len(rows), 2):,} pairs are being counted."
            return self._why_none or counting
        self._all = self.study.distribution(self.space)
        counts = self._count(rows, self.chosen(rows))
        self._selected = Distribution(counts, self._all.chance, self._all.chance_ecdf)
        return ""

    def _missing(self) -> dict[str, Callable[[], object]]:
        """Return what finds that which takes long and is not known yet."""
        study, rows, name = self.study, self.rows, self.space
        chosen = self.chosen(rows)
        missing: dict[str, Callable[[], object]] = {}
        if len(rows) > _AT_ONCE and not study.is_distributed(name):
            missing["all"] = lambda: study.distribution(name)
        if len(chosen) > _AT_ONCE and self._known(rows, chosen) is None:
            missing["selected"] = lambda: self._count(rows, chosen)
        if not study.is_summarized:
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

    async def _seek(self, _: object) -> None:
        """Find in a thread what takes seconds, and show it."""
        if self._is_seeking:
            return
        self._is_seeking = True
        try:
            while missing := self._missing():  # other options may have come meanwhile
                await asyncio.to_thread(next(iter(missing.values())))
                # With the page's lock, as other changes from threads.
                pn.state.execute(self.refresh, schedule=True)
        except (DtvizError, MemoryError) as error:
            self._why_none = str(error) or "There is not enough memory for the statistics."
            pn.state.execute(self._tell_why, schedule=True)
        finally:
            self._is_seeking = False

    def _tell_why(self) -> None:
        """Say why there is nothing in the place of what there is not."""
        self.text = html.escape(self._why_none)
        if self.message:
            self.message = self._why_none

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
