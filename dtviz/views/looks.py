"""What all views share in their looks: the colour language."""

from typing import Any

import holoviews as hv
import numpy as np
import pandas as pd
import panel as pn
from bokeh.core.json_encoder import serialize_json
from bokeh.models import (
    CustomAction,
    CustomJS,
    CustomJSHover,
    HoverTool,
    LassoSelectTool,
    Model,
    SaveTool,
    UIElement,
)
from bokeh.palettes import RdBu11, interp_palette
from panel.io import notebook

from dtviz.views.scripts import code, script

# With scripts and style sheets, which a notebook would otherwise fetch from the network; not
# hv.extension, which takes two seconds longer there.
pn.extension("tabulator", inline=True)


def _script_json(value: Any) -> str:
    return str(serialize_json(value)).replace("<", "\\u003c")


# Panel puts a document into a notebook's script as it is: a label with </script> would end it.
notebook.serialize_json = _script_json

# Software WebGL is slower than the plain canvas, and many WebGL canvases crash a notebook.
hv.renderer("bokeh").webgl = False

# Okabe and Ito's colours, which colour-blind readers tell apart.
X_COLOUR = "#009E73"
Y_COLOUR = "#E69F00"
GREY = "#9AA0A6"
ACCENT = "#D81B60"
# Readable on white and on near black: HoloViews' text does not follow the theme.
LABEL_COLOUR = "#80868B"

# For the difference of two actions: from the colour of x, through grey, to that of y.
FAVOURS = list(interp_palette([X_COLOUR, GREY, Y_COLOUR], 65))
# For signed values: blue below zero, red above, and zero like the page.
SIGNED = list(interp_palette(RdBu11, 255))
SIGNED_DARK = list(
    interp_palette(
        ["#9ccbff", "#4a90e2", "#1f5596", "#121212", "#98332b", "#e8604c", "#ffb3a3"], 255
    )
)

# As the page's theme sets them, which HoloViews does not know of when it updates a figure.
FONT_SIZES = {"labels": "1em", "ticks": "0.925em", "title": "1.05em"}

# Where chance would put nearly all of what is drawn.
CHANCE = {"color": GREY, "alpha": 0.18, "line_color": None}
# Okabe and Ito's, for as many clusters as one tells apart.
CLUSTERS = ["#0072B2", "#E69F00", "#009E73", "#CC79A7", "#D55E00", "#56B4E9", "#B8A900"]
# Of experts: the first for neurons of none.
EXPERTS = [GREY, *CLUSTERS]
# Readable on white and on near black.
BLUE = "#4A90C2"
RED = "#D6604D"

_SVG = code("download") + code("svg")
_GOLDEN_RATIO = (1 + 5**0.5) / 2
# With more neurons than that, points are drawn small, into an image.
MANY = 1_000
# Characters of a name at an axis.
MOST_AT_AXIS = 40
# Points under the pointer that are told of: in the middle of a cloud there can be hundreds.
MOST_TOLD = 3


def points(table: pd.DataFrame, by: str = "difference") -> dict[str, Any]:
    """Return a scatter's options: what colours mean; what is not selected fades.

    Its column colour, as from `coloured_by`, is there whatever they mean: HoloViews takes no
    columns away from a plot that it draws anew.

    Args:
        table: the neuron table.
        by: "difference", or "expert": as many colours as one tells apart, again and again, and
            grey for neurons of no expert.
    """
    limit = float(np.abs(table["difference"]).max()) or 1.0
    return {
        "color": "colour",
        "cmap": FAVOURS if by == "difference" else EXPERTS,
        "clim": (-limit, limit) if by == "difference" else (0, len(EXPERTS) - 1),
        "size": 6 if len(table) <= MANY else 3,
        "line_color": None,
        "alpha": 0.85,
        "selection_alpha": 1,
        "nonselection_alpha": 0.25,
        "framewise": True,
        "tools": ["hover", "box_select", "lasso_select", "tap"],
        "active_tools": ["box_select", "tap", "wheel_zoom"],
    }


