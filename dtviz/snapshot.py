"""Snapshot: an explorer in one HTML file, linked with no server and no network."""

import html
import json
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import panel as pn
from bokeh.document import Document
from bokeh.models import Column, Div, ImportedStyleSheet, Row, UIElement
from bokeh.resources import Resources
from jinja2 import Environment

from dtviz.errors import FileProblem, shortened
from dtviz.views.page import LINE

_JS = Path(__file__).parent / "views" / "js"
_ABOUT = re.compile(rb'<script type="application/json" id="about">(.*?)</script>', re.DOTALL)


def board(
    scatter: pn.viewable.Viewable,
    strip: pn.viewable.Viewable,
    dendrogram: pn.viewable.Viewable,
    heatmap: pn.viewable.Viewable,
    heading: str,
    tables: pn.viewable.Viewable,
    count: pn.viewable.Viewable,
) -> Document:
    """Return the views, arranged as on the served page, of models that are Bokeh's own.

    Panel's layouts and widgets would fetch style sheets when the file is opened.
    """
    document = Document()
    root = Column(name="board", sizing_mode="stretch_both")

    def model(view: pn.viewable.Viewable) -> Any:
        return view._get_model(document, root, root)

    left = Column(model(scatter), model(strip), sizing_mode="stretch_both")
    right = Column(model(dendrogram), model(heatmap), sizing_mode="stretch_both")
    root.children = [
        Row(left, right, sizing_mode="stretch_both", min_height=400),
        Div(text=html.escape(heading), styles=LINE, margin=(2, 10)),
        model(tables),
    ]
    counted = model(count)
    counted.name = "count"
    for part in [*root.references(), counted]:
        if isinstance(part, UIElement):
            part.stylesheets = [
                sheet for sheet in part.stylesheets if not isinstance(sheet, ImportedStyleSheet)
            ]
    document.add_root(root)
    document.add_root(counted)
    return document


def page(
    boards: Mapping[str, Document],
    first: str,
    caption: str,
    facts: Mapping[str, str],
    about: Mapping[str, Any],
) -> bytes:
    """Return the file.

    Args:
        boards: from `board`, under what the switch between them calls each.
        first: which of them is shown when the file is opened.
        caption: what the page is headed with.
        facts: what the page states at its foot.
        about: what `read` returns; among it ``selected``, the names of the selected neurons.
    """
    template = Environment(autoescape=True).from_string(_text("snapshot.html"))
    written = template.render(
        title=f"dtviz · {caption}",
        caption=caption,
        labels=list(boards),
        first=first,
        facts=facts,
        style=_text("snapshot.css"),
        about=_script_json(about),
        boards={
            label: _script_json(document.to_json(deferred=False))
            for label, document in boards.items()
        },
        bokeh="\n".join(Resources(mode="inline", components=["bokeh", "bokeh-widgets"]).js_raw),
        script=_text("snapshot.js"),
    )
    return written.encode()


def read(path: str | Path) -> dict[str, Any]:
    """Return what a snapshot says about itself.

    Raises:
        FileProblem: if it cannot be read, or is no snapshot of dtviz.
    """
    try:
        found = _ABOUT.search(Path(path).read_bytes())
    except OSError as error:
        raise FileProblem(
            expected="a snapshot that can be read",
            got=f"{shortened(str(path))}: {error.strerror}",
            do="Check the path and the permissions of the file.",
        ) from error
    try:
        about = json.loads(found[1]) if found else None
    except (ValueError, RecursionError):
        about = None
    if not isinstance(about, dict) or not isinstance(about.get("options"), dict):
        raise FileProblem(
            expected="an HTML file that dtviz wrote",
            got=f"{shortened(str(path))}, which is none",
            do="Open a snapshot, or a checkpoint.",
        )
    return about


def _text(name: str) -> str:
    return (_JS / name).read_text(encoding="utf-8")


def _script_json(value: Any) -> str:
    """Return JSON that can stand in a script element, whatever the labels in it."""
    return json.dumps(value).replace("<", "\\u003c")
