"""Pickles: payloads planted, objects exchanged, and bombs."""

import io
import pickletools
import struct
from random import Random

# What a payload makes, if it runs, in the folder that one works in.
SENTINEL = "payload-ran"
_MAKE = f"mkdir {SENTINEL}".encode()
# Protocol 2, or opcodes that torch.load does not know either.
_PAYLOADS = (
    b"cos\nsystem\n(X%b%btR" % (struct.pack("<I", len(_MAKE)), _MAKE),
    b"cposix\nsystem\n(X%b%btR" % (struct.pack("<I", len(_MAKE)), _MAKE),
    b"cos\nmkdir\n(U\x0b%btR" % SENTINEL.encode(),
    b"(S'%b'\nios\nmkdir\n" % SENTINEL.encode(),
    b"cbuiltins\neval\n(U\x28__import__('os').mkdir('%b')tR" % SENTINEL.encode(),
    b"\x8c\x02os\x8c\x05mkdir\x93\x8c\x0b%b\x85R" % SENTINEL.encode(),
    b"cbuiltins\nexec\n(U\x20import os; os.mkdir('%b')tR" % SENTINEL.encode(),
)
_GLOBALS = (
    *("builtins bytearray", "_codecs encode", "builtins set", "collections Counter", "torch Size"),
    *("torch Tensor", "torch FloatTensor", "torch device", "torch.nn.parameter Parameter"),
    *(
        "torch DoubleStorage",
        "torch HalfStorage",
        "torch.storage UntypedStorage",
        "torch BoolStorage",
    ),
    *("torch._utils _rebuild_sparse_tensor", "torch._utils _rebuild_qtensor", "os system"),
    *("torch._utils _rebuild_meta_tensor_no_storage", "torch._utils _rebuild_nested_tensor"),
    *("torch._utils _rebuild_wrapper_subclass", "torch._tensor _rebuild_from_type_v2"),
    *("torch._utils _rebuild_device_tensor_from_numpy", "builtins eval", "numpy ndarray"),
)


def _deep_tuple() -> bytes:
    """A dict whose key is nested too deeply to be hashed: the interpreter would crash."""
    return b"}" + b")" + b"\x85" * 1_000_000 + b"Ns"


def _shared_tuple() -> bytes:
    """A dict whose key is small, and takes ages to be hashed."""
    return b"])q\x00a" + b"h\x00h\x00\x86q\x00a" * 60 + b"}h\x00Ns"


def _shared_list() -> bytes:
    """What takes ages to be told of in a message: it is no function."""
    return b"]q\x00" + b"]q\x01(h\x00h\x00eq\x00" * 60 + b")R"


def _bytearray() -> bytes:
    """Two gigabytes of zeros."""
    return b"cbuiltins\nbytearray\n(J%btR" % struct.pack("<i", 2**31 - 1)


_BOMBS = (_deep_tuple, _shared_tuple, _shared_list, _bytearray)


def pickle_changed(random: Random, data: bytes) -> bytes:
    """Change what one pickle says, or plant something in it, before what it holds."""
    start, rest = data[:2], data[2:]
    act = random.random()
    if act < 0.25:
        return start + random.choice(_PAYLOADS) + random.choice((b"", b"(")) + rest
    if act < 0.3:
        return start + random.choice(_PAYLOADS) + b"."
    if act < 0.4:
        return start + random.choice(_BOMBS)() + rest
    if act < 0.45:
        return start + b"]" * 100_000 + b"a" * 99_999 + b"."
    try:
        ops = [
            (op.name, place)
            for op, _, place in pickletools.genops(data)
            if op.name in ("BININT", "BININT1", "BININT2", "GLOBAL", "BINUNICODE")
        ]
    except Exception:  # changed before
        return data
    name, place = random.choice(ops) if ops else ("", 0)
    if name == "GLOBAL":
        end = data.index(b"\n", data.index(b"\n", place) + 1) + 1
        module, what = random.choice(_GLOBALS).split()
        return data[:place] + f"c{module}\n{what}\n".encode() + data[end:]
    if name == "BINUNICODE":
        (length,) = struct.unpack("<I", data[place + 1 : place + 5])
        text = data[place + 5 : place + 5 + length]
        text = random.choice(
            (text[:-1], text + b"x", b"../0", b"cuda:0", b"meta", b"0", b"", b'{"n_layers": 1e999}')
        )
        end = place + 5 + length
        return data[:place] + b"X" + struct.pack("<I", len(text)) + text + data[end:]
    end = place + {"BININT": 5, "BININT1": 2, "BININT2": 3}.get(name, 0)
    number = random.choice((0, 1, 2, 5, 2**31 - 1, 2**31, 2**40, 2**60, 2**62, 2**64, -1))
    size = number.bit_length() // 8 + 1
    written = b"\x8a" + bytes([size]) + number.to_bytes(size, "little", signed=True)
    return data[:place] + written + data[end:] if ops else data


def legacy_pickle_changed(random: Random, data: bytes) -> bytes:
    """Change the object of a file that begins with the pickles of three numbers."""
    stream = io.BytesIO(data)
    try:
        for _ in range(3 if random.random() < 0.8 else random.randrange(5)):
            for _op in pickletools.genops(stream):
                pass
        place = stream.tell()
        for _op in pickletools.genops(stream):
            pass
    except Exception:  # changed before
        return data
    end = stream.tell()
    return data[:place] + pickle_changed(random, data[place:end]) + data[end:]
