"""The server keeps to its settings, whatever is asked of it."""

import asyncio
import gc
import json
import os
import re
import socket
import subprocess
import sys
import threading
import urllib.error
import urllib.request
import weakref
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import SimpleNamespace
from urllib.parse import parse_qsl, urlencode, urlsplit

import pytest
from bokeh.document import Document
from bokeh.util.token import generate_jwt_token
from panel.io.state import set_curdoc
from tornado.httpclient import HTTPClientError, HTTPRequest
from tornado.websocket import websocket_connect

from dtviz import server
from dtviz.app import App
from dtviz.errors import BadArgument, FileProblem
from dtviz.server import HEADERS, Places, Settings
from tests.serving import running
from tests.soak.client import visit

# Tornado leaves sockets to be closed by the garbage collector, which tells of them.
pytestmark = pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")


@pytest.fixture
def passwords(tmp_path):
    path = tmp_path / "passwords.json"
    path.write_text(json.dumps({"ada": "lovelace"}))
    return path


@pytest.fixture(scope="module")
def address():
    """The address of a server with the usual settings."""
    with running(lambda: server.made("demo", Settings(port=0))) as started:
        yield f"http://localhost:{started.port}"


# Settings


@pytest.mark.parametrize(
    ("settings", "why"),
    [
        ({"port": -1}, "--port from 0 to 65,535, got -1"),
        ({"port": 65_536}, "--port"),
        ({"max_sessions": 0}, "--max-sessions from 1"),
        ({"max_upload": 0}, "--max-upload from 1"),
        ({"address": "0.0.0.0"}, "--allow-websocket-origin"),
        ({"auth": "github"}, "PANEL_OAUTH_KEY"),
    ],
)
def test_settings_that_cannot_hold_are_refused(settings, why):
    with pytest.raises(BadArgument, match=why):
        Settings(**settings)


def test_others_need_a_name_by_which_they_open_it():
    assert Settings(address="0.0.0.0", origins=("lab.example:5006",)).address == "0.0.0.0"


def test_a_provider_is_set_up_in_the_environment(monkeypatch):
    monkeypatch.setenv("PANEL_OAUTH_KEY", "key")
    assert Settings(auth="github").auth == "github"


@pytest.mark.parametrize(
    "content", ["", "[]", "{}", '{"ada": 7}', '{"ada": ""}', "[" * 100_000, '"secret"']
)
def test_what_is_no_file_of_passwords_is_refused_and_not_told(tmp_path, content):
    path = tmp_path / "passwords.json"
    path.write_text(content)
    with pytest.raises(FileProblem, match="passwords by user name") as raised:
        Settings(auth=str(path))
    assert "secret" not in str(raised.value)
    with pytest.raises(FileProblem, match="one of 'auth0'"):
        Settings(auth=str(tmp_path / "nowhere.json"))


# What is served


def test_each_answer_says_what_the_browser_must_not_do(address):
    for path in ("/explore", "/favicon.ico", "/static/js/bokeh.min.js"):
        with urllib.request.urlopen(address + path) as answer:
            assert {name: answer.headers[name] for name in HEADERS} == HEADERS
    with pytest.raises(urllib.error.HTTPError) as missing:
        urllib.request.urlopen(f"{address}/nowhere")
    assert missing.value.headers["X-Content-Type-Options"] == "nosniff"


@pytest.mark.parametrize(
    "path", ["/static/../../../../etc/passwd", "/static/%2e%2e/%2e%2e/secret", "/../secret"]
)
def test_no_file_is_served_but_those_of_the_page(address, path):
    with pytest.raises(urllib.error.HTTPError) as refused:
        urllib.request.urlopen(address + path)
    assert refused.value.code in (403, 404)


