"""Alike: the neurons that resemble one of them, or the selected ones, before one selects them."""

import html
from typing import Any

import holoviews as hv
import numpy as np
import pandas as pd
import panel as pn
import param

from dtviz.errors import DtvizError
from dtviz.options import Layer
from dtviz.tabs.space import SpaceTab
from dtviz.tabs.tab import HEIGHT
from dtviz.views import looks, page, titles
from dtviz.views.crossing import alike
from dtviz.views.linking import link_rows

# Names that are written out.
_MOST_NAMES = 40


class Alike(SpaceTab):
    """A strip of cosines with an exemplar, cut at a threshold or after a count."""

    title = "Alike"
    follows_selection = True
    doc = "Neurons that resemble one of them, or the selected ones; look before you select."

    exemplar = param.String(
        label="Exemplar (empty: the selected)",
        doc="The name of a neuron; empty for the selected ones together.",
    )
    among = param.Selector(
        objects=["this layer", "all layers"],
        label="Among",
        doc="Look among the neurons in view, of the layer or of its expert, or among those of "
        "every layer.",
    )
    select = param.Event(label="Select these", doc="Select the neurons that are named here.")

    def set_up(self) -> None:
        """Offer the exemplar, how many resemble it, where to look, and to select."""
        super().set_up()
        resemble = self.study.exemplar.param
        self.options = [
            self.param.exemplar,
            resemble.threshold,
            resemble.alike_count,
            resemble.alike_by,
            resemble.alike_to,
            self.param.space,
            self.param.among,
        ]
        self.param.watch(self._select, "select")

    def controls(self) -> list[Any]:
        """Return the widgets, of threshold and count the one that decides, and the button."""
        exemplar, *widgets = super().controls()
        by = self.study.exemplar.param.alike_by.rx()
        sliders = widgets[:2]
        for slider, decides in zip(sliders, ("threshold", "count"), strict=True):
            slider.visible = by == decides
        button = pn.widgets.Button.from_param(
            self.param.select, color="primary", sizing_mode="stretch_width"
        )
        # What one does again and again stands where it is seen without scrolling.
        return [exemplar, *sliders, button, *widgets[2:]]

    @property
    def layer(self) -> Layer:
        """The layer whose neurons are compared, or all."""
        return "all" if self.among == "all layers" else super().layer

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
            self._every = self.study.exemplar.cosines(rows, exemplars)
        except DtvizError as error:
            return str(error)
        self._cluster = self.study.exemplar(self._every, exemplars)
        names = list(self._cluster["name"])
        listed = html.escape(", ".join(names[:_MOST_NAMES]))
        if len(names) > _MOST_NAMES:
            listed += f" and {len(names) - _MOST_NAMES} more"
        self.text = f"<b>{len(names)} of {len(rows)}</b> would be selected: {listed}"
        self._exemplars = exemplars
        return ""

    def shape(self) -> object:
        """With the lines of a threshold, or without."""
        return self.study.exemplar.alike_by

    def make_views(self) -> list[Any]:
        """Return the strip."""
        hooks = [link_rows(self.hub, "alike", "cosine", "height"), looks.tidy]
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
                "row": self.study.neurons.index.get_indexer(names),
            }
        )
        n, options = len(self._exemplars), self.study.exemplar
        who = self._exemplars[0] if n == 1 else f"the {n} selected"
        if n > 1 and options.alike_to == "any":
            who = f"any of {who}"
        by_count = options.alike_by == "count"
        blue = f"the {len(self._cluster) - n} nearest" if by_count else "beyond the threshold"
        expert = self.study.expert_in_view if self.layer == self.study.layer else None
        where = titles.of_layer(self.layer, self.space, expert)
        title = f"Cosine with {who} · {where} · blue: {blue}"
        return alike(points, None if by_count else options.threshold, title)
