"""The door: what a request must be to be answered, whoever sends it."""

import asyncio
import http.client
import re
import socket
import urllib.request
from contextlib import contextmanager

import pytest
from bokeh.protocol.exceptions import ProtocolError
from bokeh.util.token import generate_jwt_token, generate_session_id
from panel.io.server import WSHandler
from tornado.httpclient import HTTPClientError, HTTPRequest
from tornado.websocket import websocket_connect

from dtviz.server import door, serving
from dtviz.server.door import ROUTES, SIGN_IN_ROUTES
from dtviz.server.passwords import set_password
from dtviz.server.settings import Settings
from tests.serving import running
from tests.soak.client import Client

# Tornado leaves sockets to be closed by the garbage collector, which tells of them.
pytestmark = pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")


@contextmanager
def served(**settings):
    """Serve with settings; yields the port."""
    with running(lambda: serving.made("demo", Settings(port=0, **settings))) as started:
        yield started


@pytest.fixture(scope="module")
def server():
    """A server with the usual settings."""
    with served() as started:
        yield started


@pytest.fixture(scope="module")
def locked(tmp_path_factory):
    """A server that asks for passwords."""
    path = tmp_path_factory.mktemp("door") / "passwords.json"
    set_password(path, "ada", "lovelace")
    with served(auth=str(path)) as started:
        yield started


def answer(server, path, method="GET", body=None, **headers):
    """The status and the text of an answer to a request as it is, with nothing added."""
    connection = http.client.HTTPConnection("localhost", server.port, timeout=60)
    named = {name.replace("_", "-"): text for name, text in headers.items()}
    connection.request(method, path, body, named)
    answered = connection.getresponse()
    said = answered.read().decode(errors="replace")
    connection.close()
    return answered.status, said


def routes_of_libraries(server):
    """The patterns of all that Panel and Bokeh would answer."""
    return [rule.matcher.regex.pattern for rule in server._tornado.wildcard_router.rules]


# What this test does not know is to be looked at: an update of Panel or Bokeh brought it along.
KNOWN = {
    *(r"/?$", r"/explore/?$", r"/explore/ws$", r"/explore/metadata$", r"/explore/autoload.js$"),
    *(r"/explore/static/(.*)$", r"/static/extensions/(.*)$", r"/static/(.*)$", r"/favicon.ico$"),
}
ANSWERED = {
    "/": "/",
    "/explore": "/explore",
    "/explore/ws": "/explore/ws",
    "/favicon.ico": "/favicon.ico",
    "/static/...": "/static/js/bokeh.min.js",
    "/login": "/login",
    "/logout": "/logout",
}
# What Panel and Bokeh answer otherwise, and what the first version gave way to.
REFUSED = [
    *("/components/unittest.__main__/a/b/c", "/components/antigravity/a/b/c"),
    *("/components/panel.pane/Markdown/_esm/x", "/explore/autoload.js", "/explore/metadata"),
    *("/explore/static/x", "/explore/", "/explore/ws/", "/rest/all", "/liveness", "/panel_dist/x"),
    *("/static/", "/static/js/", "/static/js/../../secret", "/static/js/%2e%2e/secret"),
    *("/static/js/.hidden", "/static/extensions/panel/../../../secret", "//explore", "/x/explore"),
    *("/static/extensions/../js/bokeh.min.js", "/static/js/a%00b", "/static/js/a%2fb", "/admin"),
    *("/explore%00", "/EXPLORE", "/explore;x", "http://elsewhere.example/explore/x", "*", "/%"),
]


def test_of_what_the_libraries_answer_each_route_is_known(server, locked):
    assert set(routes_of_libraries(server)) == KNOWN, "look at what is new, or gone"
    assert set(routes_of_libraries(locked)) == KNOWN | {r"/login$", r"/logout$"}
    assert {route.path for route in ROUTES + SIGN_IN_ROUTES} == set(ANSWERED)


@pytest.mark.parametrize("route", ROUTES, ids=lambda route: route.path)
def test_what_a_page_needs_is_answered_and_by_its_methods_alone(server, route):
    for method in ("GET", "HEAD", "POST", "PUT", "DELETE", "OPTIONS", "PATCH", "TRACE", "EVIL"):
        status, _ = answer(server, ANSWERED[route.path], method)
        if method not in route.methods:
            assert status in (404, 405)
        else:
            # The websocket wants the token of a page.
            assert status == {"/": 302, "/explore/ws": 403}.get(route.path, 200)


