"""Cookies: that no script reads, and that no other site's page sends along."""

from typing import Any

from tornado.web import RequestHandler

from dtviz.server.visitor import is_encrypted


class SafeCookies(RequestHandler):
    """What comes before a handler of Panel's, so that its cookies are safer than it asks for."""

    def set_cookie(self, name: str, value: str | bytes, *args: Any, **attributes: Any) -> None:
        """Set a cookie; under an encrypted address for such alone."""
        attributes |= {"httponly": True, "samesite": "Lax", "secure": is_encrypted(self.request)}
        super().set_cookie(name, value, *args, **attributes)
