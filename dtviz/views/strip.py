"""Strips: each neuron by one number; the other coordinate only keeps points apart."""

from collections.abc import Callable
from typing import Any, Literal

import holoviews as hv
import pandas as pd
from bokeh.models import BoxAnnotation, Span

from dtviz.views import looks

Hook = Callable[[Any, Any], None]

STRIP_HEIGHT = 150


def strip(table: pd.DataFrame, x: str, y: str, title: str, by: str = "difference") -> hv.Scatter:
    """Draw the column difference of the neuron table along one line; height means nothing.

    Args:
        table: the neuron table.
        x, y: what is compared: "left", or "left not right".
        title: what was computed, on which layer, which side.
        by: what colours the points, see `looks.points`.
    """
    difference = hv.Dimension("difference", label=f"{y} − {x}")
    return hv.Scatter(
        table.assign(jitter=looks.jitter(len(table)), colour=looks.coloured_by(table, by)),
        difference,
        ["jitter", "colour", "name"],
    ).opts(
        **looks.points(table, by),
        **looks.figure(title),
        hover_tooltips=[("neuron", "@name{few}"), (f"{y} − {x}", "@difference{0.000}")],
        xlabel=looks.literal(f"← {x}    {y} →"),
        yaxis=None,
        ylim=(-0.15, 1.15),
        height=STRIP_HEIGHT,
    )


def upright(table: pd.DataFrame, column: str, label: str, by: str = "difference") -> hv.Scatter:
    """Draw a column of the neuron table, or of a table like it, from below to above.

    Args:
        table: with the columns name, difference and the one to draw; rows where it is not a
            number are not drawn.
        column: to draw.
        label: what it is, for the title.
        by: what colours the points, see `looks.points`.
    """
    return hv.Scatter(
        table.assign(jitter=looks.jitter(len(table)), colour=looks.coloured_by(table, by)),
        "jitter",
        [column, "colour", "name"],
    ).opts(
        **{
            **looks.points(table, by),
            **looks.small(label),
            "tools": ["hover", "box_select", "tap"],
            "active_tools": ["box_select", "tap"],
        },
        hover_tooltips=[("name", "@name{few}"), (label, f"@{column}{{0.000}}")],
        xaxis=None,
        ylabel="",
        xlim=(-0.2, 1.2),
    )


def chance(
    limits: Callable[[], tuple[float, float] | None], lower: str = "bottom", upper: str = "top"
) -> Hook:
    """Return a hook that marks where chance would put nearly all values of a strip.

    A HoloViews element would take half as long again as the whole strip.

    Args:
        limits: returns the lower and the upper one, or None where they are not known.
        lower, upper: the edges that are there: "left" and "right" where values run to the right.
    """

    def hook(plot: Any, _: object) -> None:
        # In its place among the annotations: a search by name walks the whole figure.
        found = [part for part in plot.state.center if isinstance(part, BoxAnnotation)]
        band = found[0] if found else BoxAnnotation(line_color=None, level="underlay")
        if not found:
            plot.state.add_layout(band)
        known = limits()
        band.visible = known is not None
        if known is not None:
            band.update(**dict(zip((lower, upper), known, strict=True)))
        band.update(fill_color=looks.CHANCE["color"], fill_alpha=looks.CHANCE["alpha"])

    return hook


def zero(dimension: Literal["height", "width"]) -> Hook:
    """Return a hook that marks zero.

    Args:
        dimension: along which the line runs: "height" where values run to the right.
    """

    def hook(plot: Any, _: object) -> None:
        if not any(isinstance(part, Span) for part in plot.state.center):
            style = {"line_color": looks.GREY, "line_width": 1, "line_dash": "dashed"}
            plot.state.add_layout(Span(location=0, dimension=dimension, **style))

    return hook
