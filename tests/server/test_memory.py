"""Memory: given back once nobody is left."""

import asyncio
from types import SimpleNamespace

import pytest

from dtviz.server import memory


def test_memory_is_given_back_when_the_last_has_left(monkeypatch):
    endings, given_back = [], []
    monkeypatch.setattr(memory.pn, "state", SimpleNamespace(on_session_destroyed=endings.append))
    monkeypatch.setattr(memory, "give_back", lambda: given_back.append(True))

    async def visits():
        of_all = memory.Memory()
        of_all.begin()
        of_all.begin()
        endings.pop()(None)
        await asyncio.sleep(1.1)
        assert given_back == []
        endings.pop()(None)
        await asyncio.wait_for(_until(given_back), 10)

    asyncio.run(visits())


async def _until(given_back):
    while not given_back:
        await asyncio.sleep(0.01)


@pytest.mark.parametrize("has_glibc", [True, False])
def test_whatever_the_c_library(monkeypatch, has_glibc):
    if not has_glibc:

        def missing(_):
            raise OSError

        monkeypatch.setattr(memory.ctypes, "CDLL", missing)
    memory.give_back()
