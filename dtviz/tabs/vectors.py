"""Vectors: norms, bias and cosine similarity of the unembedding, or of any other set of a model."""

from typing import Any

import holoviews as hv
import pandas as pd
import param

from dtviz.analyses.similarity import averaged_similarity
from dtviz.directions import Directions
from dtviz.study import MOST_CELLS
from dtviz.tabs.tab import Tab
from dtviz.views import looks, titles
from dtviz.views.bars import bars
from dtviz.views.labelled import SQUARE, labelled, named
from dtviz.views.linking import themed


class Vectors(Tab):
    """Bars of norms and biases, and the labelled heatmap."""

    title = "Unembedding"
    doc = "Norms, bias and cosines of the actions, or of any other vectors of the model."
    without_python = True

    which = param.Selector(label="Vectors", doc="The set of vectors to look at.")
    is_clustered = param.Boolean(
        default=False,
        label="Clustered",
        doc="Order the heatmap so that vectors that resemble each other are neighbours.",
    )

    def set_up(self) -> None:
        """Offer the sets of the model, and to cluster them."""
        self.options = [self.param.which, self.param.is_clustered]
        self._offer()

    def _offer(self) -> None:
        sets = list(self.study.vector_sets)
        if sets != self.param.which.objects:
            self.param.which.objects = sets
        if self.which not in sets:
            self.which = sets[0]

    def find(self) -> str:
        """Find the set, and how it is ordered."""
        self._offer()
        self._vectors: Directions = self.study.vector_sets[self.which]
        n = len(self._vectors)
        order = list(range(n))
        if self.is_clustered:
            order = [int(row) for row in self.study.clustering(self._vectors).order]
        self._names = [self._vectors.names[row] for row in order]
        self._similarity, _ = averaged_similarity(self._vectors, order, MOST_CELLS)
        return ""

    def shape(self) -> object:
        """Bars, or points, with a bias or without."""
        return self.which

    def make_views(self) -> list[Any]:
        """Return the bars and the heatmap."""
        tidy = [hv.opts.Rectangles(hooks=[looks.tidy]), hv.opts.Scatter(hooks=[looks.tidy])]
        hooks = hv.opts.Image(hooks=[themed("vectors"), looks.tidy])
        return [
            self.plot(self._draw_bars, *tidy),
            self.plot(self._draw_heatmap, hooks, max_width=SQUARE),
        ]

    def _draw_bars(self) -> hv.Overlay:
        values = pd.DataFrame({"norm": self._vectors.norms}, index=self._vectors.names)
        bias = self.study.model.unembedding_bias
        if self.which != "unembedding" or bias is None:
            return bars(values, f"Norms · {self._vectors.label}")
        return bars(values.assign(bias=bias), "Norms (blue) and bias (orange) · unembedding")

    def _draw_heatmap(self) -> hv.Image:
        n = len(self._names)
        title = titles.of_vectors(self._vectors.label, n, len(self._similarity), len(named(n)))
        return labelled(self._similarity, self._names, title)
