"""The same linked views built the plain way: HoloViews' link_selections, spans and table in Python.

It is what dtviz is compared with, not a part of it.
"""

import holoviews as hv
import numpy as np
import pandas as pd
import panel as pn

from dtviz.analyses.similarity import averaged_similarity
from dtviz.explorer import MOST_CELLS, Explorer
from dtviz.views import looks, page


class Shell:
    """What a page needs, with any content in its main area."""

    def __init__(self, *main: object) -> None:
        self.status = pn.Row()
        self.controls = pn.Column()
        self.board = pn.Column(*main, sizing_mode="stretch_both")


def empty_page() -> pn.viewable.Viewable:
    """The shell of the explorer around one small plot."""
    plot = hv.Scatter([(0, 0), (1, 1)]).opts(
        tools=["box_select"], responsive=True, hooks=[_name("plot")]
    )
    return page.page("plain", Shell(plot))


def linked_page(explorer: Explorer) -> pn.viewable.Viewable:
    """Scatter, strip, heatmap with spans and top-k table, linked by ``link_selections``."""
    neurons = explorer.neurons.assign(jitter=looks.jitter(len(explorer.neurons))).reset_index(
        drop=True
    )
    ranking = explorer._ranking.frame()
    data = hv.Dataset(neurons)
    link = hv.link_selections.instance()
    options = {"tools": ["box_select"], "active_tools": ["box_select"], "responsive": True}
    scatter = hv.Points(data, ["x", "y"]).opts(hooks=[_name("congruence")], **options)
    strip = hv.Points(data, ["difference", "jitter"]).opts(hooks=[_name("difference")], **options)
    similarity, _ = averaged_similarity(
        explorer.model.neurons(explorer.layer, explorer.side),
        explorer._clustered.order,
        MOST_CELLS,
    )
    centres = (np.arange(len(similarity)) + 0.5) * len(neurons) / len(similarity)
    image = hv.Image((centres, centres, similarity), ["column", "row"], "cosine").opts(
        cmap="RdBu", clim=(-1, 1), responsive=True, hooks=[_name("similarity")]
    )

    def chosen(expression: hv.dim | None) -> pd.DataFrame:
        return neurons.iloc[:0] if expression is None else data.select(expression).data

    def spans(expression: hv.dim | None) -> hv.Overlay:
        leaves = chosen(expression)["leaf"].to_numpy()
        edges = {"start": leaves, "end": leaves + 1}
        return hv.VSpans(pd.DataFrame(edges)).opts(hooks=[_source("columns")]) * hv.HSpans(
            pd.DataFrame(edges)
        ).opts(hooks=[_source("rows")])

    def listed(expression: hv.dim | None) -> pd.DataFrame:
        return ranking[ranking["name"].isin(chosen(expression)["name"])]

    heatmap = image * hv.DynamicMap(pn.bind(spans, link.param.selection_expr))
    tables = pn.widgets.Tabulator(
        pn.bind(listed, link.param.selection_expr), height=240, disabled=True
    )
    return page.page(
        "plain",
        Shell(
            pn.Row(
                pn.Column(link(scatter), link(strip), sizing_mode="stretch_both"),
                heatmap,
                sizing_mode="stretch_both",
            ),
            tables,
        ),
    )


def _name(name: str):
    def hook(plot, element):
        plot.state.x_range.name = plot.state.y_range.name = None
        plot.state.name = name

    return hook


def _source(name: str):
    def hook(plot, element):
        plot.handles["source"].name = name

    return hook
