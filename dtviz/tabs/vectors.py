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
from dtviz.views.bars import MOST_BARS, bars
from dtviz.views.labelled import SQUARE, labelled, named
from dtviz.views.linking import themed

# Of a vocabulary, rows that are shown besides those compared.
MOST_LONGEST = 200


class Vectors(Tab):
    """Bars of norms and biases, and the labelled heatmap."""

    title = "Unembedding"
    doc = "Norms, bias and cosines of the actions, or of any other vectors of the model."
    without_python = True
    has_text = True

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
        every = self.study.vector_sets[self.which]
        self._of = len(every)
        self._vectors: Directions = every
        if self.which in ("unembedding", "embedding"):
            self._vectors = self.study.shortlist(every, MOST_LONGEST)
        self.text = ""
        if len(self._vectors) < self._of:
            self.text = (
                f"{len(self._vectors):,} of {self._of:,} rows: those that are compared, and the "
                f"{MOST_LONGEST} longest."
            )
        n = len(self._vectors)
        order = list(range(n))
        if self.is_clustered:
            order = [int(row) for row in self.study.clustering(self._vectors).order]
        self._names = [self._vectors.names[row] for row in order]
        self._similarity, _ = averaged_similarity(self._vectors, order, MOST_CELLS)
        return ""

    def shape(self) -> object:
        """Bars, or points where there are many."""
        return (self.which, len(self._vectors) > MOST_BARS)

    def make_views(self) -> list[Any]:
        """Return the bars and the heatmap."""
        tidy = [hv.opts.Rectangles(hooks=[looks.tidy]), hv.opts.Scatter(hooks=[looks.tidy])]
        hooks = hv.opts.Image(hooks=[themed("vectors"), looks.tidy])
        return [
            self.plot(self._draw_bars, *tidy),
            self.plot(self._draw_heatmap, hooks, max_width=SQUARE),
        ]

    def _draw_bars(self) -> hv.Overlay:
        vectors, model = self._vectors, self.study.model
        values = pd.DataFrame({"norm": vectors.norms}, index=vectors.names)
        cut = f" · {titles.of_rows(len(vectors), self._of)}" if len(vectors) < self._of else ""
        bias = model.unembedding_bias
        if self.which != "unembedding" or bias is None:
            return bars(values, f"Norms · {vectors.label}{cut}")
        bias = bias[[model.unembedding.row(name) for name in vectors.names]]
        return bars(values.assign(bias=bias), f"Norms (blue) and bias (orange) · unembedding{cut}")

    def _draw_heatmap(self) -> hv.Image:
        n = len(self._names)
        cells = len(self._similarity)
        title = titles.of_vectors(self._vectors.label, n, cells, len(named(n)), self._of)
        return labelled(self._similarity, self._names, title)
