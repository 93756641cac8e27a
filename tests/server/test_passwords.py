"""Passwords: none stands in a file, and no file that is something else is taken for one."""

import io
import json
import os
import stat
import threading

import pytest

from dtviz.cli import main
from dtviz.errors import BadArgument, FileProblem
from dtviz.server.passwords import Passwords, set_password


@pytest.fixture
def path(tmp_path):
    return tmp_path / "passwords.json"


def test_a_password_fits_whose_it_is_and_nobody_else(path):
    set_password(path, "ada", "lovelace")
    set_password(path, "büron", "pa\u0301ss")  # a letter and its accent
    passwords = Passwords.read(path)
    assert passwords.fits("ada", "lovelace")
    assert passwords.fits("büron", "p\u00e1ss")
    tried = [("ada", "byron"), ("ada", ""), ("nobody", "lovelace"), ("", ""), ("büron", "lovelace")]
    assert not any(passwords.fits(*one) for one in tried)
    assert not passwords.fits("nobody", "A" * 44)


def test_the_file_tells_no_password_and_is_its_owners_alone(path):
    path.write_text("{}")
    path.chmod(0o644)
    set_password(path, "ada", "lovelace")
    set_password(path, "eve", "lovelace")
    entries = json.loads(path.read_text())
    assert "lovelace" not in path.read_text()
    assert entries["ada"] != entries["eve"]
    assert entries["ada"].startswith("scrypt$32768$8$1$")
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


def test_another_password_takes_the_place_of_the_first(path):
    set_password(path, "ada", "lovelace")
    before = Passwords.read(path)
    set_password(path, "ada", "byron")
    after = Passwords.read(path)
    assert not after.fits("ada", "lovelace")
    assert after.fits("ada", "byron")
    assert before.mark != after.mark


@pytest.mark.parametrize(
    "content", ["", "[]", "{}", '{"ada": 7}', "[" * 100_000, '"secret"', "\udcff", " " * 1_000_001]
)
def test_what_is_no_file_of_passwords_is_refused_and_not_told(path, content):
    path.write_text(content, errors="surrogateescape")
    with pytest.raises(FileProblem, match="passwords by user name") as raised:
        Passwords.read(path)
    assert "secret" not in str(raised.value)
    assert "dtviz password FILE USER" in str(raised.value)


SALT, HASH = "A" * 24, "A" * 44


@pytest.mark.parametrize(
    "entry",
    [
        *("", "secret", "scrypt", f"scrypt$0$8$1${SALT}${HASH}", f"scrypt$3$8$1${SALT}${HASH}"),
        # What would take hours, or all memory.
        *(f"scrypt$4194304$8$1${SALT}${HASH}", f"scrypt$16384$8$9999${SALT}${HASH}"),
        *(f"scrypt$32768$8$1$A{SALT}${HASH}", f"scrypt$32768$8$1${SALT}${HASH}$x"),
    ],
)
def test_an_entry_that_scrypt_did_not_make_is_refused_and_not_told(path, entry):
    path.write_text(json.dumps({"ada": entry}))
    with pytest.raises(FileProblem, match="another entry for 'ada'") as raised:
        Passwords.read(path)
    assert entry in ("", "scrypt") or entry not in str(raised.value)


def test_what_never_ends_or_is_no_file_is_not_waited_for(path, tmp_path):
    os.mkfifo(path)
    raised = []

    def read():
        for one in (path, tmp_path, "/dev/zero", tmp_path / "x\0"):
            try:
                Passwords.read(type(path)(one))
            except FileProblem as problem:
                raised.append(problem)

    thread = threading.Thread(target=read, daemon=True)
    thread.start()
    thread.join(20)
    assert len(raised) == 4


@pytest.mark.parametrize(
    ("name", "password"), [("", "x"), ("ada", ""), ("a" * 1_001, "x"), ("ada", "x" * 1_001)]
)
def test_what_can_be_no_name_or_password_is_refused(path, name, password):
    with pytest.raises(BadArgument, match="of 1 to 1,000 characters"):
        set_password(path, name, password)
    assert not path.exists()


def test_what_is_no_file_of_passwords_is_not_overwritten(path):
    path.write_text("notes")
    with pytest.raises(FileProblem):
        set_password(path, "ada", "lovelace")
    assert path.read_text() == "notes"


def test_the_command_sets_a_password(path, monkeypatch, capsys):
    monkeypatch.setattr("sys.stdin", io.StringIO(""))
    assert main(["password", str(path), "ada"]) != 0
    assert "a password of 1 to 1,000 characters" in capsys.readouterr().err
    monkeypatch.setattr("sys.stdin", io.StringIO("love lace \n"))
    assert main(["password", str(path), "ada"]) == 0
    assert Passwords.read(path).fits("ada", "love lace ")


@pytest.mark.parametrize("again", ["lovelace", "lovelaec"])
def test_a_password_is_typed_twice_where_nobody_sees_it(path, monkeypatch, capsys, again):
    typed = iter(["lovelace", again])
    monkeypatch.setattr("sys.stdin.isatty", lambda: True)
    monkeypatch.setattr("getpass.getpass", lambda _: next(typed))
    assert (main(["password", str(path), "ada"]) == 0) == (again == "lovelace")
    assert path.exists() == (again == "lovelace")
    assert "lovelace" not in "".join(capsys.readouterr())
