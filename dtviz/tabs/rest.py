"""Rest: what tells the selected neurons from all others in view."""

from typing import Any

import holoviews as hv

from dtviz.analyses.groups import against_rest
from dtviz.tabs.tab import Tab
from dtviz.views import looks
from dtviz.views.effects import effects


class Rest(Tab):
    """The effect size of each column of the neuron table, with its interval."""

    title = "Against the rest"
    doc = (
        "Each number of the neuron table: the mean of the selected against that of the rest, and "
        "Hedges' g, the difference in standard deviations, with its 95% interval."
    )
    follows_selection = True
    has_text = True

    def find(self) -> str:
        """Compare the selected neurons with the rest."""
        self.text = ""
        table = self.study.neurons
        chosen = table["name"].isin(self.selection.names).to_numpy()
        n, of = int(chosen.sum()), len(chosen)
        if n == 0:
            return "No neuron in view is selected: select neurons in a plot above."
        if n == of:
            return "All neurons in view are selected: there is no rest to compare them with."
        x, y = self.study.axes
        names = {"x": x, "y": y, "difference": f"{y} − {x}"}
        self._found = against_rest(table, chosen).rename(names)
        shown = self._found[["mean_selected", "mean_rest", "g"]]
        shown = shown.set_axis(["selected", "rest", "g"], axis=1)
        self.text = f"<b>{n:,} of {of:,}</b> selected" + shown.to_html(
            border=0, float_format="{:.3f}".format, na_rep="–"
        )
        return ""

    def make_views(self) -> list[Any]:
        """Return the intervals."""
        return [self.plot(self._draw, hv.opts.Overlay(hooks=[looks.tidy]))]

    def _draw(self) -> hv.Overlay:
        return effects(self._found, "Hedges' g of the selected against the rest, 95% interval")
