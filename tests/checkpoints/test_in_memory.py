"""Models of TransformerLens in memory, against the same from a directory."""

from types import SimpleNamespace

import numpy as np
import pytest
import torch
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
    with pytest.raises(BadCheckpoint, match="without MLPs"):
        dtviz.load(bridge)


def holder(**parameters) -> torch.nn.Module:
    """A module with these parameters."""
    module = torch.nn.Module()
    for name, tensor in parameters.items():
        module.register_parameter(name, torch.nn.Parameter(tensor))
    return module


class Hooked(HookedRootModule):
    """What a HookedTransformer of TransformerLens 3 looks like: three layers of random weights."""

    def __init__(self, normalization_type, gated=False, parameters=True):
        super().__init__()
        torch.manual_seed(0)
        kind = str(normalization_type)
        self.cfg = SimpleNamespace(
            normalization_type=normalization_type, eps=1e-4, model_name="hooked"
        )
        names = ("w", "b") if kind.startswith("LN") else ("w",)

        def norm():
            has = parameters and normalization_type is not None
            return holder(**{name: torch.rand(8) + 0.5 for name in names} if has else {})

        self.blocks = torch.nn.ModuleList()
        for _ in range(3):
            block = torch.nn.Module()
            block.mlp = holder(
                W_in=torch.randn(8, 12),
                W_out=torch.randn(12, 8),
                **({"W_gate": torch.randn(8, 12)} if gated else {}),
            )
            block.ln2 = norm()
            self.blocks.append(block)
        self.ln_final = norm()
        self.unembed = holder(W_U=torch.randn(8, language_models.ROWS), b_U=torch.zeros(306))
        self.embed = holder(W_E=torch.randn(language_models.ROWS, 8))
        self.tokenizer = language_models.tokenizer()
        self.setup()

    W_U = property(lambda self: self.unembed.W_U)
    b_U = property(lambda self: self.unembed.b_U)
    W_E = property(lambda self: self.embed.W_E)


def numbers(tensor):
    return tensor.detach().double().numpy()


@pytest.mark.parametrize(
    ("normalization_type", "gated", "parameters"),
    [("LN", False, True), ("LNPre", True, False), ("RMS", True, True), (None, False, False)],
)
def test_a_hooked_transformer(normalization_type, gated, parameters):
    hooked = Hooked(normalization_type, gated, parameters)
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


def test_a_hooked_transformer_that_dtviz_does_not_know():
    hooked = Hooked("LN")
    hooked.cfg.normalization_type = "BatchNorm"
    with pytest.raises(BadCheckpoint, match="'BatchNorm'"):
        dtviz.load(hooked)
    without = Hooked("LN")
    del without.blocks[1].mlp
    with pytest.raises(BadCheckpoint, match="one without, in layer 1"):
        dtviz.load(without)


def test_other_modules():
    with pytest.raises(BadArgument, match="an object of type Linear"):
        dtviz.load(torch.nn.Linear(2, 2))
