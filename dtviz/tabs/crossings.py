"""Crossings: spaces that no weights connect, compared with each other."""

from typing import Any

import holoviews as hv
import pandas as pd
import param

from dtviz.analyses.across import CROSSINGS, ranked
from dtviz.errors import DtvizError
from dtviz.tabs.tab import Tab
from dtviz.views import looks
from dtviz.views.crossing import MOST_POINTS, MOST_STRIPS, ecdf, strips
from dtviz.views.linking import link_rows
from dtviz.views.strip import zero
from dtviz.views.titles import of_layer

# Rows of the ranking beside the plots; the tab of tables has all.
_MOST_ROWS = 10


class Crossings(Tab):
    """Strips, an ECDF and a ranking."""

    title = "Across spaces"
    doc = "Embedding, neurons and unembedding compared where no weights connect them."
    follows_selection = True
    has_text = True

    crossing = param.Selector(
        objects=list(CROSSINGS),
        label="Compare",
        doc="Features with actions (dot product), what neurons read with actions, what they write "
        "with features (cosines), or both with the return-to-go (dot product).",
    )

    def set_up(self) -> None:
        """Offer the crossings."""
        self.options = [self.param.crossing]

    def find(self) -> str:
        """Find and rank all values, and those of the selected neurons."""
        study = self.study
        self.text = ""
        features = study.embedding
        needs_features = "embedding" in self.crossing.split(" × ")
        if needs_features and features is not None and len(features) == 0:
            return study.why_no_features
        try:
            found = study.crossing(self.crossing)
        except DtvizError as error:
            return str(error)
        self._ranked = ranked(found)
        chosen = self._ranked[self._ranked["name"].isin(self.selection.names)]
        listed, who = (self._ranked, "all") if chosen.empty else (chosen, "the selected")
        self.text = f"<b>Greatest of {who}</b>" + listed.head(_MOST_ROWS).to_html(
            index=False, border=0, float_format="{:.3f}".format
        )
        return ""

    def make_views(self) -> list[Any]:
        """Return the strips and the ECDF."""
        rows = link_rows(self.hub, "across", "place", "value")
        hooks = hv.opts.Scatter(hooks=[rows, zero("width"), looks.tidy])
        return [
            self.plot(self._draw_strips, hooks),
            self.plot(self._draw_ecdf, hv.opts.Curve(hooks=[looks.tidy]), max_width=320),
        ]

    def _what(self) -> str:
        study = self.study
        cut = study.crossing_cut(self.crossing)
        cut = f" · {cut}" if cut else ""
        if self.crossing == "embedding × unembedding":
            return f"embedding × unembedding{cut}"
        return f"{self.crossing} · {of_layer(study.layer, expert=study.expert_in_view)}{cut}"

    def _draw_strips(self) -> hv.Scatter:
        every = self._ranked
        # The greatest and the least: in between, points would only cover each other.
        shown = every
        if len(every) > MOST_POINTS:
            shown = every.loc[every["value"].abs().nlargest(MOST_POINTS).index]
        items = shown["item"].cat.categories.astype(str)
        if len(items) > MOST_STRIPS:  # features: a strip for each channel
            items = items.str.split(",").str[0]
        if items.nunique() > MOST_STRIPS:
            items = pd.Index(["all"]).repeat(len(items))
        names = items.unique()
        group = pd.Categorical.from_codes(names.get_indexer(items)[shown["item"].cat.codes], names)
        rows = self.study.neurons.index.get_indexer(pd.Index(shown["name"]))
        title = f"{self._what()} · " + (
            f"{len(every):,} values"
            if len(shown) == len(every)
            else f"{len(shown):,} of {len(every):,} values, the greatest and the least"
        )
        return strips(shown.assign(group=group, row=rows), title)

    def _draw_ecdf(self) -> hv.Curve:
        return ecdf(self._ranked["value"].to_numpy(), "ECDF")
