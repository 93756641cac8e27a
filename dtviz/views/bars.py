"""Bars: a number for each of a few names."""

import holoviews as hv
import pandas as pd

from dtviz.views import looks

# Bars whose names can be read.
MOST_BARS = 40


def bars(values: pd.Series, label: str, title: str) -> hv.Overlay:
    """Draw a bar for each row, named; or points along a line where there are more than 40.

    Args:
        values: a number for each name.
        label: of the axis.
        title: what was computed.

    Returns:
        Overlay of Rectangles (or Scatter) and HLine (at zero).
    """
    zero = hv.HLine(0).opts(color=looks.GREY, line_width=1)
    names = [looks.literal(str(name)) for name in values.index]
    frame = pd.DataFrame({"place": range(len(names)), "name": names, "value": values.to_numpy()})
    hover = [("name", "@name"), (label, "@value{0.0000}")]
    if len(names) > MOST_BARS:
        shown = hv.Scatter(frame, "place", ["value", "name"]).opts(
            color=looks.BLUE, size=4, tools=["hover"], hover_tooltips=hover, framewise=True
        )
        ticks: list[tuple[float, str]] = []
    else:
        frame = frame.assign(x0=frame["place"] - 0.4, x1=frame["place"] + 0.4, y0=0)
        shown = hv.Rectangles(frame, ["x0", "y0", "x1", "value"], ["name"]).opts(
            color=looks.BLUE, line_color=None, tools=["hover"], hover_tooltips=hover, framewise=True
        )
        ticks = list(zip(frame["place"].tolist(), names, strict=True))
    return (shown * zero).opts(
        **looks.small(title),
        xlabel="",
        ylabel=label,
        xticks=ticks,
        xrotation=45,
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
        hover_tooltips=[("feature", "@item"), ("neurons", "@count"), ("among their", "@end")],
        framewise=True,
    )
