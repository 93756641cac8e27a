"""The names of a language model's tokens: of a tokenizer in memory, in files or in GGUF."""

import json
from collections.abc import Sequence
from itertools import chain, islice, repeat
from pathlib import Path
from typing import Any

from dtviz.checkpoints.tokenizer import reading
from dtviz.checkpoints.tokenizer.files import vocabulary
from dtviz.checkpoints.tokenizer.sentence_piece import (
    CONTROL,
    NORMAL,
    UNUSED,
    USER_DEFINED,
)
from dtviz.checkpoints.tokenizer.vocabulary import Vocabulary
from dtviz.errors import BadCheckpoint, DtvizError, shortened

# GGUF's names of tokenizers: how their tokens read, and the kinds of those that read as written.
_GGUF = {
    "gpt2": (reading.byte_level, (CONTROL, USER_DEFINED)),
    "llama": (reading.sentence_piece, (CONTROL,)),
}


def token_names(tokenizer: Any, count: int) -> list[str]:
    r"""Return a name for each row of an embedding, all different.

    A token is called what it reads, with what cannot be seen shown as `dtviz.tokens.visible` does
    ("␣the"), and bytes that make no character as "\xe2". Two that read the same, and one that
    reads nothing, bear their numbers: "the [5]". Rows beyond the vocabulary are "[unused 50300]".
    Without a tokenizer all are called "token 17".

    Args:
        tokenizer: a tokenizer of Hugging Face's, which is trusted; or None.
        count: rows.
    """
    if tokenizer is None:
        return [f"token {number}" for number in range(count)]
    backend = getattr(tokenizer, "backend_tokenizer", None)
    own = {} if backend is None else backend.get_vocab(with_added_tokens=False)
    verbatim = [
        number
        for number, token in tokenizer.added_tokens_decoder.items()
        if token.special or token.content not in own
    ]
    tokens = ((number, token) for token, number in tokenizer.get_vocab().items())
    return Vocabulary(count, tokens, _reading_in_memory(tokenizer, backend), verbatim).names


def _reading_in_memory(tokenizer: Any, backend: Any) -> reading.Reading:
    """Return how a tokenizer's tokens read."""
    if backend is None:
        is_byte_level = hasattr(tokenizer, "byte_decoder")
        return reading.byte_level if is_byte_level else reading.sentence_piece
    if backend.decoder is None:
        return reading.as_written
    try:
        return reading.as_decoder_says(json.loads(backend.decoder.__getstate__()))
    except BadCheckpoint:  # dtviz does not know all that decoders can do
        return lambda token: str(backend.decoder.decode([token]))


def names_from_files(path: Path, count: int) -> tuple[list[str] | None, str | None]:
    """Return a name for each row, of the tokenizer in a directory; or None, and a note why.

    Args:
        path: the directory, which may be hostile.
        count: rows.
    """
    try:
        return vocabulary(path, count).names, None
    except DtvizError as error:
        return None, f"Tokens are named by their numbers. {error}"


def names_from_gguf(
    model: str, tokens: Sequence[str | bytes], kinds: Sequence[int], count: int
) -> tuple[list[str] | None, str | None]:
    """Return a name for each row, of a GGUF file's tokens; or None, and a note why.

    Args:
        model: tokenizer.ggml.model, the kind of the tokenizer.
        tokens: tokenizer.ggml.tokens.
        kinds: tokenizer.ggml.token_type; empty if all are ordinary.
        count: rows.
    """
    if model not in _GGUF:
        return None, (
            f"Tokens are named by their numbers. Expected a tokenizer of the kind "
            f"{' or '.join(_GGUF)}, got {shortened(model)}."
        )
    reads, verbatim = _GGUF[model]
    texts = (
        token.decode(errors="backslashreplace") if isinstance(token, bytes) else token
        for token in tokens
    )
    found = list(islice(zip(texts, chain(kinds, repeat(NORMAL)), strict=False), count))
    return Vocabulary(
        count,
        # What a converter put where a tokenizer has nothing.
        ((number, text) for number, (text, kind) in enumerate(found) if kind != UNUSED),
        reads,
        [number for number, (_, kind) in enumerate(found) if kind in verbatim],
    ).names, None
