"""Vectors against what a model itself computes, on samples of kinds that are easily wrong."""

import json
import os
import time
from dataclasses import replace

import numpy as np
import pytest
import torch
import transformers

import dtviz
from dtviz import checkpoints
from dtviz.checkpoints import reader
from dtviz.checkpoints.verification import cached, verify
from dtviz.checkpoints.verification.anatomy import NormPlace
from dtviz.errors import BadArgument, BadCheckpoint, DtvizError
from dtviz.verification_report import report_of

SIZES = {
    "hidden_size": 16,
    "intermediate_size": 24,
    "num_hidden_layers": 3,
    "num_attention_heads": 2,
    "num_key_value_heads": 2,
    "vocab_size": 70,
    "bos_token_id": 0,
    "eos_token_id": 0,
    "pad_token_id": 0,
    "tie_word_embeddings": False,
}


def made(config):
    torch.manual_seed(0)
    model = transformers.AutoModelForCausalLM.from_config(config)
    with torch.no_grad():
        for p in model.parameters():
            noise = torch.randn(p.shape)
            p.copy_(p + 0.3 * noise if p.ndim < 2 else noise / 4)
    return model.eval()


@pytest.fixture
def saved(tmp_path):
    def save(config):
        model = made(config)
        model.save_pretrained(tmp_path)
        return model, dtviz.load(tmp_path)

    return save


def seen(model, *names):
    """Inputs and outputs of modules, rows of float64."""
    got = {}

    def keep(name):
        def hook(_module, given, found):
            got[name] = [
                each.detach().double().flatten(0, -2).numpy() for each in (given[0], found)
            ]

        model.get_submodule(name).register_forward_hook(hook)

    for name in names:
        keep(name)
    with torch.no_grad():
        model(torch.arange(1, 13).reshape(2, 6), use_cache=False)
    return got


def normalized(x):
    x = x - x.mean(-1, keepdims=True)
    return x / np.sqrt((x * x).mean(-1, keepdims=True) + 1e-5)


def off(found, expected):
    """How far one is from the other up to a bias, relative to it."""
    found, expected = found - found.mean(0), expected - expected.mean(0)
    return abs(found - expected).max() / abs(expected).max()


def test_the_norm_that_a_parallel_layers_attention_and_mlp_share_is_folded(saved):
    model, found = saved(
        transformers.FalconConfig(
            hidden_size=16,
            ffn_hidden_size=64,
            num_hidden_layers=2,
            num_attention_heads=2,
            num_kv_heads=1,
            vocab_size=70,
            new_decoder_architecture=True,
            num_ln_in_parallel_attn=1,
        )
    )
    norm, reads = "transformer.h.1.input_layernorm", "transformer.h.1.mlp.dense_h_to_4h"
    got = seen(model, norm, reads)
    assert off(normalized(got[norm][0]) @ found.neurons(1, "in").vectors.T, got[reads][1]) < 1e-5


def test_experts_beside_an_mlp_are_shown_and_both_norms_folded(saved):
    model, found = saved(
        transformers.Gemma4TextConfig(
            **SIZES,
            head_dim=8,
            global_head_dim=8,
            hidden_size_per_layer_input=0,
            enable_moe_block=True,
            num_experts=4,
            top_k_experts=2,
            moe_intermediate_size=8,
        )
    )
    layer = model.model.layers[1]
    weights = (layer.post_feedforward_layernorm_1.weight, layer.post_feedforward_layernorm.weight)
    expected = (layer.mlp.down_proj.weight.T * weights[0] * weights[1]).detach()
    np.testing.assert_allclose(found.neurons(1).vectors[:24], expected, rtol=1e-4, atol=1e-6)
    assert found.experts(1) == (0, 1, 2, 3)
    assert found.widths == (24 + 4 * 8,) * 3


def test_a_norm_after_the_embedding_is_applied_to_it(saved):
    model, found = saved(
        transformers.BloomConfig(hidden_size=16, n_layer=2, n_head=2, vocab_size=70)
    )
    transformer = model.transformer
    with torch.no_grad():
        expected = transformer.word_embeddings_layernorm(transformer.word_embeddings.weight)
    np.testing.assert_allclose(found.embedding.vectors, expected, atol=1e-5)
    assert "LayerNorm after the embedding applied to it" in found.processing


