"""Bytes changed anywhere."""

from collections.abc import Callable
from random import Random

Mutation = Callable[[Random, bytes], bytes]


def flipped(random: Random, data: bytes) -> bytes:
    spoilt = bytearray(data)
    for _ in range(random.choice((1, 1, 4, 30))):
        if spoilt:
            spoilt[_place(random, spoilt)] ^= 1 << random.randrange(8)
    return bytes(spoilt)


def inserted(random: Random, data: bytes) -> bytes:
    place = _place(random, data)
    more = random.choice((b"\0", b"\xff" * 8, b"[" * 100_000, random.randbytes(20)))
    return data[:place] + more + data[place:]


def deleted(random: Random, data: bytes) -> bytes:
    place = _place(random, data)
    return data[:place] + data[place + random.choice((1, 2, 8, 1000)) :]


def doubled(random: Random, data: bytes) -> bytes:
    place = _place(random, data)
    piece = data[place : place + random.choice((1, 8, 100, 10_000))]
    return data[:place] + piece + data[place:]


def overwritten(random: Random, data: bytes) -> bytes:
    place = _place(random, data)
    piece = random.choice((b"\0", b"\xff", b"\x7f")) * random.choice((1, 4, 8, 50))
    return data[:place] + piece + data[place + len(piece) :]


def truncated(random: Random, data: bytes) -> bytes:
    return data[: _place(random, data)]


def _place(random: Random, data: bytes | bytearray) -> int:
    """Return a place: structure lies at either end, in between are mostly numbers."""
    last = max(len(data) - 1, 0)
    near = min(2000, last)
    return random.choice(
        (random.randint(0, last), random.randint(0, near), last - random.randint(0, near))
    )


BYTES: list[Mutation] = [flipped, inserted, deleted, doubled, overwritten, truncated]
