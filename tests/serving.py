"""Servers that run beside the tests."""

import asyncio
import contextlib
import os
import queue
import subprocess
import sys
import tempfile
import threading
from collections.abc import Callable, Iterator

from bokeh.server.server import BaseServer


@contextlib.contextmanager
def running(make: Callable[[], BaseServer]) -> Iterator[BaseServer]:
    """Run a server in a thread of its own; it listens once this yields."""
    started: queue.Queue[BaseServer | Exception] = queue.Queue()

    def run() -> None:
        # Not Panel's own thread: this one says when it listens, and at which port.
        asyncio.set_event_loop(asyncio.new_event_loop())
        try:
            server = make()
        except Exception as error:
            started.put(error)
            return
        server.start()
        started.put(server)
        server.io_loop.start()

    thread = threading.Thread(target=run)
    thread.start()
    server = started.get(timeout=60)
    if isinstance(server, Exception):
        thread.join()
        raise server
    try:
        yield server
    finally:
        server.io_loop.add_callback(server.io_loop.stop)
        thread.join()


class Command:
    """`dtviz explore` in a process of its own, which listens once this is made.

    Args:
        words: more of the command line.
        variables: more of the environment.
    """

    def __init__(self, *words: str, **variables: str) -> None:
        command = [sys.executable, "-m", "dtviz.cli", "explore", "--no-browser", *words]
        # No pipe: once it is full, who writes to it waits.
        self._complaints = tempfile.TemporaryFile("w+")  # noqa: SIM115
        self.process = subprocess.Popen(
            command,
            stdout=subprocess.PIPE,
            stderr=self._complaints,
            text=True,
            env=os.environ | variables,
        )
        said = self.process.stdout.readline()
        self.address = said.split("dtviz is at ")[1].split()[0]

    def kill(self) -> str:
        """End the process at once; return what it complained of."""
        self.process.kill()
        # Not to the end of what it says: what it has started may say more for a while.
        self.process.stdout.close()
        self.process.wait(60)
        if not self._complaints.closed:
            with self._complaints as file:
                file.seek(0)
                self._said = file.read()
        return self._said