def test_only_this_machine_can_connect(address):
    port = int(address.rsplit(":", 1)[1])
    others = {info[4][0] for info in socket.getaddrinfo(socket.gethostname(), None)} - {"127.0.0.1"}
    if not others:
        pytest.skip("this machine has no address but its own")
    for other in others:
        with pytest.raises(ConnectionError):
            socket.create_connection((other, port), timeout=5)


def first_message(address, session_id, origin):
    """What the server says first when a page opens its websocket; None where it closes it."""

    async def connect():
        url = address.replace("http", "ws") + "/explore/ws"
        socket = await websocket_connect(
            HTTPRequest(url, headers={"Origin": origin}), subprotocols=["bokeh", session_id]
        )
        message = await socket.read_message()
        socket.close()
        return message

    return asyncio.run(connect())


def test_a_page_of_another_site_cannot_connect(address):
    with pytest.raises(HTTPClientError, match="403"):
        first_message(address, "anything", "http://elsewhere.example")


def test_a_session_that_the_server_did_not_sign_is_not_opened(address):
    with urllib.request.urlopen(f"{address}/explore") as answer:
        signed = re.search('"token":"([^"]+)"', answer.read().decode())[1]
    assert "ACK" in first_message(address, signed, address)
    for token in (generate_jwt_token("mine"), signed[:-2]):
        assert first_message(address, token, address) is None
    with pytest.raises(urllib.error.HTTPError, match="403"):
        urllib.request.urlopen(f"{address}/explore?bokeh-session-id=mine")


def test_a_port_that_is_taken_is_told(address):
    port = int(address.rsplit(":", 1)[1])
    with pytest.raises(FileProblem, match=f"port {port}"):
        server.made("demo", Settings(port=port))


def test_only_who_knows_a_password_gets_in(passwords):
    settings = Settings(port=0, auth=str(passwords))
    with running(lambda: server.made("demo", settings)) as started:
        passwords.unlink()  # they are known by now
        address = f"http://localhost:{started.port}"
        browser = urllib.request.build_opener(urllib.request.HTTPCookieProcessor())

        def signs_in(name, password):
            words = urlencode({"username": name, "password": password}).encode()
            browser.open(f"{address}/login", words)
            with browser.open(f"{address}/explore") as page:
                return "/login" not in page.url

        assert not signs_in("ada", "byron")
        assert not signs_in("ada", str(passwords))
        assert not signs_in("<b>", "lovelace")
        assert signs_in("ada", "lovelace")


class Provider(BaseHTTPRequestHandler):
    """Knows one user, who has agreed, and one server that may ask for them."""

    def do_GET(self):
        asked = dict(parse_qsl(urlsplit(self.path).query))
        if self.path.startswith("/authorize"):
            answer = urlencode({"code": "once", "state": asked["state"]})
            self.send_response(302)
            self.send_header("Location", f"{asked['redirect_uri']}?{answer}")
            self.end_headers()
        else:
            is_allowed = self.headers["Authorization"] == "Bearer token"
            self._tell({"email": "ada@lab.example"}, is_allowed)

    def do_POST(self):
        body = self.rfile.read(int(self.headers["Content-Length"]))
        asked = dict(parse_qsl(body.decode()))
        is_allowed = (asked["code"], asked["client_secret"]) == ("once", "secret")
        self._tell({"access_token": "token"}, is_allowed)

    def _tell(self, content, is_allowed):
        self.send_response(200 if is_allowed else 401)
        self.send_header("Content-Type", "application/json")
        self.end_headers()
        self.wfile.write(json.dumps(content if is_allowed else {"error": "<b>no</b>"}).encode())

    def log_message(self, *_):
        """Say nothing."""


@pytest.fixture
def provider():
    """The address of an OAuth provider."""
    with ThreadingHTTPServer((server.THIS_MACHINE, 0), Provider) as provider:
        thread = threading.Thread(target=provider.serve_forever)
        thread.start()
        yield f"http://{server.THIS_MACHINE}:{provider.server_port}"
        provider.shutdown()
        thread.join()


