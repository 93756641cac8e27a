"""Places: the pages that are open, and how many there can be."""


class Places:
    """Holds a place for each open websocket: a page that only was asked for takes none.

    Args:
        most: pages that can be open at once.
    """

    def __init__(self, most: int) -> None:
        self.most = most
        self._taken: set[object] = set()

    @property
    def are_taken(self) -> bool:
        """Whether there is no place left."""
        return len(self._taken) >= self.most

    def enter(self, page: object) -> bool:
        """Take a place, if there is one; return whether there was."""
        if not self.are_taken:
            self._taken.add(page)
        return page in self._taken

    def leave(self, page: object) -> None:
        """Give a place back, if one was taken."""
        self._taken.discard(page)
