"""Models of TransformerLens in memory, against the same from a directory."""

from types import SimpleNamespace

import numpy as np
import pytest
import torch
from transformer_lens.hook_points import HookPoint
from transformer_lens.HookedRootModule import HookedRootModule
from transformer_lens.model_bridge import TransformerBridge

import dtviz
from dtviz.errors import BadArgument, BadCheckpoint

from . import language_models


@pytest.fixture(params=["gpt2", "llama", "gemma", "phi3", "gptj", "deepseek"])
def both(directory, request):
    """A bridge, and the model in the directory that it is to."""
    path = directory(request.param)
    bridge = TransformerBridge.boot_transformers(str(path), device="cpu")
    return bridge, dtviz.load(path)


def agree(found, expected, sides=None):
    for side in sides or expected.sides:
        np.testing.assert_allclose(
            found.neurons("all", side).vectors, expected.neurons("all", side).vectors, atol=1e-6
        )


def test_a_bridge(both):
    bridge, expected = both
    model = dtviz.load(bridge)
    assert model.name == expected.name
    assert (model.source, model.sha256) == (None, None)
    assert model.sides == expected.sides
    assert model.processing == expected.processing
    assert (model.normalization, model.epsilon) == (expected.normalization, expected.epsilon)
    agree(model, expected)
    for what in ("unembedding", "embedding"):
        found, wanted = getattr(model, what), getattr(expected, what)
        np.testing.assert_array_equal(found.vectors, wanted.vectors)
        assert found.names == wanted.names
    if expected.unembedding_bias is None:
        assert model.unembedding_bias is None
    else:
        # How a product is rounded depends on where its numbers lie in memory.
        bias = expected.unembedding_bias
        np.testing.assert_allclose(model.unembedding_bias, bias, rtol=0, atol=1e-6)
    assert model.verified.compared == expected.verified.compared


@pytest.mark.filterwarnings("ignore:.* does not support fold_ln")
def test_a_bridge_whose_weights_were_processed(both):
    """What is folded already is not folded again; what was done besides is told."""
    bridge, expected = both
    bridge.enable_compatibility_mode()
    model = dtviz.load(bridge)
    agree(model, expected, set(expected.sides) - {"out"})
    assert model.processing.endswith("; W_out and unembedding as TransformerLens processed them")


def test_a_bridge_of_half_precision(directory):
    path = str(directory("llama"))
    bridge = TransformerBridge.boot_transformers(path, device="cpu", dtype=torch.bfloat16)
    model = dtviz.load(bridge)
    assert model.neurons(1, "in").vectors.dtype == np.float32
    expected = dtviz.load(path).neurons(1, "in").vectors
    np.testing.assert_allclose(model.neurons(1, "in").vectors, expected, atol=2e-2)


def test_a_bridge_without_mlps(directory):
    bridge = TransformerBridge.boot_transformers(str(directory("mamba")), device="cpu")
    with pytest.raises(BadCheckpoint, match="they have no MLP"):
        dtviz.load(bridge)


def holder(**parameters) -> torch.nn.Module:
    """A module with these parameters."""
    module = torch.nn.Module()
    for name, tensor in parameters.items():
        module.register_parameter(name, torch.nn.Parameter(tensor))
    return module


class HookedMLP(torch.nn.Module):
    def __init__(self, cfg):
        super().__init__()
        self.cfg = cfg
        self.W_in = torch.nn.Parameter(torch.randn(cfg.d_model, cfg.d_mlp))
        self.W_out = torch.nn.Parameter(torch.randn(cfg.d_mlp, cfg.d_model))
        if cfg.gated_mlp:
            self.W_gate = torch.nn.Parameter(torch.randn(cfg.d_model, cfg.d_mlp))
            self.hook_pre_linear = HookPoint()
        self.hook_pre, self.hook_post = HookPoint(), HookPoint()

    def forward(self, x):
        if self.cfg.gated_mlp:
            post = self.hook_pre(x @ self.W_gate).relu() * self.hook_pre_linear(x @ self.W_in)
        else:
            post = self.hook_pre(x @ self.W_in).relu()
        return self.cfg.multiplier * (self.hook_post(post) @ self.W_out)


class HookedNorm(torch.nn.Module):
    def __init__(self, cfg):
        super().__init__()
        self.cfg = cfg
        if cfg.has_weights:
            self.w = torch.nn.Parameter(torch.rand(cfg.d_model) + 0.5)
            if cfg.normalization_type == "LN":
                self.b = torch.nn.Parameter(torch.rand(cfg.d_model) + 0.5)

    def forward(self, x):
        if self.cfg.normalization_type is None:
            return x
        x = x - x.mean(-1, keepdim=True) if self.cfg.normalization_type.startswith("LN") else x
        x = x / (x.pow(2).mean(-1, keepdim=True) + self.cfg.eps).sqrt()
        return x * getattr(self, "w", 1) + getattr(self, "b", 0)


class HookedBlock(torch.nn.Module):
    def __init__(self, cfg):
        super().__init__()
        self.ln2, self.mlp = HookedNorm(cfg), HookedMLP(cfg)

    def forward(self, stream):
        return stream + self.mlp(self.ln2(stream))