@pytest.mark.parametrize(
    ("config", "scales"),
    [
        (transformers.CohereConfig(**SIZES, logit_scale=0.25), {"logits": 0.25}),
        (
            transformers.GraniteConfig(
                **SIZES, embedding_multiplier=12.0, residual_multiplier=0.5, logits_scaling=8.0
            ),
            {"embedding": 12.0, "what neurons write": 0.5, "logits": 0.125},
        ),
        (transformers.GemmaConfig(**SIZES, head_dim=8), {"embedding": 4.0}),
        (transformers.LlamaConfig(**SIZES), {}),
    ],
)
def test_constant_factors_are_found_and_said(saved, config, scales):
    _, found = saved(config)
    assert found.scales == pytest.approx(scales, rel=1e-3)
    for name, value in scales.items():
        assert [note for note in found.notes if name in note and f"{value:g}" in note]


def test_a_soft_cap_is_said(saved):
    _, found = saved(transformers.Gemma2Config(**SIZES, head_dim=8))
    assert [note for note in found.notes if "not linear" in note]


def test_of_two_sets_of_weights_the_one_that_transformers_loads_is_shown(tmp_path):
    model = made(transformers.LlamaConfig(**SIZES))
    model.save_pretrained(tmp_path, max_shard_size="5KB")
    with torch.no_grad():
        model.model.layers[0].mlp.down_proj.weight.neg_()
    shards = {path: path.read_bytes() for path in tmp_path.glob("*-of-*")}
    model.save_pretrained(tmp_path)
    for path, data in shards.items():
        path.write_bytes(data)
    loaded = transformers.AutoModelForCausalLM.from_pretrained(tmp_path)
    expected = loaded.model.layers[0].mlp.down_proj.weight.detach().T
    np.testing.assert_array_equal(dtviz.load(tmp_path).neurons(0).vectors, expected)


def test_a_number_of_layers_that_is_of_something_else(saved):
    """Qwen2's max_window_layers is 28, whatever the number of layers."""
    _, found = saved(transformers.Qwen2Config(**{**SIZES, "num_hidden_layers": 2}))
    assert found.n_layers == 2


@pytest.mark.parametrize("what", ["before", "final"])
def test_what_differs_from_the_forward_pass_is_refused(monkeypatch, tmp_path, what):
    """An anatomy with a norm that is not there, or none where there is one."""
    find = verify.anatomy_of

    def wrong(discovery):
        found = find(discovery)
        if what == "final":
            return replace(found, final=replace(found.final, offset=1))
        before = NormPlace("LN", 1e-5)
        layers = {
            layer: tuple(replace(mlp, before=before) for mlp in mlps)
            for layer, mlps in found.layers.items()
        }
        return replace(found, layers=layers)

    monkeypatch.setattr(verify, "anatomy_of", wrong)
    monkeypatch.setattr(cached, "texts", {})
    made(transformers.LlamaConfig(**SIZES, rms_norm_eps=1e-3)).save_pretrained(tmp_path)
    with pytest.raises(BadCheckpoint, match=r"in a small copy .* got different by .* of it"):
        dtviz.load(tmp_path)


def test_rows_of_experts_are_told_apart_where_nothing_but_the_token_makes_them_differ(saved):
    """In a parallel layer without positions: two equal tokens would be taken for one."""
    config = transformers.Cohere2MoeConfig(
        **SIZES, num_experts=4, num_experts_per_tok=2, head_dim=8, logit_scale=0.5
    )
    model, found = saved(config)
    assert found.experts(0) == (0, 1, 2, 3)
    expected = model.model.layers[0].mlp.experts.down_proj[2].detach().T
    np.testing.assert_allclose(found.neurons(0, expert=2).vectors, expected, atol=1e-6)


def test_layers_without_an_mlp_are_named(saved):
    config = transformers.NemotronHConfig(
        hidden_size=16,
        vocab_size=70,
        intermediate_size=24,
        layers_block_type=["mamba", "mlp", "attention", "mlp"],
        num_attention_heads=2,
        num_key_value_heads=2,
        head_dim=8,
        mamba_num_heads=4,
        mamba_head_dim=8,
        n_groups=2,
        ssm_state_size=8,
    )
    _, found = saved(config)
    assert found.layers == (1, 3)
    assert [note for note in found.notes if note.endswith("for each neuron: layers 0, 2.")]


