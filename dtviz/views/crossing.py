"""Crossings: what two spaces have in common, as strips and as an ECDF."""

import holoviews as hv
import numpy as np
import pandas as pd

from dtviz.views import looks

# Points that are drawn; of more, those of greatest absolute value.
MOST_POINTS = 4_000
# Strips side by side whose labels have room.
MOST_STRIPS = 24


def strips(points: pd.DataFrame, title: str) -> hv.Scatter:
    """Draw values as points, a strip for each group.

    Args:
        points: the columns name, item, value, group (in which strip, a category) and row (of the
            neuron in the neuron table, -1 for what is none).
        title: what was computed, and how many of the points are drawn.
    """
    groups = pd.Categorical(points["group"])
    place = groups.codes + 0.8 * (looks.jitter(len(points)) - 0.5)
    ticks = [(i, looks.tick(str(group))) for i, group in enumerate(groups.categories)]
    return hv.Scatter(points.assign(place=place), "place", ["value", "name", "item", "row"]).opts(
        **looks.marks(looks.BLUE),
        **looks.small(title),
        hover_tooltips=[("", "@name{few}"), ("with", "@item"), ("value", "@value{0.000}")],
        xlabel="",
        ylabel="",
        xticks=ticks,
        xlim=(-0.6, len(ticks) - 0.4),
    )


def ecdf(values: np.ndarray, title: str) -> hv.Curve:
    """Draw the share of values that are at most the one below, at 200 places between them.

    Args:
        values: sorted or not.
        title: what was computed.
    """
    share = np.linspace(0, 1, 201)
    frame = pd.DataFrame({"value": np.quantile(values, share), "share": share})
    return hv.Curve(frame, "value", "share").opts(
        **looks.small(title),
        color=looks.BLUE,
        xlabel="value",
        ylabel="share up to it",
        tools=["hover"],
        hover_tooltips=[("value", "@value{0.000}"), ("share up to it", "@share{0.000}")],
        framewise=True,
    )


def alike(points: pd.DataFrame, threshold: float | None, title: str) -> hv.Overlay:
    """Draw each neuron by its cosine with an exemplar; those that resemble it are coloured.

    Args:
        points: the columns name, cosine, colour and row (of the neuron in the neuron table, -1
            for one that is not in view).
        threshold: of |cosine|; None if none decides.
        title: what was computed.

    Returns:
        Overlay of VLines (at the threshold and its opposite, if there is one) and Scatter.
    """
    height = looks.jitter(len(points))
    shown = hv.Scatter(points.assign(height=height), "cosine", ["height", "name", "row", "colour"])
    shown = shown.opts(
        **{**looks.marks("colour"), "nonselection_alpha": 0.85},
        hover_tooltips=[("neuron", "@name{few}"), ("cosine", "@cosine{0.000}")],
    )
    lines = [
        hv.VLine(at).opts(color=looks.BLUE, line_width=1.5, line_dash="dashed")
        for at in (() if threshold is None else (-threshold, threshold))
    ]
    return hv.Overlay([*lines, shown]).opts(
        **looks.small(title),
        xlabel="cosine with the exemplar",
        yaxis=None,
        ylim=(-0.15, 1.15),
        xlim=(-1.05, 1.05),
    )
