"""Alike: the neurons that resemble one of them, or the selected ones, before one selects them."""

import html
from typing import Any

import holoviews as hv
import numpy as np
import pandas as pd
import panel as pn
import param

from dtviz.analyses.similarity import cosines_with
from dtviz.errors import DtvizError
from dtviz.tabs.space import SpaceTab
from dtviz.tabs.tab import HEIGHT
from dtviz.views import looks, page, titles
from dtviz.views.crossing import alike
from dtviz.views.linking import link_rows

# Names that are written out.
_MOST_NAMES = 40


class Alike(SpaceTab):
    """A strip of cosines with an exemplar, cut at a threshold."""

    title = "Alike"
    follows_selection = True
    doc = "Neurons that resemble one of them, or the selected ones; look before you select."

    exemplar = param.String(
        label="Exemplar (empty: the selected)",
        doc="The name of a neuron in view; empty for the selected ones together.",
    )
    select = param.Event(label="Select these", doc="Select the neurons beyond the threshold.")

    def set_up(self) -> None:
        """Offer the exemplar, the threshold, the space, and to select."""
        super().set_up()
        self.options = [
            self.param.exemplar,
            self.study.exemplar.param.threshold,
            self.param.space,
        ]
        self.param.watch(self._select, "select")

    def controls(self) -> list[Any]:
        """Return the widgets, and the button."""
        button = pn.widgets.Button.from_param(
            self.param.select, color="primary", sizing_mode="stretch_width"
        )
        return [*super().controls(), button]

    def _select(self, _: object) -> None:
        if not self.message:
            self.selection.select(self._cluster["name"])

    def find(self) -> str:
        """Find the cluster of the exemplar."""
        self.text = ""
        rows = self.rows
        exemplars = [self.exemplar.strip()] if self.exemplar.strip() else self.chosen(rows)
        if not exemplars:
            return (
                "Name a neuron as the exemplar, or select some in a plot above: those that "
                "resemble them are found here."
            )
        try:
            self._cluster = self.study.exemplar(rows, exemplars)
            self._every = cosines_with(rows, exemplars)
        except DtvizError as error:
            return str(error)
        names = list(self._cluster["name"])
        listed = html.escape(", ".join(names[:_MOST_NAMES]))
        if len(names) > _MOST_NAMES:
            listed += f" and {len(names) - _MOST_NAMES} more"
        self.text = f"<b>{len(names)} of {len(rows)}</b> would be selected: {listed}"
        self._who = exemplars[0] if len(exemplars) == 1 else f"the {len(exemplars)} selected"
        return ""

    def make_views(self) -> list[Any]:
        """Return the strip."""
        hooks = [link_rows(self.hub, "alike"), looks.tidy]
        strip = self.plot(self._draw, hv.opts.Scatter(hooks=hooks), height=HEIGHT - 50)
        return [pn.Column(strip, page.text(self.param.text), sizing_mode="stretch_width")]

    def _draw(self) -> hv.Overlay:
        names = self._every.index
        inside = names.isin(self._cluster["name"])
        points = pd.DataFrame(
            {
                "name": names,
                "cosine": self._every.to_numpy(),
                "colour": np.where(inside, looks.BLUE, looks.GREY),
                "row": np.arange(len(names)),
            }
        )
        where = titles.of_layer(self.study.layer, self.space)
        title = f"Cosine with {self._who} · {where} · blue: beyond the threshold"
        return alike(points, self.study.exemplar.threshold, title)
