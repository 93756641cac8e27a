"""The heatmap: cosine similarity of all neurons in leaf order, and the dendrogram above it."""

import holoviews as hv
import numpy as np
import numpy.typing as npt
import pandas as pd

from dtviz.directions import Float32
from dtviz.views import looks

DENDROGRAM_HEIGHT = 80


def heatmap(similarity: Float32, n: int, title: str) -> hv.Image:
    """Draw a similarity matrix; leaf p covers the cells from p to p + 1, the first at top left.

    Args:
        similarity: (m, m), rows and columns in leaf order; where m < n, of blocks of neurons.
        n: leaves.
        title: what was computed, of how many neurons, and whether it is averaged.
    """
    # Blocks that are averaged differ by a leaf at most: they are drawn as equal. The first row of
    # an image is its upper one, where y is greatest.
    return hv.Image(similarity[::-1], ["column", "row"], "cosine", bounds=(0, 0, n, n)).opts(
        cmap=looks.SIGNED,
        clim=(-1, 1),
        colorbar=True,
        colorbar_opts={"width": 10, "padding": 4},
        tools=["hover", "box_select", "tap"],
        active_tools=["box_select", "tap", "wheel_zoom"],
        toolbar="left",
        invert_yaxis=True,
        xaxis=None,
        yaxis=None,
        title=looks.heading(title),
        framewise=True,
        responsive=True,
    )


def tree_lines(segments: pd.DataFrame, clusters: npt.NDArray[np.intp]) -> pd.DataFrame:
    """Return the lines of the tree, and below them a band in the colour of each cluster.

    Args:
        segments: as from `tree_segments`.
        clusters: the cluster of each leaf, in leaf order, (n,).

    Returns:
        Columns column, distance, column_end, distance_end (from leaf and distance to leaf and
        distance), cluster (-1 for what joins several), first and last (the leaves of what hangs on
        the line) and is_band.
    """
    first = np.flatnonzero(np.diff(clusters, prepend=-1))
    last = np.append(first[1:], len(clusters)) - 1
    below = -0.09 * _height(segments)
    band = {
        "column": first,
        "distance": below,
        "column_end": last + 1,
        "distance_end": below,
        "cluster": clusters[first],
        "first": first,
        "last": last,
    }
    parts = [segments.assign(is_band=False), pd.DataFrame(band).assign(is_band=True)]
    return pd.concat([part for part in parts if len(part)], ignore_index=True)


def _height(lines: pd.DataFrame) -> float:
    return float(lines["distance_end"].max() if len(lines) else 0) or 1.0


def dendrogram(lines: pd.DataFrame) -> hv.Segments:
    """Draw the tree above the heatmap's columns; each cluster has a colour.

    Args:
        lines: as from `tree_lines`.
    """
    n, top = int(lines["last"].max()) + 1, _height(lines[~lines["is_band"]])
    of = lines["cluster"].to_numpy()
    # Numbers: HoloViews looks at the name of each line's colour, which takes longer than drawing.
    colours = np.where(of < 0, len(looks.CLUSTERS), of % len(looks.CLUSTERS))
    widths = np.where(lines["is_band"], 7, 0.8)
    return hv.Segments(
        lines.assign(colour=colours, width=widths),
        ["column", hv.Dimension("distance"), "column_end", "distance_end"],
        ["colour", "width"],
    ).opts(
        color="colour",
        cmap=[*looks.CLUSTERS, looks.GREY],
        clim=(0, len(looks.CLUSTERS)),
        line_width="width",
        xlim=(0, n),
        ylim=(-0.16 * top, 1.05 * top),
        xaxis=None,
        ylabel="",
        toolbar=None,
        default_tools=[],
        yticks=3,
        framewise=True,
        responsive=True,
        height=DENDROGRAM_HEIGHT,
    )
