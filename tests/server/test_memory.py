"""Memory: given back once nobody is left."""

from types import SimpleNamespace

import pytest

from dtviz.server import memory


class Loop:
    """Does later what it is to do later, when a test says so."""

    def __init__(self):
        self.waiting = []

    def call_later(self, _, function):
        self.waiting.append(function)


def test_memory_is_given_back_when_the_last_has_left(monkeypatch):
    endings, given_back, loop = [], [], Loop()
    monkeypatch.setattr(memory.pn, "state", SimpleNamespace(on_session_destroyed=endings.append))
    monkeypatch.setattr(memory.IOLoop, "current", lambda: loop)
    monkeypatch.setattr(memory, "give_back", lambda: given_back.append(True))
    of_all = memory.Memory()
    of_all.begin()
    of_all.begin()
    endings.pop()(None)
    assert loop.waiting == []
    endings.pop()(None)
    assert given_back == []  # Bokeh still holds the page
    [later] = loop.waiting
    later()
    assert given_back == [True]


@pytest.mark.parametrize("has_glibc", [True, False])
def test_whatever_the_c_library(monkeypatch, has_glibc):
    if not has_glibc:

        def missing(_):
            raise OSError

        monkeypatch.setattr(memory.ctypes, "CDLL", missing)
    memory.give_back()
