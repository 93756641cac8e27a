"""The page around an explorer: how its views are arranged, header, sidebar, theme toggle."""

import contextlib
import functools
import html
import secrets
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import panel as pn
from bokeh.document import Document
from jinja2 import Environment

from dtviz.views.scripts import script

_JS = Path(__file__).parent / "js"
TABLES_CSS, BAR_CSS, SETS_CSS = (
    (_JS / f"{name}.css").read_text(encoding="utf-8") for name in ("top_k", "bar", "sets")
)
# Panel's own pages ask other machines for a logo and for fonts.
LOGIN = _JS / "login.html"
# Stands for the nonce of each answer, and for it alone, in a page that the server has not sent yet.
NONCE = secrets.token_urlsafe(24)
_TEXT_CSS = """
table { border-collapse: collapse; font-size: 11px; line-height: 15px; margin-top: 3px; }
th { font-weight: 400; opacity: 0.65; text-align: left; vertical-align: bottom; }
td, th { padding: 1px 7px 1px 0; }
td { font-variant-numeric: tabular-nums; }
"""
_DETAILED_CSS = """
:host { contain: inline-size; }
.line { overflow: hidden; text-overflow: ellipsis; white-space: nowrap; }
summary { cursor: pointer; }
/* Over what is below: the line stands in the header, or above the views. */
.more { position: absolute; z-index: 9; max-width: 60em; padding: 8px 12px; background: #222;
  color: #fff; border-radius: 4px; }
"""
_TABS_CSS = """
.bk-header .bk-tab { padding: 5px 10px; font-size: 13px; }
/* The theme's own colour is too dark for a dark page. */
.bk-header .bk-tab.bk-active { color: #4a90e2 !important; border-color: #4a90e2 !important; }
"""
# Pixels, with the tabs' titles.
TABS_HEIGHT = 306
# A line of text takes the colour of what it stands on.
LINE = {"font-size": "13px", "color": "inherit"}


def board(
    bar: Any, scatter: Any, strip: Any, dendrogram: Any, heatmap: Any, tabs: Any
) -> pn.Column:
    """Arrange the views below the bar: scatter and strip left, the heatmap right, then tabs."""
    left = pn.Column(scatter, later(strip), sizing_mode="stretch_both")
    right = later(pn.Column(dendrogram, heatmap, sizing_mode="stretch_both"))
    return pn.Column(
        bar,
        pn.Row(left, right, sizing_mode="stretch_both", min_height=380),
        tabs,
        sizing_mode="stretch_both",
    )


class _Tabs(pn.Tabs):
    """Tabs whose views follow once laid out; with Panel's own links each change walks the page."""

    _priority_changes = ["active"]  # noqa: RUF012  not to wait for others to follow

    def _get_model(self, doc: Document, *args: Any, **kwargs: Any) -> Any:
        model = super()._get_model(doc, *args, **kwargs)
        model.js_on_change("active", script("tabs"))
        return model


def tabs(shown: Sequence[Any]) -> pn.Tabs:
    """Return tabs of which each is made when it is first opened, or at once; the first is open.

    Args:
        shown: what has a title and a content, can show and hide, and says if it is made at once.
    """
    places = [pn.Column(sizing_mode="stretch_width", min_height=266) for _ in shown]
    below = _Tabs(
        *((tab.title, place) for tab, place in zip(shown, places, strict=True)),
        sizing_mode="stretch_width",
        height=TABS_HEIGHT,
        stylesheets=[_TABS_CSS],
    )

    def open_tab(*_: object) -> None:
        for i, tab in enumerate(shown):
            if i != below.active:
                tab.hide(below)
        tab, place = shown[below.active], places[below.active]
        with at_once(*([pn.state.curdoc] if pn.state.curdoc else [])):
            tab.show(below)
            if not place.objects:
                place.objects = [tab.content()]

    below.param.watch(open_tab, "active")
    for tab, place in zip(shown, places, strict=True):
        if tab.made_at_once:
            tab.show(below)
            place.objects = [tab.content()]
    open_tab()
    return below


