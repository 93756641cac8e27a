"""How a gesture becomes a selection, and a selection becomes highlights: nobody else knows.

What the browser highlights and lists, the scripts in ``js/`` draw with no round trip.
"""

from collections.abc import Callable
from typing import Any

import numpy as np
from bokeh.models import ColumnDataSource, CustomJSHover, FixedTicker, Title

from dtviz.views import looks
from dtviz.views.scripts import script
from dtviz.views.shared import Hub, Shared

Hook = Callable[[Any, Any], None]

# Pixels of the two masks that fade the heatmap's columns and rows.
_MASK_PIXELS = 1024


def draw_points(hub: Hub, name: str, x: str, y: str, *, leads: bool = False) -> Hook:
    """Return a hook that lets a HoloViews scatter draw the hub's rows, and select them.

    Args:
        hub: of the table that the element draws.
        name: what to call the Bokeh figure.
        x, y: the columns that it draws.
        leads: whether, once laid out, it tells all other views of the page what is selected.
    """

    def hook(plot: Any, _: object) -> None:
        figure, renderer = plot.state, plot.handles["glyph_renderer"]
        neurons = hub.source(plot.root)
        renderer.data_source = neurons
        # HoloViews gives selected points the mapped colour too.
        renderer.selection_glyph.update(fill_color=looks.ACCENT, line_color=looks.ACCENT)
        if figure.name != name:  # the first time
            figure.x_range.name = None  # HoloViews names it by its dimension: names must differ
            figure.name = name
            combine(figure, neurons, direct=True)
            ring(figure, hub.sets.source(plot.root), neurons, neurons, x, y)
            if leads:
                figure.js_on_change("inner_width", script("first", neurons=neurons))
        if len(hub.frame) > looks.MANY:
            for glyph in (renderer.glyph, renderer.selection_glyph, renderer.nonselection_glyph):
                # Bokeh hits such a point, and passes it over when it paints.
                glyph.angle = np.nan
            # A search by name walks the whole figure.
            if not any(one.name == "dots" for one in figure.renderers):
                draw_dots(plot, neurons)

    def draw_dots(plot: Any, neurons: ColumnDataSource) -> None:
        figure = plot.state
        empty = {"image": [np.zeros((1, 1), np.uint32)], "x": [0], "y": [0], "dw": [1], "dh": [1]}
        dots = ColumnDataSource(data=empty, syncable=False)
        figure.image_rgba("image", x="x", y="y", dw="dw", dh="dh", source=dots, name="dots")
        draw = script(
            "dots",
            neurons=neurons,
            x=x,
            y=y,
            dots=dots,
            figure=figure,
            mapper=plot.handles["color_color_mapper"],
            accent=looks.ACCENT,
            most=looks.MANY,
        )
        connect = follow(figure, draw, neurons, ranges=True)
        figure.js_on_change("inner_height", connect)

    return hook


