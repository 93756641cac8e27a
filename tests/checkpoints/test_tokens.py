"""Names of tokens, from tokenizers of the two kinds that there are."""

import pytest
import transformers
from tokenizers import Tokenizer, decoders, models

from dtviz.checkpoints.tokens import token_names
from dtviz.tokens import visible

from . import language_models


@pytest.fixture(scope="module")
def tokenizer():
    return language_models.tokenizer()


def test_byte_level_tokens_are_called_what_they_read(tokenizer):
    names = token_names(tokenizer, len(tokenizer))
    assert len(set(names)) == len(names) == language_models.VOCABULARY
    for text in ("The cat sat on the mat.\n", " He said\té"):
        read = [names[token] for token in tokenizer(text)["input_ids"]]
        assert "".join(read).replace("\\xc3\\xa9", "é") == visible(text)
    assert names[0] == "<|end|>"
    assert {"␣the", "␣", "↵", "⇥"} <= set(names)


def test_each_token_is_the_text_that_the_tokenizer_decodes(tokenizer):
    names = token_names(tokenizer, len(tokenizer))
    decoded = [tokenizer.decode([token]) for token in range(len(tokenizer))]
    whole = [token for token, text in enumerate(decoded) if "�" not in text]
    assert len(whole) > 150
    assert [names[token] for token in whole] == [visible(decoded[token]) for token in whole]


def test_bytes_that_are_no_character(tokenizer):
    names = token_names(tokenizer, len(tokenizer))
    [number] = tokenizer.convert_tokens_to_ids(["ä"])  # what byte-level BPE writes for 0xe4
    assert names[number] == "\\xe4"


def test_rows_beyond_the_vocabulary(tokenizer):
    names = token_names(tokenizer, 303)
    assert names[299:] == [names[299], "[unused 300]", "[unused 301]", "[unused 302]"]
    assert token_names(tokenizer, 5) == names[:5]
    assert token_names(tokenizer, 0) == []


def test_without_a_tokenizer():
    assert token_names(None, 3) == ["token 0", "token 1", "token 2"]


def test_tokens_of_sentence_piece():
    vocabulary = {
        token: number
        for number, token in enumerate(
            ["<unk>", "<s>", "<0x0A>", "<0xE4>", "▁he", "he", "▁", "▁▁", "é", "<0x41>", "A", ""]
        )
    }
    bpe = Tokenizer(models.BPE(vocab=vocabulary, merges=[], unk_token="<unk>", byte_fallback=True))
    bpe.decoder = decoders.Sequence(
        [decoders.Replace("▁", " "), decoders.ByteFallback(), decoders.Fuse()]
    )
    tokenizer = transformers.PreTrainedTokenizerFast(
        tokenizer_object=bpe, unk_token="<unk>", bos_token="<s>"
    )
    names = token_names(tokenizer, 12)
    expected = [
        "<unk>",
        "<s>",
        "↵",
        "\\xe4",
        "␣he",
        "he",
        "␣",
        "␣␣",
        "é",
        "A [9]",
        "A [10]",
        "[11]",
    ]
    assert names == expected


def test_added_tokens_are_called_as_they_are():
    tokenizer = language_models.tokenizer()
    tokenizer.add_tokens(["  ", "a b", "Ġx"])
    names = token_names(tokenizer, len(tokenizer))
    assert names[300:] == ["␣␣", "a␣b", "Ġx"]


def test_numbers_that_the_vocabulary_skips():
    bpe = Tokenizer(models.BPE(vocab={"a": 0, "b": 3}, merges=[]))
    tokenizer = transformers.PreTrainedTokenizerFast(tokenizer_object=bpe)
    assert token_names(tokenizer, 5) == ["a", "[unused 1]", "[unused 2]", "b", "[unused 4]"]
