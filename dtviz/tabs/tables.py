"""Tables: the numbers behind the plots, to sort, to filter and to take away."""

import html
import io
from collections.abc import Callable
from functools import partial
from typing import Any

import panel as pn
import param

from dtviz import tables
from dtviz.errors import DtvizError
from dtviz.tabs.tab import HEIGHT, Tab
from dtviz.views.table import table


class Tables(Tab):
    """One table, and its downloads."""

    title = "Tables"
    doc = "The numbers behind the plots: sort, filter, take away; click a row to select it."
    has_text = True

    kind = param.Selector(
        objects=list(tables.KINDS),
        label="Table",
        doc="What to list; dtviz table writes the same.",
    )
    only_selected = param.Boolean(
        default=False, label="Selected only", doc="List only rows of selected neurons."
    )

    def set_up(self) -> None:
        """Offer the tables."""
        self.options = [
            self.param.kind,
            self.param.only_selected,
            self.study.pairs.param.pairs_above,
        ]

    def find(self) -> str:
        """Find the table."""
        self.follows_selection = self.only_selected
        self.text = ""
        if self.kind in ("top-k", "features") and not self.study.is_surveyed:
            return (
                "A whole vocabulary has not been ranked for all neurons yet: press 'List for all "
                "neurons' in the tab Top items."
            )
        if self.missing():
            return self.why_none or "The pairs of all neurons in view are being gone through."
        try:
            every = tables.table(self.kind, self.study)
        except DtvizError as error:
            return str(error)
        self.frame = every
        neurons = self.study.neurons.index
        columns = [
            name
            for name in ("name", "name_1", "name_2")
            if name in every and every[name].head(1).isin(neurons).all()  # and not of features
        ]
        if self.only_selected and columns:
            chosen = every[columns].isin(self.selection.names).all(axis=1)
            self.frame = every[chosen].reset_index(drop=True)
        n, of = len(self.frame), len(every)
        self.text = f"{n:,} rows" if n == of else f"{n:,} of {of:,} rows"
        cut = tables.cut(self.kind, self.study)
        if cut:
            self.text += f"; {html.escape(cut)}"
        return ""

    def missing(self) -> dict[str, Callable[[], object]]:
        """Return what goes through the pairs of many neurons, or of a vocabulary."""
        study = self.study
        if self.kind == "pairs" and self.has_many and not study.is_paired:
            return {"pairs": lambda: study.similar_pairs}
        if self.kind == "summary" and self.lacks_summary:
            return {"summary": lambda: study.summary}
        return {}

    def controls(self) -> list[Any]:
        """Return the widgets, and a button for each format."""
        return [
            *super().controls(),
            pn.panel(pn.bind(self._buttons, self.param.kind, self.param.message)),
        ]

    def _buttons(self, kind: str, why_none: str) -> pn.Row:
        if why_none:
            return pn.Row()
        # New ones for each table: the browser keeps the name that a file had at first.
        buttons = [
            pn.widgets.FileDownload(
                callback=partial(self._encoded, ending),
                filename=f"{kind}{ending}",
                label=ending[1:].upper(),
                color="primary",
                sizing_mode="stretch_width",
                margin=(2, 5),
            )
            for ending in tables.FORMATS
        ]
        return pn.Row(*buttons, sizing_mode="stretch_width")

    def _encoded(self, kind: str) -> io.BytesIO:
        return io.BytesIO(tables.encoded(self.frame, kind, self.study.model))

    def shape(self) -> object:
        """Another table has other columns, and so has the same of another model."""
        return (self.kind, *self.frame)

    def make_views(self) -> list[Any]:
        """Return the table."""
        return [table(lambda: self.frame, self.param.changes, self._select_row, HEIGHT)]

    def _select_row(self, event: Any) -> None:
        row = self.frame.iloc[event.row]
        named = [str(row[name]) for name in ("name", "name_1", "name_2") if name in row]
        known = set(self.study.neurons.index)
        if known.issuperset(named) and named:
            self.selection.select(named, self.hub.session.held)
