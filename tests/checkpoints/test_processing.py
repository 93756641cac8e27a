import numpy as np
import pytest
import torch

from dtviz.checkpoints.processing import folded_readers, folded_unembedding

from .published import folded, layer_normed

# Square; one neuron less, equal and one more than d_model; twice d_model.
SHAPES = [(8, 8), (8, 7), (8, 9), (8, 16), (8, 1), (2, 2)]


def blocks(d_model, d_mlp, layers=2, parameters=True):
    generator = torch.Generator().manual_seed(1)
    shapes = {"W_in": (d_model, d_mlp), "W_gate": (d_model, d_mlp)}
    if parameters:
        shapes |= {"ln2.w": (d_model,), "ln2.b": (d_model,)}
    return [
        {key: torch.randn(shape, generator=generator) for key, shape in shapes.items()}
        for _ in range(layers)
    ]


@pytest.mark.parametrize(("d_model", "d_mlp"), SHAPES)
def test_layer_norm_is_folded_and_centred_along_d_model(d_model, d_mlp):
    before = blocks(d_model, d_mlp)
    kept = [{key: tensor.clone() for key, tensor in block.items()} for block in before]
    for block, after in zip(kept, folded_readers(before), strict=True):
        assert set(after) == {"W_in", "W_gate"}
        for key, tensor in after.items():
            expected = folded(block[key].double().numpy(), block["ln2.w"].double().numpy())
            np.testing.assert_allclose(tensor.T, expected, atol=1e-6)
    for block, was in zip(before, kept, strict=True):
        assert all(torch.equal(block[key], was[key]) for key in was), "the arguments changed"


@pytest.mark.parametrize(("d_model", "d_mlp"), SHAPES[:4])
@pytest.mark.parametrize("key", ["W_in", "W_gate"])
def test_neurons_read_the_same_from_the_layer_norm_that_remains(d_model, d_mlp, key):
    (block,) = blocks(d_model, d_mlp, layers=1)
    weight, ln_w, ln_b = (block[name].double().numpy() for name in (key, "ln2.w", "ln2.b"))
    x = np.random.default_rng(0).normal(size=(50, d_model)) * 3 + 1
    before = (layer_normed(x) * ln_w + ln_b) @ weight
    after = layer_normed(x) @ folded_readers([block])[0][key].double().numpy() + ln_b @ weight
    np.testing.assert_allclose(after, before, atol=1e-5)


def test_layer_norm_without_parameters_is_only_centred():
    before = blocks(8, 8, parameters=False)
    for block, after in zip(before, folded_readers(before), strict=True):
        for key in ("W_in", "W_gate"):
            expected = folded(block[key].double().numpy(), np.ones(8))
            np.testing.assert_allclose(after[key].T, expected, atol=1e-6)


@pytest.mark.parametrize("actions", [3, 8])
def test_the_unembedding_writes_the_same_logits_and_is_not_centred(actions):
    generator = torch.Generator().manual_seed(2)
    weight, bias, ln_w, ln_b = (
        torch.randn(shape, generator=generator) for shape in [(actions, 8), (actions,), (8,), (8,)]
    )
    after, after_bias = folded_unembedding(weight, bias, ln_w, ln_b)
    x = np.random.default_rng(0).normal(size=(50, 8))
    before = (layer_normed(x) * ln_w.numpy() + ln_b.numpy()) @ weight.numpy().T + bias.numpy()
    logits = layer_normed(x) @ after.numpy().T + after_bias.numpy()
    np.testing.assert_allclose(logits, before, atol=1e-5)
    np.testing.assert_allclose(after, weight.numpy() * ln_w.numpy()[None, :], atol=1e-6)
