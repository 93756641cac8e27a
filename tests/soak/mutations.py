"""Checkpoints of every form, and what a hostile hand makes of them: by number, always the same."""

import copy
import io
import json
import pickletools
import re
import struct
import warnings
import zipfile
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from random import Random
from typing import NamedTuple

import safetensors.torch
import torch

import dtviz
from dtviz import partitions
from dtviz.demo import CHECKPOINT
from tests.checkpoints import language_models
from tests.checkpoints.published import published

SEED = "dtviz 7"
# What a payload makes, if it runs, in the folder that one works in.
SENTINEL = "payload-ran"
# Bytes that a bomb unpacks to.
BOMB = 400_000_000

# Of ten checkpoints, so many are of each form.
_SHARES = {
    "archive": 2,
    "legacy": 1.5,
    "safetensors": 1.5,
    "demo": 0.5,
    "table": 1.5,
    "gpt2": 2,
    "llama": 1,
}

Files = dict[str, bytes]
Mutation = Callable[[Random, bytes], bytes]


class Mutated(NamedTuple):
    """A checkpoint: its form, what was done to it, its files, and which of them is opened."""

    form: str
    what: str
    files: Files
    opened: str


def forms(folder: Path) -> dict[str, Files]:
    """Return a checkpoint of each form that dtviz opens, as files by name; written on the way."""
    decision = published(layers=2, d_model=8, d_mlp=12, view=2, gated=True)
    (folder / "tiny.pt").write_bytes(decision.pt())
    with ThreadPoolExecutor(1) as executor:
        partitions.write(dtviz.load(folder / "tiny.pt"), folder / "table", executor)
    language_models.saved("gpt2", folder / "gpt2")
    language_models.saved("llama", folder / "llama", max_shard_size="10KB")
    return {
        "archive": {"model.pt": decision.pt()},
        "legacy": {"model.pt": decision.pt(_use_new_zipfile_serialization=False)},
        "safetensors": {"model.safetensors": decision.safetensors()},
        "demo": {"model.pt": CHECKPOINT.read_bytes()},
        **{name: _files(folder / name) for name in ("table", "gpt2", "llama")},
    }


def _files(folder: Path) -> Files:
    paths = (path for path in sorted(folder.rglob("*")) if path.is_file())
    return {str(path.relative_to(folder)): path.read_bytes() for path in paths}


def mutated(forms: dict[str, Files], number: int) -> Mutated:
    """Return a mutated checkpoint; of one number and the same forms it is always the same."""
    random = Random(f"{SEED} {number}")
    form = random.choices(list(_SHARES), list(_SHARES.values()))[0]
    files = dict(forms[form])
    done = []
    for _ in range(random.choice((1, 1, 1, 2))):
        name = random.choice(_worth_it(random, list(files)))
        mutations = [*BYTES, *_structural(name, files[name])]
        if files[name] is not forms[form][name]:
            # This process would load what was changed before.
            mutations = [one for one in mutations if one is not weights_changed]
        mutation = random.choice(mutations)
        files[name] = mutation(random, files[name])
        done.append(f"{mutation.__name__} of {name}")
    if len(files) > 1 and random.random() < 0.05:
        gone = random.choice(list(files))
        del files[gone]
        done.append(f"without {gone}")
    opened = next(iter(files)) if len(forms[form]) == 1 else "."
    return Mutated(form, ", ".join(done), files, opened)


def _worth_it(random: Random, names: list[str]) -> list[str]:
    """Return what to choose from: mostly what is read first, of many files."""
    first = [name for name in names if name in ("config.json", "model.json", "tokenizer.json")]
    return first if first and random.random() < 0.4 else names


def _structural(name: str, data: bytes) -> list[Mutation]:
    if name.endswith(".safetensors"):
        return [header_changed, tensor_claimed, weights_changed] * 3 + [header_length_changed]
    if name.endswith(".json"):
        return [json_changed] * 8
    if data.startswith(b"PK"):
        structural = [sizes_in_archive_changed, bomb] + [entries_changed] * 3
        return structural + [pickle_in_archive, weights_changed] * 6
    if name.endswith(".pt"):
        return [legacy_pickle_changed, weights_changed] * 6
    return []


# --- bytes ----------------------------------------------------------------------------------------


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

# --- JSON -----------------------------------------------------------------------------------------

