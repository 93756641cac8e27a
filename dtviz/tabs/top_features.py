"""Top features: for each selected neuron, the features it answers to most and least."""

from typing import Any

from dtviz.selection import Selection
from dtviz.study import Study
from dtviz.tabs.tab import HEIGHT, Tab
from dtviz.views import page
from dtviz.views.shared import Hub, Shared, Written


class TopFeatures(Tab):
    """Tables side by side, one for each selected neuron."""

    title = "Top features"
    doc = "The features that each selected neuron answers to most and least."
    without_python = True
    made_at_once = True
    has_heading = True

    def __init__(self, study: Study, selection: Selection, hub: Hub, ranking: Shared) -> None:
        self._ranking = ranking
        super().__init__(study, selection, hub)

    def find(self) -> str:
        """Find the features at either end for every neuron in view."""
        self._ranking.hold(self.study.ranked)
        self.heading = f"{self.compared_with} · {self.study.ranking.k} at either end"
        return self.study.why_nothing

    def make_views(self) -> list[Any]:
        """Return the tables, which a script writes."""
        tables = Written(
            "top_k",
            self.hub,
            {"ranking": self._ranking, "sets": self.hub.sets},
            fills=("top_k",),
            uses=("choose", "listing"),
            stylesheets=[page.TABLES_CSS],
            sizing_mode="stretch_width",
            height=HEIGHT - 22,
            margin=(0, 10),
        )
        return [tables]
