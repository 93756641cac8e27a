"""What all views of a page share: sources in the browser, and panes that know them.

The truth in the browser is ``selected.indices`` of one ColumnDataSource a page, the hub
``neurons``; in Python it is `Selection`.
"""

import json
import weakref
from collections.abc import Callable, Sequence
from types import SimpleNamespace
from typing import Any, ClassVar

import holoviews as hv
import pandas as pd
import panel as pn
import param
from bokeh.document import Document
from bokeh.models import ColumnDataSource, Div, Model
from panel.reactive import Reactive, SyncableData

from dtviz.errors import DtvizError
from dtviz.selection import Selection
from dtviz.sets import NeuronSet, Sets
from dtviz.views import looks
from dtviz.views.scripts import script

# What HoloViews, too, has to know of the layout of a figure.
_SIZES = ("height", "min_height", "max_width")


class Shared(SyncableData):
    """A frame in the browser: one ColumnDataSource on each page, for all views on that page.

    Panel brings changes from Python to every page under that page's lock.

    Args:
        label: the name of the sources.
        frame: what they hold.
        columns: of the frame that are shared; all by default.
    """

    frame = param.DataFrame(doc="What is shared.")

    # Properties of the source that Python hears of, besides what is selected.
    _heard: ClassVar[list[str]] = []

    _data_params = ["frame"]  # noqa: RUF012
    _rename = {"frame": None, "selection": None}  # noqa: RUF012

    def __init__(self, label: str, frame: Any, columns: Sequence[str] | None = None) -> None:
        self._label, self._columns = label, columns
        super().__init__(frame=frame)

    def _get_data(self) -> tuple[pd.DataFrame, dict[str, Any]]:
        columns = self.frame if self._columns is None else self._columns
        return self.frame, {name: self.frame[name].to_numpy() for name in columns}

    def _process_events(self, events: dict[str, Any]) -> None:
        if "indices" in events:
            self._updating = True  # what came from a page does not go back to it
            try:
                self.selection = events.pop("indices")
            finally:
                self._updating = False
        super()._process_events(events)

    def hold(self, frame: Any) -> None:
        """Hold another frame; the same one is not sent again."""
        if frame is not self.frame:
            self.frame = frame

    def join(self, doc: Document, root: Model, comm: Any) -> None:
        """Make sure that the page under ``root`` has its source."""
        ref = root.ref["id"]
        if ref not in self._models:
            source = ColumnDataSource(name=self._label, data=self._data)
            source.selected.indices = self.selection
            self._link_props(source.selected, ["indices"], doc, root, comm)
            self._link_props(source, self._heard, doc, root, comm)
            self._models[ref] = (SimpleNamespace(source=source, document=doc), None)

    @property
    def documents(self) -> list[Document]:
        """The documents of all pages that have the source."""
        return [page.document for page, _ in self._models.values()]

    def source(self, root: Model) -> ColumnDataSource:
        """Return the source of the page under ``root``, which has joined."""
        return self._models[root.ref["id"]][0].source


class Kept(Shared):
    """The named sets in the browser, kept equal with `Sets`.

    Args:
        sets: the sets; each is shown in its colour until a user hides it.
    """

    _heard: ClassVar[list[str]] = ["data"]

    def __init__(self, sets: Sets) -> None:
        self._sets = sets
        self._hidden: set[str] = set()
        super().__init__("sets", self._kept())
        sets.param.watch(self._to_browser, "items")

    def _kept(self) -> pd.DataFrame:
        columns = ["name", "note", "colour", "names", "shown"]
        rows = [
            (one.name, one.note, one.colour, json.dumps(one.names), one.name not in self._hidden)
            for one in self._sets
        ]
        return pd.DataFrame(rows, columns=columns).astype(object)

    def _process_events(self, events: dict[str, Any]) -> None:
        if "data" in events:
            self._to_python(events.pop("data"))
        super()._process_events(events)

    def _to_python(self, data: Any) -> None:
        # The page is not trusted: what makes no sets is put back as it was.
        try:
            columns = [data[name] for name in ("name", "names", "note", "colour", "shown")]
            rows = list(zip(*columns, strict=True))
            hidden = {name for name, *_, shown in rows if not shown}
            items = tuple(
                NeuronSet(name, json.loads(names), note, colour)
                for name, names, note, colour, _ in rows
            )
            # Told to all pages: sets that are set anew count as changed.
            self._hidden, self._sets.items = hidden, Sets(items=items).items
        except (DtvizError, KeyError, TypeError, ValueError, RecursionError):
            self._to_browser()

    def _to_browser(self, *_: object) -> None:
        self.frame = self._kept()


