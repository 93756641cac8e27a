"""Many pages at once, and one after the other: no error, nothing of one in another, no leak."""

import asyncio
import itertools
import random
import statistics
import time
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from urllib.parse import unquote

import psutil
import pytest

import dtviz
from benchmarks.brushing import Brush
from dtviz.explorer import Explorer
from tests.serving import Command
from tests.soak.client import Client, visit

# Megabytes that a further page of the demo may take.
MOST_A_PAGE = 15
# Seconds until a server has forgotten a page: Bokeh keeps them 15 s, and looks every 17.
FORGOTTEN = 45


@pytest.fixture
def serve():
    """A function that starts a server, as the README says to serve a group."""
    servers = []

    def start(most=200):
        words = ("--port", "0", "--max-sessions", str(most))
        servers.append(Command(*words, PYTHONMALLOC="malloc", MALLOC_ARENA_MAX="1"))
        return servers[-1]

    yield start
    assert [server.kill() for server in servers] == [""] * len(servers)


def megabytes(server):
    """What a server takes."""
    return psutil.Process(server.process.pid).memory_info().rss / 1e6


def megabytes_left(server):
    """What a server takes once it has forgotten the pages that were left."""
    time.sleep(FORGOTTEN)
    return megabytes(server)


def painted(brush):
    """The milliseconds from a brush to all views painted."""
    brush.draw()
    return brush.release()


async def explore(client, number, until, took):
    """Select and switch layers as a person does, and hear of nothing that others did."""
    own = random.Random(number)
    layer = 2
    for step in itertools.count():
        await asyncio.sleep(own.uniform(1, 5))
        if time.monotonic() > until:
            return
        # No other page has these two.
        rows = [number, 60 + (number * 7 + step) % 190]
        if step % 4 == 3:
            layer = own.choice([0, 1, 2])
            names = ",".join(f"L{layer}N{row}" for row in rows)
            took["layer"].append(await client.go(f"#model=demo&layer={layer}&select={names}"))
        else:
            took["selection"].append(await client.select(rows))
        told = unquote(client.heard[-1])
        expected = f"#model=demo&layer={layer}&select=" + ",".join(f"L{layer}N{r}" for r in rows)
        assert told == expected, (number, step)


def test_many_explore_at_once(serve, browse, say, is_long):
    count, seconds = (50, 300) if is_long else (4, 8)
    # The other has one page alone, but shares the machine, as browsers elsewhere would not.
    server, idle = serve(), serve()
    took = {"selection": [], "layer": []}
    begun = Future()

    async def all_at_once():
        first = Client(server.address)
        await first.open()
        before = megabytes(server)
        alone = [await first.select([i, 100]) for i in range(10)]
        pages = [Client(server.address) for _ in range(count)]
        for page in pages:
            await page.open()
        begun.set_result(None)
        until = time.monotonic() + seconds
        async with asyncio.TaskGroup() as group:
            for number, page in enumerate(pages):
                group.create_task(explore(page, number, until, took))
        each = (megabytes(server) - before) / count
        for page in [*pages, first]:
            await page.close()
        return before, each, statistics.median(alone)

    neurons = Explorer(dtviz.load("demo"), layer=2).neurons
    browsers = [browse(), browse()]
    for browser, one in zip(browsers, (server, idle), strict=True):
        browser.open(one.address)
    brush, idle_brush = (Brush(browser, neurons, {"top_k": 20}) for browser in browsers)
    painted_alone = [painted(brush) for _ in range(30 if is_long else 3)]
    painted_meanwhile, painted_of_idle = [], []
    with ThreadPoolExecutor(1) as pool:
        load = pool.submit(asyncio.run, all_at_once())
        wait([begun, load], return_when=FIRST_COMPLETED)
        while not load.done():
            painted_meanwhile.append(painted(brush))
            painted_of_idle.append(painted(idle_brush))
        before, each, alone = load.result()
    for browser in browsers:
        browser.page.close()
    say(
        f"{count} pages at once for {seconds} s: {len(took['selection']):,} selections, "
        f"{len(took['layer']):,} layers, no error, none heard of another's; {each:.1f} MB a page"
    )
    say(
        f"medians meanwhile: brush to painted {statistics.median(painted_meanwhile):.0f} ms (where "
        f"its server has no other page {statistics.median(painted_of_idle):.0f}; with the machine "
        f"to itself {statistics.median(painted_alone):.0f}); told by the server, a selection after "
        f"{statistics.median(took['selection']) * 1000:.0f} ms (alone {alone * 1000:.0f}), a layer "
        f"after {statistics.median(took['layer'] or [0]) * 1000:.0f} ms"
    )
    assert each <= MOST_A_PAGE
    if is_long:
        left = megabytes_left(server)
        say(f"memory with two pages {before:.0f} MB, after all have left {left:.0f} MB")
        assert left <= before * 1.1


def test_pages_opened_and_left_one_after_the_other_leave_nothing_behind(serve, say, is_long):
    if not is_long:
        pytest.skip("the short form is in tests/test_server.py")
    server = serve(2_500)  # one address may ask for as many pages at once
    sizes = []
    for i in range(2_000):
        asyncio.run(visit(server.address, [i % 256]))
        if i + 1 in (200, 1_000, 2_000):
            sizes.append(megabytes_left(server))
    say(
        f"2,000 pages opened and left; MB after 200, 1,000 and all: {[round(one) for one in sizes]}"
    )
    # A page that stayed would be 6 MB.
    assert sizes[-1] - sizes[0] < 100
