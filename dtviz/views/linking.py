"""How a gesture becomes a selection, and a selection becomes highlights: nobody else knows.

The truth in the browser is ``selected.indices`` of one ColumnDataSource a page, the hub
``neurons``; in Python it is `Selection`. What the browser highlights and lists, the scripts in
``js/`` draw with no round trip.
"""

from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pandas as pd
import panel as pn
import param
from bokeh.document import Document
from bokeh.models import ColumnDataSource, CustomJS, CustomJSHover, Div, Model
from panel.reactive import Reactive, SyncableData

from dtviz.selection import Selection
from dtviz.views import looks

Hook = Callable[[Any, Any], None]

_JS = Path(__file__).parent / "js"
# Pixels of the two masks that fade the heatmap's columns and rows.
_MASK_PIXELS = 1024


class Shared(SyncableData):
    """A frame in the browser: one ColumnDataSource on each page, for all views on that page.

    Panel brings changes from Python to every page under that page's lock.

    Args:
        label: the name of the sources.
        frame: what they hold.
    """

    frame = param.DataFrame(doc="What is shared.")

    _data_params = ["frame"]  # noqa: RUF012
    _rename = {"frame": None, "selection": None}  # noqa: RUF012

    def __init__(self, label: str, frame: pd.DataFrame) -> None:
        self._label = label
        super().__init__(frame=frame)

    def _get_data(self) -> tuple[pd.DataFrame, dict[str, Any]]:
        return self.frame, {name: self.frame[name].to_numpy() for name in self.frame}

    def _process_events(self, events: dict[str, Any]) -> None:
        if "indices" in events:
            self._updating = True  # what came from a page does not go back to it
            try:
                self.selection = events.pop("indices")
            finally:
                self._updating = False
        super()._process_events(events)

    def join(self, doc: Document, root: Model, comm: Any) -> None:
        """Make sure that the page under ``root`` has its source."""
        ref = root.ref["id"]
        if ref not in self._models:
            source = ColumnDataSource(name=self._label, data=self._data)
            source.selected.indices = self.selection
            self._link_props(source.selected, ["indices"], doc, root, comm)
            self._models[ref] = (SimpleNamespace(source=source, document=doc), None)

    def source(self, root: Model) -> ColumnDataSource:
        """Return the source of the page under ``root``, which has joined."""
        return self._models[root.ref["id"]][0].source


class Hub(Shared):
    """The neuron table in the browser, its selected rows kept equal with a `Selection`.

    Args:
        table: the neuron table.
        chosen: the selection.
    """

    def __init__(self, table: pd.DataFrame, chosen: Selection) -> None:
        self._chosen = chosen
        super().__init__("neurons", table)
        self.param.watch(self._to_python, "selection")
        chosen.param.watch(self._to_browser, "names")

    def _get_data(self) -> tuple[pd.DataFrame, dict[str, Any]]:
        table, columns = super()._get_data()
        # HoloViews looks a mapped colour up under the name of its option.
        return table, {
            **columns,
            "color": columns["difference"],
            "jitter": looks.jitter(len(table)),
        }

    def show(self, table: pd.DataFrame) -> None:
        """Show another table; the neurons that are selected by name are selected in it."""
        self.frame = table
        self._to_browser()

    def _to_python(self, *_: object) -> None:
        names = self.frame["name"].tolist()
        in_view = set(names)
        # Neurons of layers that are not in view stay selected.
        elsewhere = [name for name in self._chosen.names if name not in in_view]
        chosen = elsewhere + [names[row] for row in self.selection]
        if set(chosen) != set(self._chosen.names):
            self._chosen.names = chosen

    def _to_browser(self, *_: object) -> None:
        rows = self.frame.index.get_indexer(pd.Index(self._chosen.names, dtype=object))
        self.selection = sorted(int(row) for row in rows if row >= 0)


class LinkedPane(pn.pane.HoloViews):
    """A HoloViews pane whose hooks find the page's shared sources.

    Args:
        plot: a HoloViews object.
        shared: the frames that its hooks ask for.
    """

    # Below that of Panel's own pane, which stays the one that other HoloViews objects get.
    priority = 0

    def __init__(self, plot: Any, shared: list[Shared], **layout: Any) -> None:
        self._shared = shared
        super().__init__(plot, **layout)

    def _get_model(
        self,
        doc: Document,
        root: Model | None = None,
        parent: Model | None = None,
        comm: Any = None,
    ) -> Model:
        if root is not None:
            for frame in self._shared:
                frame.join(doc, root, comm)
        return super()._get_model(doc, root, parent, comm)


