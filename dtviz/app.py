"""The app: one session's page, and the ways to open another model in it."""

import asyncio
import html
from functools import partial
from pathlib import Path
from typing import Any

import panel as pn
import panel_material_ui as pmui
import param

from dtviz import link
from dtviz.checkpoints import DEMO
from dtviz.checkpoints.files import check_links
from dtviz.checkpoints.reader import read_bytes
from dtviz.errors import (
    BadCheckpoint,
    DtvizError,
    FileProblem,
    UnknownName,
    listed,
    shortened,
    told,
)
from dtviz.explorer import Explorer
from dtviz.model import Model
from dtviz.session import Session
from dtviz.sources import EXTENSIONS, choices, folder_of, open_model, reopened
from dtviz.upload import Upload
from dtviz.views import page
from dtviz.views.controls import controls

MOST_UPLOADED = 200_000_000  # bytes
# Of the files opened from a page, as many stay.
_MOST_UPLOADS = 5
# Of a folder's models that cannot be opened, as many are named.
_MOST_NAMED = 3


def checked(source: str | Path | Model) -> str:
    """Open a source before anyone waits for a page; return what of a folder cannot be opened.

    Raises:
        DtvizError: if nothing of it can be opened.
    """
    app = App(source)
    if app.problem and app.checkpoint == DEMO:
        raise BadCheckpoint(
            expected=f"a model in {shortened(str(source))} that can be opened",
            got=f"none: {app.problem}",
            do="Name another folder.",
        )
    return str(app.problem)


def opened(source: str | Path | Model = DEMO, *, most_uploaded: int = MOST_UPLOADED) -> Any:
    """Return the app, as `App` does; of a source that cannot be opened, a page that says why."""
    try:
        return App(source, most_uploaded=most_uploaded)
    except Exception as error:
        return page.text(html.escape(told(error)))


def _read(session: Session) -> None:
    """Read what is shown first: of a model that is damaged, nothing is to be shown."""
    for side in session.model.sides:
        session.rows(side)