class Asked(Shared):
    """What the page shows of Python's, and what it asks Python for as it cannot do it alone.

    Args:
        label: the name of the sources.
        shown: what is shown, see ``js/bar.js`` and ``js/zoom.js``.
    """

    frame = param.Dict(doc="What is shown: one value a column.")
    asked = param.List(doc="What is newly asked for.")

    _heard: ClassVar[list[str]] = ["tags"]

    _rename = {"frame": None, "selection": None, "asked": None}  # noqa: RUF012

    def __init__(self, label: str, shown: dict[str, Any]) -> None:
        # The mode that keys ask for while they are held, if any.
        self.held: str | None = None
        super().__init__(label, shown)

    def _get_data(self) -> tuple[Any, dict[str, Any]]:
        return self.frame, {name: [value] for name, value in self.frame.items()}

    def hold(self, frame: Any) -> None:
        """Let something else be shown; the same is not sent again."""
        if frame != self.frame:
            self.frame = frame

    def _process_events(self, events: dict[str, Any]) -> None:
        if "tags" in events:
            self.asked = events.pop("tags")
        super()._process_events(events)


class Hub(Shared):
    """The neuron table in the browser, its selected rows kept equal with a `Selection`.

    Args:
        table: the neuron table.
        chosen: the selection.
        sets: the named sets.
        session: what the page's bar shows, see ``js/bar.js``.
    """

    by = param.String("difference", doc="The column that colours points, see `looks.points`.")

    _data_params = ["frame", "by"]  # noqa: RUF012
    _rename = {"frame": None, "selection": None, "by": None}  # noqa: RUF012

    def __init__(
        self, table: pd.DataFrame, chosen: Selection, sets: Sets, session: dict[str, Any]
    ) -> None:
        self._chosen = chosen
        self.sets, self.session = Kept(sets), Asked("session", session)
        super().__init__("neurons", table)
        self.param.watch(self._to_python, "selection")
        chosen.param.watch(self._to_browser, "names")

    def join(self, doc: Document, root: Model, comm: Any) -> None:
        """Make sure that the page under ``root`` has the sources that all views know."""
        super().join(doc, root, comm)
        self.sets.join(doc, root, comm)
        self.session.join(doc, root, comm)

    def _get_data(self) -> tuple[pd.DataFrame, dict[str, Any]]:
        table, columns = super()._get_data()
        # HoloViews looks a mapped colour up under the name of its option.
        return table, {
            **columns,
            "color": looks.coloured_by(table, self.by).to_numpy(),
            "jitter": looks.jitter(len(table)),
        }

    def show(self, table: pd.DataFrame, by: str = "difference") -> None:
        """Show another table; the neurons that are selected by name are selected in it."""
        if table is not self.frame or by != self.by:
            self.param.update(frame=table, by=by)
        self._to_browser()

    def _to_python(self, *_: object) -> None:
        names = self.frame["name"].tolist()
        in_view = set(names)
        # Neurons of layers that are not in view stay selected.
        elsewhere = [name for name in self._chosen.names if name not in in_view]
        # A page may speak of rows of the table before.
        chosen = elsewhere + [names[row] for row in self.selection if 0 <= row < len(names)]
        if set(chosen) != set(self._chosen.names):
            self._chosen.names = chosen

    def _to_browser(self, *_: object) -> None:
        rows = self.frame.index.get_indexer(pd.Index(self._chosen.names, dtype=object))
        chosen = sorted(int(row) for row in rows if row >= 0)
        # In another order they are the same: a page that goes on selecting would be thrown back.
        if set(chosen) != set(self.selection):
            self.selection = chosen


class _Figure(pn.pane.Bokeh):
    """A figure whose models take the theme of the served page as they join it.

    Panel would go through them all twice before: a seventh of the time that a figure takes.
    """

    def _get_model(
        self,
        doc: Document,
        root: Model | None = None,
        parent: Model | None = None,
        comm: Any = None,
    ) -> Model:
        theme = self._design.theme.bokeh_theme if self._design and self._design.theme else None
        if root is None or comm is not None or doc.theme is not theme:
            return super()._get_model(doc, root, parent, comm)
        self._models[root.ref["id"]] = (self.object, parent)
        return self.object