@pytest.mark.parametrize(
    "config",
    [
        transformers.OPTConfig(
            hidden_size=32,
            word_embed_proj_dim=16,
            do_layer_norm_before=False,
            num_hidden_layers=2,
            num_attention_heads=4,
            ffn_dim=48,
            vocab_size=70,
            pad_token_id=1,
        )
    ],
)
def test_an_embedding_that_is_narrower_than_the_stream_is_not_compared_with(saved, config):
    _, found = saved(config)
    assert (found.embedding, found.unembedding) == (None, None)
    assert len([note for note in found.notes if "in its residual stream" in note]) == 2
    assert [note for note in found.notes if "passes a norm, or another map" in note]


def test_layers_of_stacks_within_a_stack_are_layers_of_their_own(tmp_path):
    config = transformers.FunnelConfig(
        block_sizes=[2, 2], num_decoder_layers=1, d_model=16, d_head=8, n_head=2, d_inner=24
    )
    model = transformers.FunnelForMaskedLM(config)
    model.save_pretrained(tmp_path)
    found = dtviz.load(tmp_path)
    for layer in (0, 1):
        expected = model.funnel.encoder.blocks[0][layer].ffn.linear_2.weight.detach().T
        np.testing.assert_array_equal(found.neurons(layer).vectors, expected)


def test_a_model_of_which_no_copy_runs_is_refused_as_such(monkeypatch, tmp_path):
    made(transformers.LlamaConfig(**SIZES, rms_norm_eps=2e-3)).save_pretrained(tmp_path)
    monkeypatch.setattr(cached, "texts", {})

    def fail(*_given):
        raise RuntimeError("sizes do not match")

    monkeypatch.setattr(verify.SmallCopy, "_made", fail)
    with pytest.raises(BadCheckpoint, match=r"can make and run a small copy.*sizes do not match"):
        dtviz.load(tmp_path)


def test_the_report(directory, tmp_path):
    report = dtviz.verify(directory("gpt2"))
    assert set(report.compared) == {"in", "out", "embedding", "unembedding"}
    assert report.compared["out"] == 3
    assert 0 < report.greatest_error < 1e-4
    assert "out: 3 compared, greatest difference" in str(report)
    assert report_of(json.loads(json.dumps(report.as_dict()))) == report
    with pytest.raises(BadArgument, match="of which nothing was compared"):
        checkpoints.report_of(dtviz.Model.from_arrays(np.eye(2)))


@pytest.mark.parametrize("kind", ["gpt2", "deepseek"])
def test_through_the_reader(directory, kind):
    expected = dtviz.load(directory(kind))
    found = reader.read(str(directory(kind)))
    assert (found.verified, found.scales) == (expected.verified, expected.scales)
    assert (found.layers, found.groups) == (expected.layers, expected.groups)
    assert found.notes == expected.notes
    for layer in expected.layers:
        np.testing.assert_array_equal(found.neurons(layer).vectors, expected.neurons(layer).vectors)
        for expert in expected.experts(layer):
            one, other = (model.neurons(layer, "in", expert=expert) for model in (found, expected))
            np.testing.assert_array_equal(one.vectors, other.vectors)
    for layer, router in expected.routers.items():
        np.testing.assert_array_equal(found.routers[layer].vectors, router.vectors)


def test_it_runs_once_a_configuration(directory, monkeypatch, tmp_path):
    """What a child found is kept by its parent; damaged it is found anew."""
    monkeypatch.setenv("DTVIZ_CACHE", str(tmp_path))
    monkeypatch.setattr(cached, "texts", {})
    source = directory("gpt2")
    expected = reader.read(str(source)).verified
    (file,) = tmp_path.glob("verification-*.json")

    def never(*_given):
        raise AssertionError

    for text in (None, "{", '{"anatomy": {}}'):
        cached.texts.clear()
        if text is not None:
            file.write_text(text)
            assert dtviz.load(source).verified == expected
            cached.texts.clear()
        with monkeypatch.context() as patch:
            patch.setattr("dtviz.checkpoints.hugging_face.verified", never)
            assert dtviz.load(source).verified == expected


def test_a_pipe_in_place_of_a_configuration_is_not_waited_for(tmp_path):
    os.mkfifo(tmp_path / "config.json")
    with pytest.raises(DtvizError):
        reader.read(str(tmp_path))


def test_a_model_of_gpt2s_shape_takes_seconds():
    started = time.process_time()
    found = verify.verified(transformers.GPT2LMHeadModel, transformers.GPT2Config())
    assert time.process_time() - started < 5
    assert found.report.compared["out"] == 12