_DEEP = "what is nested deeply"
_NESTED = "[" * 100_000 + "]" * 100_000
_NUMBERS = (0, 1, -1, 3, 2**31, 2**32, 2**60, 2**63, 2**64, 10**400, 0.5, 1e308)
_VALUES = (
    *(*_NUMBERS, float("nan"), float("inf"), -float("inf"), None, True, False),
    *("", "x", "F64", "I64", "F8_E4M3", "BOOL", "LN", "../x", "/etc/passwd", "\ud800", "x" * 10**5),
    *([], [[]], {}, {"a": 1}, [2**60], [2**32, 2**32], [0, 2**60], [2**60, 0], [-1, -1], _DEEP),
    *("someone/kernel", "bloom", "mpt", "opt", "gptj", "gpt_neox", "falcon", "phi", "gemma3", "t5"),
    *("BertForMaskedLM", "LlamaForCausalLM", "MixtralForCausalLM", "GPT2LMHeadModel", "mamba"),
)
# What configurations say elsewhere.
_KEYS = (
    *("auto_map", "_attn_implementation", "attn_implementation", "quantization_config"),
    *(
        "rope_scaling",
        "rope_parameters",
        "layer_types",
        "text_config",
        "sub_configs",
        "torch_dtype",
    ),
    *(
        "tokenizer_class",
        "architectures",
        "model_type",
        "num_local_experts",
        "max_position_embeddings",
    ),
)


def json_changed(random: Random, data: bytes) -> bytes:
    try:
        value = json.loads(data)
    except (ValueError, RecursionError):  # changed before
        return data
    if not isinstance(value, dict | list):
        return data
    for _ in range(random.choice((1, 1, 1, 2, 5))):
        _change(random, value)
    return _written(value)


def _written(value: object) -> bytes:
    return json.dumps(value).replace(f'"{_DEEP}"', _NESTED).encode()


def _change(random: Random, value: dict | list) -> None:
    """Replace, add or delete something anywhere in a JSON object or list."""
    while random.random() < 0.6:
        inner = value.values() if isinstance(value, dict) else value
        inner = [one for one in inner if isinstance(one, dict | list) and one]
        if not inner:
            break
        value = random.choice(inner)
    new = copy.deepcopy(random.choice(_VALUES))
    if isinstance(value, list):
        value.insert(random.randint(0, len(value)), new)
        if len(value) > 1 and random.random() < 0.7:
            del value[random.randrange(len(value))]
    else:
        keys = list(value)
        act = random.random()
        if not keys or act < 0.15:
            value[random.choice((*_KEYS, "", "../x"))] = new
        elif act < 0.3:
            del value[random.choice(keys)]
        elif act < 0.45:
            value[random.choice(keys)] = copy.deepcopy(value[random.choice(keys)])
        else:
            value[random.choice(keys)] = new


# --- .safetensors ---------------------------------------------------------------------------------


def _split(data: bytes) -> tuple[dict, bytes]:
    length = int.from_bytes(data[:8], "little")
    try:
        header = json.loads(data[8 : 8 + length])
    except (ValueError, RecursionError):
        header = None
    return header if isinstance(header, dict) else {}, data[8 + length :]


def _joined(header: bytes, rest: bytes) -> bytes:
    return struct.pack("<Q", len(header)) + header + rest


def header_changed(random: Random, data: bytes) -> bytes:
    header, rest = _split(data)
    _change(random, header)
    return _joined(_written(header), rest)


def header_length_changed(random: Random, data: bytes) -> bytes:
    length = random.choice((0, 1, 2**31, 2**60, 2**63, 2**64 - 1, len(data), len(data) - 8))
    return struct.pack("<Q", length) + data[8:]


def tensor_claimed(random: Random, data: bytes) -> bytes:
    """Give a tensor another kind, shape or place than its bytes have."""
    header, rest = _split(data)
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
    return _joined(_written(header), rest)


# --- weights and configurations -------------------------------------------------------------------


def weights_changed(random: Random, data: bytes) -> bytes:
    """Drop, rename, reshape or spoil weights, and change configurations; then save all again."""
    if data[8:9] == b"{":
        state, texts = safetensors.torch.load(data), _split(data)[0].get("__metadata__") or {}
    else:
        texts = torch.load(io.BytesIO(data), weights_only=True)
        state = texts.pop("model_state_dict")
    for _ in range(random.choice((1, 1, 1, 2, 5))):
        key = random.choice(list(state) or ["x"])
        act = random.random()
        if act < 0.15:
            state.pop(key, None)
        elif act < 0.3:
            new = random.choice((key[:-1], f"{key}.x", key.replace("0", "1"), "", "x" * 10_000))
            state[new] = state.pop(key, torch.zeros(3)).clone()
        elif act < 0.7:
            state[key] = _spoilt(random, state.get(key, torch.zeros(3)))
        else:
            for name in [name for name in texts if name.endswith("config")]:
                texts[name] = json_changed(random, texts[name].encode()).decode()
    try:
        if data[8:9] == b"{":
            return safetensors.torch.save({key: one.clone() for key, one in state.items()}, texts)
        zipped = data.startswith(b"PK")
        torch.save(
            {"model_state_dict": state, **texts},
            buffer := io.BytesIO(),
            _use_new_zipfile_serialization=zipped,
        )
    except Exception:  # not everything can be saved in every form
        return data
    return buffer.getvalue()


