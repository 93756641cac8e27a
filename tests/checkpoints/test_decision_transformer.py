import json
import re

import numpy as np
import pytest
import torch

from dtviz.errors import BadCheckpoint

from .published import SHARED, Published, folded, published

NO_LN = {"layer_norm": "none", "layers": 1}
MATRICES = {"in": "W_in", "gate": "W_gate"}


def assert_agrees(model, tiny: Published):
    """Compare a model whose LayerNorm was folded with NumPy's result."""
    for layer in range(model.n_layers):
        block = f"transformer.blocks.{layer}"
        out = tiny.array(f"{block}.mlp.W_out")
        np.testing.assert_allclose(model.neurons(layer, "out").vectors, out, atol=1e-6)
        for side in model.sides[1:]:
            expected = folded(
                tiny.array(f"{block}.mlp.{MATRICES[side]}"), tiny.array(f"{block}.ln2.w")
            )
            np.testing.assert_allclose(model.neurons(layer, side).vectors, expected, atol=1e-5)
    weight = tiny.array("action_predictor.weight")
    ln_w, ln_b = tiny.array("transformer.ln_final.w"), tiny.array("transformer.ln_final.b")
    bias = tiny.array("action_predictor.bias") + weight @ ln_b
    np.testing.assert_allclose(model.unembedding.vectors, weight * ln_w, atol=1e-5)
    np.testing.assert_allclose(model.unembedding_bias, bias, atol=1e-5)
    assert {model.normalization, model.unembedding.normalization} == {"LN"}
    assert {model.embedding.normalization, model.neurons().normalization} == {"LN"}


def test_the_notebooks_kind_square_with_layer_norm():
    tiny = published()
    model = tiny.model()
    assert (model.n_layers, model.d_mlp, model.d_model) == (3, 8, 8)
    assert model.sides == ("out", "in")
    assert model.processing == "LayerNorm folded; W_in centred; unembedding not centred"
    assert_agrees(model, tiny)


def test_gated():
    tiny = published(gated=True, layers=2, d_mlp=16)
    model = tiny.model()
    assert model.sides == ("out", "in", "gate")
    assert model.processing == "LayerNorm folded; W_in and W_gate centred; unembedding not centred"
    assert_agrees(model, tiny)


def test_old_configs_lack_keys_and_have_no_layer_norm():
    tiny = published(layers=1, d_mlp=16, actions=3, one_hot=False, layer_norm=False)
    del tiny.model_config["gated_mlp"]
    model = tiny.model()
    assert model.unembedding.names == ["left", "right", "forward"]
    assert model.embedding.names[0] == "Object, (0,0)"
    assert model.processing == "no LayerNorm; weights as stored"
    assert {model.normalization, model.unembedding.normalization} == {None}
    block = "transformer.blocks.0.mlp"
    assert (model.neurons(0, "in").vectors == tiny.state[f"{block}.W_in"].numpy().T).all()
    assert (model.neurons(0, "out").vectors == tiny.state[f"{block}.W_out"].numpy()).all()
    assert (model.unembedding.vectors == tiny.state["action_predictor.weight"].numpy()).all()
    assert (model.unembedding_bias == tiny.state["action_predictor.bias"].numpy()).all()


def test_layer_norm_without_parameters():
    tiny = published(layer_norm="LNPre")
    model = tiny.model()
    assert (model.normalization, model.embedding.normalization) == ("LN", "LN")
    assert model.processing == "LayerNorm without parameters; W_in centred; unembedding not centred"
    expected = folded(tiny.array("transformer.blocks.1.mlp.W_in"), np.ones(8))
    np.testing.assert_allclose(model.neurons(1, "in").vectors, expected, atol=1e-6)
    assert (model.unembedding.vectors == tiny.state["action_predictor.weight"].numpy()).all()


@pytest.mark.parametrize("stated", ["LN", True, None, "LNPre", "missing"])
def test_layer_norm_weights_are_folded_however_the_config_calls_them(stated):
    tiny = published()
    tiny.model_config["layer_norm"] = stated
    if stated == "missing":
        del tiny.model_config["layer_norm"]
    assert_agrees(tiny.model(), tiny)


@pytest.mark.parametrize("stated", [False, None, "none", "None", "missing"])
def test_no_layer_norm(stated):
    tiny = published(**NO_LN)
    tiny.model_config["layer_norm"] = stated
    if stated == "missing":
        del tiny.model_config["layer_norm"]
    assert tiny.model().normalization is None


def test_sizes_come_from_the_weights_where_the_configs_are_empty():
    tiny = published(gated=True, d_mlp=16)
    expected = tiny.model()
    tiny.model_config, tiny.environment_config = {}, {}
    model = tiny.model()
    assert model.embedding.names == expected.embedding.names
    assert_agrees(model, tiny)


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16, torch.float64])
def test_other_widths_become_float32(dtype):
    tiny = published(gated=True)
    tiny.state = {
        key: value.to(dtype) if value.is_floating_point() else value
        for key, value in tiny.state.items()
    }
    model = tiny.model()
    assert model.neurons().vectors.dtype == model.unembedding_bias.dtype == np.float32
    assert_agrees(model, tiny)


