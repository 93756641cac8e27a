"""Headers of GGUF files: what they say of the model, of tensors, and of how much there is."""

import struct
from random import Random

# Where the header of a small file with a few hundred tokens ends, about.
_HEADER = 24_000
_NUMBERS = (0, 1, 2, 7, 255, 2**16, 2**31 - 1, 2**31, 2**32 - 1)
_LARGE = (0, 1, 2**32, 2**40, 2**60, 2**63, 2**64 - 1)


def header_changed(random: Random, data: bytes) -> bytes:
    """Change what is said of a key or of a tensor, or how many there are."""
    if random.random() < 0.1:
        count = struct.pack("<Q", random.choice(_LARGE))
        place = random.choice((8, 16))
        return data[:place] + count + data[place + 8 :]
    names = (b"llama.", b"qwen3moe.", b"general.", b"tokenizer.", b"blk.", b"output", b"token_embd")
    name = random.choice([name for name in names if name in data])
    places = [at for at in range(min(len(data), _HEADER)) if data.startswith(name, at)]
    if not places:
        return data
    place = random.choice(places)
    act = random.randrange(4)
    if act == 0:  # the length of the name
        return data[: place - 8] + struct.pack("<Q", random.choice(_LARGE)) + data[place:]
    if act == 1:  # the name
        return data[:place] + bytes([data[place] ^ 1]) + data[place + 1 :]
    # The kind, the value or the shape after it.
    (length,) = struct.unpack("<Q", data[place - 8 : place])
    at = place + min(length, 100) + random.choice((0, 4, 8, 12, 20))
    return data[:at] + struct.pack("<I", random.choice(_NUMBERS)) + data[at + 4 :]


def numbers_changed(random: Random, data: bytes) -> bytes:
    """Spoil numbers, such as the scales of blocks."""
    place = random.randrange(min(_HEADER, len(data)), len(data))
    piece = random.choice((b"\xff\x7f", b"\x00\x7c", b"\x00\x00\xc0\x7f", bytes(40)))
    return data[:place] + piece + data[place + len(piece) :]
