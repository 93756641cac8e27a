"""Bars: a number for each of a few names."""

import holoviews as hv
import numpy as np
import pandas as pd

from dtviz.views import looks

# Bars whose names can be read.
MOST_BARS = 40


def bars(values: pd.DataFrame, title: str) -> hv.Overlay:
    """Draw a bar for each name and column; or points along a line where there are many names.

    Args:
        values: a row for each name; up to two columns, the first in blue, the other in orange.
        title: what was computed, and the colours.

    Returns:
        Overlay of Rectangles (or Scatter, of more than 40 names) and HLine (at zero).
    """
    names = [str(name) for name in values.index]
    ticks = [(place, looks.tick(name)) for place, name in enumerate(names)]
    long = pd.DataFrame(
        {
            "place": np.tile(np.arange(len(names)), values.shape[1]),
            "name": names * values.shape[1],
            "what": np.repeat(values.columns.to_numpy(dtype=object), len(names)),
            "value": values.to_numpy().ravel(order="F"),
            "colour": np.repeat([looks.BLUE, looks.Y_COLOUR][: values.shape[1]], len(names)),
        }
    )
    options = {
        "color": "colour",
        "line_color": None,
        "framewise": True,
        "tools": ["hover"],
        "hover_tooltips": [("name", "@name{few}"), ("@what", "@value{0.0000}")],
    }
    columns = ["name", "what", "colour"]
    many = len(names) > MOST_BARS
    if many:
        shown = hv.Scatter(long, "place", ["value", *columns]).opts(**options, size=4)
    else:
        width = 0.8 / values.shape[1]
        left = long["place"] - 0.4 + width * np.repeat(range(values.shape[1]), len(names))
        long = long.assign(left=left, right=left + width, zero=0.0)
        shown = hv.Rectangles(long, ["left", "zero", "right", "value"], columns).opts(**options)
    zero = hv.HLine(0).opts(color=looks.GREY, line_width=1)
    return (shown * zero).opts(
        **looks.small(title),
        xlabel="",
        ylabel="",
        **({"xaxis": None} if many else {"xticks": ticks, "xrotation": 45}),
    )


def counts(title: str) -> hv.Rectangles:
    """Draw the frame for bars that a script fills: how often each item is listed.

    Args:
        title: what is counted.
    """
    none = pd.DataFrame({"x0": [0.0], "y0": [0.0], "x1": [0.0], "y1": [0.0], "end": ["most"]})
    none = none.assign(item=[""], count=[0])
    return hv.Rectangles(none, ["x0", "y0", "x1", "y1"], ["end", "item", "count"]).opts(
        **looks.small(title),
        color="end",
        cmap={"most": looks.RED, "least": looks.BLUE},
        line_color=None,
        xlabel="",
        ylabel="neurons",
        xrotation=45,
        tools=["hover"],
        hover_tooltips=[("item", "@item"), ("neurons", "@count"), ("among their", "@end")],
        framewise=True,
    )
