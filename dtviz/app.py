"""The app: one session's page, and the ways to open another model in it."""

import asyncio
import contextlib
from collections.abc import Callable
from functools import lru_cache
from pathlib import Path
from typing import Any

import panel as pn
import panel_material_ui as pmui
import param

from dtviz import link, snapshot
from dtviz.checkpoints import DEMO, is_folder_of_model, sha256_of
from dtviz.checkpoints.files import check_links
from dtviz.checkpoints.reader import read, read_bytes
from dtviz.demo import CHECKPOINT
from dtviz.errors import DtvizError, FileProblem, UnknownName, listed, shortened, told
from dtviz.explorer import Explorer
from dtviz.model import Model
from dtviz.session import Session
from dtviz.views import page

EXTENSIONS = (".pt", ".safetensors")
MOST_UPLOADED = 200_000_000  # bytes
# Of the files opened from a page, as many stay.
_MOST_UPLOADS = 5


def choices(source: str) -> dict[str, str]:
    """Return what can be picked: a label and a source for `dtviz.load` each, the first to open.

    Args:
        source: a model, as for `dtviz.load`, or a folder of models. "demo" can always be picked.

    Raises:
        FileProblem: if a folder holds no model.
    """
    folder = _folder(source)
    if folder is None:
        return {_label(source): source, "demo": DEMO}
    paths = _models(folder)
    if not paths:
        raise FileProblem(
            expected=f"a folder with checkpoints ({' or '.join(EXTENSIONS)}) or directories of "
            "language models (config.json)",
            got=f"{source}, which has none",
            do="Name another folder, or a checkpoint.",
        )
    return {**{_label(str(path)): str(path) for path in paths}, "demo": DEMO}


def _folder(source: str) -> Path | None:
    """Return the folder of models that a source is, if it is one."""
    path = Path(source)
    return path if source != DEMO and path.is_dir() and not is_folder_of_model(path) else None


def _models(folder: Path) -> list[Path]:
    """Return what can be opened of what is in a folder."""
    return sorted(
        path for path in folder.iterdir() if path.suffix in EXTENSIONS or is_folder_of_model(path)
    )


def reopened(path: str) -> tuple[str, dict[str, Any]]:
    """Return the checkpoint that a snapshot was made from, and what the snapshot says of itself.

    The checkpoint is told by its hash: the bundled one, or one beside the snapshot or in the
    folder one works in.

    Raises:
        FileProblem: if the file is no snapshot, or its checkpoint is not at hand.
    """
    about = snapshot.read(path)
    folders = (Path(path).parent, Path.cwd())
    for file in [CHECKPOINT, *(file for folder in folders for file in _models(folder))]:
        with contextlib.suppress(DtvizError, OSError):
            if sha256_of(file) == about.get("sha256"):
                return (DEMO if file == CHECKPOINT else str(file)), about
    raise FileProblem(
        expected=f"the checkpoint of {shortened(about.get('model'))}, whose sha256 is "
        f"{shortened(about.get('sha256'))}",
        got="none such beside the snapshot or in this folder",
        do="Put the checkpoint beside the snapshot.",
    )


def _label(source: str) -> str:
    name = Path(source).name or Path(source).resolve().name
    # Only the bundled model is called that alone.
    return source if name == DEMO else name


def open_model(source: str | Model) -> Model:
    """Return a model that all sessions share, read again when its files have changed.

    A child process parses its files.

    Args:
        source: as for `dtviz.load`, or a model that is open already.

    Raises:
        DtvizError: if the file cannot be opened.
    """
    if isinstance(source, Model):
        return source
    path = Path(source)
    files = [path, *path.iterdir()] if path.is_dir() else [path]
    return _loaded(source, max(file.stat().st_mtime_ns if file.exists() else 0 for file in files))


@lru_cache(maxsize=8)
def _loaded(source: str, changed: int) -> Model:
    return read(source)


def _guard(upload: pmui.FileInput, most: int, refuse: Callable[[], None]) -> None:
    """Let a file input hold at most so many bytes, whatever a page sends."""
    # No subclass: the browser would not know its model.
    hear = upload._handle_msg

    def hear_within_limits(message: dict[str, Any]) -> None:
        if message.get("status") == "error":  # the page has seen that the file is too large
            refuse()
            return
        hear(message)
        held = [file["value"] for file in upload._buffer]
        for file in upload._file_buffer.values():
            held += file["chunks"].values()
        if sum(map(len, held)) > most:
            upload._file_buffer.clear()
            upload._buffer.clear()
            refuse()

    upload._handle_msg = hear_within_limits


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

    def __init__(self, source: str = DEMO, *, most_uploaded: int = MOST_UPLOADED) -> None:
        super().__init__()
        about: dict[str, Any] = {"options": {}, "selected": []}
        if source.lower().endswith(".html"):
            source, about = reopened(source)
        self._folder = _folder(source)
        self.param.checkpoint.objects = choices(source)
        self.checkpoint = next(iter(self.param.checkpoint.objects))
        try:
            self.explorer = Explorer(self._open(self.checkpoint), **about["options"])
        except TypeError as error:
            raise FileProblem(
                expected="a snapshot of this version of dtviz",
                got=f"options that it does not know: {error}",
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
            f"{most_uploaded // 1_000_000:,} MB. The last {_MOST_UPLOADS} can be picked again.",
            sizing_mode="stretch_width",
            max_file_size=most_uploaded,
        )
        self._most_uploaded = most_uploaded
        _guard(self._file, most_uploaded, self._refuse_upload)
        self.param.watch(self._pick, "checkpoint")
        self._file.param.watch(self._take_upload, "value")
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

    def _open(self, source: str | Model) -> Model:
        if self._folder is not None and isinstance(source, str) and source != DEMO:
            path = Path(source)
            check_links([path, *path.rglob("*")], [self._folder])
        return open_model(source)

    def _opened(self, source: str | Model) -> Model:
        model = self._open(source)
        self.explorer.check(model)
        tried = Session(model)
        for side in model.sides:
            tried.rows(side)  # read now: of a model that is damaged, nothing is shown
        return model

    def _pick(self, event: param.parameterized.Event) -> None:
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

    async def _take_upload(self, event: param.parameterized.Event) -> None:
        if not event.new:
            return
        # A page can set what the widget holds, and its limit, past the guard.
        if len(event.new) > self._most_uploaded:
            self._file.value = None
            self._refuse_upload()
            return
        name = self._file.filename
        try:
            # Meanwhile other pages are served.
            model = await asyncio.to_thread(read_bytes, event.new, name)
        except Exception as error:
            self.problem = told(error)
            return
        # It can be picked again like the others, for as long as the page is open.
        offered = {**self.param.checkpoint.names, name: model}
        uploads = [label for label, one in offered.items() if isinstance(one, Model)]
        for label in uploads[:-_MOST_UPLOADS]:
            del offered[label]
        self.param.checkpoint.objects = offered
        self.checkpoint = model

    def __panel__(self) -> pmui.Page:
        alert = pmui.Alert(
            page.caption(self.param.problem),
            severity="error",
            visible=self.param.problem.rx.bool(),
            margin=(5, 10),
        )
        picker = pmui.Select.from_param(
            self.param.checkpoint,
            description=self.param.checkpoint.doc,
            sizing_mode="stretch_width",
        )
        return page.page("dtviz", self.explorer, alert, picker, self._file)
