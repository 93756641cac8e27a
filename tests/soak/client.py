"""A page as its server knows it, without a browser: fifty run where fifty browsers do not."""

import asyncio
import itertools
import json
import re
import time
import uuid
from collections.abc import Sequence
from typing import Any

from tornado.httpclient import AsyncHTTPClient, HTTPRequest
from tornado.websocket import websocket_connect

# Seconds.
PATIENCE = 60


class Client:
    """One page: it sends what Bokeh's own client does, and reads what it hears for the address."""

    def __init__(self, address: str) -> None:
        self._address = address
        self.heard: list[str] = []
        # The ids of sources, or of their selections, by name; and those of all models.
        self.named: dict[str, str] = {}
        self.models: list[str] = []
        self._numbers = itertools.count()

    async def open(self) -> None:
        """Load the page, and wait until the explorer is in it."""
        answer = await AsyncHTTPClient().fetch(self._address, request_timeout=PATIENCE)
        token = re.search('"token":"([^"]+)"', answer.body.decode())[1]
        url = self._address.replace("http", "ws", 1) + "/ws"
        origin = {"Origin": self._address.rsplit("/", 1)[0]}
        self._socket = await websocket_connect(
            HTTPRequest(url, headers=origin), subprotocols=["bokeh", token]
        )
        while (await self._read()).get("msgtype") != "ACK":
            pass
        await self._send("PULL-DOC-REQ", {})
        while "neurons" not in self.named:
            content = await self._read()
            if "doc" in content:
                self.named = dict(_named_sources(content["doc"]))
                self.models = sorted(set(re.findall(r'"id": "([^"]+)"', json.dumps(content))))
        ready = {"type": "event", "name": "document_ready", "values": {"type": "map"}}
        event = {"kind": "MessageSent", "msg_type": "bokeh_event", "msg_data": ready}
        await self._send("PATCH-DOC", {"events": [event]})

    async def select(self, rows: list[int]) -> float:
        """Select rows; return the seconds until the server tells an address with them."""
        return await self._change("neurons", "indices", rows)

    async def go(self, fragment: str) -> float:
        """Go to an address, as the browser's back button does; return the seconds that it took."""
        asked = ["address", fragment, f"{next(self._numbers)}", 0]
        return await self._change("session", "tags", [asked])

    async def close(self) -> None:
        """Leave, and wait until the server has heard of it."""
        self._socket.close()
        while await self._socket.read_message() is not None:
            pass

    def drop(self) -> None:
        """Leave, also if the server has closed the connection."""
        self._socket.close()

    async def send_part(self, part: str | bytes) -> None:
        """Send anything at all, as one part of a message."""
        await self._socket.write_message(part, binary=isinstance(part, bytes))

    async def answer(self, message: str) -> str:
        """Wait for what the server says of a message; "closed" if it closes the connection."""
        while (part := await self._socket.read_message()) is not None:
            said = json.loads(part) if isinstance(part, str) and '"reqid"' in part else {}
            if said.get("reqid") == message:
                return str(said["msgtype"])
        self.drop()
        return "closed"

    async def content(self) -> Any:
        """Return the content of the message that `answer` found."""
        await self._socket.read_message()
        return json.loads(await self._socket.read_message())

    async def closed(self) -> tuple[int | None, str | None]:
        """Wait until the server closes the connection; return its code, and why it did."""
        while await asyncio.wait_for(self._socket.read_message(), PATIENCE) is not None:
            pass
        self.drop()
        return self._socket.close_code, self._socket.close_reason

    async def _change(self, source: str, attribute: str, value: Any) -> float:
        start, before = time.monotonic(), len(self.heard)
        model = {"id": self.named[source]}
        event = {"kind": "ModelChanged", "model": model, "attr": attribute, "new": value}
        await self._send("PATCH-DOC", {"events": [event]})
        while len(self.heard) == before:
            await self._read()
        return time.monotonic() - start

    async def _send(self, kind: str, content: dict[str, Any]) -> None:
        for part in ({"msgid": uuid.uuid4().hex, "msgtype": kind}, {}, content):
            await self._socket.write_message(json.dumps(part))

    async def _read(self) -> dict[str, Any]:
        """Read the next part of a message, of which most are no content."""
        part = await asyncio.wait_for(self._socket.read_message(), PATIENCE)
        assert part is not None, "the server closed the connection"
        if not isinstance(part, str):
            return {}
        assert '"msgtype":"ERROR"' not in part, part
        self.heard += re.findall(r'"address",\["(#[^"]*)"', part)
        return json.loads(part)


async def visit(address: str, rows: Sequence[int] = (1, 2)) -> None:
    """Open a page, select, and leave."""
    client = Client(address)
    await client.open()
    await client.select(list(rows))
    await client.close()


def _named_sources(part: Any) -> Any:
    """Yield the sources that scripts ask for by name, in a document as JSON."""
    if isinstance(part, dict):
        attributes = part.get("attributes") or {}
        if part.get("name") == "ColumnDataSource" and "name" in attributes:
            is_hub = attributes["name"] == "neurons"
            yield attributes["name"], (attributes["selected"] if is_hub else part)["id"]
        part = part.values()
    if not isinstance(part, str | int | float | None):
        for one in part:
            yield from _named_sources(one)
