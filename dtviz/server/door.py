"""Door: what of a request is looked at before any of Panel's and Bokeh's code sees it."""

import math
import re
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from bokeh.protocol.exceptions import ProtocolError
from bokeh.server.tornado import BokehTornado
from bokeh.util.token import check_token_signature, get_session_id, get_token_payload
from tornado.httputil import HTTPMessageDelegate, HTTPServerRequest
from tornado.routing import Router
from tornado.web import RequestHandler

from dtviz.server.places import Places
from dtviz.server.rate import Rate
from dtviz.server.visitor import address_of, host_of

PAGE, SOCKET, SIGN_IN, SIGN_OUT = "/explore", "/explore/ws", "/login", "/logout"
REFUSED = "refused"
# Where one goes to once signed in: on this server, however a browser reads it.
_NEXT = re.compile(rb"/(?![/\\])[!-\[\]-~]*")
# As many pages at once as there are places, and some that are loaded again.
_RELOADED = 10
_SECONDS_A_PAGE, _SECONDS_A_PAGE_OF_ALL = 2.0, 1.0
# Seconds after which a place may be free.
_LATER = 30


@dataclass(frozen=True)
class Route:
    """Requests that are answered.

    Args:
        path: how it is written where routes are listed.
        what: the answer.
        methods: of HTTP.
        pattern: of the paths; the path itself by default.
        signed_out: the answer to who has not signed in, where one has to.
    """

    path: str
    what: str
    methods: tuple[str, ...] = ("GET",)
    pattern: str = ""
    signed_out: str = REFUSED

    def fits(self, request: HTTPServerRequest) -> bool:
        """Return whether a request is among these."""
        pattern = self.pattern or re.escape(self.path)
        return request.method in self.methods and bool(re.fullmatch(pattern, request.path))


# What a page of dtviz asks for, and nothing else that Panel and Bokeh would answer: their route
# /components imports whatever module it names.
ROUTES = (
    Route("/", "sent to the page", signed_out=f"sent to {SIGN_IN}"),
    Route(PAGE, "the page", signed_out=f"sent to {SIGN_IN}"),
    Route(SOCKET, "its websocket"),
    Route("/favicon.ico", "its icon"),
    Route(
        "/static/...",
        "scripts, styles and fonts of Bokeh, Panel and panel-material-ui",
        ("GET", "HEAD"),
        r"/static/(js|extensions/panel|extensions/panel-material-ui)"
        r"(/(?!\.)([A-Za-z0-9_.@~-]|%5E)+)+",
    ),
)
SIGN_IN_ROUTES = (
    Route(SIGN_IN, "signing in", ("GET", "POST"), signed_out="the same"),
    Route(SIGN_OUT, "signing out", ("GET", "POST"), signed_out="the same"),
)


@dataclass(frozen=True)
class Refusal:
    """Why a request is not answered.

    Args:
        status: of HTTP.
        why: what the browser shows, as plain text.
        wait: seconds after which it may be.
    """

    status: int
    why: str
    wait: float = 0.0


def rates(places: int) -> tuple[Rate, Rate]:
    """Return how many pages may be asked for, by each visitor and by all of them together."""
    most = places + _RELOADED
    return Rate(most, _SECONDS_A_PAGE), Rate(most + _RELOADED, _SECONDS_A_PAGE_OF_ALL)


