"""A GGUF file opens as the directory does that it was made of, verified, piece by piece."""

import json
import os

import numpy as np
import pytest
import transformers

import dtviz
from dtviz.checkpoints import reader
from dtviz.checkpoints.tokens import token_names
from dtviz.checkpoints.verification import cached
from dtviz.errors import BadCheckpoint, FileProblem

from .. import gguf_files, language_models
from ..gguf_files import KIND

pytest.importorskip("gguf", reason="dtviz[gguf] is not installed")


@pytest.fixture(scope="module", params=["llama", "qwen2moe"])
def pair(request, tmp_path_factory):
    """The path of a file, and the model of the directory that has the same weights."""
    folder = tmp_path_factory.mktemp("models")
    model = gguf_files.made(request.param)
    model.save_pretrained(folder / "directory")
    language_models.tokenizer().save_pretrained(folder / "directory")
    path = gguf_files.write(folder / "small.gguf", request.param, model)
    return path, dtviz.load(folder / "directory")


def same(found, expected):
    assert (found.sides, found.widths, found.groups) == (
        expected.sides,
        expected.widths,
        expected.groups,
    )
    for side in expected.sides:
        for layer in expected.layers:
            vectors = expected.neurons(layer, side).vectors
            np.testing.assert_allclose(found.neurons(layer, side).vectors, vectors, atol=1e-6)
            assert found.neurons(layer, side).names == expected.neurons(layer, side).names
    for layer, router in expected.routers.items():
        np.testing.assert_allclose(found.routers[layer].vectors, router.vectors, atol=1e-6)
    for ours, theirs in zip(
        (found.unembedding, found.embedding),
        (expected.unembedding, expected.embedding),
        strict=True,
    ):
        np.testing.assert_allclose(ours.vectors, theirs.vectors, atol=1e-6)
        assert ours.names == theirs.names
        assert ours.normalization == theirs.normalization
        np.testing.assert_allclose(ours.epsilon, theirs.epsilon, rtol=1e-6)


def test_it_is_the_model_of_the_directory(pair):
    path, expected = pair
    found = dtviz.load(path)
    same(found, expected)
    assert (found.name, found.source) == ("small", str(path))
    assert found.notes == expected.notes
    assert found.verified.compared == expected.verified.compared


def test_it_is_read_in_a_child_and_verified_once(tmp_path, monkeypatch):
    path = gguf_files.write(tmp_path / "m.gguf")
    written = []
    # Of the same header as that of another test.
    monkeypatch.setattr(cached, "texts", {})
    monkeypatch.setattr(cached, "read", {}.get)
    monkeypatch.setattr(cached, "write", lambda key, text: written.append((key, text)))
    first = reader.read(path)
    ((key, text),) = written
    monkeypatch.setattr(cached, "read", {key: text}.get)
    same(reader.read(str(path)), first)
    assert len(written) == 1
    same(dtviz.load(path), first)


def test_a_quantized_file_is_near(tmp_path):
    model = gguf_files.made("llama")
    exact = dtviz.load(gguf_files.write(tmp_path / "exact.gguf", model=model))
    near = dtviz.load(gguf_files.write(tmp_path / "near.gguf", model=model, kind=KIND.Q8_0))
    for side in exact.sides:
        difference = near.neurons(1, side).vectors - exact.neurons(1, side).vectors
        assert 0 < np.abs(difference).max() < 0.01


def test_the_hash_tells_files_apart(tmp_path):
    model = gguf_files.made("llama")
    first = gguf_files.write(tmp_path / "a.gguf", model=model)
    again = gguf_files.write(tmp_path / "b.gguf", model=model)
    model.model.norm.weight.data[0] += 1
    other = gguf_files.write(tmp_path / "c.gguf", model=model)
    found = [dtviz.load(path).sha256 for path in (first, again, other)]
    assert found[0] == found[1] != found[2]


def test_a_file_that_changes_after_it_was_opened(tmp_path):
    path = gguf_files.write(tmp_path / "m.gguf")
    model = dtviz.load(path)
    os.truncate(path, 5000)
    with pytest.raises(BadCheckpoint, match="changed"):
        _ = model.neurons(0).vectors


def test_numbers_that_are_none(tmp_path):
    broken = {"blk.0.ffn_up.weight": np.full((64, 32), np.nan, np.float32)}
    model = dtviz.load(gguf_files.write(tmp_path / "m.gguf", tensors=broken))
    with pytest.raises(BadCheckpoint, match="NaN"):
        _ = model.neurons(0, "in").vectors


@pytest.mark.parametrize("name", ["none.gguf", "folder.gguf"])
def test_no_such_file(name, tmp_path):
    (tmp_path / "folder.gguf").mkdir()
    with pytest.raises(FileProblem):
        dtviz.load(str(tmp_path / name))


def test_an_architecture_that_is_not_read(tmp_path):
    path = gguf_files.write(tmp_path / "m.gguf", metadata={"general.name": "x"})
    data = path.read_bytes().replace(b"llama", b"mamba")
    path.write_bytes(data)
    with pytest.raises(BadCheckpoint, match="architecture 'mamba'"):
        dtviz.load(path)


# --- tokens ---------------------------------------------------------------------------------------


def test_names_are_what_transformers_makes_of_the_file(tmp_path):
    """Of bytes, with tokens that were added to them."""
    made = language_models.tokenizer()
    made.add_tokens(["<think>"])
    made.add_tokens(["<|im|>"], special_tokens=True)
    texts = made.convert_ids_to_tokens(range(len(made)))
    kinds = [{"<think>": 4, "<|im|>": 3}.get(text, 1) for text in texts]
    merges = json.loads(made.backend_tokenizer.to_str())["model"]["merges"]
    path = gguf_files.write(
        tmp_path / "m.gguf",
        tokens=gguf_files.Tokens("gpt2", texts, kinds),
        metadata={"tokenizer.ggml.merges": [" ".join(pair) for pair in merges]},
    )
    theirs = transformers.AutoTokenizer.from_pretrained(tmp_path, gguf_file="m.gguf")
    names = dtviz.load(path).embedding.names
    assert names[: len(texts)] == token_names(theirs, len(texts))
    assert {"<think>", "<|im|>"} <= set(names)


def test_names_of_a_tokenizer_that_is_not_known(tmp_path):
    tokens = gguf_files.Tokens("rwkv", ["a"], [1])
    model = dtviz.load(gguf_files.write(tmp_path / "m.gguf", tokens=tokens))
    assert model.embedding.names[0] == "token 0"
    assert "rwkv" in model.notes[0]