@pytest.mark.parametrize("secret", ["secret", "another"])
def test_only_whom_a_provider_vouches_for_gets_in(provider, monkeypatch, secret):
    monkeypatch.setenv("PANEL_OAUTH_KEY", "dtviz")
    monkeypatch.setenv("PANEL_OAUTH_SECRET", secret)
    for what in ("AUTHORIZE", "TOKEN", "USER"):
        monkeypatch.setenv(f"PANEL_OAUTH_{what}_URL", f"{provider}/{what.lower()}")
    with running(lambda: server.made("demo", Settings(port=0, auth="generic"))) as started:
        address = f"http://localhost:{started.port}/explore"
        browser = urllib.request.build_opener(urllib.request.HTTPCookieProcessor())
        if secret == "secret":
            with browser.open(address) as page:
                assert page.url == address
                assert b"<title>dtviz</title>" in page.read()
        else:
            with pytest.raises(urllib.error.HTTPError) as refused:
                browser.open(address)
            assert refused.value.status == 401
            said = refused.value.read().decode()
            assert "You are not signed in. The provider said: &lt;b&gt;no&lt;/b&gt;" in said
            # Nor does it ask another machine for fonts, as Panel's own page does.
            assert "http" not in said


# Places


class Visit:
    """A session as Bokeh begins and ends it."""

    def __init__(self, name):
        self._context = SimpleNamespace(id=name, request=SimpleNamespace(arguments={}))
        self._document = Document()
        self._document._session_context = lambda: self._context

    def page(self, places, make=lambda: "page"):
        with set_curdoc(self._document):
            return places.page(make)

    def end(self):
        for callback in self._document.session_destroyed_callbacks:
            callback(self._context)


def test_as_many_pages_are_open_as_there_are_places():
    places = Places(2)
    first, second = Visit("a"), Visit("b")
    assert first.page(places) == second.page(places) == "page"
    assert "All 2 places" in Visit("c").page(places).object
    first.end()
    assert Visit("d").page(places) == "page"
    assert "All 2 places" in Visit("e").page(places).object


def test_a_page_that_cannot_be_made_takes_no_place():
    places = Places(1)

    def fail():
        raise ConnectionError

    with pytest.raises(ConnectionError):
        Visit("a").page(places, fail)
    assert Visit("b").page(places) == "page"


def test_nothing_stays_of_pages_that_were_left(monkeypatch):
    apps, given_back = [], threading.Event()

    def app(*arguments, **options):
        made = App(*arguments, **options)
        apps.append(weakref.ref(made))
        return made

    monkeypatch.setattr("dtviz.app.App", app)
    monkeypatch.setattr(server, "_give_memory_back", given_back.set)
    with running(lambda: server.made("demo", Settings(port=0))) as started:
        for _ in range(2):
            asyncio.run(visit(f"http://localhost:{started.port}/explore"))
        pages = started._tornado.applications["/explore"]

        async def forget():
            while any(page.connection_count for page in pages.sessions):
                await asyncio.sleep(0)
            await pages._cleanup_sessions(0)

        forgotten = asyncio.run_coroutine_threadsafe(forget(), started.io_loop.asyncio_loop)
        forgotten.result(60)
        assert given_back.wait(60)
        gc.collect()
        gc.collect()
        assert [one() for one in apps] == [None, None]


def test_a_server_for_others_without_passwords_says_so(tmp_path):
    with subprocess.Popen(
        [
            *(sys.executable, "-m", "dtviz.cli", "explore", "--no-browser", "--port", "0"),
            *("--address", "127.0.0.2"),
        ],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        env={**os.environ, "DTVIZ_CACHE": ""},
    ) as process:
        try:
            assert "dtviz is at http://127.0.0.2:" in process.stdout.readline()
            assert "--auth" in process.stdout.readline()
        finally:
            process.terminate()
        assert process.wait(60) == 128 + 15
