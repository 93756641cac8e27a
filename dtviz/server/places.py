"""Places: the pages that are open, and how many there can be."""

from typing import Protocol


class Page(Protocol):
    """What holds a place: a websocket."""

    def close(self) -> None:
        """Close it."""


class Places:
    """Holds a place for each session with an open websocket.

    A page that only was asked for takes none, and one whose websocket opens anew keeps its own.

    Args:
        most: pages that can be open at once.
    """

    def __init__(self, most: int) -> None:
        self.most = most
        self._pages: dict[str, Page] = {}

    def has_room(self, session: str = "") -> bool:
        """Return whether there is a place left, or a session's own."""
        return len(self._pages) < self.most or session in self._pages

    def enter(self, session: str, page: Page) -> bool:
        """Take a place, if there is one; return whether there was.

        The websocket that the session had before is closed.
        """
        if not self.has_room(session):
            return False
        before = self._pages.get(session)
        self._pages[session] = page
        if before is not None:
            before.close()
        return True

    def leave(self, session: str, page: Page) -> None:
        """Give a place back, if it was taken."""
        if self._pages.get(session) is page:
            del self._pages[session]
