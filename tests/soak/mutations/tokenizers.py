"""Tokenizers: vocabularies, decoders, added tokens and messages, from a grammar."""

import json
from random import Random
from typing import Any

from .json_values import NUMBERS, VALUES, change, written

_TEXTS = (
    *("", "a", "▁", "▁▁", "Ġthe", "##s", "</w>", "<0x41>", "<0xFF>", "<0xZZ>", "é", "中", "\ud800"),
    *("<|end|>", "\u202e", "=1+1", "<img src=x onerror=alert(1)>", "x" * 100_000, " " * 50_000),
)
_ROLES = ("bos_token", "eos_token", "unk_token", "pad_token", "mask_token", "x_token", "sp_token")
_CLASSES = (
    *("PreTrainedTokenizerFast", "GPT2Tokenizer", "LlamaTokenizer", "T5Tokenizer", "Evil", ""),
    *("PegasusTokenizer", "XLMRobertaTokenizer", "BertTokenizer", "CodeGenTokenizer"),
)
_VARINT, _SIZED = 0, 2


def tokenizer_changed(random: Random, data: bytes) -> bytes:
    """Change a tokenizer.json: its model, its decoder or what is added."""
    held = _object(data)
    for _ in range(random.choice((1, 1, 2))):
        match random.randrange(6):
            case 0:
                held["decoder"] = _decoder(random, 0)
            case 1:
                held["added_tokens"] = [_added(random) for _ in range(random.choice((1, 3, 300)))]
            case 2:
                _model(random, held)
            case 3:
                held["normalizer"], held["pre_tokenizer"] = _decoder(random, 0), _any(random)
            case 4:
                held[random.choice(("model", "decoder", "added_tokens", "version"))] = _any(random)
            case _:
                change(random, held)
    return written(held)


def configuration_changed(random: Random, data: bytes) -> bytes:
    """Change what tokenizer_config.json and the files beside it say."""
    held = _object(data)
    for _ in range(random.choice((1, 2, 4))):
        number = random.choice((*NUMBERS, 10**7, 306, 307))
        match random.randrange(8):
            case 0:
                held[random.choice(("extra_ids", "offset", "fairseq_offset", "vocab_size"))] = (
                    number
                )
            case 1:
                many = random.choice((1, 5, 2000))
                tokens = {str(random.choice((i, number))): _added(random) for i in range(many)}
                held["added_tokens_decoder"] = tokens
            case 2:
                held[random.choice(_ROLES)] = random.choice((_text(random), _added(random), number))
            case 3:
                listed = [random.choice((_text(random), _added(random))) for _ in range(5)]
                named = {f"t{i}": one for i, one in enumerate(listed)}
                key = random.choice(("extra_special_tokens", "additional_special_tokens"))
                held[key] = random.choice((listed, named, number))
            case 4:
                held["tokenizer_class"] = random.choice(_CLASSES)
            case 5:
                name = random.choice(("tokenizer.9.json", "../x", "x" * 9000, number))
                held["fast_tokenizer_files"] = [name]
            case 6:
                held[_text(random)] = number  # as in added_tokens.json
            case _:
                change(random, held)
    return written(held)


def vocabulary_changed(random: Random, data: bytes) -> bytes:
    """Change a vocab.json: which token has which number."""
    model = {"vocab": _object(data)}
    _model(random, {"model": model})
    return written(model["vocab"])


def lines_changed(random: Random, data: bytes) -> bytes:
    """Change a file of lines: vocab.txt, merges.txt or tiktoken's."""
    lines = data.split(b"\n")
    for _ in range(random.choice((1, 1, 5))):
        i = random.randrange(len(lines))
        text = _text(random).encode(errors="surrogatepass")
        number = str(random.choice(NUMBERS)).encode()
        new = random.choice(
            (
                text,
                b"YQ== " + number,
                b"%b %d" % (text, i),
                b"YQ",
                b"\xff\xfe",
                b"",
                b"\r",
                b"a b c",
            )
        )
        lines[i : i + random.choice((0, 1, 1, 9))] = [new] * random.choice((1, 1, 2, 1000))
    return b"\n".join(lines)


def messages_changed(random: Random, data: bytes) -> bytes:
    """Change the messages of a SentencePiece model: fields, their kinds and their sizes."""
    fields = _fields(data)
    if not fields:
        return data
    for _ in range(random.choice((1, 1, 3))):
        i = random.randrange(len(fields))
        number, value = fields[i]
        match random.randrange(6):
            case 0:
                fields[i] = (random.choice((0, 1, 2, 3, 15, 2**29)), value)
            case 1:
                fields[i] = (number, random.choice((0, 3, 2**31, 2**63, 2**64 - 1)))
            case 2:
                fields[i] = (number, _piece(random))
            case 3:
                fields[i:i] = [fields[random.randrange(len(fields))]] * random.choice((1, 1000))
            case 4:
                del fields[i : i + random.choice((1, 50))]
            case _:
                fields[i] = (number, _joined(_fields(value)[:-1]) if value else b"\xff" * 12)
        if not fields:
            break
    return _joined(fields)


