"""Channel map: what the selected neurons answer to, place by place in the observation."""

from typing import Any

import holoviews as hv
import pandas as pd

from dtviz.analyses.features import places
from dtviz.selection import Selection
from dtviz.study import Study
from dtviz.tabs.tab import Tab
from dtviz.views import looks
from dtviz.views.gridmap import gridmap
from dtviz.views.linking import colour_cells
from dtviz.views.shared import Hub, Shared


class ChannelMap(Tab):
    """A block of cells for each channel."""

    title = "Channel map"
    doc = "What the selected neurons answer to, where it is in the observation."
    without_python = True

    def __init__(self, study: Study, selection: Selection, hub: Hub) -> None:
        self._reading = Shared("reading", pd.DataFrame({"value": []}))
        # What is in it, neurons x features.
        self._held: pd.DataFrame | None = None
        # Numbers that are sent to a page: 32 MB of them.
        self.most_numbers = 8_000_000
        super().__init__(study, selection, hub)

    def find(self) -> str:
        """Find the places of the features, and the congruences of all neurons with them."""
        study = self.study
        products, items = study.products, study.items
        if products is None or items is None:
            return study.why_nothing
        found = places(items.names)
        if found is None:
            return "The features of this model have no places in an observation: there is no map."
        reading = study.reading
        if reading is None:
            return f"A map of {len(items):,} features is more than a page can hold."
        if reading.size > self.most_numbers:
            return (
                f"A map of {len(reading):,} neurons x {reading.shape[1]:,} features is more than a "
                "page can hold: choose one layer, or features longer than others."
            )
        self._places = found
        if reading is not self._held:  # as much as that is not sent again for nothing
            self._held = reading
            self._reading.frame = pd.DataFrame({"value": reading.to_numpy().ravel()})
        return ""

    def shape(self) -> object:
        """Another title, or other features, ask for another map."""
        return (self._what, tuple(self._places["item"]))

    @property
    def _what(self) -> str:
        stands = "" if self.study.model.agent is None else " · ▲ the agent, looking up"
        return f"{self.compared_with}{stands}"

    def make_views(self) -> list[Any]:
        """Return the map, which a script colours."""
        colour = colour_cells(self.hub, self._reading, "map", looks.literal(self._what))
        hooks = hv.opts.Rectangles(hooks=[colour, looks.tidy])
        return [self.plot(self._draw, hooks, linked=[self._reading])]

    def _draw(self) -> hv.Overlay:
        return gridmap(self._places, self.study.model.agent, self._what)