@pytest.mark.parametrize("path", REFUSED)
def test_nothing_else_is_answered(server, locked, path):
    for one in (server, locked):
        status, said = answer(one, path)
        assert status in (400, 403, 404)
        assert "Traceback" not in said


def test_who_has_not_signed_in_gets_what_is_listed_and_nothing_else(locked):
    for route in ROUTES + SIGN_IN_ROUTES:
        status, said = answer(locked, ANSWERED[route.path])
        expected = {"refused": 403, "sent to /login": 302, "the same": 200}[route.signed_out]
        assert status == expected, route
        assert "token" not in said
    with pytest.raises(HTTPClientError, match="403"):
        asyncio.run(_connect(locked, f"http://localhost:{locked.port}"))


def test_only_the_hosts_that_are_known_are_answered(server):
    """Else another site gives a name of its own this machine's address, and reads the page."""
    for host in (f"localhost:{server.port}", f"127.0.0.1:{server.port}", f"[::1]:{server.port}"):
        assert answer(server, "/favicon.ico", Host=host)[0] == 200
    for host in (
        "evil.example",
        f"evil.example:{server.port}",
        "localhost",
        "localhost:1",
        "",
        "@",
    ):
        status, said = answer(server, "/favicon.ico", Host=host)
        assert status in (400, 403)
        if status == 403 and host:
            assert "--allow-websocket-origin" in said


SITE = {"Sec_Fetch_Site": "cross-site"}


@pytest.mark.parametrize(
    ("headers", "is_answered"),
    [
        ({}, True),
        ({"Sec_Fetch_Site": "same-origin", "Sec_Fetch_Mode": "no-cors"}, True),
        ({"Sec_Fetch_Site": "none"}, True),
        (SITE | {"Sec_Fetch_Mode": "navigate", "Sec_Fetch_Dest": "document"}, True),
        # An image, a frame, a script, what a script fetches, a form.
        (SITE | {"Sec_Fetch_Mode": "no-cors", "Sec_Fetch_Dest": "image"}, False),
        (SITE | {"Sec_Fetch_Mode": "navigate", "Sec_Fetch_Dest": "iframe"}, False),
        (SITE, False),
        ({"Sec_Fetch_Site": "same-site"}, False),
        ({"Origin": "http://evil.example"}, False),
        ({"Origin": "null"}, False),
    ],
)
def test_what_another_sites_page_holds_of_it_is_not_answered(server, headers, is_answered):
    for path in ("/explore", "/static/js/bokeh.min.js"):
        assert (answer(server, path, **headers)[0] == 200) is is_answered


def test_requests_take_no_places_and_have_a_rate(monkeypatch):
    monkeypatch.setattr(door, "_SECONDS_A_PAGE", 1_000.0)
    with served(max_sessions=3) as started:
        said = [answer(started, "/explore") for _ in range(15)]
        assert [status for status, _ in said] == [200] * 13 + [429] * 2
        assert re.fullmatch(r"Load this page again in \d+ s\.", said[-1][1])
        # Who is elsewhere is served meanwhile, and so is the rest of a page.
        assert answer(started, "/explore", X_Forwarded_For="192.0.2.1")[0] == 200
        assert answer(started, "/static/js/bokeh.min.js")[0] == 200


def test_places_are_taken_by_websockets_and_given_back():
    with served(max_sessions=2) as started:
        address = f"http://localhost:{started.port}/explore"
        for _ in range(4):
            assert answer(started, "/explore")[0] == 200

        async def pages():
            one, two = Client(address), Client(address)
            await one.open()
            await two.open()
            with pytest.raises(HTTPClientError, match="503"):
                await Client(address).open()
            await two.close()
            three = Client(address)
            await three.open()
            assert await three.select([1, 2]) >= 0
            await one.close()
            await three.close()

        asyncio.run(pages())
        status, said = answer(started, "/explore")
        assert (status, "places" in said) == (200, False)


