"""Downloads: a choice of files, and a button that makes the one chosen when it is clicked."""

import io
from collections.abc import Callable
from functools import partial
from typing import Any

import pandas as pd
import panel as pn

from dtviz import tables


def downloads(toolkit: Any, explorer: Any, snapshot: Callable[[], bytes]) -> pn.Column:
    """Return the choice and the button.

    Args:
        toolkit: has the widgets Select and FileDownload, as for `controls`.
        explorer: whose neurons, and what they read, can be taken away.
        snapshot: makes its linked page.
    """

    def neurons() -> pd.DataFrame:
        table: pd.DataFrame = explorer.neurons
        return table.assign(selected=table["name"].isin(explorer.selection.names))

    def ranked() -> pd.DataFrame:
        chosen: pd.DataFrame = explorer.ranked_of(explorer.selection.names)
        every: pd.DataFrame = explorer.ranked if chosen.empty else chosen
        return every

    def encoded(table: Callable[[], pd.DataFrame], kind: str) -> bytes:
        return tables.encoded(table(), kind, explorer.model)

    files: dict[str, tuple[str, Callable[[], bytes]]]
    files = {"linked page (HTML)": ("snapshot.html", snapshot)}
    for label, name, table in (
        ("neuron table", "neurons", neurons),
        ("top items of the selected", "top-k", ranked),
    ):
        for kind in tables.FORMATS:
            files[f"{label} ({kind[1:]})"] = (f"{name}{kind}", partial(encoded, table, kind))
    choice = toolkit.Select(
        label="Take away",
        options=list(files),
        value=next(iter(files)),
        description="A file of what is in view: the linked page itself, or its numbers.",
        sizing_mode="stretch_width",
    )

    def named() -> dict[str, str]:
        name, _ = files[choice.value]
        return {"filename": name, "label": f"Download {name}"}

    def made() -> Any:
        button.data = None  # else the same file would be no change, and would not come again
        _, make = files[choice.value]
        return io.BytesIO(make())

    button = toolkit.FileDownload(callback=made, sizing_mode="stretch_width", **named())
    # Not bound: a button sets its own name when it makes a file, which would end that.
    choice.param.watch(lambda _: button.param.update(**named()), "value")
    return pn.Column(choice, button, sizing_mode="stretch_width")
