"""Distributions of cosines: histogram and ECDF, with what chance would give behind them."""

import holoviews as hv
import pandas as pd

from dtviz.views import looks


def histogram(frame: pd.DataFrame, chosen: pd.Series, title: str) -> hv.Overlay:
    """Draw the share of pairs in each bin.

    Args:
        frame: as from `Distribution.frame`.
        chosen: the share of the selected pairs in each bin; zeros where there are none.
        title: what was computed.

    Returns:
        Overlay of Area (chance), and the Curves all and selected.
    """
    middle = (frame["from"] + frame["to"]) / 2
    return _drawn(frame, middle, "share", "chance", chosen, "share of pairs", title)


def ecdf(frame: pd.DataFrame, chosen: pd.Series, title: str) -> hv.Overlay:
    """Draw the share of pairs whose cosine is at most the one below.

    Args:
        frame: as from `Distribution.frame`.
        chosen: the same of the selected pairs, at the end of each bin.
        title: what was computed.

    Returns:
        Overlay of Area (chance), and the Curves all and selected.
    """
    return _drawn(frame, frame["to"], "ecdf", "chance_ecdf", chosen, "share up to it", title)


def _drawn(
    frame: pd.DataFrame,
    cosine: pd.Series,
    column: str,
    chance: str,
    chosen: pd.Series,
    label: str,
    title: str,
) -> hv.Overlay:
    # Nearly all cosines of most layers are near zero: empty ends are left out.
    reached = frame.index[(frame["pairs"] > 0) | (frame["chance_high"] > 1e-4)]
    rows = slice(max(reached.min() - 1, 0), reached.max() + 2)
    part, at, chosen = frame.iloc[rows], cosine.iloc[rows], chosen.iloc[rows]
    names = {"cosine": at, "low": part[f"{chance}_low"], "high": part[f"{chance}_high"]}
    band = hv.Area(pd.DataFrame(names), "cosine", ["low", "high"]).opts(**looks.CHANCE)
    curves = [
        hv.Curve(pd.DataFrame({"cosine": at, "value": values}), "cosine", "value", label=what).opts(
            color=colour,
            line_width=width,
            interpolation="steps-mid" if column == "share" else "linear",
            framewise=True,
            tools=["hover"],
            hover_tooltips=[("cosine", "@cosine{0.00}"), (f"{label}, {what}", "@value{0.0000}")],
        )
        for values, what, colour, width in (
            (part[f"{chance}_mid"], "by chance", looks.GREY, 1.5),
            (part[column], "all", looks.BLUE, 2),
            (chosen, "selected", looks.ACCENT, 1.5),
        )
    ]
    return hv.Overlay([band, *curves]).opts(**looks.small(title), xlabel="cosine", ylabel=label)
