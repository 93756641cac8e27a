"""Tab: one or several views with their options, which cost nothing while they are not in sight."""

import asyncio
import html
from collections.abc import Callable
from typing import Any, ClassVar

import panel as pn
import param

from dtviz.analyses.products import is_vocabulary
from dtviz.directions import SHORT
from dtviz.errors import DtvizError, told
from dtviz.selection import Selection
from dtviz.study import Study
from dtviz.views import page, titles
from dtviz.views.controls import controls
from dtviz.views.shared import Hub, LinkedPane

# Pixels that a tab's views have, and the line above them.
HEIGHT = 262
HEADING = 22


class Tab(pn.viewable.Viewer):
    """One tab of the explorer; alone in a notebook it shows itself, too.

    A subclass says in ``find`` what it shows, which is called when something has changed while the
    tab is in sight, and when it comes in sight after something has changed; again, once what it
    names as ``missing`` is found.

    Args:
        study: what the analyses find.
        selection: which neurons are selected.
        hub: the neurons in the browser.
    """

    title: ClassVar[str]
    doc: ClassVar[str]
    # Whether it is made with the page, not when it is opened: it costs next to nothing.
    made_at_once: ClassVar[bool] = False
    # Whether a snapshot has it: its views need no Python.
    without_python: ClassVar[bool] = False
    # Whether what it shows depends on what is selected in Python.
    follows_selection: bool = False
    # Whether a line stands above its views, and a text beside them.
    has_heading: ClassVar[bool] = False
    has_text: ClassVar[bool] = False
    # Neurons whose pairs are gone through at once: in a third of a second.
    at_once: ClassVar[int] = 4_096

    message = param.String(doc="Why there is nothing to see; empty if there is.")
    heading = param.String(doc="What stands above the views.")
    text = param.String(doc="What stands beside the views, as HTML.")
    changes = param.Integer(doc="Counts how often what is shown has changed.")
    # Asks for what is missing.
    _wanted = param.Event()

    def __init__(self, study: Study, selection: Selection, hub: Hub) -> None:
        super().__init__()
        self.study, self.selection, self.hub = study, selection, hub
        self._viewers: set[object] = set()
        self._is_stale = True
        self._shape: object = None
        self._is_seeking = False
        # Why what is missing was not found.
        self.why_none = ""
        height = HEIGHT - HEADING if self.has_heading else HEIGHT
        self.row = pn.Row(sizing_mode="stretch_width", height=height)
        self.options: list[param.Parameter] = []
        # What stands beside the heading.
        self.beside_heading: list[Any] = []
        self.set_up()
        for option in self.options:
            option.owner.param.watch(self.refresh, option.name)
        self.param.watch(self._seek, "_wanted")

    def set_up(self) -> None:
        """Name the options of this tab, once."""

    def find(self) -> str:
        """Find what is to be shown; return why there is nothing, or an empty text."""
        raise NotImplementedError

    def missing(self) -> dict[str, Callable[[], object]]:
        """Return what finds, in a thread, that which takes long and is not known yet."""
        return {}

    @property
    def has_many(self) -> bool:
        """Whether so many neurons are in view that going through their pairs takes long."""
        return len(self.study.in_view) > self.at_once

    @property
    def lacks_summary(self) -> bool:
        """Whether the statistics of the spaces take long and are not known yet."""
        is_long = self.has_many or is_vocabulary(self.study.model.unembedding)
        return is_long and not self.study.is_summarized

    def make_views(self) -> list[Any]:
        """Return the views, made of what was found; they follow ``changes``."""
        raise NotImplementedError

    def shape(self) -> object:
        """Return what, when it changes, asks for other views instead of the same drawn again."""
        return None

    @property
    def compared_with(self) -> str:
        """Which side of the neurons is compared with how many items, and how."""
        study = self.study
        every = study.every_item
        is_written = study.ranking.ranked_by == "out congruence"
        # Of a model that reads the residual stream as it is, or an SAE, the two differ.
        normed = study.model if is_written or every is None else every
        normalization = normed.normalization
        return titles.of_features(
            titles.of_layer(study.layer, study.reading_side, study.expert_in_view),
            study.ranking.ranked_by,
            len(study.items or ()),
            len(every or ()),
            layer_norm=study.congruence.layer_norm and normalization is not None,
            norm=SHORT[normalization],
            noun="tokens" if is_vocabulary(every) else "actions" if is_written else "features",
        )

    def refresh(self, *_: object) -> None:
        """Follow a change, now or when the tab comes in sight."""
        self._is_stale = True
        if self._viewers:
            self._update()

    def show(self, viewer: object) -> None:
        """Be in sight, of a page's tabs for instance, and up to date."""
        self._viewers.add(viewer)
        if self._is_stale:
            self._update()

    def hide(self, viewer: object) -> None:
        """Be out of sight for a viewer that it was shown to."""
        self._viewers.discard(viewer)

    def _update(self) -> None:
        self._is_stale = False
        self.why_none = ""
        try:
            if self.missing():
                self._wanted = True
            self.message = self.find()
            self.row.visible = not self.message
            if not self.message:
                self._draw_found()
        except Exception as error:  # whatever it is, the other views go on
            self.message = told(error)
            self.row.visible = False

    async def _seek(self, _: object) -> None:
        """Find what is missing, and show it, while other things are answered."""
        if self._is_seeking:
            return
        self._is_seeking = True
        try:
            while missing := self.missing():  # other options may have come meanwhile
                await asyncio.to_thread(next(iter(missing.values())))
                # With the page's lock, as other changes from threads.
                pn.state.execute(self.refresh, schedule=True)
        except (DtvizError, MemoryError) as error:
            self.why_none = str(error) or "There is not enough memory."
            pn.state.execute(self._tell_why, schedule=True)
        finally:
            self._is_seeking = False

    def _tell_why(self) -> None:
        if self.message:
            self.message, self.text = self.why_none, ""
        else:
            self.text = html.escape(self.why_none)

    def _draw_found(self) -> None:
        shape = self.shape()
        if self.row.objects and shape == self._shape:
            self.changes += 1
        else:
            self._shape = shape
            self.row.objects = self.make_views()

    def plot(self, draw: Any, *hooked: Any, linked: Any = (), **layout: Any) -> Any:
        """Return a pane that draws again at each change.

        Args:
            draw: returns the element.
            hooked: options with hooks.
            linked: frames that the hooks ask for, besides the hub.
            layout: of the pane.
        """
        # Axes of the same name are not the same: HoloViews would give them one range.
        layout = {"sizing_mode": "stretch_width", "height": HEIGHT, "linked_axes": False, **layout}
        shared = [self.hub, *linked]
        return LinkedPane(lambda _: draw(), self.param.changes, hooked, shared, **layout)

    def controls(self) -> list[Any]:
        """Return widgets for the options of this tab: Panel's own, which are made quickly."""
        return controls(pn.widgets, self.options)

    def __panel__(self) -> pn.Column:
        self.show(self)  # alone, and for good
        return self.content()

    def content(self) -> pn.Column:
        """Return the tab: its options and its views."""
        beside = self.controls()
        if self.has_text:
            beside.append(page.text(self.param.text))
        if beside:
            beside.insert(0, page.text(self.doc))
        options = [pn.Column(*beside, width=290, height=HEIGHT, scroll="y-auto")] if beside else []
        why = page.caption(self.param.message)
        why.visible = self.param.message.rx.bool()
        above = []
        if self.has_heading:
            heading = page.caption(self.param.heading)
            above = [pn.Row(heading, *self.beside_heading, sizing_mode="stretch_width")]
        return pn.Column(
            why,
            *above,
            pn.Row(*options, self.row, sizing_mode="stretch_width"),
            sizing_mode="stretch_width",
        )