class Unembed(torch.nn.Module):
    def __init__(self, cfg):
        super().__init__()
        self.W_U = torch.nn.Parameter(torch.randn(cfg.d_model, cfg.d_vocab))
        self.b_U = torch.nn.Parameter(torch.zeros(cfg.d_vocab))

    def forward(self, x):
        return x @ self.W_U + self.b_U


class Hooked(HookedRootModule):
    """What a HookedTransformer of TransformerLens 3 looks like, without attention."""

    def __init__(self, cfg):
        super().__init__()
        torch.manual_seed(0)
        self.cfg = cfg
        self.blocks = torch.nn.ModuleList(HookedBlock(cfg) for _ in range(3))
        self.ln_final = HookedNorm(cfg)
        self.unembed = Unembed(cfg)
        self.embed = holder(W_E=torch.randn(cfg.d_vocab, cfg.d_model))
        self.tokenizer = language_models.tokenizer()
        self.setup()

    def forward(self, tokens):
        stream = self.W_E[tokens]
        for block in self.blocks:
            stream = block(stream)
        logits = self.unembed(self.ln_final(stream))
        return logits if self.cfg.cap is None else self.cfg.cap * (logits / self.cfg.cap).tanh()

    W_U = property(lambda self: self.unembed.W_U)
    b_U = property(lambda self: self.unembed.b_U)
    W_E = property(lambda self: self.embed.W_E)


def hooked_transformer(normalization_type, gated=False, has_weights=True, multiplier=1, cap=None):
    return Hooked(
        SimpleNamespace(
            d_model=8,
            d_mlp=12,
            d_vocab=language_models.ROWS,
            normalization_type=normalization_type,
            gated_mlp=gated,
            has_weights=has_weights and normalization_type is not None,
            multiplier=multiplier,
            cap=cap,
            eps=1e-4,
            model_name="hooked",
        )
    )


def numbers(tensor):
    return tensor.detach().double().numpy()


@pytest.mark.parametrize(
    ("normalization_type", "gated", "parameters"),
    [("LN", False, True), ("LNPre", True, False), ("RMS", True, True), (None, False, False)],
)
def test_a_hooked_transformer(normalization_type, gated, parameters):
    hooked = hooked_transformer(normalization_type, gated, parameters)
    model = dtviz.load(hooked)
    is_ln = str(normalization_type).startswith("LN")
    for layer, block in enumerate(hooked.blocks):
        for side in ("in", "gate") if gated else ("in",):
            expected = numbers(getattr(block.mlp, f"W_{side}")).T
            expected = expected * (numbers(block.ln2.w) if parameters else 1)
            expected = expected - expected.mean(1, keepdims=True) if is_ln else expected
            np.testing.assert_allclose(model.neurons(layer, side).vectors, expected, atol=1e-6)
        written = numbers(block.mlp.W_out)
        np.testing.assert_allclose(model.neurons(layer).vectors, written, atol=1e-6)
    unembedding = numbers(hooked.W_U).T
    bias = np.zeros(306)
    if parameters:
        if is_ln:
            bias = unembedding @ numbers(hooked.ln_final.b)
        unembedding = unembedding * numbers(hooked.ln_final.w)
    np.testing.assert_allclose(model.unembedding.vectors, unembedding, atol=1e-6)
    np.testing.assert_allclose(model.unembedding_bias, bias, atol=1e-5)
    np.testing.assert_allclose(model.embedding.vectors, numbers(hooked.W_E), atol=1e-6)
    assert model.name == "hooked"
    assert model.normalization == {"LN": "LN", "LNPre": "LN", "RMS": "RMS"}.get(normalization_type)
    assert model.epsilon == (1e-5 if normalization_type is None else 1e-4)
    assert "␣the" in model.unembedding.names
    assert ("as TransformerLens processed" in model.processing) == (normalization_type == "LNPre")
    sides = {"in", "gate", "out"} if gated else {"in", "out"}
    assert set(model.verified.compared) == {*sides, "embedding", "unembedding"}
    assert model.verified.greatest_error < 1e-4


def test_a_hooked_transformer_that_computes_something_else_is_refused():
    with pytest.raises(BadCheckpoint, match="what the neurons of layer 0 write in a small copy"):
        dtviz.load(hooked_transformer("LN", multiplier=2))


def test_a_soft_cap_of_a_hooked_transformer_is_said():
    (note,) = dtviz.load(hooked_transformer("RMS", cap=5.0)).notes
    assert "such as a soft cap" in note


def test_a_hooked_transformer_of_which_no_copy_can_be_made():
    class Other(Hooked):
        def __init__(self, cfg, needed):
            super().__init__(cfg)

    with pytest.raises(BadCheckpoint, match=r"class makes a small copy that runs.*'needed'"):
        dtviz.load(Other(hooked_transformer("LN").cfg, None))


def test_a_hooked_transformer_that_dtviz_does_not_know():
    hooked = hooked_transformer("LN")
    hooked.cfg.normalization_type = "BatchNorm"
    with pytest.raises(BadCheckpoint, match="'BatchNorm'"):
        dtviz.load(hooked)
    without = hooked_transformer("LN")
    del without.blocks[1].mlp
    with pytest.raises(BadCheckpoint, match="one without, in layer 1"):
        dtviz.load(without)


def test_other_modules():
    with pytest.raises(BadArgument, match="an object of type Linear"):
        dtviz.load(torch.nn.Linear(2, 2))
