"""A directory -> the vocabulary of the tokenizer in it, which may be hostile.

Files are read as data, never by the libraries that make tokenizers of them: of hostile ones these
crash, hang, or allocate without bound. What is found is what transformers makes of the same files.
"""

import base64
import io
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from itertools import islice
from pathlib import Path
from typing import Any

from dtviz.checkpoints.small_files import read_bytes, read_json
from dtviz.checkpoints.tokenizer import reading
from dtviz.checkpoints.tokenizer.sentence_piece import CONTROL, pieces
from dtviz.checkpoints.tokenizer.vocabulary import Added, Vocabulary
from dtviz.errors import BadCheckpoint, DtvizError, FileProblem

# Entries of configurations that name special tokens, in the order in which these are added.
_ROLES = [f"{role}_token" for role in ("bos", "eos", "unk", "sep", "pad", "cls", "mask")]
_LISTS = ("extra_special_tokens", "additional_special_tokens")
# Its numbers are not those of the model: some models put other tokens before, each its own.
_SHIFTED = "sentencepiece.bpe.model"
_SAVE = "Save the tokenizer with transformers' save_pretrained, which writes tokenizer.json."

Declared = Sequence[tuple[int, Added]]


def vocabulary(path: Path, count: int) -> Vocabulary:
    """Return the tokens of the tokenizer in a directory.

    Args:
        path: the directory.
        count: rows of the embedding.

    Raises:
        FileProblem: if there is no tokenizer, or a file of it cannot be read.
        BadCheckpoint: if a file of it is damaged, or of a kind that dtviz cannot read.
    """
    file = next((path / name for name in _READERS if (path / name).is_file()), None)
    if file is None:
        is_shifted = (path / _SHIFTED).is_file()
        raise FileProblem(
            expected="the files of a tokenizer",
            got=f"only {_SHIFTED}, where tokens have other numbers" if is_shifted else "none",
            do=_SAVE,
        )
    with _understood("what tokenizer_config.json and added_tokens.json say of tokens"):
        declared, special = _beside(path)
    with _understood(file.name):
        found = _READERS[file.name](file, count, declared)
    found.add(token for _, token in declared)
    found.add(special)
    return found


@contextmanager
def _understood(what: str) -> Iterator[None]:
    """Refuse what is not in the form that transformers writes."""
    try:
        yield
    except DtvizError:
        raise
    # What is nested deeply cannot even be shown in a message.
    except (AttributeError, LookupError, RecursionError, TypeError, ValueError) as error:
        raise BadCheckpoint(
            expected=f"{what} in the form that transformers writes", got="another", do=_SAVE
        ) from error


def _beside(path: Path) -> tuple[Declared, list[Added]]:
    """Return the tokens that files add to a vocabulary: with numbers, and special ones without."""
    config = _object(path / "tokenizer_config.json")
    if "added_tokens_decoder" in config:
        declared = [(int(key), _added(one)) for key, one in config["added_tokens_decoder"].items()]
    else:
        config = {**config, **_object(path / "special_tokens_map.json")}
        added = _object(path / "added_tokens.json")
        declared = [(int(number), Added(text, is_special=False)) for text, number in added.items()]
    roles = [*_ROLES, *(key for key in config if key.endswith("_token") and key not in _ROLES)]
    extra = next((config[key] for key in _LISTS if config.get(key)), ())
    special = [config.get(key) for key in roles]
    special += extra.values() if isinstance(extra, Mapping) else extra
    return sorted(declared), [
        Added(_added(token).text, is_special=True)
        for token in special
        # Entries such as add_bos_token are no tokens.
        if isinstance(token, str | Mapping)
    ]


def _object(file: Path) -> Mapping[str, Any]:
    return read_json(file) if file.is_file() else {}


def _added(token: Any) -> Added:
    """Return a token of a configuration: an object, or the text alone."""
    if isinstance(token, str):
        return Added(token, is_special=True)
    return Added(_text(token["content"]), token.get("special") is True)


def _text(value: object) -> str:
    if not isinstance(value, str):
        raise TypeError("a token that is no text")
    return value


def _tokenizer_json(file: Path, count: int, _: Declared) -> Vocabulary:
    held: Mapping[str, Any] = read_json(file)
    tokens = held["model"]["vocab"]
    if isinstance(tokens, Mapping):
        numbered = _by_number(tokens)
    else:  # with the logarithms of their frequencies
        numbered = ((number, _text(token)) for number, (token, _) in enumerate(tokens[:count]))
    found = Vocabulary(count, numbered, reading.as_decoder_says(held.get("decoder")))
    found.add(map(_added, held.get("added_tokens") or ()))
    return found


def _by_number(tokens: Mapping[str, int]) -> Iterable[tuple[int, str]]:
    return ((number, token) for token, number in tokens.items())


def _vocab_json(file: Path, count: int, _: Declared) -> Vocabulary:
    tokens: Mapping[str, Any] = read_json(file)
    ends_words = any(token.endswith("</w>") for token in tokens)
    if reading.has_all_bytes(tokens):
        reads = reading.byte_level
    elif ends_words:
        reads = reading.end_of_word
    elif file.with_name("merges.txt").is_file():  # GPT-2's, for few bytes
        reads = reading.byte_level
    else:
        reads = reading.sentence_piece
    return Vocabulary(count, _by_number(tokens), reads)


def _vocab_txt(file: Path, count: int, _: Declared) -> Vocabulary:
    lines = io.TextIOWrapper(io.BytesIO(read_bytes(file)), encoding="utf-8")
    tokens = (line.rstrip("\n") for line in islice(lines, count))
    return Vocabulary(count, enumerate(tokens), reading.as_written)


def _model(file: Path, count: int, declared: Declared) -> Vocabulary:
    """Return the tokens of SentencePiece's file, or of tiktoken's: both are called *.model."""
    data = read_bytes(file)
    if not data.startswith(b"\n"):  # what a list of SentencePiece's messages starts with
        return _ranked(data, count, declared)
    found = list(islice(pieces(data), count))
    control = [number for number, (_, kind) in enumerate(found) if kind == CONTROL]
    tokens = ((number, text) for number, (text, _) in enumerate(found))
    vocabulary = Vocabulary(count, tokens, reading.sentence_piece, control)
    for number, (text, _) in declared:  # those that the file holds a place for
        vocabulary.rename(number, text)
    return vocabulary


def _ranked(data: bytes, count: int, declared: Declared) -> Vocabulary:
    lines = (line.split() for line in io.BytesIO(data) if line.strip())
    ranks = ((int(rank), base64.b64decode(token, validate=True)) for token, rank in lines)
    tokens = ((rank, reading.for_bytes(token)) for rank, token in ranks if rank < count)
    vocabulary = Vocabulary(count, tokens, reading.byte_level)
    # transformers makes tokens of the numbers between those that are declared, too.
    known = {number: token for number, token in declared if 0 <= number < count}
    vocabulary.add(
        known.get(number, Added(f"<|reserved_token_{number}|>", is_special=True))
        for number in range(vocabulary.size, max(known, default=-1) + 1)
    )
    return vocabulary


# The first of these that there is.
_READERS: dict[str, Callable[[Path, int, Declared], Vocabulary]] = {
    "tokenizer.json": _tokenizer_json,
    "vocab.json": _vocab_json,
    "tokenizer.model": _model,
    "tiktoken.model": _model,
    "qwen.tiktoken": _model,
    "spiece.model": _model,
    "sentencepiece.model": _model,
    "spm.model": _model,
    "vocab.txt": _vocab_txt,
}
