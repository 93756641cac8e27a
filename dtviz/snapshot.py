"""Snapshot: an explorer in one HTML file, linked with no server and no network."""

import base64
import datetime
import hashlib
import json
from collections.abc import Callable, Mapping, Sequence
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import panel as pn
from bokeh.document import Document
from bokeh.models import (
    Column,
    Div,
    ImportedStyleSheet,
    Row,
    TabPanel,
    Tabs,
    UIElement,
)
from bokeh.resources import Resources
from jinja2 import Environment
from panel.io.resources import LOCAL_DIST

from dtviz.directions import NORMALIZATIONS, items
from dtviz.errors import BadArgument, FileProblem, shortened
from dtviz.output import read_start
from dtviz.views import titles
from dtviz.views.page import LINE, TABS_HEIGHT
from dtviz.views.scripts import script

if TYPE_CHECKING:
    from dtviz.explorer import Explorer

_JS = Path(__file__).parent / "views" / "js"
# Of a channel map: 5 MB in the file.
_MOST_NUMBERS = 1_000_000
_ABOUT = b'<script type="application/json" id="about">'
# What a snapshot says of itself ends before so many bytes, names and sets included.
_MOST_ABOUT = 100_000_000


def of(
    explorer: "Explorer", layers: Sequence[int | Literal["all"]] | Literal["all"] | None = None
) -> bytes:
    """Return a snapshot of an explorer as it stands, which stays as it is.

    Args:
        explorer: what to show.
        layers: as for `Explorer.save`.

    Raises:
        UnknownName: if the model has no such layer.
        BadArgument: if there are no layers.
    """
    model = explorer.model
    if layers is None:
        layers = [explorer.layer]
    elif layers == "all":
        layers = model.layers
    shown = {}
    for layer in items(layers, "the layers of a snapshot"):
        copy = type(explorer)(model, **{**explorer.options, "layer": layer})
        copy.selection.names = explorer.selection.names
        copy.sets.items = explorer.sets.items
        copy.leave_python()
        copy.channel_map.most_numbers = _MOST_NUMBERS
        copy.strips.of = explorer.strips.of
        if layer == explorer.layer:
            copy.know(explorer)
        shown[titles.of_layer(layer, explorer.side, copy.expert_in_view)] = copy
    if not shown:
        raise BadArgument(
            expected="layers to put into a snapshot", got="none", do='Pass [0, 1], or "all".'
        )
    in_view = titles.of_layer(explorer.layer, explorer.side, explorer.expert_in_view)
    about = {
        "model": model.name,
        "sha256": model.sha256,
        "options": explorer.options,
        "selected": explorer.selection.names,
        "names": model.neurons("all").names,
        "sets": explorer.sets.to_json(model),
        "dtviz": version("dtviz"),
    }
    bokeh = "\n".join(Resources(mode="inline", components=["bokeh", "bokeh-widgets"]).js_raw)
    scripts = [bokeh, _text("snapshot.js")]
    template = Environment(autoescape=True).from_string(_text("snapshot.html"))
    page = template.render(
        caption=titles.of_model(model),
        labels=list(shown),
        first=in_view if in_view in shown else next(iter(shown)),
        facts=_facts(explorer, shown),
        style=_text("snapshot.css"),
        about=_script_json(about),
        boards={label: (copy.layer, _script_json(_board(copy))) for label, copy in shown.items()},
        scripts=scripts,
        allowed=" ".join(map(_hashed, scripts)),
    )
    return page.encode()


def _board(explorer: "Explorer") -> Any:
    """Return the views, arranged as on the served page, as JSON of models that are Bokeh's own.

    Panel's layouts and widgets would fetch style sheets when the file is opened.
    """
    document = Document()
    # Else Panel turns style sheets, also those of the page in view, to addresses on the network.
    document.template_variables["dist_url"] = LOCAL_DIST
    root = Column(name="board", sizing_mode="stretch_both")

    def model(view: pn.viewable.Viewable) -> Any:
        return view._get_model(document, root, root)

    scatter, heatmap = model(explorer.scatter), model(explorer.heatmap)
    for plot in (scatter, heatmap):  # with what is beside them they fit the least height below
        plot.min_height = 220
    left = Column(scatter, model(explorer.strip), sizing_mode="stretch_both")
    right = Column(model(explorer.dendrogram), heatmap, sizing_mode="stretch_both")
    root.children = [
        model(explorer.bar),
        Row(left, right, sizing_mode="stretch_both", min_height=380),
        _tabs(explorer, model),
    ]
    count = model(explorer.count)
    count.name = "count"
    for part in [*root.references(), count]:
        if isinstance(part, UIElement):
            part.stylesheets = [
                sheet for sheet in part.stylesheets if not isinstance(sheet, ImportedStyleSheet)
            ]
    document.add_root(root)
    document.add_root(count)
    return document.to_json(deferred=False)


