"""The congruence scatter: each neuron by how it lines up with two actions."""

import holoviews as hv
import numpy as np
import numpy.typing as npt
import pandas as pd

from dtviz.views import looks

# How many of the outermost neurons bear their name, where names do not collide.
MOST_NAMES = 12


def scatter(
    table: pd.DataFrame,
    x: str,
    y: str,
    title: str,
    ellipse: npt.NDArray[np.float64],
    by: str = "difference",
) -> hv.Overlay:
    """Draw the columns x and y of the neuron table against each other, with the line y = x.

    Args:
        table: the neuron table.
        x, y: what the axes compare with: "left", or "left not right".
        title: what was computed, on which layer, which side.
        ellipse: its corners: where chance would put nearly all neurons, (points, 2).
        by: what colours the points, see `looks.points`.

    Returns:
        Overlay of Polygons (the ellipse), Slope, Scatter and Labels (the names of the outermost
        neurons).
    """
    chance = hv.Polygons([ellipse], ["x", "y"]).opts(**looks.CHANCE, framewise=True)
    dimensions = {
        "x": hv.Dimension("x", label=x),
        "y": hv.Dimension("y", label=y),
        "difference": hv.Dimension("difference", label=f"{y} − {x}"),
    }
    points = hv.Scatter(
        table.assign(colour=looks.coloured_by(table, by)),
        dimensions["x"],
        [dimensions["y"], dimensions["difference"], "colour", "name"],
    ).opts(
        **looks.points(table, by),
        hover_tooltips=[
            ("neuron", "@name{few}"),
            (x, "@x{0.000}"),
            (y, "@y{0.000}"),
            (f"{y} − {x}", "@difference{0.000}"),
            ("norm", "@norm{0.00}"),
        ],
    )
    diagonal = hv.Slope(1, 0).opts(color=looks.GREY, line_width=1, line_dash="dashed")
    named = _outermost(table)
    above = named["y"] + float(np.ptp(table["y"])) * 0.012
    names = hv.Labels(named.assign(y=above), ["x", "y"], "name").opts(
        text_color=looks.LABEL_COLOUR,
        text_font_size="8pt",
        text_baseline="bottom",
        framewise=True,
    )
    return (chance * diagonal * points * names).opts(
        **looks.figure(title),
        xlabel=looks.literal(x),
        ylabel=looks.literal(y),
        show_grid=True,
    )


def _outermost(table: pd.DataFrame) -> pd.DataFrame:
    """Return the neurons farthest from the middle of the cloud whose names do not collide."""
    places = table[["x", "y"]].to_numpy(dtype=float)
    spread = places.std(axis=0)
    scaled = (places - places.mean(axis=0)) / np.where(spread > 0, spread, 1)
    extent = np.ptp(scaled, axis=0) + 1e-9
    chosen: list[int] = []
    for row in np.argsort(-(scaled**2).sum(axis=1), kind="stable")[: 5 * MOST_NAMES]:
        gaps = np.abs(scaled[chosen] - scaled[row]) / extent
        # A name is about a tenth of the plot wide and a sixteenth of it high.
        if not ((gaps[:, 0] < 0.1) & (gaps[:, 1] < 0.06)).any():
            chosen.append(int(row))
        if len(chosen) == MOST_NAMES:
            break
    return table.iloc[chosen][["x", "y", "name"]]