def _spoilt(random: Random, tensor: torch.Tensor) -> torch.Tensor:
    kinds = (torch.float64, torch.float16, torch.bfloat16, torch.int8, torch.bool, torch.complex64)
    act = random.randrange(8)
    if act < 4:
        number = (float("nan"), float("inf"), 3e38, 0.0)[act]
        spoilt = tensor.clone()
        spoilt.view(-1)[:1] = number
        return spoilt if act < 2 else torch.full_like(tensor, number)
    if act == 4:
        return tensor.to(random.choice(kinds))
    if act == 5:
        return tensor.mT.contiguous() if tensor.ndim > 1 else tensor[None]
    if act == 6:
        return torch.zeros([random.choice((0, 1, 7, 300)) for _ in range(random.randrange(4))])
    return tensor.expand(3, *tensor.shape)


# --- archives and pickles -------------------------------------------------------------------------

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


def _entries(data: bytes) -> list[tuple[str, bytes]]:
    """Return names and contents; none of what cannot be read, or is a bomb already."""
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            if sum(info.file_size for info in archive.infolist()) > 10 * len(data):
                return []
            return [(info.filename, archive.read(info)) for info in archive.infolist()]
    except Exception:  # changed before
        return []


def _archive(entries: list[tuple[str, bytes]], compression: int = zipfile.ZIP_STORED) -> bytes:
    buffer = io.BytesIO()
    with warnings.catch_warnings(), zipfile.ZipFile(buffer, "w") as archive:
        warnings.simplefilter("ignore")  # of names that come twice
        for name, data in entries:
            archive.writestr(name, data, compression, compresslevel=1)
    return buffer.getvalue()


def entries_changed(random: Random, data: bytes) -> bytes:
    """Rename, double, empty, exchange or leave out records, or put an archive into itself."""
    entries = _entries(data)
    for _ in range(random.choice((1, 1, 3)) if entries else 0):
        i, j = random.randrange(len(entries)), random.randrange(len(entries))
        name, held = entries[i]
        act = random.randrange(8)
        if act == 0:
            new = random.choice(
                ("../x", "/etc/x", "x", "archive/data.pkl", "archive/constants.pkl")
            )
            entries[i] = (new, held)
        elif act == 1:
            entries.insert(j, (name, random.choice((held, b"", entries[j][1]))))
        elif act == 2:
            entries[i] = (name, b"")
        elif act == 3:
            entries[i], entries[j] = (name, entries[j][1]), (entries[j][0], held)
        elif act == 4 and len(entries) > 1:
            del entries[i]
        elif act == 5:
            entries[i] = (name, data)
        elif act == 6:
            entries.insert(0, (random.choice(("archive/DATA.PKL", "other/data.pkl")), held))
        else:
            random.shuffle(entries)
    compression = random.choice((zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED))
    return _archive(entries, compression) if entries else data


def bomb(random: Random, data: bytes) -> bytes:
    """Let a record unpack to a thousand times its bytes."""
    entries = _entries(data)
    if not entries:
        return data
    i = random.randrange(len(entries))
    entries[i] = (entries[i][0], bytes(BOMB))
    return _archive(entries, zipfile.ZIP_DEFLATED)


def sizes_in_archive_changed(random: Random, data: bytes) -> bytes:
    """Let the directory of the archive claim other sizes, methods or places."""
    spoilt = bytearray(data)
    places = [match.start() for match in re.finditer(b"PK\x01\x02|PK\x03\x04", data)]
    for _ in range(random.choice((1, 3))):
        place = random.choice(places or [0])
        offset = random.choice((8, 10, 16, 20, 24, 28, 30, 42))
        size = 2 if offset in (8, 10, 28, 30) else 4
        number = random.choice((0, 1, 8, 0xFFFFFFFF, 0x7FFFFFFF, 100_000_000)) % 256**size
        spoilt[place + offset : place + offset + size] = number.to_bytes(size, "little")
    return bytes(spoilt)


def pickle_in_archive(random: Random, data: bytes) -> bytes:
    entries = _entries(data)
    changed = [
        (name, pickle_changed(random, held) if name.endswith("data.pkl") else held)
        for name, held in entries
    ]
    return _archive(changed) if entries else data
