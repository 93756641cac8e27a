"""Names of tokens from a tokenizer's files are what transformers decodes of the same files."""

import base64
import json

import pytest
import transformers

from dtviz.checkpoints.tokens import names_from_files, token_names
from dtviz.tokens import distinct, visible

from . import samples

# Rows beyond the vocabulary.
MORE = 3


def names_of(path, count):
    names, note = names_from_files(path, count)
    assert note is None
    return names


def check(path, tokenizer):
    """Compare names with what a tokenizer decodes; return the names."""
    count = len(tokenizer) + MORE
    names = names_of(path, count)
    assert names == token_names(tokenizer, count)
    assert samples.compared(names, samples.decoded(tokenizer, count)) > 5
    return names


def write(path, **files):
    """Write JSON files, given by their names without .json."""
    for name, held in files.items():
        (path / f"{name}.json").write_text(json.dumps(held))


# --- tokenizer.json -------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", samples.KINDS)
def test_tokenizer_json_of_each_kind(kind, tmp_path):
    made = kind()
    check(samples.saved(tmp_path, made), samples.fast(made))


@pytest.mark.parametrize("kind", samples.KINDS)
def test_tokens_that_were_added_and_saved(kind, tmp_path):
    tokenizer = samples.fast(kind(), pad_token="<pad>")
    tokenizer.add_tokens(["  ", "a b", "Ġx", "▁y", "<|im|>"])
    tokenizer.add_tokens(["<|end|>", "é"], special_tokens=True)
    tokenizer.save_pretrained(tmp_path)
    names = check(tmp_path, transformers.AutoTokenizer.from_pretrained(tmp_path))
    assert {"<pad>", "Ġx", "<|end|>"} <= set(names)


def test_tokens_that_only_the_configuration_names(tmp_path):
    made = samples.word_level()
    count = made.get_vocab_size()
    said = {"content": "<|im_start|>", "special": True}
    config = {
        "tokenizer_class": "PreTrainedTokenizerFast",
        "added_tokens_decoder": {str(count): said},
        "pad_token": "<pad>",
        "extra_special_tokens": {"image_token": "<image>"},
        "add_bos_token": True,
    }
    samples.saved(tmp_path, made, tokenizer_config=config)
    names = check(tmp_path, transformers.AutoTokenizer.from_pretrained(tmp_path))
    assert names[count : count + 3] == ["<|im_start|>", "<pad>", "<image>"]


def test_a_map_of_special_tokens_and_added_tokens(tmp_path):
    made = samples.word_level()
    count = made.get_vocab_size()
    samples.saved(
        tmp_path,
        made,
        tokenizer_config={"tokenizer_class": "PreTrainedTokenizerFast"},
        added_tokens={"<|im|>": count, "<|x|>": count + 1},
        special_tokens_map={"eos_token": "<|im|>", "pad_token": {"content": "<pad>"}},
    )
    names = names_of(tmp_path, count + 4)
    assert names[count:] == ["<|im|>", "<|x|>", "<pad>", f"[unused {count + 3}]"]


# --- older files ----------------------------------------------------------------------------------


def test_vocab_json_and_merges_of_bytes(tmp_path):
    samples.byte_level().model.save(str(tmp_path))
    check(tmp_path, transformers.GPT2Tokenizer.from_pretrained(tmp_path))
    write(
        tmp_path,
        added_tokens={"<|im|>": 320, "  two": 321},
        special_tokens_map={"eos_token": "<|im|>", "unk_token": "<|endoftext|>"},
    )
    names = check(tmp_path, transformers.GPT2Tokenizer.from_pretrained(tmp_path))
    assert names[320:322] == ["<|im|>", "␣␣two"]


def test_vocab_json_and_merges_of_words(tmp_path):
    samples.end_of_word().model.save(str(tmp_path))
    names = check(tmp_path, transformers.OpenAIGPTTokenizer.from_pretrained(tmp_path))
    assert any(name.endswith("␣") for name in names)


def test_vocab_txt(tmp_path):
    samples.word_piece().model.save(str(tmp_path))
    names = check(tmp_path, transformers.BertTokenizer.from_pretrained(tmp_path))
    assert any(name.startswith("##") for name in names)


@pytest.mark.parametrize(("kind", "fallback"), [("bpe", True), ("unigram", False)])
def test_sentence_piece(tmp_path, kind, fallback):
    size = 330 if fallback else 80
    model = samples.sentence_pieces(kind, byte_fallback=fallback, vocab_size=size)
    (tmp_path / "tokenizer.model").write_bytes(model)
    write(tmp_path, tokenizer_config={"tokenizer_class": "LlamaTokenizer"})
    names = check(tmp_path, transformers.LlamaTokenizer.from_pretrained(tmp_path))
    assert names[:3] == ["<unk>", "<s>", "</s>"]
    assert ("\\xe4" in names) == fallback


def test_pieces_are_those_that_sentence_piece_reads():
    sentencepiece = pytest.importorskip("sentencepiece")
    from dtviz.checkpoints.tokenizer.sentence_piece import pieces

    model = samples.sentence_pieces(
        "bpe", byte_fallback=True, vocab_size=330, user_defined_symbols=["<u>"]
    )
    reader = sentencepiece.SentencePieceProcessor(model_proto=model)
    found = list(pieces(model))
    assert [text for text, _ in found] == [reader.id_to_piece(i) for i in range(len(reader))]
    assert [kind == 3 for _, kind in found] == [reader.is_control(i) for i in range(len(reader))]


@pytest.mark.parametrize("file", ["tokenizer.model", "tiktoken.model", "qwen.tiktoken"])
def test_ranked_tokens_of_tiktoken(tmp_path, file):
    tokens = [*(bytes([byte]) for byte in range(256)), b" he", "é中".encode(), b"\xe4\xb8"]
    lines = (b"%b %d\n" % (base64.b64encode(token), i) for i, token in enumerate(tokens))
    (tmp_path / file).write_bytes(b"".join(lines))
    declared = {"260": {"content": "<|end|>", "special": True}}
    write(tmp_path, tokenizer_config={"added_tokens_decoder": declared})
    texts = [token.decode(errors="backslashreplace") for token in tokens]
    expected = [*map(visible, texts), "<|reserved_token_259|>", "<|end|>", "[unused 261]"]
    assert names_of(tmp_path, 262) == distinct(expected)


# --- none, or several -----------------------------------------------------------------------------


def test_tokenizer_json_comes_before_older_files(tmp_path):
    samples.word_piece().model.save(str(tmp_path))
    made = samples.byte_level()
    check(samples.saved(tmp_path, made), samples.fast(made))


def test_without_files_of_a_tokenizer_tokens_are_named_by_their_numbers(tmp_path):
    names, note = names_from_files(tmp_path, 3)
    assert names is None
    assert note.startswith("Tokens are named by their numbers. Expected the files of a tokenizer")


def test_numbers_of_another_file_than_the_models_are_not_taken(tmp_path):
    (tmp_path / "sentencepiece.bpe.model").write_bytes(
        samples.sentence_pieces("bpe", vocab_size=80)
    )
    names, note = names_from_files(tmp_path, 3)
    assert names is None
    assert "only sentencepiece.bpe.model" in note
