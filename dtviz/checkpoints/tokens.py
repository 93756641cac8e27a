"""The names of a language model's tokens, from its tokenizer."""

import re
from typing import Any

from transformers.convert_slow_tokenizer import bytes_to_unicode

from dtviz.tokens import distinct, visible

_BYTE = re.compile("<0x([0-9A-F]{2})>")
# What byte-level tokenizers write for each byte.
_BYTES = {character: bytes([byte]) for byte, character in bytes_to_unicode().items()}


def token_names(tokenizer: Any, count: int) -> list[str]:
    r"""Return a name for each row of an embedding, all different.

    A token is called what it reads, with what cannot be seen shown as `dtviz.tokens.visible` does
    ("␣the"), and bytes that make no character as "\xe2". Two that read the same, and one that
    reads nothing, bear their numbers: "the [5]". Rows beyond the vocabulary are "[unused 50300]".
    Without a tokenizer all are called "token 17".

    Args:
        tokenizer: a tokenizer of Hugging Face's, or None.
        count: rows.
    """
    if tokenizer is None:
        return [f"token {number}" for number in range(count)]
    tokens: list[str | None] = [None] * count
    for token, number in tokenizer.get_vocab().items():
        if number < count:
            tokens[number] = token
    special = set(tokenizer.get_added_vocab())
    reads = _byte_level if _is_byte_level(tokenizer) else _sentence_piece
    names = [
        f"[unused {number}]"
        if token is None
        else visible(token if token in special else reads(token))
        for number, token in enumerate(tokens)
    ]
    return distinct(names)


def _is_byte_level(tokenizer: Any) -> bool:
    """Tell whether tokens are written in characters that stand for bytes, as GPT-2's are."""
    if hasattr(tokenizer, "byte_decoder"):
        return True
    decoder = getattr(getattr(tokenizer, "backend_tokenizer", None), "decoder", None)
    return decoder is not None and b"ByteLevel" in decoder.__getstate__()


def _byte_level(token: str) -> str:
    try:
        data = b"".join([_BYTES[character] for character in token])
    except KeyError:
        return token
    return data.decode(errors="backslashreplace")


def _sentence_piece(token: str) -> str:
    byte = _BYTE.fullmatch(token)
    if byte:
        return _byte(int(byte[1], 16))
    return token.replace("▁", " ")


def _byte(value: int) -> str:
    return bytes([value]).decode(errors="backslashreplace")
