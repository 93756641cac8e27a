"""Effects: what tells one group of neurons from another, as points with intervals."""

import holoviews as hv
import numpy as np
import pandas as pd

from dtviz.views import looks


def effects(frame: pd.DataFrame, title: str) -> hv.Overlay:
    """Draw an effect size and its interval for each row, the first at the top.

    Args:
        frame: as from `against_rest`; rows where g is not known are named, but not drawn.
        title: what was compared.

    Returns:
        Overlay of VLine (no difference), Segments (the intervals) and Scatter.
    """
    places = -np.arange(len(frame), dtype=float)
    rows = frame.assign(name=[str(name) for name in frame.index], place=places)
    drawn = rows[np.isfinite(rows["g"])]
    zero = hv.VLine(0).opts(color=looks.GREY, line_width=1, line_dash="dashed")
    intervals = hv.Segments(drawn, ["g_low", "place", "g_high", "place"]).opts(
        color=looks.BLUE, line_width=2, framewise=True
    )
    points = hv.Scatter(drawn, "g", ["place", "name", "mean_selected", "mean_rest"]).opts(
        color=looks.ACCENT,
        size=8,
        framewise=True,
        tools=["hover"],
        hover_tooltips=[
            ("", "@name"),
            ("g", "@g{0.00}"),
            ("selected", "@mean_selected{0.000}"),
            ("rest", "@mean_rest{0.000}"),
        ],
    )
    return (zero * intervals * points).opts(
        **looks.small(title),
        xlabel="g: difference of the means in standard deviations",
        ylabel="",
        yticks=[
            (place, looks.tick(name)) for place, name in zip(places, rows["name"], strict=True)
        ],
        ylim=(-len(frame) + 0.4, 0.6),
        show_grid=True,
    )
