"""Downloads: a choice of files, and a button that makes the one chosen when it is clicked."""

import io
from collections.abc import Callable
from typing import Any

import panel as pn
import panel_material_ui as pmui


def downloads(files: dict[str, tuple[str, Callable[[], bytes]]]) -> pn.Column:
    """Return the choice and the button.

    Args:
        files: what each is called, its file name, and what makes its bytes.
    """
    choice = pmui.Select(
        label="Take away",
        options=list(files),
        value=next(iter(files)),
        description="A file of what is in view: the linked page itself, or its numbers.",
        sizing_mode="stretch_width",
    )

    def made() -> Any:
        _, make = files[choice.value]
        return io.BytesIO(make())

    button = pmui.FileDownload(
        callback=made,
        filename=pn.bind(lambda chosen: files[chosen][0], choice),
        label=pn.bind(lambda chosen: f"Download {files[chosen][0]}", choice),
        variant="outlined",
        sizing_mode="stretch_width",
    )
    return pn.Column(choice, button, sizing_mode="stretch_width")
