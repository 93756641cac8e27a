"""Named sets: selections that are kept under a name, shown in their colours, combined, shared."""

from typing import Any

from dtviz.sets import MOST_BYTES, PALETTE
from dtviz.tabs.tab import HEIGHT, Tab
from dtviz.views import page
from dtviz.views.shared import Written


class NamedSets(Tab):
    """A table of the sets, and what makes and combines them."""

    title = "Sets"
    doc = "Selections kept under a name: ringed in their colours, combined, saved as a file."
    without_python = True
    made_at_once = True

    def find(self) -> str:
        """Find nothing: the sets are in the page."""
        return ""

    def make_views(self) -> list[Any]:
        """Return the panel, which a script writes."""
        hub = self.hub
        return [
            Written(
                "sets",
                hub,
                {"sets": hub.sets, "session": hub.session},
                uses=("choose", "download", "set_file"),
                given={"palette": list(PALETTE), "most_bytes": MOST_BYTES},
                stylesheets=[page.SETS_CSS],
                sizing_mode="stretch_width",
                height=HEIGHT,
                styles={"overflow": "auto"},
                margin=(4, 10),
            )
        ]
