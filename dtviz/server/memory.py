"""Memory: what the pages that were left took is given back to the system."""

import contextlib
import ctypes
import gc

import panel as pn
from tornado.ioloop import IOLoop


class Memory:
    """Waits until no session is left, then gives back what they took."""

    def __init__(self) -> None:
        self._sessions = 0

    def begin(self) -> None:
        """Hear of a session that begins, within it."""
        self._sessions += 1
        pn.state.on_session_destroyed(lambda _: self._end())

    def _end(self) -> None:
        self._sessions -= 1
        if not self._sessions:
            # Bokeh lets go of the page after this.
            IOLoop.current().call_later(1, give_back)


def give_back() -> None:
    """Give what no page needs any more to the system: glibc keeps it otherwise."""
    # Twice: what the first lets go of can hold more of it.
    gc.collect()
    gc.collect()
    with contextlib.suppress(OSError):  # another C library, which does as it does
        ctypes.CDLL("libc.so.6").malloc_trim(0)
