"""A language model's numbers, against its own forward pass and TransformerLens."""

import numpy as np
import pytest
from transformer_lens.model_bridge import TransformerBridge

import dtviz

from ..analyses import reference
from . import language_models
from .language_models import KINDS, ROWS, inside, made

OPENED = ("gpt2", "llama", "pythia", "gemma", "phi3", "gptj", "deepseek")


def normalized(x, kind):
    """What a norm gives without its parameters."""
    centred = x - x.mean(-1, keepdims=True) if KINDS[kind].norm == "LN" else x
    return centred / np.sqrt((centred**2).mean(-1, keepdims=True) + KINDS[kind].epsilon)


def rows_are_equal(found):
    np.testing.assert_allclose(found, np.repeat(found[:1], len(found), axis=0), atol=2e-5)


@pytest.mark.parametrize("kind", OPENED)
def test_neurons_read_what_the_model_reads(directory, kind):
    """Up to a bias, its own pre-activations, of the norm and the map that it uses."""
    model = dtviz.load(directory(kind))
    for layer in (layer for layer in model.layers if not model.experts(layer)):
        norm, *maps = (name.format(layer) for name in (KINDS[kind].before, *KINDS[kind].reads))
        seen = inside(made(kind), norm, *maps)
        read = np.concatenate([seen.outputs[name] for name in maps], axis=1)
        sides = ["gate", "in"] if "gate" in model.sides else ["in"]
        vectors = np.concatenate([model.neurons(layer, side).vectors for side in sides])
        rows_are_equal(normalized(seen.inputs[norm], kind) @ vectors.T - read)


@pytest.mark.parametrize("kind", OPENED)
def test_the_unembedding_gives_the_models_logits(directory, kind):
    model = dtviz.load(directory(kind))
    seen = inside(made(kind), KINDS[kind].final, "lm_head")
    bias = 0 if model.unembedding_bias is None else model.unembedding_bias
    final = normalized(seen.inputs[KINDS[kind].final], kind)
    reference.agree(final @ model.unembedding.vectors.T + bias, seen.outputs["lm_head"])
    assert (model.unembedding_bias is None) == (KINDS[kind].norm == "RMS")


@pytest.mark.parametrize("kind", sorted(set(OPENED) - {"gemma"}))
def test_neurons_write_what_the_model_adds(directory, kind):
    model = dtviz.load(directory(kind))
    writes = KINDS[kind].writes.format(1)
    seen = inside(made(kind), writes)
    rows_are_equal(seen.inputs[writes] @ model.neurons(1).vectors - seen.outputs[writes])


def test_neurons_write_what_comes_out_of_a_norm_after_the_mlp(directory):
    """Of Gemma, but for the length, which depends on what all neurons write."""
    model = dtviz.load(directory("gemma"))
    writes, after = KINDS["gemma"].writes.format(1), "model.layers.1.post_feedforward_layernorm"
    seen = inside(made("gemma"), writes, after)
    ratio = (seen.inputs[writes] @ model.neurons(1).vectors) / seen.outputs[after]
    assert (ratio > 0).all()
    np.testing.assert_allclose(ratio, np.repeat(ratio[:, :1], 16, axis=1), rtol=1e-3)


@pytest.mark.parametrize("kind", OPENED)
def test_the_embedding_is_as_stored(directory, kind):
    model = dtviz.load(directory(kind))
    stored = made(kind).get_input_embeddings().weight.detach().numpy()
    np.testing.assert_array_equal(model.embedding.vectors, stored)
    assert model.embedding.names == model.unembedding.names
    assert len(model.embedding) == ROWS


@pytest.mark.parametrize("kind", ["gpt2", "llama", "pythia"])
def test_as_transformer_lens_processes_it(directory, kind):
    """It centres, where there is LayerNorm, also what neurons write and the unembedding."""
    model = dtviz.load(directory(kind))
    bridge = TransformerBridge.boot_transformers(str(directory(kind)), device="cpu")
    bridge.enable_compatibility_mode()
    state = {name: tensor.detach().numpy() for name, tensor in bridge.state_dict().items()}

    def centred(rows, axis):
        return rows - rows.mean(axis, keepdims=True) if KINDS[kind].norm == "LN" else rows

    for layer in range(3):
        mlp = bridge.blocks[layer].mlp
        for side in model.sides:
            processed = getattr(mlp, f"W_{side}").detach().numpy()
            rows = model.neurons(layer, side).vectors
            expected = centred(rows, 1) if side == "out" else rows.T
            np.testing.assert_allclose(processed, expected, atol=1e-6)
    unembedding = model.unembedding.vectors
    np.testing.assert_allclose(
        bridge.W_U.detach().numpy(),
        (centred(unembedding, 1) - centred(unembedding, 1).mean(0)).T,
        atol=1e-6,
    )
    if model.unembedding_bias is not None:
        bias = model.unembedding_bias
        np.testing.assert_allclose(state["unembed.bias"], bias - bias.mean(), atol=1e-5)


