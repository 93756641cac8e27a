"""The table: rows to sort, to filter and to click; all that a frame holds is text in it."""

import html
from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd
import panel as pn
from bokeh.models.widgets.tables import NumberFormatter

# Rows in sight at once.
_ROWS = 6


def table(
    frame: Callable[[], pd.DataFrame], changes: Any, click: Callable[[Any], None], height: int
) -> pn.widgets.Tabulator:
    """Return a table that shows a frame, and the next one at each change.

    Args:
        frame: returns what to show; each has the columns of the first.
        changes: the parameter that tells of a change.
        click: hears of the row that is clicked.
        height: pixels.
    """
    columns = frame()
    shown = pn.widgets.Tabulator(
        pn.bind(lambda _: _with_text(frame()), changes),
        pagination="remote",
        page_size=_ROWS,
        formatters={
            name: NumberFormatter(format="0.0000") for name in columns.select_dtypes(np.floating)
        },
        # Tabulator takes titles, and the tooltips that it makes of them, for HTML; not its cells.
        titles={name: html.escape(str(name)) for name in columns},
        stylesheets=[":host .tabulator { font-size: 12px; }"],
        header_filters=True,
        disabled=True,
        show_index=False,
        height=height,
        sizing_mode="stretch_width",
        layout="fit_data_stretch",
    )
    shown.on_click(click)
    return shown


def _with_text(frame: pd.DataFrame) -> pd.DataFrame:
    # Tabulator offers no filter for categories.
    return frame.astype(dict.fromkeys(frame.select_dtypes("category").columns, str))