def _tabs(explorer: "Explorer", model: Callable[[Any], Any]) -> Tabs:
    """Return tabs that need no Python; the browser makes the views of each when it is opened."""
    shown = [tab for tab in explorer.tabs if tab.without_python]
    # As wide as the page, whatever is in it.
    layout = {"sizing_mode": "stretch_width", "min_width": 0}
    contents = []
    for tab in shown:
        tab.show(explorer)
        lines = [tab.message or tab.heading] if tab.message or tab.has_heading else []
        views = [] if tab.message else [Row(*map(model, tab.row.objects), **layout)]
        texts = [Div(text=line, render_as_text=True, styles=LINE, margin=(2, 10)) for line in lines]
        contents.append(Column(*texts, *views, **layout))
    places = [Column(**layout) for _ in shown]
    for tab, place, content in zip(shown, places, contents, strict=True):
        if tab.made_at_once:
            place.children = [content]
    tabs = Tabs(
        tabs=[
            TabPanel(
                title=tab.title,
                child=place,
            )
            for tab, place in zip(shown, places, strict=True)
        ],
        stylesheets=[_text("tabs.css")],
        height=TABS_HEIGHT,
        **layout,
    )
    fill = script("open", places=places, contents=contents)
    tabs.js_on_change("active", fill, script("tabs"))
    return tabs


def _facts(explorer: "Explorer", shown: Mapping[str, "Explorer"]) -> dict[str, str]:
    """Return what a snapshot states: what the numbers in it are made from, and how."""
    model, (x, y) = explorer.model, explorer.axes
    clustering = explorer.clustering
    drawn = {
        titles.of_cells(blocks) + ("" if blocks.are_single else ", zoomed in too")
        for blocks in (copy.similarity for copy in shown.values())
    }
    return {
        "model": model.name,
        "checkpoint sha256": model.sha256 or "none: not from a file",
        "weights": model.processing,
        "layers": "; ".join(shown),
        "compared": f"{y} against {x}",
        NORMALIZATIONS[model.normalization or "LN"]: "applied"
        if explorer.congruence.layer_norm
        else "not applied",
        "clustering": f"{clustering.method} linkage, {clustering.of_distance}",
        "listed": "; ".join(sorted({_listed(copy) for copy in shown.values()})),
        "heatmap": "; ".join(sorted(drawn)),
        "dtviz": version("dtviz"),
        "date": datetime.date.today().isoformat(),
    }


def _listed(explorer: "Explorer") -> str:
    """Return for how many neurons items are listed."""
    shown = f"{explorer.ranking.k} items at either end, for at most 12 selected neurons"
    if explorer.is_surveyed:
        return shown
    n, of = explorer.ranking_of(explorer.selection.names)["neuron"].nunique(), len(explorer.in_view)
    return f"{shown}, of the {n:,} of {of:,} that were selected"


def read(path: str | Path) -> dict[str, Any]:
    """Return what a snapshot says about itself.

    Raises:
        FileProblem: if it cannot be read, or is no snapshot of dtviz.
    """
    try:
        _, _, rest = read_start(path, _MOST_ABOUT).partition(_ABOUT)
    except (OSError, ValueError) as error:  # a ValueError for a path with a null character
        raise FileProblem(
            expected="a snapshot that can be read",
            got=f"{shortened(str(path))}: {getattr(error, 'strerror', error)}",
            do="Check the path and the permissions of the file.",
        ) from error
    try:
        about = json.loads(rest.partition(b"</script>")[0])
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


def _hashed(script: str) -> str:
    """Return what lets a script run, and no other, in a Content-Security-Policy."""
    digest = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
    return f"'sha256-{digest}'"


def _script_json(value: Any) -> str:
    """Return JSON that can stand in a script element, whatever the labels in it."""
    return json.dumps(value).replace("<", "\\u003c")
