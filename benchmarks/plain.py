"""The same linked views built the plain way: HoloViews' link_selections, spans and table in Python.

It is what dtviz is compared with, not a part of it.
"""

import holoviews as hv
import pandas as pd
import panel as pn

from dtviz.explorer import Explorer
from dtviz.views import looks, page


class Shell:
    """What a page needs, with any content in its main area."""

    def __init__(self, *main: object) -> None:
        self.status = pn.Row()
        self.controls = self.downloads = lambda toolkit: pn.Column()
        self.board = pn.Column(*main, sizing_mode="stretch_both")


def empty_page() -> pn.viewable.Viewable:
    """The shell of the explorer around one small plot."""
    plot = hv.Scatter([(0, 0), (1, 1)]).opts(
        tools=["box_select"], responsive=True, hooks=[_name("plot")]
    )
    return page.page("plain", Shell(plot))


def linked_page(explorer: Explorer) -> pn.viewable.Viewable:
    """The explorer's own elements and its numbers, linked by ``link_selections``."""
    neurons = explorer.neurons.assign(jitter=looks.jitter(len(explorer.neurons)))
    neurons = neurons.reset_index(drop=True)
    ranking = explorer.ranked
    data = hv.Dataset(neurons)
    link = hv.link_selections.instance()
    ellipse, diagonal, _, names = explorer._draw_scatter(None)
    band = hv.VSpan(*explorer._difference_limits()).opts(**looks.CHANCE)
    zero = hv.VLine(0).opts(color=looks.GREY, line_width=1, line_dash="dashed")
    image = explorer._draw_heatmap(None)

    def linked(name: str, x: str, y: str) -> hv.DynamicMap:
        # link_selections takes a box on a Scatter for a range of x.
        points = hv.Points(data, [x, y]).opts(
            **looks.points(neurons), hooks=[_name(name)], responsive=True
        )
        return link(points)

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

    heatmap = image.opts(hooks=[_name("similarity")]) * hv.DynamicMap(
        pn.bind(spans, link.param.selection_expr)
    )
    tables = pn.widgets.Tabulator(
        pn.bind(listed, link.param.selection_expr),
        height=240,
        disabled=True,
        pagination="local",  # the browser gets all rows, as from the hub, and draws those of a page
        page_size=len(ranking) // len(neurons),
    )
    return page.page(
        "plain",
        Shell(
            pn.Row(
                pn.Column(
                    ellipse * diagonal * linked("congruence", "x", "y") * names,
                    band * zero * linked("difference", "difference", "jitter"),
                    sizing_mode="stretch_both",
                ),
                pn.Column(
                    explorer._draw_dendrogram(None),
                    heatmap,
                    sizing_mode="stretch_both",
                ),
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
