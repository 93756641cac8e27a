"""Arrays of .npz files: headers that claim other kinds, shapes and orders; arrays of objects."""

import io
from random import Random

import numpy as np

from .archives import _archive, _entries


class _Payload:
    """What, when it is unpickled, writes a file into the folder that one works in."""

    def __reduce__(self) -> tuple:
        return (open, ("unpickled", "w"))


def arrays_changed(random: Random, data: bytes) -> bytes:
    """Change headers or numbers of arrays, exchange them, or put others in their place."""
    entries = _entries(data)
    if not entries:
        return data
    for _ in range(random.choice((1, 1, 3))):
        i = random.randrange(len(entries))
        name, held = entries[i]
        act = random.randrange(6)
        if act < 3:
            held = _header_changed(random, held)
        elif act == 3:
            held = _saved(_other(random))
        elif act == 4:
            name = random.choice(("W_enc.npy", "w_enc.npy", "W_dec", "r_mag.npy", "x" * 10_000))
        else:
            numbers = random.choice((b"\0\0\xc0\x7f", b"\0\0\x80\x7f", b"\xff\xff\x7f\x7f"))
            held = held[:-4] + numbers
        entries[i] = (name, held)
    return _archive(entries)


def _header_changed(random: Random, held: bytes) -> bytes:
    start, length = held[:8], int.from_bytes(held[8:10], "little")
    text, rest = held[10 : 10 + length], held[10 + length :]
    old, new = random.choice(
        (
            (b"False", b"True"),
            (b"<f4", random.choice((b"<f2", b"<f8", b">f4", b"|O", b"<c8", b"<V4", b"<f99"))),
            (b"(", b"(" * random.choice((2, 100_000))),
            (b", ", random.choice((b"0, ", b"9" * 30 + b", ", b", -1, ", b", 4_0, "))),
            (b"}", b"} + __import__('os').getpid()"),
            (b"'shape'", b"'shape': (1,), 'shape'"),
        )
    )
    text = text.replace(old, new, 1)
    start = random.choice((start, start, start[:6] + random.choice((b"\2\0", b"\3\0", b"\xff\0"))))
    stated = len(text) if random.random() < 0.8 else random.choice((0, 65_535))
    return start + min(stated, 65_535).to_bytes(2, "little") + text + rest


def _other(random: Random) -> np.ndarray:
    payload = np.empty(1, dtype=object)
    payload[0] = _Payload()
    shape = [random.choice((0, 1, 7, 300)) for _ in range(random.randrange(4))]
    kind = random.choice((np.float64, np.float16, np.int8, np.complex64, "U3"))
    return random.choice((payload, np.zeros(shape, dtype=kind)))


def _saved(array: np.ndarray) -> bytes:
    buffer = io.BytesIO()
    np.save(buffer, array, allow_pickle=True)
    return buffer.getvalue()
