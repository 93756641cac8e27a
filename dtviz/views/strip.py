"""Strips: each neuron by one number; the other coordinate only keeps points apart."""

import holoviews as hv
import pandas as pd

from dtviz.views import looks

STRIP_HEIGHT = 150


def strip(table: pd.DataFrame, x: str, y: str, title: str, limit: float) -> hv.Overlay:
    """Draw the column difference of the neuron table along one line; height means nothing.

    Args:
        table: the neuron table.
        x, y: what is compared: "left", or "left not right".
        title: what was computed, on which layer, which side.
        limit: what chance would keep nearly all |differences| below.

    Returns:
        Overlay of VSpan (chance), VLine (at zero) and Scatter.
    """
    difference = hv.Dimension("difference", label=f"{y} − {x}")
    points = hv.Scatter(
        table.assign(jitter=looks.jitter(len(table))), difference, ["jitter", "difference", "name"]
    ).opts(
        **looks.points(table),
        hover_tooltips=[("neuron", "@name"), (f"{y} − {x}", "@difference{0.000}")],
    )
    zero = hv.VLine(0).opts(color=looks.GREY, line_width=1, line_dash="dashed")
    chance = hv.VSpan(-limit, limit).opts(**looks.CHANCE)
    return (chance * zero * points).opts(
        **looks.figure(title),
        xlabel=looks.literal(f"← {x}    {y} →"),
        yaxis=None,
        ylim=(-0.15, 1.15),
        height=STRIP_HEIGHT,
    )


def upright(
    table: pd.DataFrame, column: str, label: str, limits: tuple[float, float] | None
) -> hv.Overlay:
    """Draw a column of the neuron table, or of a table like it, from below to above.

    Args:
        table: with the columns name, difference and the one to draw; rows where it is not a
            number are not drawn.
        column: to draw.
        label: what it is, for the title.
        limits: between them chance would put nearly all; None where that is not known.

    Returns:
        Overlay of HSpan (chance; without height where it is not known) and Scatter.
    """
    points = hv.Scatter(
        table.assign(jitter=looks.jitter(len(table))), "jitter", [column, "difference", "name"]
    ).opts(
        **looks.points(table),
        hover_tooltips=[("name", "@name"), (label, f"@{column}{{0.000}}")],
    )
    low, high = limits or (0, 0)
    chance = hv.HSpan(low, high).opts(**looks.CHANCE)
    return (chance * points).opts(**looks.small(label), xaxis=None, ylabel="", xlim=(-0.2, 1.2))
