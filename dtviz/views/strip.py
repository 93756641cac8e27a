"""The strip: each neuron by the difference of its two congruences."""

import holoviews as hv
import pandas as pd

from dtviz.views import looks

STRIP_HEIGHT = 150


def strip(table: pd.DataFrame, x: str, y: str, title: str) -> hv.Overlay:
    """Draw the column difference of the neuron table along one line; height means nothing.

    Args:
        table: the neuron table.
        x, y: what is compared: "left", or "left not right".
        title: what was computed, on which layer, which side.

    Returns:
        Overlay of VLine (at zero) and Scatter.
    """
    difference = hv.Dimension("difference", label=f"{y} − {x}")
    points = hv.Scatter(
        table.assign(jitter=looks.jitter(len(table))), difference, ["jitter", "difference", "name"]
    ).opts(
        **looks.points(table),
        hover_tooltips=[("neuron", "@name"), (f"{y} − {x}", "@difference{0.000}")],
    )
    zero = hv.VLine(0).opts(color=looks.GREY, line_width=1, line_dash="dashed")
    return (zero * points).opts(
        title=looks.heading(title),
        xlabel=looks.literal(f"← {x}    {y} →"),
        yaxis=None,
        ylim=(-0.15, 1.15),
        show_legend=False,
        responsive=True,
        fontsize=looks.FONT_SIZES,
        height=STRIP_HEIGHT,
    )
