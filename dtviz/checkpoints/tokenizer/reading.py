"""How tokens read: what a tokenizer writes for them -> text, as its decoder makes it."""

import operator
import re
from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

from transformers.convert_slow_tokenizer import bytes_to_unicode

from dtviz.errors import BadCheckpoint, shortened

Reading = Callable[[str], str]

# What byte-level tokenizers write for each byte.
_CHARACTERS: dict[int, str] = bytes_to_unicode()
_BYTES = {character: byte for byte, character in _CHARACTERS.items()}
_BYTE = re.compile("<0x([0-9A-Fa-f]{2})>")
# More than any tokenizer has; each looks at every token.
_MOST_STEPS = 16


def as_written(token: str) -> str:
    """Return the token itself."""
    return token


def byte_level(token: str) -> str:
    r"""Return the text of which a token writes the bytes: "Ġhe" reads " he", "Ã" reads "\xc3"."""
    try:
        data = bytes(map(_BYTES.__getitem__, token))
    except KeyError:
        return token
    return data.decode(errors="backslashreplace")


def for_bytes(data: bytes) -> str:
    """Return what a byte-level tokenizer writes for bytes."""
    return "".join([_CHARACTERS[byte] for byte in data])


def has_all_bytes(tokens: Mapping[str, object]) -> bool:
    """Tell whether there is a token for each byte, as byte-level tokenizers have."""
    return tokens.keys() >= _BYTES.keys()


def byte_fallback(token: str) -> str:
    """Return the text of a token that stands for a byte, "<0x0A>"; of another, the token."""
    byte = _BYTE.fullmatch(token)
    return bytes.fromhex(byte[1]).decode(errors="backslashreplace") if byte else token


def sentence_piece(token: str) -> str:
    """Return the text of SentencePiece's token: "▁he" reads " he"."""
    return byte_fallback(token.replace("▁", " "))


def end_of_word(token: str) -> str:
    """Return the text of a token that says where a word ends: "he</w>" reads "he "."""
    return token.replace("</w>", " ")


def as_decoder_says(decoder: Any) -> Reading:
    """Return how tokens read of which a decoder, described as in tokenizer.json, makes text.

    The space between words stays, which decoders drop where a text begins or ends.

    Raises:
        BadCheckpoint: if it does what dtviz does not know, or makes more of a token than there is.
        LookupError, TypeError: if it is no decoder.
    """
    steps = _steps(decoder)

    def reading(token: str) -> str:
        for step in steps:
            token = step(token)
        return token

    reading("")  # fails if there is something else where a text should be
    return reading


def _steps(decoder: Any) -> list[Reading]:
    """Return what is done to a token, in order."""
    found: list[Reading] = []
    pending = [] if decoder is None else [decoder]
    is_joined = False
    while pending:
        said = pending.pop(0)
        match said["type"]:
            case "Sequence":
                pending = [*said["decoders"], *pending]
            case "Fuse":
                is_joined = True
            case "ByteLevel":
                is_joined = True
                found.append(byte_level)
            case "ByteFallback":
                found.append(byte_fallback)
            case "Metaspace":
                found.append(_replace(said["replacement"], " "))
            case "BPEDecoder":
                found.append(_replace(said["suffix"], " "))
            case "Replace":
                found.append(_replace(_text(said["pattern"]), said["content"]))
            case "CTC":
                found.append(_replace(said["pad_token"], ""))
                if said["cleanup"]:
                    found.append(_replace(said["word_delimiter_token"], " "))
            case "Strip":
                # Of joined tokens the start of the text is stripped, not of each token.
                if not is_joined:
                    found.append(_strip(said))
            case "WordPiece":
                pass  # what goes on with a word keeps its "##", as where a text begins
            case kind:
                raise _unknown(f"one of the kind {shortened(kind)}")
        if len(found) + len(pending) > _MOST_STEPS:
            raise _unknown(f"one of more than {_MOST_STEPS} steps")
    return found


def _unknown(got: str) -> BadCheckpoint:
    return BadCheckpoint(
        expected="a tokenizer with a decoder that dtviz knows",
        got=got,
        do="Give dtviz.load the model as TransformerLens' TransformerBridge, with its tokenizer.",
    )


def _text(pattern: Mapping[str, str]) -> str:
    if "Regex" in pattern:
        raise _unknown("one that replaces what a regular expression matches")
    return pattern["String"]


def _replace(old: str, new: str) -> Reading:
    if len(new) > len(old):
        raise _unknown(f"one that replaces {shortened(old)} by {shortened(new)}")
    return partial(_replaced, old, new)


def _replaced(old: str, new: str, token: str) -> str:
    return token.replace(old, new)


def _strip(said: Mapping[str, Any]) -> Reading:
    start, stop = operator.index(said["start"]), operator.index(said["stop"])
    return partial(_stripped, said["content"], start, stop)


def _stripped(character: str, start: int, stop: int, token: str) -> str:
    """Return a token without so many of a character at its start, and at its end."""
    first = min(start, len(token) - len(token.lstrip(character)))
    last = len(token) - min(stop, len(token) - len(token.rstrip(character)))
    return token[first:last]
