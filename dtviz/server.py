"""Server: the app for oneself, or for a group, within limits that are known beforehand."""

import contextlib
import ctypes
import gc
import json
import os
import secrets
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import panel as pn
from panel.auth import AUTH_PROVIDERS
from panel.io.server import Server
from tornado.httputil import HTTPHeaders
from tornado.ioloop import IOLoop
from tornado.web import OutputTransform

from dtviz.app import checked, opened
from dtviz.errors import BadArgument, FileProblem, listed, shortened
from dtviz.views import page

THIS_MACHINE = "127.0.0.1"
# Panel's, for who has an account elsewhere.
PROVIDERS = [name for name in AUTH_PROVIDERS if name not in ("basic", "pam")]
# Bokeh compiles templates in the browser, and its style sheets and Panel's modules are made there.
HEADERS = {
    "Content-Security-Policy": "default-src 'self'; "
    "script-src 'self' 'unsafe-inline' 'unsafe-eval' blob:; style-src 'self' 'unsafe-inline'; "
    "img-src 'self' data: blob:; font-src 'self' data:; worker-src 'self' blob:; "
    "connect-src 'self' data: blob:; object-src 'none'; base-uri 'self'; form-action 'self'; "
    "frame-ancestors 'self'",
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "SAMEORIGIN",
    "Referrer-Policy": "same-origin",
}


@dataclass(frozen=True, kw_only=True)
class Settings:
    """Where a server listens, who may use it, and within which limits.

    Args:
        address: of the network interface; this machine's own by default.
        port: a free one if 0.
        origins: "host:port" or "host" of the addresses under which people open it, besides those
            of the machine itself.
        auth: a JSON file of passwords by user name, or one of Panel's OAuth providers, whose
            further settings are the environment variables that Panel reads (PANEL_OAUTH_KEY...).
        max_sessions: pages that can be open at once.
        max_upload: megabytes that a file opened from the page may have.

    Raises:
        BadArgument: if one of them is none of that, or others could not use the server.
        FileProblem: if there is no such file of passwords, or it is none.
    """

    address: str = THIS_MACHINE
    port: int = 5006
    origins: tuple[str, ...] = ()
    auth: str | None = None
    max_sessions: int = 20
    max_upload: int = 200

    def __post_init__(self) -> None:
        for name, most in (("port", 65_535), ("max_sessions", 10_000), ("max_upload", 10_000)):
            least = 0 if name == "port" else 1
            if not least <= getattr(self, name) <= most:
                raise BadArgument(
                    expected=f"--{name.replace('_', '-')} from {least} to {most:,}",
                    got=f"{getattr(self, name):,}",
                    do="Give another number.",
                )
        if self.address in ("0.0.0.0", "::", "") and not self.origins:  # noqa: S104
            raise BadArgument(
                expected=f"with --address {self.address} the host under which people open dtviz",
                got="none",
                do="Add --allow-websocket-origin HOST:PORT, as it stands in the browser's address.",
            )
        if self.auth is not None and self.auth not in PROVIDERS:
            passwords(Path(self.auth))
        elif self.auth is not None and "PANEL_OAUTH_KEY" not in os.environ:
            raise BadArgument(
                expected="the environment variables PANEL_OAUTH_KEY and PANEL_OAUTH_SECRET",
                got="no PANEL_OAUTH_KEY",
                do=f"Register dtviz with {self.auth}, and set what it says.",
            )


def serve(source: str | Path, settings: Settings, *, open_browser: bool) -> None:
    """Serve the app at /explore until interrupted.

    Raises:
        DtvizError: if ``source`` cannot be opened, or the port cannot be had.
    """
    # Opened once before anyone waits for a page: bad input ends here.
    unopened = checked(source)
    if unopened:
        print(f"dtviz: {unopened}", file=sys.stderr, flush=True)  # noqa: T201
    # What is loaded stays: else each full collection goes through it, for a third of a second.
    gc.collect()
    gc.freeze()
    server = made(source, settings)
    host = "localhost" if settings.address == THIS_MACHINE else settings.address
    print(f"dtviz is at http://{host}:{server.port}/explore (Ctrl+C stops it)", flush=True)  # noqa: T201
    if settings.address != THIS_MACHINE and settings.auth is None:
        warning = "dtviz: whoever reaches this address can use it; --auth asks who it is."
        print(warning, file=sys.stderr, flush=True)  # noqa: T201
    if open_browser:
        server.io_loop.add_callback(server.show, "/explore")
    server.start()
    with contextlib.suppress(KeyboardInterrupt):
        server.io_loop.start()