def _held_weakly(options: hv.Options) -> hv.Options:
    """Return options whose hooks live no longer than others hold them.

    HoloViews keeps the options of a plot as long as there is the plot, in a place that all
    sessions share: hooks that know the explorer would keep it, and so the plot, for ever.
    """

    def weakly(hook: Any) -> Any:
        held = weakref.ref(hook)

        def call(plot: Any, element: Any) -> None:
            hook = held()
            if hook is not None:
                hook(plot, element)

        return call

    hooks = [weakly(hook) for hook in options.kwargs["hooks"]]
    return hv.Options(options.key, **{**options.kwargs, "hooks": hooks})


class LinkedPane(pn.pane.HoloViews):
    """A HoloViews pane that follows a parameter, and whose hooks find the page's shared sources.

    Args:
        draw: returns the element for a value of the parameter.
        follows: the parameter; each change of it draws anew.
        hooked: options with hooks.
        shared: the frames that its hooks ask for.
        layout: of the pane.
    """

    # Below that of Panel's own pane, which stays the one that other HoloViews objects get.
    priority = 0
    _panes = {**pn.pane.HoloViews._panes, "bokeh": _Figure}  # noqa: RUF012

    def __init__(
        self,
        draw: Callable[[Any], Any],
        follows: param.Parameter,
        hooked: Sequence[hv.Options],
        shared: list[Shared],
        **layout: Any,
    ) -> None:
        self._shared = shared
        self._held = [hook for options in hooked for hook in options.kwargs["hooks"]]
        # HoloViews sizes a figure at each update, and knows nothing of the pane.
        sizes = {name: layout[name] for name in _SIZES if name in layout}
        plot = hv.DynamicMap(pn.bind(lambda value: draw(value).opts(**sizes), follows))
        super().__init__(plot.opts(*map(_held_weakly, hooked)) if hooked else plot, **layout)

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
            # Else HoloViews begins with what it drew for the first page.
            self.object.reset()
        return super()._get_model(doc, root, parent, comm)


class Written(Reactive):
    """HTML that a script in ``js/`` writes whenever the selection changes.

    Args:
        script: its name. It gets ``neurons`` (the hub's source), ``output`` (a Div), and under
            their labels the sources of ``shared`` and those it fills.
        hub: the neurons.
        shared: further frames that the script reads.
        fills: names of the sources that the script fills.
        uses: names of the scripts that it uses, besides write.js.
        given: further values that the script knows, by name.
    """

    def __init__(
        self,
        script: str,
        hub: Hub,
        shared: dict[str, Shared] | None = None,
        fills: tuple[str, ...] = (),
        uses: tuple[str, ...] = (),
        given: dict[str, Any] | None = None,
        **layout: Any,
    ) -> None:
        self._scripts = (*uses, "write", script)
        self._shared = {"neurons": hub, **(shared or {})}
        self._fills, self._given = fills, given or {}
        super().__init__(**layout)

    def _get_model(
        self,
        doc: Document,
        root: Model | None = None,
        parent: Model | None = None,
        comm: Any = None,
    ) -> Model:
        # What is written has names in it, which Bokeh would search for TeX when it draws anew.
        output = Div(**self._get_properties(doc), syncable=False, disable_math=True)
        root = root or output
        for frame in self._shared.values():
            frame.join(doc, root, comm)
        known: dict[str, Any] = {label: frame.source(root) for label, frame in self._shared.items()}
        filled = {name: ColumnDataSource(name=name, syncable=False) for name in self._fills}
        values = {"notebook": comm is not None, **self._given}
        write = script(*self._scripts, output=output, **values, **known, **filled)
        for source in known.values():
            source.js_on_change("data", write)
        known["neurons"].selected.js_on_change("indices", write)
        if comm is not None:  # until a figure beside it is laid out
            output.text = "<p>Select neurons in a plot: this follows.</p>"
        # Alone in a notebook, nothing but this brings the script and its sources along.
        output.js_on_change("tags", write)
        doc.js_on_event("document_ready", write)
        self._models[root.ref["id"]] = (output, parent)
        return output
