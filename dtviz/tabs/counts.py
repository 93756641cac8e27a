"""Counts: how often each item is among those listed for the selected neurons."""

from typing import Any

import holoviews as hv

from dtviz.selection import Selection
from dtviz.study import Study
from dtviz.tabs.tab import Tab
from dtviz.views import looks
from dtviz.views.bars import MOST_BARS, counts
from dtviz.views.linking import count_items
from dtviz.views.shared import Hub, Shared


class Counts(Tab):
    """A bar for each item."""

    title = "Counts"
    doc = "How often each feature (or token) is listed for the selected neurons."
    without_python = True

    def __init__(self, study: Study, selection: Selection, hub: Hub, ranking: Shared) -> None:
        self._ranking = ranking
        super().__init__(study, selection, hub)

    def find(self) -> str:
        """Find the items at either end for every neuron in view, or for those selected."""
        self.follows_selection = not self.study.is_surveyed
        self._ranking.hold(self.study.ranking_of(self.selection.names))
        return self.study.why_nothing

    def make_views(self) -> list[Any]:
        """Return the bars, which a script counts."""
        count = count_items(self.hub, self._ranking, "counts", MOST_BARS)
        hooks = hv.opts.Rectangles(hooks=[count, looks.tidy])
        return [self.plot(lambda: counts("Counts"), hooks, linked=[self._ranking])]
