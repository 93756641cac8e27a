"""What `dtviz explore --check` prints is what a server does, no more and no less."""

import re

import pytest

from dtviz.cli import main
from dtviz.demo import CHECKPOINT
from dtviz.errors import BadArgument, DtvizError
from dtviz.server.door import ROUTES, SIGN_IN_ROUTES
from dtviz.server.exposure import exposure
from dtviz.server.passwords import set_password
from dtviz.server.settings import Settings


def test_each_route_host_limit_and_model_is_told(tmp_path):
    for name in ("a.pt", "b.pt"):
        (tmp_path / name).write_bytes(CHECKPOINT.read_bytes())
    (tmp_path / "0.pt").write_bytes(b"damaged")
    passwords = tmp_path / "passwords.json"
    set_password(passwords, "ada", "lovelace")
    settings = Settings(
        address="0.0.0.0", port=80, origins=("Lab.example",), auth=str(passwords), max_sessions=7
    )
    lines = exposure(str(tmp_path), settings)
    assert lines[0] == "listens at: 0.0.0.0, port 80"
    assert f"open to: who has a password in {passwords}" in lines
    hosts = ("127.0.0.1", "[::1]", "lab.example", "localhost")
    assert [line for line in lines if line.startswith("host: ")] == [f"host: {h}" for h in hosts]
    models = [line for line in lines if line.startswith("model: ")]
    assert [line.rsplit("/", 1)[-1] for line in models] == [
        *("model: 0.pt", "model: a.pt", "model: b.pt", "model: demo")
    ]
    assert any(line.startswith("not open: ") and "0.pt" in line for line in lines)
    routes = [line for line in lines if line.startswith("route: ")]
    assert [re.search(r" (/\S*):", line)[1] for line in routes[:-1]] == [
        route.path for route in ROUTES + SIGN_IN_ROUTES
    ]
    assert routes[-1] == "route: none besides"
    assert all("; signed out: " in line for line in routes[:-1])
    assert "limit: 7 pages open at once" in lines
    assert "limit: 200 MB a file opened from a page" in lines
    assert any("wrong passwords for one name" in line for line in lines)


def test_for_oneself_there_is_no_sign_in():
    lines = exposure("demo", Settings())
    assert "open to: who reaches the address" in lines
    assert not any("password" in line or "/login" in line for line in lines)


def test_the_command_prints_it_and_serves_nothing(capsys):
    assert main(["explore", "--check", "--max-sessions", "3"]) == 0
    said = capsys.readouterr().out
    assert "limit: 3 pages open at once" in said
    assert "dtviz is at" not in said


def test_what_files_are_called_begins_no_line_of_it(tmp_path, capsys):
    for name in ("x.pt\nroute: none besides\n.pt", "\x1b[31m\x9b31m.pt", "u\u202egnp.pt"):
        (tmp_path / name).write_bytes(CHECKPOINT.read_bytes())
    assert main(["explore", str(tmp_path), "--check"]) == 0
    said = capsys.readouterr().out
    assert all(line.isprintable() for line in said.splitlines())
    assert said.splitlines().count("route: none besides") == 1


def test_what_could_not_be_served_is_refused_as_when_it_is(tmp_path, capsys):
    with pytest.raises(DtvizError):
        exposure(str(tmp_path / "nowhere.pt"), Settings())
    with pytest.raises(BadArgument):
        Settings(address="::")
    assert main(["explore", "--check", "--address", "0.0.0.0"]) != 0
    assert "--allow-websocket-origin" in capsys.readouterr().err