def select_blocks(hub: Hub, cells: Shared, detail: Shared, name: str) -> Hook:
    """Return a hook for the heatmap: fades what is not selected; a box or a tap selects.

    Args:
        hub: of the table whose column leaf orders the rows and columns.
        cells: the columns start: the leaf at which each cell of the heatmap begins, and n; and of:
            what cells tell of several pairs.
        detail: the cells of what is in view when it is zoomed.
        name: what to call the Bokeh figure.
    """

    def hook(plot: Any, _: object) -> None:
        figure = plot.state
        neurons, starts, fine = (frame.source(plot.root) for frame in (hub, cells, detail))
        hover = plot.handles["hover"]
        hover.tooltips = [  # HoloViews sets them anew at every update
            ("row", "$y{row}"),
            ("column", "$x{column}"),
            ("cosine", "@image{cosine}"),
        ]
        if figure.name == name:
            return  # the rest is set up already
        cell = script("cell", kind=CustomJSHover, neurons=neurons, cells=starts, detail=fine)
        hover.formatters = {"$x": cell, "$y": cell, "@image": cell}
        figure.name = name
        mapper = plot.handles["glyph"].color_mapper
        square = {"x": "x", "y": "y", "dw": "dw", "dh": "dh"}
        figure.image("image", **square, source=fine, color_mapper=mapper)
        masks = {}
        for of, shape, place in (
            ("rows", (_MASK_PIXELS, 1), {"x": 0, "y": "start", "dw": "all", "dh": "size"}),
            ("columns", (1, _MASK_PIXELS), {"x": "start", "y": 0, "dw": "size", "dh": "all"}),
        ):
            pixels = np.zeros(shape, dtype=np.uint32)
            empty = {"image": [pixels], "start": [0], "size": [1], "all": [1]}
            masks[of] = ColumnDataSource(data=empty, syncable=False)
            figure.image_rgba("image", **place, source=masks[of])
        known = {"neurons": neurons, "figure": figure}
        fade = script("fade", **known, masks=masks, most=_MASK_PIXELS)
        edges = ("left", "right", "bottom", "top")
        none: dict[str, list[Any]] = {name: [] for name in (*edges, "colour")}
        marks = ColumnDataSource(data=none, syncable=False)
        figure.quad(*edges, color="colour", line_color=None, source=marks)
        sets = hub.sets.source(plot.root)
        mark = script("marks", neurons=neurons, sets=sets, marks=marks)
        follow(figure, mark, neurons, selection=False, sets=sets)
        follow_theme(figure, mapper)
        figure.js_on_change("background_fill_color", fade)
        zoom = script("zoom", figure=figure, cells=starts, detail=fine)
        follow(figure, fade, neurons, ranges=True)
        follow(figure, zoom, neurons, selection=False, ranges=True, cells=starts)
        figure.js_on_change("inner_width", script("first", neurons=neurons))
        figure.js_on_event("selectiongeometry", script("choose", "block", neurons=neurons))

    return hook


def select_branches(hub: Hub, tree: Shared, name: str) -> Hook:
    """Return a hook for the dendrogram: a click on a line selects the branch that hangs on it.

    Args:
        hub: of the table whose column leaf orders the leaves.
        tree: the columns first and last: between which leaves is what hangs on each line.
        name: what to call the Bokeh figure.
    """

    def hook(plot: Any, _: object) -> None:
        figure = plot.state
        if figure.name == name:
            return  # all is set up already
        figure.name = name
        known = {"neurons": hub.source(plot.root), "tree": tree.source(plot.root)}
        lines = plot.handles["glyph_renderer"].data_source
        choose = script("choose", "branch", **known, lines=lines, figure=figure)
        figure.js_on_event("tap", choose)

    return hook


def combine(figure: Any, neurons: Any, *, direct: bool) -> None:
    """Let a figure's tools add, remove and so on, as the page's bar and the keys say.

    Args:
        figure: whose tools select.
        neurons: the hub's source.
        direct: whether the figure draws the rows of the hub.
    """
    modes = script("choose", "modes", figure=figure, neurons=neurons, direct=direct)
    figure.js_on_change("inner_width", modes)


def ring(figure: Any, sets: Any, neurons: Any, points: Any, x: str, y: str) -> None:
    """Ring the points of the neurons in the named sets.

    Args:
        figure: that draws the points.
        sets: the source of the sets.
        neurons: the hub's source.
        points: the source of the points.
        x, y: the columns that it draws.
    """
    empty: dict[str, list[Any]] = {"x": [], "y": [], "colour": [], "size": []}
    rings = ColumnDataSource(data=empty, syncable=False)
    figure.scatter(
        "x", "y", size="size", line_color="colour", line_width=2, fill_color=None, source=rings
    )
    run = script("rings", neurons=neurons, sets=sets, points=points, x=x, y=y, rings=rings)
    others = {} if points is neurons else {"points": points}
    follow(figure, run, neurons, selection=False, sets=sets, **others)


def follow(
    figure: Any,
    run: Any,
    neurons: Any,
    *,
    selection: bool = True,
    ranges: bool = False,
    **sources: Any,
) -> Any:
    """Run a script whenever the selection changes, or the neurons or other sources do.

    Returns what starts that, when the figure is laid out; it runs the script, too.

    Args:
        figure: which the script draws in; while it is not in sight, nothing is run.
        run: the script.
        neurons: the hub's source.
        selection: whether the script draws what is selected.
        ranges: whether it draws for the ranges of the figure.
        sources: others that the script reads.
    """
    changing = [neurons, *sources.values()]
    known = {"figure": figure, "run": run, "neurons": neurons, "sources": changing}
    connect = script("follow", **known, selection=selection, ranges=ranges)
    figure.js_on_change("inner_width", connect)
    return connect


