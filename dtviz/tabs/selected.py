"""Selected: the selected neurons alone, clustered anew, with their names."""

from typing import Any

import holoviews as hv

from dtviz.analyses.similarity import averaged_similarity
from dtviz.study import MOST_CELLS
from dtviz.tabs.space import SpaceTab
from dtviz.views import looks, titles
from dtviz.views.labelled import labelled, named
from dtviz.views.linking import themed


class Selected(SpaceTab):
    """The labelled heatmap of the selection."""

    title = "Selected"
    doc = "The selected neurons alone, clustered anew, with their names."
    follows_selection = True

    def find(self) -> str:
        """Cluster the selected neurons that are in view."""
        rows = self.rows
        names = self.chosen(rows)
        if not names:
            return (
                "No neuron in view is selected. Draw a box or a lasso around neurons in a plot "
                "above: they are compared with each other here."
            )
        chosen = rows.subset(names)
        tree = self.study.clustering(chosen)
        self._names = [tree.names[row] for row in tree.order]
        self._similarity, _ = averaged_similarity(chosen, tree.order, MOST_CELLS)
        return ""

    def make_views(self) -> list[Any]:
        """Return the heatmap."""
        hooks = hv.opts.Image(hooks=[themed("selected"), looks.tidy])
        return [self.plot(self._draw, hooks, max_width=640)]

    def _draw(self) -> hv.Image:
        n, of = len(self._names), len(self.selection.names)
        where = titles.of_layer(self.study.layer, self.space, self.study.expert_in_view)
        title = titles.of_selected(where, n, of, len(self._similarity), len(named(n)))
        return labelled(self._similarity, self._names, title)
