"""The map: a cell for each feature, where it is in the observation, channel by channel."""

import holoviews as hv
import pandas as pd

from dtviz.views import looks


def gridmap(cells: pd.DataFrame, agent: tuple[int, int] | None, title: str) -> hv.Overlay:
    """Draw a block of cells for each channel, y running down; a script gives the values.

    Args:
        cells: the columns item, channel, x, y: a row for each feature.
        agent: the cell at which the agent stands, looking up; None where it can be anywhere.
        title: what was computed.

    Returns:
        Overlay of Rectangles and Labels (the channels; the agent's place).
    """
    across, down = int(cells["x"].max()) + 1, int(cells["y"].max()) + 1
    if agent is not None:  # it stands in the middle of the lowest row
        across, down = max(across, 2 * agent[0] + 1), max(down, agent[1] + 1)
    channels = list(cells["channel"].unique())
    rows = 1 if len(channels) <= 10 else 2
    columns = -(-len(channels) // rows)
    place = cells["channel"].map({channel: i for i, channel in enumerate(channels)}).astype(int)
    left = place % columns * (across + 1) + cells["x"]
    top = -(place // columns * (down + 2) + cells["y"])
    frame = pd.DataFrame(
        {
            "x0": left.astype(float),
            "y0": top.astype(float),
            "x1": left + 0.96,
            "y1": top - 0.96,
            "value": 0.0,
            "item": cells["item"],
        }
    )
    shown = hv.Rectangles(frame, ["x0", "y0", "x1", "y1"], ["value", "item"]).opts(
        color="value",
        cmap=looks.SIGNED,
        clim=(-1, 1),
        colorbar=True,
        colorbar_opts={"width": 10, "padding": 4},
        line_color=None,
        selection_alpha=1,
        nonselection_alpha=0.35,
        tools=["hover", "tap", "box_select"],
        active_tools=["tap", "box_select"],
        hover_tooltips=[("feature", "@item"), ("mean", "@value{0.000}")],
        framewise=True,
    )
    labels = [
        (i % columns * (across + 1) + across / 2, 0.6 - i // columns * (down + 2), channel)
        for i, channel in enumerate(channels)
    ]
    if agent is not None:
        labels += [(x - across / 2 + agent[0] + 0.5, y - 1.1 - agent[1], "▲") for x, y, _ in labels]
    names = hv.Labels(pd.DataFrame(labels, columns=["x", "y", "text"]), ["x", "y"], "text").opts(
        text_color=looks.LABEL_COLOUR, text_font_size="9pt", framewise=True
    )
    return (shown * names).opts(
        **looks.small(title),
        xlim=(-0.5, columns * (across + 1) - 0.5),
        ylim=(1 - rows * (down + 2), 1.4),
        xaxis=None,
        yaxis=None,
    )