def test_parameters_that_require_gradients():
    tiny = published(**NO_LN)
    tiny.state = {
        key: torch.nn.Parameter(value) if value.is_floating_point() else value
        for key, value in tiny.state.items()
    }
    assert tiny.model().n_layers == 1


def test_more_actions_than_minigrid_has():
    assert published(**NO_LN, actions=9).model().unembedding.names[7:] == ["action 7", "action 8"]


@pytest.mark.parametrize(
    ("key", "stated", "message"),
    [
        ("d_model", 16, r"'transformer.blocks.0.mlp.W_out' of shape \(12, 16\).*got shape \(12, 8"),
        ("d_mlp", 16, r"'transformer.blocks.0.mlp.W_out' of shape \(16, 8\).*got shape \(12, 8\)"),
        ("n_layers", 3, "weights of 3 layers, numbered from 0, got those of layers '0', '1'"),
        ("n_layers", 0, "layers"),
        ("n_layers", -1, "layers"),
        ("n_layers", "two", "'n_layers' in model_config as a whole number, got 'two'"),
        ("d_model", 8.0, "'d_model' in model_config as a whole number"),
        ("d_mlp", True, "'d_mlp' in model_config as a whole number"),
        ("gated_mlp", True, "'gated_mlp' in model_config.*got True and no weights 'mlp.W_gate'"),
        ("layer_norm", "LN", "the weight 'transformer.blocks.0.ln2.w'"),
        ("layer_norm", "RMS", "'LN' or 'LNPre'.*got 'RMS' and no LayerNorm weights"),
        ("layer_norm", ["LN"], "'LN' or 'LNPre'"),
    ],
)
def test_configs_that_disagree_with_the_weights(key, stated, message):
    tiny = published(layers=2, d_mlp=12, layer_norm="none")
    tiny.model_config[key] = stated
    with pytest.raises(BadCheckpoint, match=message):
        tiny.model()


@pytest.mark.parametrize(("key", "stated"), [("layer_norm", False), ("gated_mlp", False)])
def test_weights_that_the_config_denies(key, stated):
    tiny = published(gated=True)
    tiny.model_config[key] = stated
    with pytest.raises(BadCheckpoint, match=f"'{key}' in model_config"):
        tiny.model()


@pytest.mark.parametrize(
    "key",
    [
        "transformer.blocks.1.mlp.W_in",
        "transformer.blocks.1.mlp.W_out",
        "transformer.blocks.0.mlp.W_gate",
        "transformer.blocks.1.ln2.w",
        "transformer.blocks.0.ln2.b",
        "transformer.ln_final.w",
        "transformer.ln_final.b",
        "action_predictor.weight",
        "action_predictor.bias",
        "state_embedding.weight",
    ],
)
@pytest.mark.parametrize("spoilt", ["missing", "longer", "flat", "whole numbers"])
def test_weights_that_are_missing_or_of_another_shape_are_named(key, spoilt):
    tiny = published(gated=True, layers=2)
    weight = tiny.state.pop(key)
    if spoilt == "longer":
        tiny.state[key] = torch.ones([length + 1 for length in weight.shape])
    elif spoilt == "flat":
        tiny.state[key] = torch.ones(weight.shape[:-1])
    elif spoilt == "whole numbers":
        tiny.state[key] = weight.int()
    with pytest.raises(BadCheckpoint, match=re.escape(f"'{key}'")):
        tiny.model()


@pytest.mark.parametrize("layers", [{"0", "2"}, {"1"}, set(), {"0", "00"}])
def test_layers_are_numbered_from_0(layers):
    tiny = published(**NO_LN)
    block = {key: tiny.state.pop(key) for key in list(tiny.state) if ".blocks." in key}
    for layer in layers:
        tiny.state |= {key.replace("blocks.0", f"blocks.{layer}"): v for key, v in block.items()}
    del tiny.model_config["n_layers"]
    with pytest.raises(BadCheckpoint):
        tiny.model()


@pytest.mark.parametrize(
    "keys",
    [
        ["transformer.blocks.0.mlp.W_in", "transformer.blocks.0.ln2.w"],
        ["action_predictor.weight", "transformer.ln_final.w"],
        ["action_predictor.weight", "transformer.ln_final.b"],
    ],
)
def test_numbers_too_large_to_fold(keys):
    tiny = published(layers=1)
    for key in keys:
        tiny.state[key] = torch.full_like(tiny.state[key], 1e30)
    with pytest.raises(BadCheckpoint, match=r"finite numbers in .*folded"):
        tiny.model()


