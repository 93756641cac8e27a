"""Serving the app: for oneself, or for a group, within limits that are known beforehand."""

import gc
import hashlib
import os
import secrets
import signal
import sys
import weakref
import webbrowser
from functools import partial
from pathlib import Path
from typing import Any

from bokeh.core.validation import silence
from bokeh.core.validation.warnings import EMPTY_LAYOUT
from bokeh.server.server import BaseServer
from bokeh.server.tornado import BokehTornado
from panel.config import config
from panel.io.application import build_applications
from panel.io.resources import DIST_DIR
from panel.io.server import WSHandler
from tornado import netutil
from tornado.httpserver import HTTPServer
from tornado.ioloop import IOLoop

from dtviz.app import checked, opened
from dtviz.checkpoints import reader
from dtviz.errors import FileProblem, printable, shortened
from dtviz.model import Model
from dtviz.server import log
from dtviz.server.cookies import SafeCookies
from dtviz.server.current_document import put_back_always
from dtviz.server.door import PAGE, Door
from dtviz.server.headers import Guarded
from dtviz.server.memory import Memory
from dtviz.server.messages import MOST_BYTES
from dtviz.server.page_socket import PageSocket
from dtviz.server.places import Places
from dtviz.server.settings import Settings
from dtviz.server.sign_in import Attempts, ByPassword, ByProvider
from dtviz.server.visitor import user_of

# Milliseconds: a session without a websocket goes after these, looked for each so many.
_UNUSED, _LOOKED_FOR = 15_000, 5_000
# What is sent to it other than by websockets is names and passwords.
_MOST_BODY = 20_000
# Seconds until a reader is started.
_WARM = 5
# Seconds that a connection may be silent.
_IDLE = 60


def serve(source: str | Path | Model, settings: Settings, *, open_browser: bool) -> None:
    """Serve the app at /explore until interrupted.

    Raises:
        DtvizError: if ``source`` cannot be opened, or the port cannot be had.
    """
    # Opened once before anyone waits for a page: bad input ends here.
    unopened = checked(source)
    if unopened:
        print(printable(f"dtviz: {unopened}"), file=sys.stderr, flush=True)  # noqa: T201
    # What is loaded stays: else each full collection goes through it, for a third of a second.
    gc.collect()
    gc.freeze()
    server = made(source, settings)
    url = settings.url(server.port)
    print(f"dtviz is at {url} (Ctrl+C stops it)", flush=True)  # noqa: T201
    if settings.is_for_others and settings.auth is None:
        warning = "dtviz: whoever reaches this address can use it; --auth asks who it is."
        print(warning, file=sys.stderr, flush=True)  # noqa: T201
    if open_browser:
        server.io_loop.add_callback(webbrowser.open, url)
    server.start()
    loop = server.io_loop
    signal.signal(signal.SIGINT, lambda *_: loop.add_callback_from_signal(loop.stop))
    # For what pages open; not while the first page is made.
    loop.call_later(_WARM, reader.warm)
    loop.start()


def made(source: str | Path | Model, settings: Settings) -> BaseServer:
    """Return a server of the app that is not started yet.

    Raises:
        FileProblem: if the port cannot be had.
    """
    put_back_always()
    log.bound()
    silence(EMPTY_LAYOUT, True)  # tabs are empty until they are opened
    sockets = _sockets(settings)
    port = sockets[0].getsockname()[1]
    hosts, places = settings.hosts(port), Places(settings.max_sessions)
    passwords = settings.passwords()
    cookie_secret = os.environ.get("PANEL_COOKIE_SECRET") or secrets.token_urlsafe(32)
    provider: Any = None
    if passwords is not None:
        # Of other passwords, other cookies: who has lost theirs is signed out.
        cookie_secret = hashlib.sha256(f"{cookie_secret} {passwords.mark}".encode()).hexdigest()
        provider = ByPassword(cookie_secret)
    elif settings.is_by_provider:
        config.oauth_provider, config.cookie_secret = settings.auth, cookie_secret
        provider = ByProvider()
    memory = Memory()

    def page() -> Any:
        app = opened(source, most_uploaded=settings.max_upload * 1_000_000)
        memory.begin()
        return app

    application = BokehTornado(
        build_applications({PAGE: page}, title="dtviz"),
        # Who guesses or overhears the name of a session does not get into it.
        sign_sessions=True,
        secret_key=secrets.token_bytes(32),
        unused_session_lifetime_milliseconds=_UNUSED,
        check_unused_sessions_milliseconds=_LOOKED_FOR,
        websocket_max_message_size_bytes=MOST_BYTES,
        ico_path=str(DIST_DIR / "images" / "favicon.ico"),
        # The session's token has those that are included, and the page's scripts have the token.
        include_cookies=[],
        include_headers=[],
        **({} if provider is None else {"auth_provider": provider}),
        # For its handlers.
        transforms=[Guarded],
        cookie_secret=cookie_secret,
        hosts=hosts,
        places=places,
        held=weakref.WeakKeyDictionary(),
        attempts=passwords and Attempts(passwords),
    )
    for rule in application.wildcard_router.rules:
        handler = PageSocket if rule.target is WSHandler else rule.target
        rule.target = type(handler.__name__, (SafeCookies, handler), {})
    who = None if provider is None else partial(user_of, cookie_secret=cookie_secret)
    http_server = HTTPServer(
        Door(application, hosts, places, who),
        max_body_size=_MOST_BODY,
        idle_connection_timeout=_IDLE,
        body_timeout=_IDLE,
    )
    http_server.add_sockets(sockets)
    return BaseServer(IOLoop.current(), application, http_server)


def _sockets(settings: Settings) -> list[Any]:
    try:
        return netutil.bind_sockets(settings.port, settings.address)
    except (OSError, ValueError) as error:  # a ValueError for a host that no name can be
        raise FileProblem(
            expected=f"to listen at port {settings.port} of {shortened(settings.address)}",
            got=str(getattr(error, "strerror", None) or error),
            do="Choose another with --port, or another --address.",
        ) from error
