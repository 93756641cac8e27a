"""Top items: for each selected neuron, the features (or tokens) it answers to most and least."""

from typing import Any

from dtviz.listing import MOST_LISTED
from dtviz.selection import Selection
from dtviz.study import Study
from dtviz.tabs.surveyor import Surveyor
from dtviz.tabs.tab import HEADING, HEIGHT, Tab
from dtviz.views import page
from dtviz.views.shared import Hub, Shared, Written


class TopFeatures(Tab):
    """Tables side by side, one for each selected neuron."""

    title = "Top items"
    doc = "The features (or tokens) that each selected neuron answers to most and least."
    without_python = True
    made_at_once = True
    has_heading = True

    def __init__(
        self,
        study: Study,
        selection: Selection,
        hub: Hub,
        ranking: Shared,
        surveyor: Surveyor,
    ) -> None:
        self._ranking = ranking
        super().__init__(study, selection, hub)
        self.beside_heading = [surveyor]

    def find(self) -> str:
        """Find the items at either end for every neuron in view, or for those selected."""
        study = self.study
        self.follows_selection = not study.is_surveyed
        self._ranking.hold(study.ranking_of(self.selection.names))
        self.heading = f"{self.compared_with} · {study.ranking.k} at either end"
        if not study.is_surveyed:
            self.heading += f" · for selected neurons, {MOST_LISTED} at most"
        return study.why_nothing

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
            height=HEIGHT - HEADING,
            margin=(0, 10),
        )
        return [tables]
