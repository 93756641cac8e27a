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
        Overlay of Area (chance), and the Curves all (with what its hover tells) and selected.
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
        Overlay of Area (chance), and the Curves all (with what its hover tells) and selected.
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
    # Of many pairs the band is thinner than a pixel: its line stays visible.
    band = hv.Area(pd.DataFrame(names), "cosine", ["low", "high"]).opts(
        **{**looks.CHANCE, "line_color": looks.GREY}
    )
    step = {"interpolation": "steps-mid" if column == "share" else "linear", "framewise": True}
    # One hover tells all: each takes time to make.
    values = {"cosine": at, "value": part[column], "chosen": chosen, "mid": part[f"{chance}_mid"]}
    every = hv.Curve(pd.DataFrame(values), "cosine", ["value", "chosen", "mid"], label="all").opts(
        color=looks.BLUE,
        line_width=2,
        tools=["hover"],
        hover_tooltips=[
            ("cosine", "@cosine{0.00}"),
            (f"{label}, all", "@value{0.0000}"),
            ("selected", "@chosen{0.0000}"),
            ("by chance", "@mid{0.0000}"),
        ],
        **step,
    )
    values = {"cosine": at, "value": chosen}
    selected = hv.Curve(pd.DataFrame(values), "cosine", "value", label="selected").opts(
        color=looks.ACCENT,
        line_width=1.5,
        **step,
    )
    return hv.Overlay([band, every, selected]).opts(
        **looks.small(title), xlabel="cosine", ylabel=label
    )
