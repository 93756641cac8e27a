"""Upload: a file that a page sends in pieces."""

import io
from collections.abc import Callable
from typing import Any


class Upload:
    """Puts the pieces of one file after the other, and holds them once.

    Args:
        most: bytes of a file.
        take: gets the name of a file and what is in it, once it is complete.
        refuse: is called when it is too large.
    """

    def __init__(
        self, most: int, take: Callable[[str, bytes], None], refuse: Callable[[], None]
    ) -> None:
        self._most, self._take, self._refuse = most, take, refuse
        self._forget()

    def _forget(self) -> None:
        self._name, self._pieces = "", 0
        self._data = io.BytesIO()

    def hear(self, message: Any) -> bool:
        """Obey what the browser's file input says; return whether a file has come to its end.

        Args:
            message: not trusted: one that makes no sense ends the file that has begun.
        """
        match message:
            case {"status": "upload_event", "name": str(name), "chunk": 1, "data": bytes(data)}:
                self._forget()
                self._name = name
                self._add(data)
            case {"status": "upload_event", "name": name, "chunk": piece, "data": bytes(data)} if (
                self._pieces and (name, piece) == (self._name, self._pieces + 1)
            ):
                self._add(data)
            case {"status": "finished"} if self._pieces:
                name, data = self._name, self._data.getvalue()
                self._forget()
                self._take(name, data)
                return True
            case {"status": "error"}:  # the page has seen that the file is too large
                self._forget()
                self._refuse()
            case _:
                self._forget()
        return False

    def _add(self, data: bytes) -> None:
        if self._data.tell() + len(data) > self._most:
            self._forget()
            self._refuse()
        else:
            self._data.write(data)
            self._pieces += 1
