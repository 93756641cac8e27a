"""The heatmap: cosine similarity of all neurons in leaf order, and the dendrogram above it."""

import holoviews as hv
import numpy as np
import pandas as pd

from dtviz.directions import Float32
from dtviz.views import looks

DENDROGRAM_HEIGHT = 80


def heatmap(similarity: Float32, n: int, title: str) -> hv.Image:
    """Draw a similarity matrix; leaf p covers the cells from p to p + 1, the first at top left.

    Args:
        similarity: (m, m), rows and columns in leaf order; where m < n, averages.
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


def dendrogram(segments: pd.DataFrame, n: int) -> hv.Segments:
    """Draw the tree above the heatmap's columns; each cluster has a colour.

    Args:
        segments: columns column, distance, column_end, distance_end: from leaf and distance
            to leaf and distance; and cluster, -1 for what joins several.
        n: leaves.
    """
    palette = np.array([*looks.CLUSTERS, looks.GREY])
    clusters = segments["cluster"].to_numpy()
    colours = palette[np.where(clusters < 0, len(palette) - 1, clusters % len(looks.CLUSTERS))]
    return hv.Segments(
        segments.assign(colour=colours),
        ["column", hv.Dimension("distance"), "column_end", "distance_end"],
        "colour",
    ).opts(
        color="colour",
        line_width=0.8,
        xlim=(0, n),
        xaxis=None,
        ylabel="",
        toolbar=None,
        yticks=3,
        framewise=True,
        responsive=True,
        height=DENDROGRAM_HEIGHT,
    )
