"""The websocket of a page: one that sends what none sends is closed, and others go on."""

import asyncio
import contextlib
import json

import pytest
from bokeh.io import curdoc
from tornado.websocket import WebSocketClosedError

from dtviz.server import page_socket, serving
from dtviz.server.messages import MOST_BYTES
from dtviz.server.page_socket import MOST_ERRORS
from dtviz.server.settings import Settings
from tests.serving import running
from tests.soak.client import Client

# Tornado leaves sockets to be closed by the garbage collector, which tells of them.
pytestmark = pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")


@pytest.fixture(scope="module")
def address():
    with running(lambda: serving.made("demo", Settings(port=0))) as started:
        yield f"http://localhost:{started.port}/explore"


@pytest.mark.parametrize(
    ("part", "code", "why"),
    [
        ("no JSON", 1008, "no JSON"),
        (json.dumps({"msgtype": "PUSH-DOC"}), 1008, "a message of another kind"),
        ("[" * 600_000, 1008, "a message of more than 500,000 values"),
    ],
)
def test_a_page_that_sends_what_none_sends_is_closed_and_others_are_answered(
    address, part, code, why
):
    async def pages():
        good, bad = Client(address), Client(address)
        await good.open()
        await bad.open()
        await bad.send_part(part)
        assert await bad.closed() == (code, why)
        assert await good.select([1, 2]) >= 0
        await good.close()

    asyncio.run(pages())


def test_a_message_that_is_too_large_is_not_read_to_its_end(address):
    async def pages():
        good, bad = Client(address), Client(address)
        await good.open()
        await bad.open()
        with contextlib.suppress(WebSocketClosedError):  # while it is sent, or after
            await bad.send_part("x" * (MOST_BYTES + 1))
        await bad.closed()
        assert await good.select([1, 2]) >= 0
        await good.close()

    asyncio.run(pages())


def test_a_page_whose_messages_end_in_errors_is_closed_and_does_not_fill_the_log(
    address, caplog, monkeypatch
):
    monkeypatch.setattr(page_socket, "EACH", 1_000.0)
    before = curdoc()
    model = {"kind": "ModelChanged", "model": {"id": "x" * 100_000}, "attr": "a", "new": 1}
    parts = [{"msgid": "m", "msgtype": "PATCH-DOC"}, {}, {"events": [model]}]

    async def pages():
        good, bad = Client(address), Client(address)
        await good.open()
        await bad.open()
        for part in parts:
            await bad.send_part(json.dumps(part))
        assert await bad.answer("m") == "ERROR"
        # It would name the server's files.
        assert (await bad.content())["traceback"] is None
        ends = ["ERROR"]
        while "closed" not in ends:
            with contextlib.suppress(WebSocketClosedError):
                for part in parts:
                    await bad.send_part(json.dumps(part))
            ends.append(await bad.answer("m"))
        assert ends == ["ERROR"] * MOST_ERRORS + ["closed"]
        assert await good.select([1, 2]) >= 0
        await good.close()

    asyncio.run(pages())
    said = [record.getMessage() for record in caplog.records if "bokeh" in record.name]
    assert 0 < max(map(len, said)) < 10_000
    # Else what other pages do later is done in that page's document.
    assert curdoc() is before