class Door(Router):
    """Lets requests pass to an application, or refuses them at no cost.

    Args:
        application: of Bokeh, with one page.
        hosts: under which a browser may know this server, with their ports.
        places: of the pages that are open.
        user_of: returns who has signed in; None if nobody has to.
    """

    def __init__(
        self,
        application: BokehTornado,
        hosts: frozenset[str],
        places: Places,
        user_of: Callable[[HTTPServerRequest], str | None] | None,
    ) -> None:
        self._application, self._hosts, self._places = application, hosts, places
        self._user_of = user_of
        self._routes = ROUTES if user_of is None else ROUTES + SIGN_IN_ROUTES
        self._pages, self._pages_of_all = rates(places.most)

    def find_handler(self, request: HTTPServerRequest, **_: Any) -> HTTPMessageDelegate:
        """Return what answers a request."""
        refusal = self._refusal(request)
        found: HTTPMessageDelegate
        if refusal is None:
            if request.host.startswith("["):
                # Panel takes a host apart at its colons.
                request.host = f"localhost{request.host.rpartition(']')[2]}"
            found = self._application.find_handler(request)
        else:
            given = {"refusal": refusal}
            found = self._application.get_handler_delegate(request, _Refused, given)
        return found

    def _refusal(self, request: HTTPServerRequest) -> Refusal | None:
        if request.host.lower() not in self._hosts:
            # Else another site could take a name of its own for this machine's.
            return Refusal(403, "dtviz is not known under this host: see --allow-websocket-origin.")
        route = next((route for route in self._routes if route.fits(request)), None)
        if route is None:
            return Refusal(404, f"There is nothing here. dtviz is at {PAGE}.")
        if self._is_of_another_site(request):
            return Refusal(403, "dtviz does not answer the pages of other sites.")
        asked = request.arguments.get("next", []) if route.path == SIGN_IN else []
        if not all(map(_NEXT.fullmatch, asked)):
            return Refusal(400, "That is no page of dtviz to go to.")
        user = None if self._user_of is None else self._user_of(request)
        if self._user_of is not None and user is None:
            return Refusal(403, "Sign in first.") if route.signed_out == REFUSED else None
        if route.path == SOCKET and not self._is_of_a_page(request):
            return Refusal(403, f"Load the page first: dtviz is at {PAGE}.")
        begins = self._begins_session(request)
        if not begins and route.path != SOCKET:
            return None
        if not self._places.has_room("" if begins else get_session_id(_token(request))):
            return Refusal(
                503,
                f"All {self._places.most} places of this dtviz are taken. Load this page again "
                "when somebody has left; who serves it can allow more with --max-sessions.",
                _LATER,
            )
        if not begins:
            return None
        wait = self._take_page(user or address_of(request))
        return Refusal(429, f"Load this page again in {math.ceil(wait)} s.", wait) if wait else None

    def _is_of_another_site(self, request: HTTPServerRequest) -> bool:
        if "Origin" in request.headers and host_of(request.headers["Origin"]) not in self._hosts:
            return True
        told = request.headers.get
        if told("Sec-Fetch-Site", "none") in ("none", "same-origin"):
            return False
        # A link to dtviz may be followed; an image, a frame or a script is none.
        is_link = told("Sec-Fetch-Mode") == "navigate" and told("Sec-Fetch-Dest") == "document"
        return not (is_link and request.method == "GET")

    def _begins_session(self, request: HTTPServerRequest) -> bool:
        if request.path == PAGE:
            return True
        return request.path == SOCKET and not self._has_session(request)

    def _is_of_a_page(self, request: HTTPServerRequest) -> bool:
        """Return whether a websocket comes with the token of a page made here, of late."""
        key, token = self._application.secret_key, _token(request)
        try:
            is_own = bool(check_token_signature(token, secret_key=key, signed=True))
            return is_own and time.time() < get_token_payload(token)["session_expiry"]
        except (ValueError, TypeError, KeyError, RecursionError):  # of what is no token at all
            return False

    def _has_session(self, request: HTTPServerRequest) -> bool:
        """Return whether the session that a websocket asks for is there still."""
        try:
            self._application.get_session(PAGE, get_session_id(_token(request)))
        except ProtocolError:
            return False
        return True

    def _take_page(self, key: str) -> float:
        """Return the seconds until a page may be made; 0 if it is one now."""
        wait = self._pages.take(key)
        if not wait:
            wait = self._pages_of_all.take()
            if wait:
                self._pages.give_back(key)
        return wait


def _token(request: HTTPServerRequest) -> str:
    """Return the token with which Bokeh's websockets come, after their protocol's name."""
    words = request.headers.get("Sec-WebSocket-Protocol", "").split(",")
    protocol, token = [word.strip() for word in words] if len(words) == 2 else ("", "")
    return token if protocol == "bokeh" else ""


class _Refused(RequestHandler):
    """Says why a request is refused."""

    def initialize(self, refusal: Refusal) -> None:
        self._refusal = refusal

    def prepare(self) -> None:
        self.set_status(self._refusal.status)
        self.set_header("Content-Type", "text/plain; charset=utf-8")
        if self._refusal.wait:
            self.set_header("Retry-After", str(math.ceil(self._refusal.wait)))
        self.finish(self._refusal.why)
