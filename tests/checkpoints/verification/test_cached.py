"""What is kept of a verification is believed only where this user alone can have written it."""

import os

import pytest

from dtviz.checkpoints.verification import cached

KEY, OTHER = (cached.key_of(config) for config in (b"{}", b"{ }"))


@pytest.fixture
def place(monkeypatch, tmp_path):
    """The file of an entry, which is no longer in memory."""
    folder = tmp_path / "cache"
    folder.mkdir(mode=0o700)
    monkeypatch.setenv("DTVIZ_CACHE", str(folder))
    monkeypatch.setattr(cached, "texts", {})
    cached.write(KEY, '{"a": 1}')
    cached.texts.clear()
    assert cached.read(KEY) == '{"a": 1}'
    (file,) = folder.iterdir()
    return file


@pytest.mark.parametrize("change", [lambda b: b[:-1], lambda b: b.replace(b"1", b"2"), bytes.upper])
def test_a_damaged_entry_is_not_believed(place, change):
    place.write_bytes(change(place.read_bytes()))
    assert cached.read(KEY) is None


def test_an_entry_of_another_configuration_is_not_believed(place):
    cached.write(OTHER, '{"b": 1}')
    cached.texts.clear()
    (other,) = {*place.parent.iterdir()} - {place}
    place.write_bytes(other.read_bytes())
    assert cached.read(KEY) is None


def test_a_link_is_not_followed(place, tmp_path):
    elsewhere = tmp_path / "elsewhere"
    place.rename(elsewhere)
    place.symlink_to(elsewhere)
    assert cached.read(KEY) is None


@pytest.mark.parametrize("what", ["file", "folder"])
def test_what_others_may_write_is_not_believed(place, what):
    (place if what == "file" else place.parent).chmod(0o777)
    assert cached.read(KEY) is None


def test_what_another_user_wrote_is_not_believed(place, monkeypatch):
    user = os.getuid() + 1
    monkeypatch.setattr(os, "getuid", lambda: user)
    assert cached.read(KEY) is None


def test_a_pipe_is_not_waited_for(place):
    place.unlink()
    os.mkfifo(place)
    assert cached.read(KEY) is None
