"""Whatever a page sends, or who asks for none: the server lives, and others are answered."""

import asyncio
import contextlib
import statistics
import time
from collections import Counter
from pathlib import Path
from random import Random

import psutil
import pytest
from tornado.httpclient import HTTPClientError
from tornado.websocket import WebSocketClosedError

from tests.serving import Command
from tests.soak.client import Client

from .mutations import SEED
from .mutations.messages import Models, message, request

# Tornado leaves sockets to be closed by the garbage collector, which tells of them.
pytestmark = pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")

# Of both together: three messages for each request.
SHORT, LONG = 120, 100_000
# Messages to one page, after which another takes its place, as a person's would.
RECYCLED = 500
SECONDS = 30
MEBIBYTES = 200


class Hostile:
    """A page that sends what it likes, and opens anew where the server has closed it."""

    def __init__(self, address: str) -> None:
        self._address, self._client, self._sent = address, None, 0
        self.ends: Counter[str] = Counter()

    async def send(self, random: Random) -> None:
        """Send a message, and wait for what comes of it."""
        if self._client is None or self._sent == RECYCLED:
            await self.leave()
            self._client, self._sent = await opened(self._address), 0
        self._sent += 1
        models = Models(self._client.models, self._client.named)
        parts, is_answered = message(random, models)
        try:
            for part in parts:
                await self._client.send_part(part)
            patience = SECONDS if is_answered else 0.5
            end = await asyncio.wait_for(self._client.answer("soak"), patience)
        except WebSocketClosedError:
            end = "closed"
        except TimeoutError:
            assert not is_answered, str(parts)[:10_000]
            # It was no message, or not yet all of one.
            end = "not answered"
        self.ends[end] += 1
        if end in ("closed", "not answered"):
            self._client.drop()
            self._client = None

    async def leave(self) -> None:
        if self._client is not None:
            await self._client.close()


async def opened(address: str) -> Client:
    """A page, once the server lets it in."""
    while True:
        client = Client(address)
        try:
            await client.open()
        except HTTPClientError as error:
            if error.code not in (429, 503):
                raise
            await asyncio.sleep(1)
        else:
            return client


async def ask(random: Random, port: int) -> str:
    """Send a request; return the status of the answer."""
    reader, writer = await asyncio.open_connection("localhost", port)
    answer = b""
    with contextlib.suppress(ConnectionError):
        writer.write(request(random, f"localhost:{port}"))
        writer.write_eof()
        answer = await asyncio.wait_for(reader.read(), SECONDS)
    writer.close()
    return answer[9:12].decode(errors="replace") or "none"


def test_mutated_messages_and_requests(tmp_path, monkeypatch, say, is_long):
    count = LONG if is_long else SHORT
    monkeypatch.chdir(tmp_path)
    before = set(Path().iterdir())
    server = Command("--port", "0", "--max-sessions", "2000", PYTHONMALLOC="malloc")
    process = psutil.Process(server.process.pid)
    port = int(server.address.split(":")[2].split("/")[0])
    asked, alone, meanwhile, sizes = Counter(), [], [], []

    async def select(page: Client, took: list[float]) -> None:
        # By turns, so that each is another selection.
        took.append(await page.select([len(took) % 200, 201]))

    async def run() -> Hostile:
        hostile, other = Hostile(server.address), await opened(server.address)
        for _ in range(20):
            await select(other, alone)
        begun = time.monotonic()
        for number in range(count):
            random = Random(f"{SEED} {number}")
            if number % 4 == 3:
                asked[await ask(random, port)] += 1
            else:
                await hostile.send(random)
            if number % 20 == 0:
                await select(other, meanwhile)
            if number % (count // 4) == count // 4 - 1:
                sizes.append(process.memory_info().rss / 2**20)
        say(f"{count:,} mutated messages and requests in {time.monotonic() - begun:,.0f} s")
        await hostile.leave()
        await select(other, meanwhile)
        await other.close()
        return hostile

    try:
        hostile = asyncio.run(run())
        assert server.process.poll() is None
        readers = [one.name() for one in process.children(recursive=True)]
    finally:
        server.kill()
    say(f"messages: {dict(hostile.ends.most_common())}; requests: {dict(asked.most_common())}")
    say(
        f"another page's selection was answered in {1000 * statistics.median(meanwhile):.0f} ms "
        f"(median; alone {1000 * statistics.median(alone):.0f}); the server took "
        f"{', '.join(f'{size:.0f}' for size in sizes)} MiB after each quarter"
    )
    assert set(Path().iterdir()) == before
    assert len(readers) <= 3
    # Of a server that is asked without pause, half the time is another's.
    assert not is_long or statistics.median(meanwhile) <= 2 * statistics.median(alone) + 0.05
    assert sizes[-1] - sizes[0] <= MEBIBYTES