def _object(data: bytes) -> dict[str, Any]:
    try:
        held = json.loads(data)
    except (ValueError, RecursionError):  # changed before
        return {}
    return held if isinstance(held, dict) else {}


def _any(random: Random) -> Any:
    return json.loads(json.dumps(random.choice(VALUES)))


def _text(random: Random) -> str:
    return random.choice(_TEXTS)


def _added(random: Random) -> dict[str, Any]:
    flags = ("special", "single_word", "lstrip", "rstrip", "normalized")
    token = {"content": _text(random), **{flag: random.random() < 0.5 for flag in flags}}
    token["id"] = random.choice((0, 5, 299, 300, 306, *NUMBERS))
    if random.random() < 0.2:
        token[random.choice(list(token))] = _any(random)
    return token


def _decoder(random: Random, depth: int) -> Any:
    """Return a description of a decoder, most of them such as there are."""
    kind = random.choice(
        (
            *("Sequence", "Sequence", "Replace", "Strip", "ByteLevel", "ByteFallback", "Fuse"),
            *("Metaspace", "WordPiece", "BPEDecoder", "CTC", "Evil"),
        )
    )
    number, text = random.choice((0, 1, 2, 10**6, *NUMBERS)), _text(random)
    said: dict[str, Any] = {"type": kind, "prefix": text, "suffix": text, "cleanup": True}
    said |= {"start": number, "stop": random.choice((0, 1, number)), "content": text}
    said |= {"replacement": text, "pad_token": text, "word_delimiter_token": _text(random)}
    said["pattern"] = {random.choice(("String", "String", "Regex")): _text(random)}
    if kind == "Sequence":
        many = random.choice((0, 1, 2, 3, 40)) if depth < 3 else 0
        said["decoders"] = [_decoder(random, depth + 1 if many < 40 else 9) for _ in range(many)]
    if random.random() < 0.2:
        said[random.choice(list(said))] = _any(random)
    if random.random() < 0.1:
        del said[random.choice(list(said))]
    return said


def _model(random: Random, held: dict[str, Any]) -> None:
    """Change tokens and their numbers."""
    model = held.get("model")
    vocab = model.get("vocab") if isinstance(model, dict) else None
    if isinstance(vocab, list) and vocab:
        i = random.randrange(len(vocab))
        vocab[i] = random.choice(([_text(random), -1.0], [_text(random)], _any(random), []))
    elif isinstance(vocab, dict) and vocab:
        for _ in range(random.choice((1, 1, 20))):
            token = random.choice(list(vocab))
            new = random.choice((*NUMBERS, None, "1", [], len(vocab), vocab[token]))
            if random.random() < 0.5:
                vocab[_text(random)] = vocab.pop(token)
            vocab[random.choice((token, _text(random)))] = new
    if isinstance(model, dict):
        merge = random.choice((["é", "x"], ["", ""], "é x", 5, ["a"] * 5))
        model |= random.choice(
            (
                {"merges": [merge], "continuing_subword_prefix": _text(random)},
                {"end_of_word_suffix": _text(random)},
                {"unk_token": _text(random), "unk_id": random.choice(NUMBERS)},
                {"type": random.choice(("BPE", "Unigram", "WordPiece", "WordLevel", "Evil"))},
                {"byte_fallback": True, "fuse_unk": 1, "dropout": random.choice(NUMBERS)},
            )
        )


def _piece(random: Random) -> bytes:
    text = _text(random).encode(errors="surrogatepass")
    kind = random.choice((0, 1, 2, 3, 4, 5, 6, 2**40))
    return _joined([(1, text), (3, kind)][: random.choice((1, 2, 2))])


def _fields(data: bytes) -> list[tuple[int, Any]]:
    """Return the numbers and values of a message's fields; as far as they are understood."""
    found: list[tuple[int, Any]] = []
    place = 0
    while place < len(data):
        key, place = _read(data, place)
        value, place = _read(data, place)
        if key & 7 == _SIZED:
            found.append((key >> 3, data[place : place + value]))
            place += value
        elif key & 7 == _VARINT:
            found.append((key >> 3, value))
        else:
            break
    return found


def _read(data: bytes, place: int) -> tuple[int, int]:
    number = 0
    for shift, byte in enumerate(data[place : place + 10]):
        number |= (byte & 127) << 7 * shift
        if byte < 128:
            return number, place + shift + 1
    return 0, len(data)


def _joined(fields: list[tuple[int, Any]]) -> bytes:
    written_ = b""
    for number, value in fields:
        if isinstance(value, int):
            written_ += _varint(number << 3 | _VARINT) + _varint(value)
        else:
            written_ += _varint(number << 3 | _SIZED) + _varint(len(value)) + value
    return written_


def _varint(number: int) -> bytes:
    found = bytearray()
    while number > 127:
        found.append(number & 127 | 128)
        number >>= 7
    return bytes([*found, number])
