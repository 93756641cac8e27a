"""Signing in and out: by passwords that are tried no faster than a person types, or a provider."""

import asyncio
import json
import threading
import time
import urllib.error
import urllib.request
from concurrent.futures import ThreadPoolExecutor
from http.cookiejar import CookieJar
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qsl, urlencode, urlsplit

import pytest

from dtviz.server import serving, sign_in
from dtviz.server.passwords import Passwords, set_password
from dtviz.server.settings import THIS_MACHINE, Settings
from tests.serving import running

# Tornado leaves sockets to be closed by the garbage collector, which tells of them.
pytestmark = pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")


class Browser:
    """What signs in, with cookies of its own."""

    def __init__(self, address):
        self.address, self.cookies = address, CookieJar()
        self._opener = urllib.request.build_opener(urllib.request.HTTPCookieProcessor(self.cookies))

    def ask(self, path, words=None, **headers):
        """The status and the body of an answer, with where it led."""
        data = None if words is None else urlencode(words).encode()
        request = urllib.request.Request(self.address + path, data, headers)
        try:
            answer = self._opener.open(request)
        except urllib.error.HTTPError as error:
            answer = error
        with answer:
            return answer.status, answer.read().decode(), answer.url

    def signs_in(self, name, password):
        return "/login" not in self.ask("/login", {"username": name, "password": password})[2]


@pytest.fixture
def passwords(tmp_path):
    path = tmp_path / "passwords.json"
    set_password(path, "ada", "lovelace")
    return path


@pytest.fixture
def address(passwords):
    """The address of a server that asks for passwords."""
    settings = Settings(port=0, auth=str(passwords))
    passwords_were_there = passwords.exists()
    with running(lambda: serving.made("demo", settings)) as started:
        passwords.unlink()  # they are known by now
        assert passwords_were_there
        yield f"http://localhost:{started.port}"


def test_only_who_knows_a_password_gets_in(address, passwords):
    browser = Browser(address)
    assert not browser.signs_in("ada", "byron")
    assert not browser.signs_in("ada", str(passwords))
    assert not browser.signs_in("<b>", "lovelace")
    assert browser.ask("/login", {"username": "a" * 1_001, "password": "x"})[0] == 400
    assert browser.ask("/login", {"username": "a", "password": "x" * 30_000})[0] == 400
    assert browser.signs_in("ada", "lovelace")
    [cookie] = browser.cookies
    assert cookie.has_nonstandard_attr("HttpOnly")
    assert cookie.get_nonstandard_attr("SameSite") == "Lax"


def test_under_an_encrypted_address_cookies_are_for_such_alone(address):
    for headers in ({"X-Forwarded-Proto": "https"}, {}):
        browser = Browser(address)
        browser.ask("/login", {"username": "ada", "password": "lovelace"}, **headers)
        assert [cookie.secure for cookie in browser.cookies] == [bool(headers)]


@pytest.mark.parametrize(
    "where", ["///evil.example", "//evil.example", "https://evil.example", "/\\evil", "/%5cevil\n"]
)
def test_who_signs_in_goes_nowhere_else(address, where):
    status, _, url = Browser(address).ask("/login?" + urlencode({"next": where}))
    assert (status, urlsplit(url).netloc) == (400, urlsplit(address).netloc)
    browser = Browser(address)
    words = {"username": "ada", "password": "lovelace", "next": where}
    assert browser.ask("/login", words)[2] == f"{address}/explore"


def test_wrong_passwords_are_slowed_down_and_right_ones_are_not(address):
    browser, other = Browser(address), Browser(address)
    for _ in range(12):
        assert browser.signs_in("ada", "lovelace")
    most = sign_in.FOR_NAME[0]
    said = [browser.ask("/login", {"username": "ada", "password": "x"}) for _ in range(most + 2)]
    assert [status for status, *_ in said[:most]] == [403] * most
    assert said[-1][0] == 429
    assert "Invalid name or password." in said[0][1]
    assert "Too many wrong passwords: try again in" in said[-1][1]
    # The name is closed to all that come; another is not.
    assert other.ask("/login", {"username": "ada", "password": "lovelace"})[0] == 429
    assert other.ask("/login", {"username": "eve", "password": "x"})[0] == 403


def test_many_names_from_one_address_are_slowed_down_and_others_served(address):
    browser = Browser(address)
    assert browser.signs_in("ada", "lovelace")
    longest = []

    def look():
        while not done.is_set():
            begun = time.monotonic()
            assert browser.ask("/login")[0] == 200
            longest.append(time.monotonic() - begun)

    done = threading.Event()
    with ThreadPoolExecutor(2) as pool:
        looked = pool.submit(look)
        most = sign_in.BY_ADDRESS[0]
        said = []
        # Where tries take long, there is one more meanwhile.
        while 429 not in said and len(said) < 2 * most:
            words = {"username": f"n{len(said)}", "password": "x"}
            said.append(Browser(address).ask("/login", words)[0])
        done.set()
        looked.result()
    assert said[-1] == 429
    assert len(longest) > 10  # passwords are tried beside what others ask for


def test_attempts_that_fit_are_not_counted(passwords):
    attempts = sign_in.Attempts(Passwords.read(passwords))

    async def tries():
        for _ in range(sign_in.FOR_NAME[0] + 2):
            assert attempts.wait("ada", "192.0.2.1") == 0
            assert await attempts.fits("ada", "lovelace", "192.0.2.1")
        assert not await attempts.fits("ada", "byron", "192.0.2.1")

    asyncio.run(tries())


def test_only_who_means_it_signs_out(address):
    browser = Browser(address)
    assert browser.signs_in("ada", "lovelace")
    _, asked, _ = browser.ask("/logout")
    assert "Sign out" in asked
    assert browser.cookies  # to look at it, as an image of another page does, changes nothing
    assert browser.ask("/logout", {}, Origin="http://evil.example")[0] == 403
    assert browser.cookies
    assert "You are signed out" in browser.ask("/logout", {})[1]
    assert "/login" in browser.ask("/explore")[2]


def test_other_passwords_sign_everybody_out(passwords, monkeypatch):
    monkeypatch.setenv("PANEL_COOKIE_SECRET", "kept from one start to the next")
    settings = Settings(port=0, auth=str(passwords))
    jar, gets_in = None, []
    for change in (None, None, "byron"):
        if change:
            set_password(passwords, "ada", change)
        with running(lambda: serving.made("demo", settings)) as started:
            browser = Browser(f"http://localhost:{started.port}")
            if jar is None:
                browser.signs_in("ada", "lovelace")
                jar = browser.cookies
            for cookie in jar:
                browser.cookies.set_cookie(cookie)
            gets_in.append("/login" not in browser.ask("/explore")[2])
    assert gets_in == [True, True, False]


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
    with ThreadingHTTPServer((THIS_MACHINE, 0), Provider) as provider:
        thread = threading.Thread(target=provider.serve_forever)
        thread.start()
        yield f"http://{THIS_MACHINE}:{provider.server_port}"
        provider.shutdown()
        thread.join()


@pytest.mark.parametrize("secret", ["secret", "another"])
def test_only_whom_a_provider_vouches_for_gets_in(provider, monkeypatch, secret):
    monkeypatch.setenv("PANEL_OAUTH_KEY", "dtviz")
    monkeypatch.setenv("PANEL_OAUTH_SECRET", secret)
    for what in ("AUTHORIZE", "TOKEN", "USER"):
        monkeypatch.setenv(f"PANEL_OAUTH_{what}_URL", f"{provider}/{what.lower()}")
    with running(lambda: serving.made("demo", Settings(port=0, auth="generic"))) as started:
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
