"""The current document of Bokeh: put back also where what was done with it failed."""

from collections.abc import Iterator
from contextlib import contextmanager

from bokeh.document import Document
from bokeh.io import doc

_patch_curdoc = doc.patch_curdoc


def put_back_always() -> None:
    """Repair Bokeh, which leaves the document of a page current when its message ends in an error.

    What other pages do from their threads and tasks would be done in that document, or never.
    """
    doc.patch_curdoc = _patched


@contextmanager
def _patched(document: Document) -> Iterator[None]:
    raised = None
    with _patch_curdoc(document):
        try:
            yield
        except BaseException as error:
            raised = error
    if raised is not None:
        raise raised
