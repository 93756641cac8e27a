"""Headers of .safetensors files: what they claim of tensors, and how long they are."""

import json
import struct
from random import Random

from .json_values import change, written


def split(data: bytes) -> tuple[dict, bytes]:
    length = int.from_bytes(data[:8], "little")
    try:
        header = json.loads(data[8 : 8 + length])
    except (ValueError, RecursionError):
        header = None
    return header if isinstance(header, dict) else {}, data[8 + length :]


def joined(header: bytes, rest: bytes) -> bytes:
    return struct.pack("<Q", len(header)) + header + rest


def header_changed(random: Random, data: bytes) -> bytes:
    header, rest = split(data)
    change(random, header)
    return joined(written(header), rest)


def header_length_changed(random: Random, data: bytes) -> bytes:
    length = random.choice((0, 1, 2**31, 2**60, 2**63, 2**64 - 1, len(data), len(data) - 8))
    return struct.pack("<Q", length) + data[8:]


def tensor_claimed(random: Random, data: bytes) -> bytes:
    """Give a tensor another kind, shape or place than its bytes have."""
    header, rest = split(data)
    tensors = [entry for entry in header.values() if isinstance(entry, dict) and "shape" in entry]
    if tensors:
        one = random.choice(tensors)
        one |= random.choice(
            (
                {"shape": [random.choice((0, 1, 2**20, 2**32, 2**60)) for _ in range(2)]},
                {"shape": [2**60], "data_offsets": [0, 2**62]},
                {"shape": [2**60, 0], "data_offsets": [0, 0]},
                {"shape": one["shape"][::-1]},
                {"shape": [*one["shape"], 1]},
                {"dtype": random.choice(("F64", "F16", "BF16", "I8", "BOOL", "F4", "C64", "U64"))},
                {"data_offsets": random.choice(tensors).get("data_offsets")},
                {"data_offsets": [len(rest), 0]},
            )
        )
        if random.random() < 0.3:  # as many bytes as it claims, within reason
            rest += bytes(100_000)
    return joined(written(header), rest)
