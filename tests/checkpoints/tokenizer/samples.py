"""Tokenizers of every kind, made small, and what transformers decodes of their tokens."""

import base64
import io
import json
from pathlib import Path
from typing import Any

import transformers
from sentencepiece import SentencePieceTrainer
from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers

from dtviz.tokens import distinct, visible

TEXT = [
    "The cat sat on the mat, the hat and that café; a tab\there.\n",
    "He said that she said: naïve 中文 😀 don't, isn't 12 345!",
    "a b c d e f g  two spaces   three",
]

PIECES = ["a", "▁he", "he", "▁the▁", "é", "中", "\t", "A", "<0x4G>", "e\u0301", "\u200b"]


def byte_level() -> Tokenizer:
    """GPT-2's, Pythia's, Llama 3's kind."""
    made = Tokenizer(models.BPE())
    made.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    made.decoder = decoders.ByteLevel()
    alphabet = pre_tokenizers.ByteLevel.alphabet()
    special = ["<|endoftext|>"]
    how = {"vocab_size": 320, "initial_alphabet": alphabet, "special_tokens": special}
    trained(made, trainers.BpeTrainer, **how)
    return made


def byte_fallback() -> Tokenizer:
    """Llama 2's and Mistral's kind."""
    tokens = ["<unk>", "<s>", *(f"<0x{byte:02X}>" for byte in range(256)), "▁▁", "▁", *PIECES]
    vocabulary = {token: number for number, token in enumerate(tokens)}
    made = Tokenizer(models.BPE(vocabulary, [], byte_fallback=True, unk_token="<unk>"))
    steps = [decoders.Replace("▁", " "), decoders.ByteFallback(), decoders.Fuse()]
    made.decoder = decoders.Sequence([*steps, decoders.Strip(content=" ", left=1)])
    made.add_special_tokens(["<s>"])
    # Of Gemma's some are both ordinary and added.
    made.add_tokens(["▁▁", "<|im_start|>"])
    return made


def unigram() -> Tokenizer:
    """T5's kind."""
    made = Tokenizer(models.Unigram())
    made.pre_tokenizer = pre_tokenizers.Metaspace()
    made.decoder = decoders.Metaspace()
    trained(made, trainers.UnigramTrainer, vocab_size=80, unk_token="<unk>")
    return made


def word_piece() -> Tokenizer:
    """BERT's kind."""
    made = Tokenizer(models.WordPiece(unk_token="[UNK]"))
    made.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    made.decoder = decoders.WordPiece()
    special = [f"[{name}]" for name in ("PAD", "UNK", "CLS", "SEP", "MASK")]
    trained(made, trainers.WordPieceTrainer, vocab_size=120, special_tokens=special)
    return made


def word_level() -> Tokenizer:
    """One token a word, and no decoder."""
    made = Tokenizer(models.WordLevel(unk_token="[UNK]"))
    made.pre_tokenizer = pre_tokenizers.Whitespace()
    trained(made, trainers.WordLevelTrainer, special_tokens=["[UNK]"])
    return made


def end_of_word() -> Tokenizer:
    """GPT-1's kind."""
    made = Tokenizer(models.BPE(unk_token="<unk>", end_of_word_suffix="</w>"))
    made.pre_tokenizer = pre_tokenizers.Whitespace()
    made.decoder = decoders.BPEDecoder()
    trained(made, trainers.BpeTrainer, vocab_size=120, end_of_word_suffix="</w>")
    return made


def ctc() -> Tokenizer:
    """Wav2Vec2's kind."""
    made = Tokenizer(models.WordLevel({"<pad>": 0, "|": 1, "a": 2, "b": 3, "'s": 4, "c|d": 5}))
    made.decoder = decoders.CTC()
    return made


KINDS = [byte_level, byte_fallback, unigram, word_piece, word_level, end_of_word, ctc]


def trained(made: Tokenizer, trainer: Any, **how: Any) -> None:
    how = {"special_tokens": ["<unk>"], "show_progress": False} | how
    made.train_from_iterator(TEXT * 3, trainer(**how))


def sentence_pieces(kind: str, **how: Any) -> bytes:
    """Return a SentencePiece model of a kind, trained."""
    model = io.BytesIO()
    SentencePieceTrainer.train(
        sentence_iterator=iter(TEXT * 20),
        model_writer=model,
        model_type=kind,
        hard_vocab_limit=False,
        minloglevel=2,
        **how,
    )
    return model.getvalue()


def fast(made: Tokenizer, **how: Any) -> transformers.PreTrainedTokenizerFast:
    return transformers.PreTrainedTokenizerFast(tokenizer_object=made, **how)


def decoded(tokenizer: Any, count: int) -> list[str]:
    """Return what tokens are to be called, of what transformers makes of them.

    Each is decoded between two others, as where a text begins and ends spaces are dropped; those
    of WordPiece, which write where a word goes on, alone. Tokens that are special, and those that
    were only added, are called as they are written.
    """
    backend = tokenizer.backend_tokenizer
    own = backend.get_vocab(with_added_tokens=False)
    added = tokenizer.added_tokens_decoder
    around = next((number for text, number in own.items() if text == "a"), None)
    alone = isinstance(backend.decoder, decoders.WordPiece | type(None)) or around is None

    def text(number: int) -> str:
        if number in added and (added[number].special or added[number].content not in own):
            return str(added[number].content)
        if alone or number == around:
            return str(tokenizer.decode([number]))
        return str(tokenizer.decode([around, number, around]))[1:-1]

    written = tokenizer.convert_ids_to_tokens(range(count))
    return distinct(
        [
            f"[unused {number}]" if token is None else visible(text(number))
            for number, token in enumerate(written)
        ]
    )


def compared(names: list[str], expected: list[str]) -> int:
    """Compare names with what is decoded, but for bytes that are no characters; return how many."""
    whole = [number for number, name in enumerate(expected) if "�" not in name]
    assert [names[number] for number in whole] == [expected[number] for number in whole]
    bytes_ = [names[number] for number in range(len(names)) if number not in set(whole)]
    assert all("\\x" in name for name in bytes_)
    return len(whole)


def saved(path: Path, made: Tokenizer, **files: object) -> Path:
    """Save tokenizer.json and other files, given by their names without .json."""
    path.mkdir(exist_ok=True)
    made.save(str(path / "tokenizer.json"))
    for name, held in files.items():
        (path / f"{name}.json").write_text(json.dumps(held))
    return path


def ranks() -> bytes:
    """Return tiktoken's file of all bytes and two words."""
    tokens = [*(bytes([byte]) for byte in range(256)), b" he", b" the"]
    return b"".join(b"%b %d\n" % (base64.b64encode(token), i) for i, token in enumerate(tokens))