def follow_theme(figure: Any, mapper: Any) -> None:
    """Let the colours of signed values follow the page when it turns dark, or light again."""
    theme = script(
        "theme",
        figure=figure,
        mapper=mapper,
        palettes={"light": looks.SIGNED, "dark": looks.SIGNED_DARK},
    )
    figure.js_on_change("background_fill_color", theme)
    figure.js_on_change("inner_width", theme)


def themed(name: str) -> Hook:
    """Return a hook for a heatmap that nothing is selected in.

    Args:
        name: what to call the Bokeh figure.
    """

    def hook(plot: Any, _: object) -> None:
        if plot.state.name != name:
            plot.state.name = name
            follow_theme(plot.state, plot.handles["glyph"].color_mapper)

    return hook


def link_rows(hub: Hub, name: str, x: str, y: str) -> Hook:
    """Return a hook for points that stand for neurons, several for each maybe.

    Args:
        hub: the neurons; the points' column row tells which.
        name: what to call the Bokeh figure.
        x, y: the columns that it draws.
    """

    def hook(plot: Any, _: object) -> None:
        figure, renderer = plot.state, plot.handles["glyph_renderer"]
        renderer.selection_glyph.update(fill_color=looks.ACCENT, line_color=looks.ACCENT)
        if figure.name == name:
            return  # the rest is set up already
        figure.name = name
        linked = {"neurons": hub.source(plot.root), "points": renderer.data_source}
        run = script("rows", **linked)
        follow(figure, run, **linked)
        combine(figure, linked["neurons"], direct=False)
        ring(figure, hub.sets.source(plot.root), **linked, x=x, y=y)
        figure.js_on_event("selectiongeometry", script("choose", "pick", **linked, run=run))

    return hook


def count_items(hub: Hub, ranking: Shared, name: str, most: int) -> Hook:
    """Return a hook that fills bars: how often each item is listed for the selected neurons.

    Args:
        hub: the neurons.
        ranking: the columns neuron and item, 2k rows a neuron.
        name: what to call the Bokeh figure.
        most: bars that fit.
    """

    def hook(plot: Any, _: object) -> None:
        figure = plot.state
        if figure.name == name:
            return  # all is set up already
        figure.name = name
        figure.xaxis[0].ticker = FixedTicker(ticks=[])
        bars = plot.handles["glyph_renderer"].data_source
        bars.syncable = False
        axis = figure.xaxis[0]
        sources = {"neurons": hub.source(plot.root), "ranking": ranking.source(plot.root)}
        drawn = {"bars": bars, "figure": figure, "axis": axis, "most": most}
        drawn["most_at_axis"] = looks.MOST_AT_AXIS
        count = script("literal", "listing", "counts", **sources, **drawn)
        follow(figure, count, **sources)
        figure.js_on_event("tap", script("choose", "listing", "count_tap", **sources, bars=bars))

    return hook


def colour_cells(hub: Hub, reading: Shared, name: str, what: str) -> Hook:
    """Return a hook that colours a map's cells by the selected neurons, and names who answers.

    Args:
        hub: the neurons.
        reading: the column value: a row of cells for each neuron.
        name: what to call the Bokeh figure.
        what: the title's beginning.
    """

    def hook(plot: Any, _: object) -> None:
        figure, cells = plot.state, plot.handles["glyph_renderer"].data_source
        if figure.name == name:
            return  # all is set up already
        figure.name = name
        cells.syncable = False
        mapper = plot.handles["color_color_mapper"]
        note = Title(text="", text_font_style="normal", text_color=looks.LABEL_COLOUR)
        figure.add_layout(note, "below")
        sources = {"neurons": hub.source(plot.root), "reading": reading.source(plot.root)}
        colour = script("map", **sources, cells=cells, mapper=mapper, figure=figure, what=what)
        answer = script("literal", "answer", **sources, cells=cells, note=note)
        follow(figure, colour, **sources)
        figure.js_on_change("inner_width", answer)
        cells.selected.js_on_change("indices", answer)
        follow_theme(figure, mapper)

    return hook