def coloured_by(table: pd.DataFrame, by: str) -> pd.Series:
    """Return what the colours of `points` are chosen by, a value a neuron."""
    if by == "difference":
        return table[by]
    return (1 + table[by] % len(CLUSTERS)).where(table[by] >= 0, 0)


def small(title: str) -> dict[str, Any]:
    """Return the options that the figures of tabs have: few tools, as each takes time to make."""
    return {**figure(title), "default_tools": ["save"], "toolbar": "above"}


def figure(title: str) -> dict[str, Any]:
    """Return the options that most figures have.

    Args:
        title: what was computed, on which layer, which side.
    """
    return {
        "title": heading(title),
        "show_legend": False,
        "responsive": True,
        "fontsize": FONT_SIZES,
    }


def marks(colour: str) -> dict[str, Any]:
    """Return the options of points that stand for neurons among others.

    Args:
        colour: of them all, or the column that holds it.
    """
    return {
        "color": colour,
        "size": 4,
        "line_color": None,
        "alpha": 0.85,
        "selection_color": ACCENT,
        "selection_alpha": 1,
        "nonselection_alpha": 0.25,
        "framewise": True,
        "tools": ["hover", "box_select", "lasso_select", "tap"],
        "active_tools": ["box_select", "tap"],
    }


def literal(text: str) -> str:
    """Return a text that Bokeh shows as it is: what marks TeX gets an invisible joint."""
    for mark in ("$$", "\\[", "\\("):
        text = text.replace(mark, f"{mark[0]}\u2060{mark[1]}")
    return text


def tick(name: str) -> str:
    """Return a name to stand at an axis as it is, but short: a long one leaves a figure no room."""
    return literal(name if len(name) <= MOST_AT_AXIS else f"{name[: MOST_AT_AXIS - 1]}…")


def heading(title: str) -> str:
    """Return a title that HoloViews, which formats titles, and Bokeh show as it is."""
    return literal(title).replace("{", "{{").replace("}", "}}")


def jitter(n: int) -> np.ndarray:
    """Return n heights in [0, 1) that spread evenly, the same each time, (n,)."""
    return (np.arange(n) * _GOLDEN_RATIO) % 1


def tidy(plot: Any, _: object) -> None:
    """Set, as a hook, what HoloViews has no options for."""
    if plot.state.toolbar.logo is not None:  # the first time
        save = CustomJS(code=f"(async () => {{{_SVG}}})()", args={"figure": plot.state})
        plot.state.add_tools(
            CustomAction(icon="arrow_down_to_bar", description="Save as SVG", callback=save)
        )
    plot.state.toolbar.logo = None
    plot.state.toolbar.autohide = True
    for grid in plot.state.grid:
        grid.visible = grid.grid_line_color is not None  # else its styles are read at each brush
    for tool in plot.state.tools:
        if isinstance(tool, LassoSelectTool):
            tool.continuous = False  # else it selects at every move of the mouse
        if isinstance(tool, SaveTool):
            tool.filename = plot.state.name or "figure"  # else it asks
        if isinstance(tool, HoverTool) and "{few}" in str(tool.tooltips) and tool.limit is None:
            tool.limit = MOST_TOLD
            few = script("few", kind=CustomJSHover, most=MOST_TOLD)
            tool.formatters = {"@{name}": few}  # as HoloViews writes @name


def inline_styles(_: object, root: Model) -> None:
    """Put the style sheets for a notebook in, as a hook, before Panel does so.

    Panel does it once the models are in a document, which then collects them anew each time: that
    takes half a second.
    """
    for model in root.select({"type": UIElement}):
        notebook.patch_inline_stylesheets(model)


def align(plot: Any, _: object) -> None:
    """Give heatmap and dendrogram margins of the same widths, as a hook, so that leaves line up."""
    plot.state.min_border_left = 60
    plot.state.min_border_right = 64