@pytest.mark.parametrize(
    ("kind", "normalization", "epsilon", "processing"),
    [
        ("gpt2", "LN", 1e-5, "LayerNorm folded; W_in centred; unembedding not centred"),
        (
            "llama",
            "RMS",
            1e-4,
            "RMSNorm folded; W_in and W_gate not centred; unembedding not centred",
        ),
        (
            "gemma",
            "RMS",
            1e-6,
            "RMSNorm folded; W_in and W_gate not centred; RMSNorm after the MLPs folded into "
            "W_out; unembedding not centred",
        ),
    ],
)
def test_what_was_done_is_said(directory, kind, normalization, epsilon, processing):
    model = dtviz.load(directory(kind))
    assert (model.normalization, model.epsilon) == (normalization, epsilon)
    assert model.processing == processing
    for directions in (model.neurons(0), model.embedding, model.unembedding):
        assert (directions.normalization, directions.epsilon) == (normalization, epsilon)
    assert model.name == kind
    assert model.source == str(directory(kind))
    if kind == "gemma":
        assert model.scales == {"embedding": 4.0}  # the root of d_model = 16
        assert [note for note in model.notes if "embedding by 4, which" in note]
        assert [note for note in model.notes if "soft cap" in note]
    else:
        assert (model.notes, model.scales) == ((), {})


def test_experts(directory):
    """Each expert's neurons have rows of their own, in files of one matrix an expert, too."""
    model = dtviz.load(directory("deepseek"))
    raw = language_models.arrays(made("deepseek"))
    assert model.layers == (0, 1, 2)
    assert [model.experts(layer) for layer in model.layers] == [(), (), (0, 1, 2, 3)]
    shared = raw["model.layers.2.mlp.shared_experts.down_proj.weight"].T
    vectors = model.neurons(2)
    np.testing.assert_allclose(vectors.vectors[: len(shared)], shared)
    assert vectors.names[0] == "L2N0"
    norm = raw["model.layers.2.post_attention_layernorm.weight"]
    both = raw["model.layers.2.mlp.experts.gate_up_proj"]
    for expert in range(4):
        writes = model.neurons(2, "out", expert=expert)
        assert writes.names[7] == f"L2E{expert}N7"
        expected = raw["model.layers.2.mlp.experts.down_proj"][expert].T
        np.testing.assert_allclose(writes.vectors, expected)
        half = len(both[expert]) // 2
        for side, rows in (("gate", both[expert][:half]), ("in", both[expert][half:])):
            found = model.neurons(2, side, expert=expert).vectors
            np.testing.assert_allclose(found, rows * norm, rtol=1e-5)
    router = model.routers[2]
    assert router.names == ["L2E0", "L2E1", "L2E2", "L2E3"]
    np.testing.assert_allclose(
        router.vectors, raw["model.layers.2.mlp.gate.weight"] * norm, rtol=1e-5
    )
    assert [note for note in model.notes if "weighted by the router" in note]


def test_layers_that_read_the_residual_stream_as_it_is(directory):
    """Of OLMo 2, norms follow the MLPs, and one precedes the unembedding."""
    model = dtviz.load(directory("olmo2"))
    raw = language_models.arrays(made("olmo2"))
    reads = raw["model.layers.2.mlp.up_proj.weight"]
    np.testing.assert_allclose(model.neurons(2, "in").vectors, reads)
    writes = raw["model.layers.2.mlp.down_proj.weight"].T
    writes = writes * raw["model.layers.2.post_feedforward_layernorm.weight"]
    np.testing.assert_allclose(model.neurons(2).vectors, writes, rtol=1e-6)
    assert model.embedding.normalization is None
    assert model.neurons(2).normalization == "RMS"


def test_rms_normed_directions(directory):
    model = dtviz.load(directory("llama"))
    neurons = model.neurons(1)
    normed = neurons.layer_normed()
    assert normed.label == "RMSNorm(W_out, layer 1)"
    reference.agree(normed.vectors, normalized(neurons.vectors.astype(float), "llama"))


@pytest.mark.parametrize("kind", ["gpt2", "llama"])
def test_it_can_be_explored(directory, kind):
    model = dtviz.load(directory(kind))
    explorer = dtviz.Explorer(model, layer=1)
    x = model.unembedding.vector(explorer.congruence.x)
    expected = normalized(model.neurons(1).vectors.astype(float), kind) @ x
    reference.agree(explorer.neurons["x"], expected)
    norm = {"LN": "LN", "RMS": "RMSNorm"}[KINDS[kind].norm]
    title = explorer.scatter.object.callback().opts.get("plot").kwargs["title"]
    assert f"layer 1, out, {norm} ·" in title
    label = explorer.congruence.param.layer_norm.label
    assert label == {"LN": "LayerNorm", "RMS": "RMSNorm"}[KINDS[kind].norm]
