"""SignIn: signing in by a password or with a provider, and signing out."""

import asyncio
import math
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from bokeh.server.auth_provider import AuthProvider
from jinja2 import Environment
from panel.auth import OAuthProvider
from panel.config import config
from tornado.web import HTTPError, RequestHandler

from dtviz.server.door import PAGE, SIGN_IN, SIGN_OUT
from dtviz.server.passwords import Passwords
from dtviz.server.rate import Rate
from dtviz.server.visitor import COOKIE, address_of, user_of
from dtviz.views.page import LOGIN

# What Panel's providers set as well.
_COOKIES = (COOKIE, "id_token", "access_token", "refresh_token", "oauth_expiry", "is_guest")
# Wrong passwords, and the seconds until another may be tried: so many by one address, for one name.
BY_ADDRESS, FOR_NAME = (30, 5.0), (10, 30.0)
# Passwords at all: a core can try some eight a second.
_OF_ALL = (40, 0.25)
_MOST_CHARACTERS = 1_000


class Attempts:
    """Tries passwords one after the other beside the event loop, and no more than a person would.

    Args:
        passwords: that fit.
    """

    def __init__(self, passwords: Passwords) -> None:
        self._passwords = passwords
        self._by_address, self._for_name = Rate(*BY_ADDRESS), Rate(*FOR_NAME)
        self._of_all = Rate(*_OF_ALL)
        self._thread = ThreadPoolExecutor(1, "passwords")

    def wait(self, name: str, address: str) -> float:
        """Return the seconds until a password may be tried; if that is now, 0, and it counts."""
        wait = self._by_address.take(address)
        if not wait and (wait := self._for_name.take(name)):
            self._by_address.give_back(address)
        if not wait and (wait := self._of_all.take()):
            self._forgive(name, address)
        return wait

    async def fits(self, name: str, password: str, address: str) -> bool:
        """Return whether a password fits; those that do are not counted."""
        loop = asyncio.get_running_loop()
        fits = await loop.run_in_executor(self._thread, self._passwords.fits, name, password)
        if fits:
            self._forgive(name, address)
        return fits

    def _forgive(self, name: str, address: str) -> None:
        self._by_address.give_back(address)
        self._for_name.give_back(name)


class _Page(RequestHandler):
    """A page of its own, from one template."""

    def show(self, **values: Any) -> None:
        """Answer with the page."""
        template = Environment(autoescape=True).from_string(LOGIN.read_text(encoding="utf-8"))
        self.set_header("Cache-Control", "no-store")
        self.finish(template.render(**values))


class _SignIn(_Page):
    """Signing in by a password. Of the application's settings it needs ``attempts``."""

    def get(self) -> None:
        """Ask for name and password."""
        self.show()

    async def post(self) -> None:
        """Sign in, and go to the page; nowhere else, whatever is asked for."""
        name, password = (self.get_body_argument(key, "") for key in ("username", "password"))
        if max(len(name), len(password)) > _MOST_CHARACTERS:
            raise HTTPError(400)
        address = address_of(self.request)
        attempts: Attempts = self.settings["attempts"]
        wait = math.ceil(attempts.wait(name, address))
        if wait:
            self.set_status(429)
            self.set_header("Retry-After", str(wait))
            self.show(errormessage=f"Too many wrong passwords: try again in {wait} s.")
        elif await attempts.fits(name, password, address):
            self.set_signed_cookie(COOKIE, name, expires_days=config.oauth_expiry)
            self.redirect(f".{PAGE}", status=303)
        else:
            self.set_status(403)
            self.show(errormessage="Invalid name or password.")


class _SignOut(_Page):
    """Signing out, which a link or an image of another page cannot do."""

    def get(self) -> None:
        """Ask whether to."""
        self.show(is_leaving=True)

    def post(self) -> None:
        """Sign out."""
        for name in _COOKIES:
            self.clear_cookie(name, path=config.cookie_path)
        self.show(is_leaving=True, has_left=True)


class ByPassword(AuthProvider):
    """Who has signed in by a password.

    Args:
        cookie_secret: by which cookies are signed.
    """

    def __init__(self, cookie_secret: str) -> None:
        self._cookie_secret = cookie_secret
        super().__init__()

    @property
    def get_user(self) -> Callable[[RequestHandler], str | None]:
        """What tells who sends a request."""
        return lambda handler: user_of(handler.request, self._cookie_secret)

    @property
    def login_url(self) -> str:
        """Where one signs in."""
        return SIGN_IN

    @property
    def login_handler(self) -> type[RequestHandler]:
        """What answers there."""
        return _SignIn

    @property
    def logout_url(self) -> str:
        """Where one signs out."""
        return SIGN_OUT

    @property
    def logout_handler(self) -> type[RequestHandler]:
        """What answers there."""
        return _SignOut


class ByProvider(OAuthProvider):
    """Who has signed in with an OAuth provider."""

    def __init__(self) -> None:
        super().__init__(login_template=str(LOGIN), error_template=str(LOGIN))

    @property
    def logout_handler(self) -> type[RequestHandler]:
        """What answers where one signs out."""
        return _SignOut