# --- activations ----------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["relu", "gelu", "gelu_new", "gelu_fast", "silu", "solu"])
def test_an_activation_leaves_the_weights_as_they_are(name):
    tiny = published(**NO_LN)
    tiny.model_config["activation_fn"] = name
    model = tiny.model()
    assert (model.neurons(0).vectors == tiny.state["transformer.blocks.0.mlp.W_out"].numpy()).all()
    assert model.processing == "no LayerNorm; weights as stored"


def with_inner_norm(layer_norm: str, stated: str | None = "solu_ln") -> Published:
    tiny = published(layers=2, d_mlp=12, layer_norm=layer_norm)
    tiny.model_config["activation_fn"] = stated
    for layer in range(2):
        if layer_norm == "LN":
            tiny.state |= {
                f"transformer.blocks.{layer}.mlp.ln.w": 1 + torch.randn(12) / 2,
                f"transformer.blocks.{layer}.mlp.ln.b": torch.randn(12),
            }
    return tiny


@pytest.mark.parametrize(
    ("layer_norm", "stated"),
    [("LN", "solu_ln"), ("LN", None), ("LNPre", "solu_ln"), ("none", "solu_ln")],
)
def test_a_layer_norm_after_the_activation_is_folded_into_what_is_written(layer_norm, stated):
    """What an MLP writes, by PyTorch, is what its neurons write by how far they are activated."""
    tiny = with_inner_norm(layer_norm, stated)
    model = tiny.model()
    assert "LayerNorm of the activations folded into W_out" in model.processing
    assert model.normalization == (None if layer_norm == "none" else "LN")
    x = np.random.default_rng(0).standard_normal((50, 12))
    activated = x * np.exp(x) / np.exp(x).sum(axis=1, keepdims=True)  # SoLU
    for layer in range(2):
        mlp = f"transformer.blocks.{layer}.mlp"
        given = [
            torch.from_numpy(tiny.array(f"{mlp}.ln.{name}"))
            for name in "wb"
            if f"{mlp}.ln.{name}" in tiny.state
        ]
        normed = torch.nn.functional.layer_norm(torch.from_numpy(activated), [12], *given)
        written = normed.numpy() @ tiny.array(f"{mlp}.W_out")
        size = np.sqrt(activated.var(axis=1, keepdims=True) + 1e-5)
        ours = (activated / size) @ model.neurons(layer).vectors.astype(float)
        difference = written - ours
        np.testing.assert_allclose(difference, difference[:1].repeat(50, axis=0), atol=1e-4)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (
            lambda tiny: tiny.model_config.update(activation_fn="relu"),
            "'relu' and weights 'mlp.ln'",
        ),
        (lambda tiny: tiny.model_config.update(activation_fn="xielu"), "got 'xielu'"),
        (lambda tiny: tiny.model_config.update(activation_fn=["relu"]), "'activation_fn' in"),
        (lambda tiny: tiny.state.pop("transformer.blocks.1.mlp.ln.w"), "blocks.1.mlp.ln.w"),
        (
            lambda tiny: tiny.state.update(
                {f"transformer.blocks.{i}.mlp.W_gate": torch.ones(8, 12) for i in range(2)}
            ),
            "no gate where the activation is 'solu_ln'",
        ),
    ],
)
def test_activations_that_are_not_supported_are_named(change, message):
    tiny = with_inner_norm("LN")
    tiny.model_config.pop("gated_mlp")
    change(tiny)
    with pytest.raises(BadCheckpoint, match=message):
        tiny.model()


@pytest.fixture(scope="module")
def shared():
    if not SHARED.exists():
        pytest.skip(f"needs the published checkpoint ../shared/checkpoints/{SHARED.name}")
    from dtviz.checkpoints import load

    content = torch.load(SHARED, weights_only=True)
    configs = (json.loads(content[key]) for key in ("model_config", "environment_config"))
    return load(SHARED), Published(content["model_state_dict"], *configs)


def test_a_published_checkpoint(shared):
    model, stored = shared
    assert model.name == "MemoryGatedMLP"
    assert (model.n_layers, model.d_mlp, model.d_model) == (2, 256, 128)
    assert model.sides == ("out", "in", "gate")
    assert " ".join(model.unembedding.names) == "left right forward pickup drop toggle done"
    assert model.unembedding_bias.shape == (7,)
    assert model.embedding.vectors.shape == (980, 128)
    assert model.embedding.names[0] == "unseen, (0,0)"
    assert model.embedding.names[(5 * 7 + 1) * 7 + 6] == "key, (1,6)"
    assert model.rtg.vectors.shape == (1, 128)
    assert model.action_embedding.names[-1] == "padding"
    assert model.time_embedding.vectors.shape == (1001, 128)
    assert_agrees(model, stored)


def test_published_gates_do_not_lean(shared):
    model, _ = shared
    for side in ("in", "gate"):
        np.testing.assert_allclose(model.neurons("all", side).vectors.mean(1), 0, atol=1e-6)
