"""The server keeps to its settings, whatever is asked of it."""

import asyncio
import gc
import os
import re
import socket
import subprocess
import sys
import threading
import urllib.error
import urllib.request
import weakref

import pytest
from bokeh.util.token import generate_jwt_token
from tornado.httpclient import HTTPClientError, HTTPRequest
from tornado.websocket import websocket_connect

from dtviz.app import App
from dtviz.errors import FileProblem
from dtviz.server import memory, serving
from dtviz.server.headers import HEADERS
from dtviz.server.settings import Settings
from dtviz.views.page import NONCE
from tests.serving import running
from tests.soak.client import visit

# Tornado leaves sockets to be closed by the garbage collector, which tells of them.
pytestmark = pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")


@pytest.fixture(scope="module")
def address():
    """The address of a server with the usual settings."""
    with running(lambda: serving.made("demo", Settings(port=0))) as started:
        yield f"http://localhost:{started.port}"


# What is served


def test_each_answer_says_what_the_browser_must_not_do(address):
    for path in ("/explore", "/favicon.ico", "/static/js/bokeh.min.js"):
        with urllib.request.urlopen(address + path) as answer:
            nonce = nonce_of(answer)
            expected = {name: value.replace(NONCE, nonce) for name, value in HEADERS.items()}
            assert {name: answer.headers[name] for name in HEADERS} == expected
    with pytest.raises(urllib.error.HTTPError) as missing:
        urllib.request.urlopen(f"{address}/nowhere")
    assert missing.value.headers["X-Content-Type-Options"] == "nosniff"


def nonce_of(answer):
    """What scripts must bear to run."""
    [nonce] = re.findall(r"script-src 'nonce-([\w-]{32})' 'unsafe-eval';", policy_of(answer))
    return nonce


def policy_of(answer):
    return answer.headers["Content-Security-Policy"]


def test_the_scripts_that_run_bear_a_nonce_that_nobody_knows_beforehand(address):
    nonces = set()
    for _ in range(2):
        with urllib.request.urlopen(f"{address}/explore") as answer:
            text = answer.read().decode()
            nonce = nonce_of(answer)
        scripts = re.findall("<script[^>]*>", text)
        assert len(scripts) > 5
        assert all(script.startswith(f'<script nonce="{nonce}"') for script in scripts)
        assert NONCE not in text
        assert "unsafe-inline" not in policy_of(answer).split("style-src")[0]
        nonces.add(nonce)
    assert len(nonces) == 2


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
    """What the server says first when a page opens its websocket."""

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
        with pytest.raises(HTTPClientError, match="403"):
            first_message(address, token, address)
    with pytest.raises(urllib.error.HTTPError, match="403"):
        urllib.request.urlopen(f"{address}/explore?bokeh-session-id=mine")


def test_a_port_that_is_taken_is_told(address):
    port = int(address.rsplit(":", 1)[1])
    with pytest.raises(FileProblem, match=f"port {port}"):
        serving.made("demo", Settings(port=port))


def test_nothing_stays_of_pages_that_were_left(monkeypatch):
    apps, given_back = [], threading.Event()

    def app(*arguments, **options):
        made = App(*arguments, **options)
        apps.append(weakref.ref(made))
        return made

    monkeypatch.setattr("dtviz.app.App", app)
    monkeypatch.setattr(memory, "give_back", given_back.set)
    with running(lambda: serving.made("demo", Settings(port=0))) as started:
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
