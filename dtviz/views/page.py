"""The page around an explorer: how its views are arranged, header, sidebar, theme toggle."""

import html
from pathlib import Path
from typing import Any

import panel as pn

TABLES_CSS = (Path(__file__).parent / "js" / "top_k.css").read_text(encoding="utf-8")
# A line of text takes the colour of what it stands on.
LINE = {"font-size": "13px", "color": "inherit"}


def board(
    scatter: Any, strip: Any, dendrogram: Any, heatmap: Any, heading: Any, tables: Any
) -> pn.Column:
    """Arrange the views: scatter and strip on the left, the heatmap on the right, tables below."""
    left = pn.Column(scatter, later(strip), sizing_mode="stretch_both")
    right = later(pn.Column(dendrogram, heatmap, sizing_mode="stretch_both"))
    return pn.Column(
        pn.Row(left, right, sizing_mode="stretch_both", min_height=400),
        heading,
        tables,
        sizing_mode="stretch_both",
    )


def later(view: Any) -> Any:
    """Return a view that a served page adds once the scatter is there and can be brushed."""
    return pn.panel(
        lambda: view,
        defer_load=True,
        loading_indicator=True,
        sizing_mode=view.sizing_mode,
        height=view.height,
    )


def caption(text: Any, **styles: str) -> pn.pane.HTML:
    """Return a line of text, escaped; ``text`` may be a parameter, or a function bound to some."""
    return pn.pane.HTML(
        pn.bind(html.escape, text),
        styles={**LINE, **styles},
        margin=(2, 10),
    )


def page(title: str, explorer: Any, *sidebar: Any) -> Any:
    """Return the whole page around an explorer, with more for the sidebar; it fills the window."""
    # Not before a page is served: it would restyle a notebook, with files from the network.
    import panel_material_ui as pmui

    return pmui.Page(
        title=title,
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
        theme_config={"palette": {"primary": {"main": "#1f5596"}}},
    )