def test_a_page_that_was_loaded_before_all_places_were_taken_is_refused():
    with served(max_sessions=1) as started:
        origin = f"http://localhost:{started.port}"
        late, first = _token_of(origin), _token_of(origin)

        async def pages():
            one = await _connect(started, origin, first)
            with pytest.raises(HTTPClientError, match="503"):
                await _connect(started, origin, late)
            # It may open its own anew, which takes the place of the one before.
            again = await _connect(started, origin, first)
            while await one.read_message() is not None:
                pass
            with pytest.raises(HTTPClientError, match="503"):
                await _connect(started, origin, late)
            await _leave(again)
            await _leave(await _connect(started, origin, late))

        asyncio.run(pages())


def _token_of(origin):
    with urllib.request.urlopen(f"{origin}/explore") as page:
        return re.search('"token":"([^"]+)"', page.read().decode())[1]


def test_sessions_that_websockets_begin_have_the_same_rate(monkeypatch):
    """The token of an old page begins a session, too, and does so again and again."""
    monkeypatch.setattr(door, "_SECONDS_A_PAGE", 1_000.0)
    with served(max_sessions=2) as started:
        origin, key = f"http://localhost:{started.port}", started._tornado.secret_key

        def token():
            session = generate_session_id(key, signed=True)
            return generate_jwt_token(session, key, signed=True)

        async def knocks():
            for _ in range(12):
                await _leave(await _connect(started, origin, token()))
            with pytest.raises(HTTPClientError, match="429"):
                await _connect(started, origin, token())

        asyncio.run(knocks())


@pytest.mark.parametrize("token", ["x", "no token of a session", "a.b", "é.é", "", "e30.x"])
def test_what_is_no_token_of_a_page_begins_none_and_is_not_logged(server, caplog, token):
    with pytest.raises(HTTPClientError, match="403"):
        asyncio.run(_connect(server, f"http://localhost:{server.port}", token))
    assert not [record for record in caplog.records if record.exc_info]


@pytest.mark.parametrize(("protocol", "expires"), [("x", 300), ("bokeh", 0), ("bokeh", -1)])
def test_what_bokeh_would_not_open_is_refused_before(server, protocol, expires):
    origin, key = f"http://localhost:{server.port}", server._tornado.secret_key
    session = generate_session_id(key, signed=True)
    token = generate_jwt_token(session, key, signed=True, expiration=expires)
    with pytest.raises(HTTPClientError, match="403"):
        asyncio.run(_connect(server, origin, token, protocol))


def test_a_websocket_that_fails_when_it_is_opened_gives_its_place_back(monkeypatch):
    with served(max_sessions=1) as started:
        address = f"http://localhost:{started.port}/explore"

        def fails(*_):
            raise ProtocolError("of Bokeh's own")

        async def pages():
            with monkeypatch.context() as broken:
                broken.setattr(WSHandler, "open", fails)
                with pytest.raises(AssertionError, match="closed the connection"):
                    await Client(address).open()
            other = Client(address)
            await other.open()
            assert await other.select([1, 2]) >= 0
            await other.close()

        asyncio.run(pages())


def test_a_page_is_made_for_each_host_that_is_known(server, caplog):
    for host in ("localhost", "127.0.0.1", "[::1]"):
        assert answer(server, "/explore", Host=f"{host}:{server.port}")[0] == 200
    assert not [record for record in caplog.records if record.exc_info]


def test_what_a_request_names_begins_no_line_of_the_log(server, caplog):
    caplog.set_level("WARNING")
    with socket.create_connection(("localhost", server.port)) as raw:
        request = f"GET /\x9b31m\x85line HTTP/1.1\r\nHost: localhost:{server.port}\r\n\r\n"
        raw.sendall(request.encode("latin-1"))
        assert b"404" in raw.recv(1_000)
    [said] = [one.getMessage() for one in caplog.records if one.name == "tornado.access"]
    assert said.startswith("404 GET /\\x9b31m\\x85line")


async def _leave(socket):
    socket.close()
    while await socket.read_message() is not None:
        pass


async def _connect(server, origin, token="x", protocol="bokeh"):
    url = f"ws://localhost:{server.port}/explore/ws"
    request = HTTPRequest(url, headers={"Origin": origin})
    return await websocket_connect(request, subprotocols=[protocol, token])


def test_a_body_that_nobody_sends_is_not_read(server, locked):
    for one in (server, locked):
        status, _ = answer(one, "/login", "POST", b"x" * 30_000)
        assert status in (400, 404)