def made(source: str | Path, settings: Settings) -> Server:
    """Return a server of the app that is not started yet.

    Raises:
        FileProblem: if the port cannot be had.
    """
    most_uploaded = settings.max_upload * 1_000_000
    places = Places(settings.max_sessions)
    hosts = {"localhost", THIS_MACHINE, settings.address}
    origins = [f"{host}:{settings.port}" for host in sorted(hosts)] if settings.port else []
    is_provider = settings.auth in PROVIDERS
    is_file = settings.auth is not None and not is_provider
    try:
        server: Server = pn.io.server.get_server(
            {"explore": lambda: places.page(lambda: opened(source, most_uploaded=most_uploaded))},
            address=settings.address,
            port=settings.port,
            # Of no other site: a page elsewhere cannot talk to this server.
            websocket_origin=[*origins, *settings.origins] or None,
            # Who guesses or overhears the name of a session does not get into it.
            sign_sessions=True,
            secret_key=secrets.token_bytes(32),
            # Not the file's path: were the file removed, Panel would take that for the password.
            basic_auth=passwords(Path(str(settings.auth))) if is_file else None,
            login_template=str(page.LOGIN),
            oauth_provider=settings.auth if is_provider else None,
            oauth_error_template=str(page.LOGIN),
            cookie_secret=os.environ.get("PANEL_COOKIE_SECRET", secrets.token_urlsafe(32)),
            title="dtviz",
        )
    except OSError as error:
        raise FileProblem(
            expected=f"to listen at port {settings.port} of {settings.address}",
            got=str(error.strerror or error),
            do="Choose another with --port.",
        ) from error
    server._tornado.add_transform(_Guarded)
    return server


class Places:
    """The pages that are open, and how many there can be.

    Args:
        most: pages that can be open at once.
    """

    def __init__(self, most: int) -> None:
        self._most = most
        self._taken: set[str] = set()

    def page(self, make: Callable[[], Any]) -> Any:
        """Return a page of a session that begins, or one that says that all places are taken."""
        if len(self._taken) >= self._most:
            return page.text(
                f"All {self._most} places of this dtviz are taken. Load this page again when "
                "somebody has left; who serves it can allow more with --max-sessions."
            )
        shown = make()
        session = pn.state.curdoc.session_context.id
        self._taken.add(session)
        pn.state.on_session_destroyed(lambda _: self._leave(session))
        return shown

    def _leave(self, session: str) -> None:
        self._taken.discard(session)
        if not self._taken:
            # Bokeh lets go of the page after this.
            IOLoop.current().call_later(1, _give_memory_back)


def _give_memory_back() -> None:
    """Give what no page needs any more to the system: glibc keeps it otherwise."""
    # Twice: what the first lets go of can hold more of it.
    gc.collect()
    gc.collect()
    with contextlib.suppress(OSError):  # another C library, which does as it does
        ctypes.CDLL("libc.so.6").malloc_trim(0)


class _Guarded(OutputTransform):
    """Adds to each answer what the browser must not do with it."""

    def transform_first_chunk(
        self, status_code: int, headers: HTTPHeaders, chunk: bytes, finishing: bool
    ) -> tuple[int, HTTPHeaders, bytes]:
        headers.update(HEADERS)
        return status_code, headers, chunk


def passwords(path: Path) -> dict[str, str]:
    """Return the passwords by user name that a JSON file holds.

    Raises:
        FileProblem: if there is no such file, or it holds something else, which is not told.
    """
    try:
        content = json.loads(path.read_bytes())
    except OSError as error:
        raise FileProblem(
            expected=f"--auth with a file of passwords, or one of {listed(PROVIDERS, 20)}",
            got=f"{shortened(str(path))}: {error.strerror}",
            do="Name a JSON file, or a provider.",
        ) from error
    except (ValueError, RecursionError):
        content = None
    words = content.values() if isinstance(content, dict) else ()
    if not words or not all(isinstance(word, str) and word for word in words):
        raise FileProblem(
            expected='a JSON file of passwords by user name, as in {"ada": "..."}',
            got=f"{shortened(str(path))}, which holds something else",
            do="Write one.",
        )
    return dict(content)
