"""Opening a language model to look at one layer, and naming its tokens."""

import itertools
import time

import pytest
import transformers
from tokenizers import Tokenizer, decoders, models, pre_tokenizers
from transformer_lens.model_bridge import TransformerBridge

import dtviz
from dtviz.checkpoints.tokens import token_names
from dtviz.checkpoints.verification import cached
from dtviz.checkpoints.verification.kept import kept
from dtviz.checkpoints.verification.verify import verified

TOKENS = 50_000


@pytest.fixture(scope="module")
def tokenizer():
    """A byte-level tokenizer of 50,000 tokens."""
    bytes_ = sorted(pre_tokenizers.ByteLevel.alphabet())
    letters = "abcdefghijklmnopqrstuvwxyz"
    words = ("".join(word) for n in (2, 3, 4) for word in itertools.product(letters, repeat=n))
    spaced = itertools.chain.from_iterable((word, f"Ġ{word}") for word in words)
    tokens = [*bytes_, *itertools.islice(spaced, TOKENS - len(bytes_))]
    bpe = Tokenizer(models.BPE({token: i for i, token in enumerate(tokens)}, merges=[]))
    bpe.decoder = decoders.ByteLevel()
    return transformers.PreTrainedTokenizerFast(tokenizer_object=bpe)


@pytest.fixture(scope="module")
def directory(tokenizer, tmp_path_factory):
    """A model of GPT-2's size."""
    path = tmp_path_factory.mktemp("models") / "gpt2"
    config = transformers.GPT2Config(vocab_size=TOKENS)
    transformers.AutoModelForCausalLM.from_config(config).save_pretrained(path)
    tokenizer.save_pretrained(path)
    return path


def all_names(tokenizer):
    return token_names(tokenizer, TOKENS)


def one_token_decoded_at_a_time(tokenizer):
    return [tokenizer.decode([token]) for token in range(TOKENS)]


@pytest.mark.benchmark(group="name 50,000 tokens")
@pytest.mark.parametrize("named", [all_names, one_token_decoded_at_a_time])
def test_names(benchmark, tokenizer, named):
    assert len(benchmark.pedantic(named, args=[tokenizer], rounds=5, warmup_rounds=1)) == TOKENS


def one_layer(directory):
    return dtviz.load(directory).neurons(11, "in").vectors


def processed_by_transformer_lens(directory):
    bridge = TransformerBridge.boot_transformers(str(directory), device="cpu")
    bridge.enable_compatibility_mode()
    return bridge.blocks[11].mlp.W_in.T.detach().numpy()


@pytest.mark.benchmark(group="open a model of GPT-2's size and look at one layer")
@pytest.mark.parametrize("looked", [one_layer, processed_by_transformer_lens])
def test_open(benchmark, directory, looked):
    rows = benchmark.pedantic(looked, args=[directory], rounds=3, warmup_rounds=1)
    assert rows.shape == (3072, 768)


def verified_anew(config):
    return verified(transformers.GPT2LMHeadModel, config)


def found_again(config):
    cached.texts.clear()
    return kept(config.to_json_string().encode(), lambda: verified_anew(config))


@pytest.mark.benchmark(group="verify a model of GPT-2's shape; see what part of opening it is")
@pytest.mark.parametrize("way", [verified_anew, found_again])
def test_verification(benchmark, directory, monkeypatch, tmp_path, say, way):
    """Under 5 s at first; then a tenth of the opening at most."""
    folder = tmp_path / "cache"
    folder.mkdir(mode=0o700)
    monkeypatch.setenv("DTVIZ_CACHE", str(folder))
    config = transformers.GPT2Config(vocab_size=TOKENS)
    found_again(config)
    dtviz.load(directory)
    start = time.perf_counter()
    dtviz.load(directory)
    opening = time.perf_counter() - start
    benchmark.pedantic(way, args=[config], rounds=5, warmup_rounds=1)
    took = benchmark.stats.stats.median
    part = took / opening
    say(f"verification of GPT-2's shape, {way.__name__}: {took:.3f} s, {part:.2f} of the opening")
    assert took <= (5 if way is verified_anew else opening / 10)
