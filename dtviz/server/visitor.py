"""Visitor: who sends a request, as far as the server can know."""

import ipaddress
from urllib.parse import urlsplit

from panel.config import config
from tornado.httputil import HTTPServerRequest
from tornado.netutil import is_valid_ip
from tornado.web import decode_signed_value

# The cookie that Panel sets, too.
COOKIE = "user"


def user_of(request: HTTPServerRequest, cookie_secret: str) -> str | None:
    """Return the name of who has signed in, if somebody has."""
    cookie = request.cookies.get(COOKIE)
    if cookie is None:
        return None
    days = config.oauth_expiry
    name = decode_signed_value(cookie_secret, COOKIE, cookie.value, max_age_days=days)
    return name.decode(errors="replace") if name else None


def address_of(request: HTTPServerRequest) -> str:
    """Return the IP address that a request comes from; of IPv6 what one subscriber has, a /64.

    What a proxy on this machine adds to the request is believed, others are not.
    """
    address = request.remote_ip or ""
    if is_valid_ip(address) and ipaddress.ip_address(address).is_loopback:
        behind = request.headers.get("X-Forwarded-For", "").rsplit(",", 1)[-1].strip()
        address = behind if is_valid_ip(behind) else address
    if ":" not in address:
        return address
    return str(ipaddress.ip_network((address.split("%")[0], 64), strict=False))


def host_of(origin: str) -> str:
    """Return the host, with its port, of the address of a site; empty if it is none."""
    try:
        return urlsplit(origin).netloc.lower()
    except ValueError:
        return ""


def is_encrypted(request: HTTPServerRequest) -> bool:
    """Return whether the browser's own address begins with https.

    Who pretends that it does so harms nobody else.
    """
    told = (request.headers.get("X-Forwarded-Proto", ""), request.headers.get("Origin", ""))
    return request.protocol == "https" or any(text.startswith("https") for text in told)