@contextlib.contextmanager
def at_once(*documents: Document) -> Iterator[None]:
    """Send all changes made meanwhile together; each document looks for its models but once."""
    with contextlib.ExitStack() as held:
        held.enter_context(pn.io.hold())
        for document in documents:
            held.enter_context(document.models.freeze())
        yield


def later(view: Any) -> Any:
    """Return a view that a served page adds once the scatter is there and can be brushed."""
    return pn.panel(
        lambda: view,
        defer_load=True,
        loading_indicator=True,
        sizing_mode=view.sizing_mode,
        height=view.height and view.height + 10,  # with its margins
    )


def caption(text: Any, **styles: str) -> pn.pane.HTML:
    """Return a line of text, escaped; ``text`` may be a parameter, or a function bound to some."""
    return pn.pane.HTML(
        pn.bind(html.escape, text),
        styles={**LINE, **styles},
        margin=(2, 10),
    )


def detailed(text: Any, more: Any, **styles: str) -> pn.pane.HTML:
    """Return a line of text that opens to show more, if there is more; both are escaped.

    The line is cut where it is too long, so that nothing below it moves. They may be parameters, or
    functions bound to some.
    """
    return pn.pane.HTML(
        pn.bind(_detailed, text, more),
        styles={**LINE, **styles},
        stylesheets=[_DETAILED_CSS],
        margin=(2, 10),
    )


def _detailed(text: str, more: str) -> str:
    line, lines = html.escape(text), html.escape(more).replace("\n", "<br>")
    if not more:
        return f"<div class='line'>{line}</div>"
    return (
        f"<details><summary class='line'>{line}</summary><div class='more'>{lines}</div></details>"
    )


def text(html_text: Any) -> pn.pane.HTML:
    """Return HTML, tables among it perhaps; ``html_text`` may be a parameter."""
    return pn.pane.HTML(html_text, styles=LINE, stylesheets=[_TEXT_CSS], margin=(4, 10))


@functools.cache
def _page_class() -> Any:
    # Not before a page is served: it would restyle a notebook, with files from the network.
    import panel_material_ui as pmui

    class Page(pmui.Page):
        """A page whose sign that it is busy does not make it look for all its models each time."""

        def _set_on_model(self, msg: Any, root: Any, model: Any) -> Any:
            if set(msg) != {"busy"}:
                return super()._set_on_model(msg, root, model)
            self._changing[root.ref["id"]] = ["busy"]
            try:
                model.update(**msg)
            finally:
                del self._changing[root.ref["id"]]
            return ["busy"]

    return Page


@functools.cache
def template() -> Any:
    """Return the template of a page, whose own scripts bear `NONCE`."""
    from panel_material_ui.base import BASE_TEMPLATE

    known = {"usual": BASE_TEMPLATE, "marked": f'<script nonce="{NONCE}"'}
    text = (_JS / "page.html").read_text(encoding="utf-8")
    # What goes into it is Panel's, and HTML already.
    return Environment(autoescape=False).from_string(text, known)  # noqa: S701


def page(title: str, explorer: Any, *sidebar: Any) -> Any:
    """Return the whole page around an explorer, with more for the sidebar; it fills the window."""
    import panel_material_ui as pmui

    made = _page_class()(
        title=title,
        template=template(),
        header=[pn.Row(explorer.status, sizing_mode="stretch_width", styles={"color": "white"})],
        sidebar=[
            later(
                pn.Column(
                    *sidebar,
                    explorer.controls(pmui),
                    explorer.downloads(pmui),
                    sizing_mode="stretch_width",
                )
            )
        ],
        sidebar_width=250,
        main=[explorer.board],
        # Its own styles hide what does not fit the window.
        sx={"& .main-content": {"overflow": "auto"}},
        theme_config={"palette": {"primary": {"main": "#1f5596"}}},
    )
    # What was made before that import has no design, and its texts would stay black in the dark.
    for view in made.select():
        view.design = view.design or pmui.MaterialDesign
    if pn.state.curdoc:
        pn.state.on_session_destroyed(lambda _: _let_go(made))
    return made


def _let_go(made: Any) -> None:
    """Let Panel's state, which all sessions share, forget a page whose session has ended."""
    for _, watcher in made._param__private.ref_watchers:
        watcher.inst.param.unwatch(watcher)
