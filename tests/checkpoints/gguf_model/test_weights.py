"""Weights of GGUF files: those of the models that they were made of, whatever llama.cpp changed."""

import re

import numpy as np
import pytest
import torch
import transformers
from transformers.models.auto.configuration_auto import CONFIG_MAPPING

import dtviz
from dtviz.checkpoints.gguf_file import read_tensor
from dtviz.checkpoints.gguf_model.gguf_model import GgufModel
from dtviz.errors import BadCheckpoint

from .. import gguf_files
from ..gguf_files import KIND

pytest.importorskip("gguf", reason="dtviz[gguf] is not installed")
UNSEEN = re.compile("attn|attention|query_key_value|conv|position|wpe")


def on_meta(described):
    config = CONFIG_MAPPING[described.config["model_type"]].from_dict(dict(described.config))
    with torch.device("meta"):
        return transformers.AutoModelForCausalLM.from_config(config)


@pytest.mark.parametrize("architecture", gguf_files.CONFIGS)
def test_weights_are_those_of_the_model_that_the_file_was_made_of(architecture, tmp_path):
    model = gguf_files.made(architecture)
    described = GgufModel(gguf_files.write(tmp_path / "m.gguf", architecture, model)).described
    held = described.weights(on_meta(described))
    kept = dict(model.named_parameters(remove_duplicate=False))
    compared = [name for name in kept if not UNSEEN.search(name)]
    assert len(compared) > 3 * model.config.num_hidden_layers
    for name in compared:
        assert held[name].shape == tuple(kept[name].shape), name
        np.testing.assert_allclose(held[name](), kept[name].detach(), atol=1e-6, err_msg=name)


@pytest.mark.parametrize("architecture", ["gemma2", "gemma3", "gpt2", "llama", "nemotron", "phi3"])
def test_weights_are_those_that_transformers_reads(architecture, tmp_path):
    """Quantized, too."""
    padding = {"tokenizer.ggml.padding_token_id": 0}  # else that of another model
    gguf_files.write(tmp_path / "m.gguf", architecture, kind=KIND.Q8_0, metadata=padding)
    theirs = transformers.AutoModelForCausalLM.from_pretrained(tmp_path, gguf_file="m.gguf")
    described = GgufModel(tmp_path / "m.gguf").described
    held = described.weights(on_meta(described))
    for name, parameter in theirs.named_parameters(remove_duplicate=False):
        if not UNSEEN.search(name):
            np.testing.assert_array_equal(held[name](), parameter.detach(), err_msg=name)


def test_experts_are_read_one_by_one(tmp_path, monkeypatch):
    """As many bytes as one of them has."""
    described = GgufModel(gguf_files.write(tmp_path / "m.gguf", "qwen3moe")).described
    held = described.weights(on_meta(described))
    whole = held["model.layers.1.mlp.experts.gate_up_proj"]
    down = held["model.layers.1.mlp.experts.down_proj"]
    read = []
    monkeypatch.setattr(
        "dtviz.checkpoints.gguf_model.gguf_model.read_tensor",
        lambda *given: read.append(given[-1]) or read_tensor(*given),
    )
    np.testing.assert_array_equal(whole.at(2).part(1, 2)(), whole()[2, 8:])
    np.testing.assert_array_equal(down.at(2)(), down()[2])
    assert read == [2, 0, 0, 1, 1, 2, 2, 2, None]


@pytest.mark.parametrize(
    "given",
    [
        {"tensors": {"blk.0.ffn_norm_2.weight": np.ones(32, np.float32)}},
        {"tensors": {"blk.3.ffn_norm.weight": np.ones(32, np.float32)}},
        {"tensors": {"blk.0.ffn_gate_exps.weight": np.ones((2, 8, 32), np.float32)}},
        {"metadata": {"llama.block_count": 2}},
        {"metadata": {"llama.block_count": 4}},
        {"metadata": {"llama.feed_forward_length": 12}},
        {"metadata": {"llama.vocab_size": 305}},
        {"metadata": {"llama.block_count": 2**31}},
        {"metadata": {"llama.embedding_length": [32, 32]}},
        {"metadata": {"llama.logit_scale": 0.5}},
        {"metadata": {"split.count": 2}},
    ],
)
def test_a_configuration_of_another_model_is_refused(given, tmp_path):
    """Weights without a place in the model, and places without weights."""
    with pytest.raises(BadCheckpoint):
        dtviz.load(gguf_files.write(tmp_path / "m.gguf", **given))


def test_attention_that_is_not_looked_at_may_have_more_weights(tmp_path):
    more = {"blk.0.attn_q.bias": np.ones(32, np.float32), "rope_freqs.weight": np.ones(4, "f4")}
    gguf_files.write(tmp_path / "m.gguf", tensors=more)
    described = GgufModel(tmp_path / "m.gguf").described
    assert described.weights(on_meta(described))
