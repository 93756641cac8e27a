"""PageSocket: the websocket of one page, which takes a place and sends within bounds."""

import logging
from typing import Any

from bokeh.protocol.message import Message
from bokeh.util.token import get_session_id
from panel.io.server import WSHandler

from dtviz.server.messages import Messages, Refused
from dtviz.server.rate import Rate
from dtviz.server.visitor import host_of

# Messages that end in errors, and the seconds until there may be another: of dtviz's pages few do,
# as when they speak of a view that Python has dropped meanwhile.
MOST_ERRORS, EACH = 100, 10.0
# See RFC 6455 and its registry of close codes: a policy is violated; try again later.
_VIOLATED, _LATER = 1008, 1013


class PageSocket(WSHandler):
    """Panel's websocket. The application's settings have ``hosts``, ``places`` and ``held``."""

    _session = ""

    def check_origin(self, origin: str) -> bool:
        """Return whether a page of this origin may connect."""
        is_own: bool = host_of(origin) in self.settings["hosts"]
        return is_own

    def open(self, *args: Any, **kwargs: Any) -> Any:
        """Open the page's session, if there is a place."""
        self._messages: Messages | None = None
        self._is_refused, self._errors = False, Rate(MOST_ERRORS, EACH)
        self._session = get_session_id(self._token)
        if not self.settings["places"].enter(self._session, self):
            self.close(_LATER, "all places are taken")
            return None
        try:
            return super().open(*args, **kwargs)
        except BaseException:  # after which Tornado does not say that it closes
            self.settings["places"].leave(self._session, self)
            raise

    async def on_message(self, fragment: str | bytes) -> None:
        """Hear a part of a message; of a page that sends what none sends, nothing more."""
        if self._is_refused or self.connection is None:  # before it, a page has nothing to say
            return
        if self._messages is None:
            held = self.settings["held"].setdefault(self.connection.session, {})
            self._messages = Messages(self._has_model, held)
        try:
            self._messages.take(fragment)
        except Refused as refused:
            self._refuse(str(refused))
            return
        await super().on_message(fragment)

    async def send_message(self, message: Message[Any]) -> None:
        """Send a message; to a page whose own end in errors, only so many."""
        if message.msgtype == "ERROR":
            if self._errors.take():
                self._refuse(f"more than {MOST_ERRORS} messages that ended in errors")
                return
            # It names the server's files.
            message.content = {**message.content, "traceback": None}
        await super().send_message(message)

    def _refuse(self, what: str) -> None:
        self._is_refused = True
        logging.getLogger("dtviz").warning("closed a page that sent %s", what)
        self.close(_VIOLATED, what)

    def on_close(self) -> None:
        """Give the place back."""
        self.settings["places"].leave(self._session, self)
        super().on_close()

    def _has_model(self, name: str) -> bool:
        document = self.connection.session.document
        return document.get_model_by_id(name) is not None