class App(pn.viewable.Viewer):
    """An explorer in its page. What cannot be opened is said there; the explorer goes on.

    Args:
        source: a model, as for `dtviz.load`, a folder of models, or a snapshot to go on with.
        most_uploaded: bytes that a file opened from the page may have.

    Raises:
        DtvizError: if it cannot be opened.
    """

    # A page can send anything: only what is offered is opened.
    checkpoint = param.Selector(
        objects=[DEMO], check_on_set=True, label="Model", doc="The checkpoint to look at."
    )
    problem = param.String(doc="Why the last checkpoint could not be opened.")

    def __init__(
        self, source: str | Path | Model = DEMO, *, most_uploaded: int = MOST_UPLOADED
    ) -> None:
        super().__init__()
        about: dict[str, Any] = {"options": {}, "selected": []}
        if not isinstance(source, Model) and str(source).lower().endswith(".html"):
            source, about = reopened(source)
        self._folder = folder_of(source)
        self.param.checkpoint.objects = choices(source)
        try:
            self.explorer = self._first(about["options"])
        except TypeError as error:
            raise FileProblem(
                expected="a snapshot of this version of dtviz",
                got=f"options that it does not know: {shortened(str(error), 200)}",
                do="Open its checkpoint instead, or use the version that wrote it.",
            ) from error
        self.explorer.selection.names = about.get("selected", [])
        if "sets" in about:
            sets = str(about["sets"]).encode(errors="replace")
            self.explorer.sets.read(sets, self.explorer.model)
        self._file = pmui.FileInput(
            label="Open a file",
            accept=",".join(EXTENSIONS),
            description="Open a decision transformer checkpoint from your computer, of at most "
            f"{most_uploaded // 1_000_000:,} MB. The last {_MOST_UPLOADS} can be picked again, as "
            "far as they are no larger together.",
            sizing_mode="stretch_width",
            max_file_size=most_uploaded,
        )
        self._most_uploaded = most_uploaded
        self._upload = Upload(most_uploaded, self._take_upload, self._refuse_upload)
        # No subclass: the browser would not know its model. Its own would hold each file thrice.
        self._file._handle_msg = self._hear_file
        self._bytes_uploaded: dict[str, int] = {}
        self.param.watch(self._pick, "checkpoint")
        self.explorer.param.watch(self._tell, "steps")
        # The same again, too: other things were shown since.
        self.explorer.param.watch(self._obey, "wanted", onlychanged=False)

    @property
    def address(self) -> str:
        """The end of an address that shows the same again: model, options and selection.

        Raises:
            BadArgument: if it would be too long.
        """
        labels = {source: label for label, source in self.param.checkpoint.names.items()}
        explorer = self.explorer
        options = {"layer": explorer.layer, **explorer.changed_options}
        state = {"model": labels[self.checkpoint], **options, "select": explorer.selection.names}
        return link.fragment(state)

    def _tell(self, _: object) -> None:
        """Put what is shown into the page's address; what was said of the last step is past."""
        self.problem = ""
        if len(self.explorer.selection) > link.MOST_NAMES:
            self.problem = (
                f"The address leaves the selection out: it holds {link.MOST_NAMES:,} names at "
                "most. Save it as a set."
            )
        try:
            self.explorer.address = self.address
        except DtvizError as error:
            self.problem = str(error)

    def _obey(self, event: param.parameterized.Event) -> None:
        """Show what the address says, when it was opened, edited, or gone back to."""
        try:
            state = link.state(event.new)
            label = state.pop("model", None)
            known = self.param.checkpoint.names
            if label is not None and label not in known:
                raise UnknownName(
                    expected=f"a model among {listed(list(known))} in the address",
                    got=shortened(label),
                    do="Open that model, then follow the link again.",
                )
            source = self.checkpoint if label is None else known[label]
            if source != self.checkpoint:
                # Tried first: of an address that does not fit, the model is not taken either.
                Session(self._opened(source)).restore(state)
            self.problem = ""
            self.checkpoint = source
            self.explorer.restore(state)
        except Exception as error:
            self.problem = told(error)

    def _first(self, options: dict[str, Any]) -> Explorer:
        """Return an explorer of the first choice; of a folder, of the first that can be opened."""
        unopened: list[str] = []
        for label, source in self.param.checkpoint.names.items():
            try:
                explorer = Explorer(self._open(source), **options)
                _read(explorer)
            except Exception as error:
                if self._folder is None or source == DEMO:
                    raise
                unopened.append(f"{shortened(label)} cannot be opened: {told(error)}")
                continue
            break
        self.checkpoint = source
        more = len(unopened) - _MOST_NAMED
        named = unopened[:_MOST_NAMED] + [f"{more:,} more cannot be."] * (more > 0)
        self.problem = " ".join(named)
        return explorer

    def _open(self, source: str | Path | Model) -> Model:
        if self._folder is not None and isinstance(source, Path):
            check_links([source, *source.rglob("*")], [self._folder])
        return open_model(source)

    def _opened(self, source: str | Path | Model) -> Model:
        model = self._open(source)
        self.explorer.check(model)
        _read(Session(model))
        return model

    def _pick(self, event: param.parameterized.Event) -> None:
        # A page tells what it was told: of a refused model, that the one before is back.
        if event.new == event.old:
            return
        try:
            model = self._opened(event.new)
            if model is not self.explorer.model:
                self.explorer.model = model
        except Exception as error:
            self.checkpoint = event.old
            self.problem = told(error)
            return
        self.problem = ""

    def _refuse_upload(self) -> None:
        most = f"{self._most_uploaded // 1_000_000:,} MB"
        self.problem = str(
            FileProblem(
                expected=f"a file of at most {most}",
                got="a larger one",
                do="Name its path when you start dtviz instead.",
            )
        )

    def _hear_file(self, message: Any) -> None:
        if self._upload.hear(message):
            self._file._send_msg({"status": "finished"})

    def _take_upload(self, name: str, data: bytes) -> None:
        pn.state.execute(partial(self._open_upload, name, data))

    async def _open_upload(self, name: str, data: bytes) -> None:
        try:
            # Meanwhile other pages are served.
            model = await asyncio.to_thread(read_bytes, data, name)
        except Exception as error:
            self.problem = told(error)
            return
        # It can be picked again like the others, for as long as the page is open.
        self._bytes_uploaded.pop(name, None)
        self._bytes_uploaded[name] = len(data)
        others = self.param.checkpoint.names.items()
        offered = {label: one for label, one in others if label != name} | {name: model}
        while (
            len(self._bytes_uploaded) > _MOST_UPLOADS
            or sum(self._bytes_uploaded.values()) > self._most_uploaded
        ):
            oldest = next(iter(self._bytes_uploaded))
            del self._bytes_uploaded[oldest], offered[oldest]
        self.param.checkpoint.objects = offered
        self.checkpoint = model

    def __panel__(self) -> pmui.Page:
        alert = pmui.Alert(
            page.caption(self.param.problem),
            severity="error",
            visible=self.param.problem.rx.bool(),
            margin=(5, 10),
        )
        [picker] = controls(pmui, [self.param.checkpoint])
        return page.page("dtviz", self.explorer, alert, picker, self._file)
