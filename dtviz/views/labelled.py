"""The labelled heatmap: cosine similarity of a few rows, their names on both axes."""

import holoviews as hv
import numpy as np

from dtviz.directions import Float32
from dtviz.views import looks

# Pixels across, with names and colours: the cells are about square then.
SQUARE = 460
# Names that have room on an axis.
MOST_NAMES = 26


def labelled(similarity: Float32, names: list[str], title: str) -> hv.Image:
    """Draw a similarity matrix with names on both axes, the first at top left.

    Args:
        similarity: (m, m); where m is less than the names, averages of as many rows each.
        names: of the rows, in their order; of many, evenly spread ones are written.
        title: what was computed.
    """
    n = len(names)
    ticks = [(row + 0.5, looks.tick(names[row])) for row in named(n)]
    return hv.Image(similarity[::-1], ["column", "row"], "cosine", bounds=(0, 0, n, n)).opts(
        **{**looks.small(title), "fontsize": {**looks.FONT_SIZES, "ticks": "0.8em"}},
        cmap=looks.SIGNED,
        clim=(-1, 1),
        colorbar=True,
        colorbar_opts={"width": 10, "padding": 4},
        tools=["hover"],
        invert_yaxis=True,
        xticks=ticks,
        yticks=ticks,
        xrotation=90,
        xlabel="",
        ylabel="",
        framewise=True,
    )


def named(n: int) -> list[int]:
    """Return the rows whose names are written: all of few, else evenly spread ones."""
    return [int(row) for row in np.linspace(0, n - 1, min(n, MOST_NAMES)).round()]