class Written(Reactive):
    """HTML that a script in ``js/`` writes whenever the selection changes.

    Args:
        script: its name. It gets ``neurons`` (the hub's source), ``output`` (a Div), and under
            their labels the sources of ``shared`` and those it fills.
        hub: the neurons.
        shared: further frames that the script reads.
        fills: names of the sources that the script fills.
    """

    def __init__(
        self,
        script: str,
        hub: Hub,
        shared: dict[str, Shared] | None = None,
        fills: tuple[str, ...] = (),
        **layout: Any,
    ) -> None:
        self._script = script
        self._shared = {"neurons": hub, **(shared or {})}
        self._fills = fills
        super().__init__(**layout)

    def _get_model(
        self,
        doc: Document,
        root: Model | None = None,
        parent: Model | None = None,
        comm: Any = None,
    ) -> Model:
        output = Div(**self._get_properties(doc), syncable=False)
        root = root or output
        for frame in self._shared.values():
            frame.join(doc, root, comm)
        sources = {label: frame.source(root) for label, frame in self._shared.items()}
        filled = {name: ColumnDataSource(name=name, syncable=False) for name in self._fills}
        write = CustomJS(
            code=_code("write") + _code(self._script),
            args={"output": output, **sources, **filled},
        )
        for source in sources.values():
            source.js_on_change("data", write)
        sources["neurons"].selected.js_on_change("indices", write)
        if comm is not None:  # until a figure beside it is laid out
            output.text = "<p>Select neurons in a plot: this follows.</p>"
        # Alone in a notebook, nothing but this brings the script and its sources along.
        output.js_on_change("tags", write)
        doc.js_on_event("document_ready", write)
        self._models[root.ref["id"]] = (output, parent)
        return output


def draw_points(hub: Hub, name: str, x: str, y: str) -> Hook:
    """Return a hook that lets a HoloViews scatter draw the hub's rows, and select them.

    Args:
        hub: of the table that the element draws.
        name: what to call the Bokeh figure.
        x, y: the columns that it draws.
    """

    def hook(plot: Any, _: object) -> None:
        figure, renderer = plot.state, plot.handles["glyph_renderer"]
        neurons = hub.source(plot.root)
        renderer.data_source = neurons
        # HoloViews gives selected points the mapped colour too.
        renderer.selection_glyph.update(fill_color=looks.ACCENT, line_color=looks.ACCENT)
        if len(hub.frame) > looks.MANY:
            for glyph in (renderer.glyph, renderer.selection_glyph, renderer.nonselection_glyph):
                glyph.update(fill_alpha=0, line_alpha=0)
        if figure.name == name:
            return  # the rest is set up already
        figure.x_range.name = None  # HoloViews names it by its dimension: names must differ
        figure.name = name
        empty = {"image": [np.zeros((1, 1), np.uint32)], "x": [0], "y": [0], "dw": [1], "dh": [1]}
        dots = ColumnDataSource(data=empty, syncable=False)
        figure.image_rgba("image", x="x", y="y", dw="dw", dh="dh", source=dots)
        draw = _script(
            "dots",
            neurons=neurons,
            x=x,
            y=y,
            dots=dots,
            figure=figure,
            mapper=plot.handles["color_color_mapper"],
            accent=looks.ACCENT,
            most=looks.MANY,
        )
        neurons.js_on_change("data", draw)
        neurons.selected.js_on_change("indices", draw)
        for extent in (figure.x_range, figure.y_range):
            extent.js_on_change("start", draw)
            extent.js_on_change("end", draw)
        for size in ("inner_width", "inner_height"):
            figure.js_on_change(size, draw)
        figure.js_on_change("inner_width", _script("first", neurons=neurons))

    return hook


def select_blocks(hub: Hub, cells: Shared, name: str) -> Hook:
    """Return a hook for the heatmap: fades what is not selected; a box or a tap selects.

    Args:
        hub: of the table whose column leaf orders the rows and columns.
        cells: the column start: the leaf at which each cell of the heatmap begins, and n.
        name: what to call the Bokeh figure.
    """

    def hook(plot: Any, _: object) -> None:
        figure = plot.state
        neurons, starts = hub.source(plot.root), cells.source(plot.root)
        cell = _script("cell", CustomJSHover, neurons=neurons, cells=starts)
        hover = plot.handles["hover"]  # HoloViews sets it anew at every update
        hover.tooltips = [
            ("row", "$y{custom}"),
            ("column", "$x{custom}"),
            ("cosine", "@image{0.000}"),
        ]
        hover.formatters = {"$x": cell, "$y": cell}
        if figure.name == name:
            return  # the rest is set up already
        figure.name = name
        masks = []
        for shape in ((_MASK_PIXELS, 1), (1, _MASK_PIXELS)):
            pixels = np.zeros(shape, dtype=np.uint32)
            mask = ColumnDataSource(data={"image": [pixels], "size": [1]}, syncable=False)
            figure.image_rgba("image", x=0, y=0, dw="size", dh="size", source=mask)
            masks.append(mask)
        fade = _script(
            "fade",
            neurons=neurons,
            masks=masks,
            figure=figure,
            mapper=plot.handles["glyph"].color_mapper,
            palettes={"light": looks.SIGNED, "dark": looks.SIGNED_DARK},
        )
        neurons.js_on_change("data", fade)
        neurons.selected.js_on_change("indices", fade)
        figure.js_on_change("background_fill_color", fade)
        figure.js_on_change("inner_width", _script("first", neurons=neurons))
        figure.js_on_event("selectiongeometry", _script("block", neurons=neurons))

    return hook


def _code(script: str) -> str:
    return (_JS / f"{script}.js").read_text(encoding="utf-8")


def _script(name: str, kind: type[Model] = CustomJS, **args: Any) -> Model:
    return kind(code=_code(name), args=args)
