"""Settings: what cannot hold is refused, in words that say which option to change."""

import pytest

from dtviz.errors import BadArgument, FileProblem
from dtviz.server.passwords import set_password
from dtviz.server.settings import Settings


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


@pytest.mark.parametrize("address", ["http://x", "a b", "x\0", "x/y", "[::1]:80", "\ud800"])
def test_what_is_no_address_is_refused(address):
    with pytest.raises(BadArgument, match="--address an IP address or a host name"):
        Settings(address=address)


@pytest.mark.parametrize(
    "origin", ["http://x", "x/", "", "*", "x:", "x:123456", "a b", "user@x", "x\n"]
)
def test_what_is_no_host_is_refused(origin):
    with pytest.raises(BadArgument, match="--allow-websocket-origin HOST or HOST:PORT"):
        Settings(origins=(origin,))


def test_a_browser_may_know_it_under_its_own_names_and_those_that_are_allowed():
    assert Settings().hosts(5006) == {"localhost:5006", "127.0.0.1:5006", "[::1]:5006"}
    settings = Settings(address="Lab.example", origins=("DTVIZ.example:443", "[fe80::1]:5006"))
    assert settings.hosts(80) == {
        *("localhost", "127.0.0.1", "[::1]", "lab.example", "dtviz.example", "[fe80::1]:5006")
    }


@pytest.mark.parametrize(
    ("address", "url"),
    [
        ("127.0.0.1", "http://localhost:7/explore"),
        ("::1", "http://[::1]:7/explore"),
        ("[::1]", "http://[::1]:7/explore"),
        ("127.0.0.2", "http://127.0.0.2:7/explore"),
    ],
)
def test_the_address_of_the_page_is_one_that_a_browser_can_open(address, url):
    settings = Settings(address=address)
    assert settings.url(7) == url
    assert settings.is_for_others == (address == "127.0.0.2")


def test_passwords_or_a_provider(tmp_path):
    path = tmp_path / "passwords.json"
    set_password(path, "ada", "lovelace")
    settings = Settings(auth=str(path))
    assert settings.passwords().fits("ada", "lovelace")
    assert not settings.is_by_provider
    assert Settings().passwords() is None
    with pytest.raises(FileProblem, match="--auth with a file of passwords, or one of 'auth0'"):
        Settings(auth=str(tmp_path / "nowhere.json"))
