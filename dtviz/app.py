"""The app: one session's page, and the ways to open another model in it."""

import os
from functools import lru_cache
from pathlib import Path
from typing import Any

import panel as pn
import panel_material_ui as pmui
import param

from dtviz.checkpoints import DEMO, load, load_bytes
from dtviz.errors import DtvizError, FileProblem
from dtviz.explorer import Explorer
from dtviz.model import Model
from dtviz.views import page

EXTENSIONS = (".pt", ".safetensors")


def choices(source: str) -> dict[str, str]:
    """Return what can be picked: a label and a source for `dtviz.load` each, the first to open.

    Args:
        source: a checkpoint, a folder of checkpoints, or "demo", which can always be picked.

    Raises:
        FileProblem: if a folder holds no checkpoint.
    """
    folder = Path(source)
    if source == DEMO or not folder.is_dir():
        return {_label(source): source, "demo": DEMO}
    paths = sorted(path for path in folder.iterdir() if path.suffix in EXTENSIONS)
    if not paths:
        raise FileProblem(
            expected=f"a folder with checkpoints ({' or '.join(EXTENSIONS)})",
            got=f"{source}, which has none",
            do="Name another folder, or a checkpoint.",
        )
    return {**{_label(str(path)): str(path) for path in paths}, "demo": DEMO}


def _label(source: str) -> str:
    return "demo" if source == DEMO else Path(source).name


def open_model(source: str) -> Model:
    """Return a model that all sessions share, read again when its file has changed.

    Raises:
        DtvizError: if the file cannot be opened.
    """
    changed = os.stat(source).st_mtime_ns if os.path.exists(source) else 0
    return _loaded(source, changed)


@lru_cache(maxsize=8)
def _loaded(source: str, changed: int) -> Model:
    return load(source)


class App(pn.viewable.Viewer):
    """An explorer in its page. What cannot be opened is said there; the explorer goes on.

    Args:
        source: a checkpoint, a folder of checkpoints, or "demo".

    Raises:
        DtvizError: if it cannot be opened.
    """

    checkpoint = param.Selector(label="Model", doc="The checkpoint to look at.")
    upload = param.Bytes(doc="A checkpoint's bytes, from the browser.")
    problem = param.String(doc="Why the last checkpoint could not be opened.")

    def __init__(self, source: str = DEMO) -> None:
        super().__init__()
        self.param.checkpoint.objects = choices(source)
        self.checkpoint = next(iter(self.param.checkpoint.objects))
        self.explorer = Explorer(open_model(self.checkpoint))
        self._file = pmui.FileInput(
            label="Open a file",
            accept=",".join(EXTENSIONS),
            description="Open a decision transformer checkpoint from your computer.",
            sizing_mode="stretch_width",
        )
        self.param.watch(self._pick, "checkpoint")
        self._file.param.watch(self._take_upload, "value")

    def _pick(self, event: param.parameterized.Event) -> None:
        self._show(lambda: open_model(event.new))

    def _take_upload(self, event: param.parameterized.Event) -> None:
        if event.new:
            self._show(lambda: load_bytes(event.new, self._file.filename))

    def _show(self, opened: Any) -> None:
        try:
            self.explorer.model = opened()
            self.problem = ""
        except DtvizError as error:
            self.problem = str(error)

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


def serve(source: str, port: int, open_browser: bool) -> None:
    """Serve the app at /explore on this machine until interrupted.

    Raises:
        DtvizError: if ``source`` cannot be opened, or the port cannot be had.
    """
    # Opened once before anyone waits for a page: bad input ends here.
    open_model(next(iter(choices(source).values())))
    try:
        pn.serve(
            {"explore": lambda: App(source)},
            address="127.0.0.1",
            port=port,
            show=open_browser,
            title="dtviz",
        )
    except OSError as error:
        raise FileProblem(
            expected=f"to listen at port {port}",
            got=str(error.strerror or error),
            do="Choose another with --port.",
        ) from error
