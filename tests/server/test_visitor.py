"""Visitor: what is known of who sends a request, and what is not believed."""

from types import SimpleNamespace

import pytest
from tornado.httputil import HTTPHeaders, HTTPServerRequest, RequestStartLine
from tornado.web import create_signed_value

from dtviz.server.visitor import address_of, host_of, is_encrypted, user_of


def asked(ip="127.0.0.1", protocol="http", **headers):
    """A request from an address."""
    named = HTTPHeaders(
        Host="localhost", **{name.replace("_", "-"): text for name, text in headers.items()}
    )
    line = RequestStartLine("GET", "/explore", "HTTP/1.1")
    connection = SimpleNamespace(context=SimpleNamespace(remote_ip=ip, protocol=protocol))
    return HTTPServerRequest(start_line=line, headers=named, connection=connection)


@pytest.mark.parametrize(
    ("request_", "address"),
    [
        (asked("192.0.2.7"), "192.0.2.7"),
        # Who is elsewhere could say anything.
        (asked("192.0.2.7", X_Forwarded_For="192.0.2.9"), "192.0.2.7"),
        (asked("127.0.0.1", X_Forwarded_For="192.0.2.9"), "192.0.2.9"),
        (asked("127.0.0.1", X_Forwarded_For="1.2.3.4, 192.0.2.9"), "192.0.2.9"),
        (asked("127.0.0.1", X_Forwarded_For="<script>"), "127.0.0.1"),
        # A subscriber has all of a /64.
        (asked("2001:db8::1"), "2001:db8::/64"),
        (asked("2001:db8::ffff:1"), "2001:db8::/64"),
        (asked("fe80::1%eth0"), "fe80::/64"),
        (asked(None), ""),
        (asked("a socket"), "a socket"),
    ],
)
def test_the_address_is_that_of_who_asks(request_, address):
    assert address_of(request_) == address


@pytest.mark.parametrize(
    ("origin", "host"),
    [
        ("http://LAB.example:80", "lab.example:80"),
        ("null", ""),
        ("", ""),
        ("http://[::1]:5006", "[::1]:5006"),
        ("http://[", ""),
    ],
)
def test_the_host_of_an_origin(origin, host):
    assert host_of(origin) == host


def test_who_has_signed_in_is_known_by_a_signed_cookie():
    signed = create_signed_value("key", "user", "ada").decode()
    assert user_of(asked(Cookie=f"user={signed}"), "key") == "ada"
    altered = signed[:-1] + ("1" if signed.endswith("0") else "0")
    for cookie in (f"user={altered}", "user=ada", "user=", "other=x", "user=2|1:0|"):
        assert user_of(asked(Cookie=cookie), "key") is None
    assert user_of(asked(Cookie=f"user={signed}"), "another") is None
    assert user_of(asked(), "key") is None


@pytest.mark.parametrize(
    ("request_", "expected"),
    [
        (asked(), False),
        (asked(protocol="https"), True),
        (asked(X_Forwarded_Proto="https"), True),
        (asked(Origin="https://lab.example"), True),
        (asked(Origin="http://lab.example"), False),
    ],
)
def test_whether_the_browsers_address_is_encrypted(request_, expected):
    assert is_encrypted(request_) is expected
