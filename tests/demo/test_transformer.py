import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from transformer_lens import HookedRootModule

from dtviz.demo.checkpoint import load, save
from dtviz.demo.transformer import DecisionTransformer, TransformerConfig
from tests.demo.reference import action_logits


def small(gated: bool = False, layer_norm: bool = True, seed: int = 0) -> DecisionTransformer:
    """A random model with every parameter away from its initial zero or one."""
    torch.manual_seed(seed)
    config = TransformerConfig(
        n_layers=2,
        n_heads=2,
        d_model=12,
        d_mlp=10,
        n_ctx=11,
        n_actions=3,
        n_features=20,
        n_times=9,
        layer_norm=layer_norm,
        gated_mlp=gated,
    )
    model = DecisionTransformer(config)
    for parameter in model.parameters():
        torch.nn.init.normal_(parameter, std=0.5)
    return model.eval()


def inputs(steps: int, seed: int = 0):
    rng = np.random.default_rng(seed)
    return (
        rng.integers(0, 2, steps),
        rng.integers(0, 2, (steps, 20)),
        rng.integers(0, 4, steps - 1),
        np.sort(rng.choice(9, steps, replace=False)),
    )


def run(model, episode, **keywords):
    returns_to_go, states, actions, timesteps = (torch.from_numpy(part)[None] for part in episode)
    return model(returns_to_go, states, actions, timesteps, **keywords)


def published(model) -> dict[str, np.ndarray]:
    """The weights as float64, under the names of the published format."""
    prefixed = ("pos_embed.", "blocks.", "ln_final.")
    return {
        ("transformer." if name.startswith(prefixed) else "") + name: weights.double().numpy()
        for name, weights in model.state_dict().items()
    }


@given(
    gated=st.booleans(),
    layer_norm=st.booleans(),
    steps=st.integers(1, 4),
    seed=st.integers(0, 1000),
)
@settings(max_examples=25)
def test_the_forward_pass_is_what_numpy_computes(gated, layer_norm, steps, seed):
    model, episode = small(gated, layer_norm, seed), inputs(steps, seed)
    with torch.no_grad():
        logits = run(model.double(), episode)[0].numpy()
    np.testing.assert_allclose(logits, action_logits(published(model), *episode), atol=1e-5)


def test_a_later_step_does_not_change_an_earlier_action():
    model = small()
    returns_to_go, states, actions, timesteps = inputs(4)
    changed = (returns_to_go.copy(), states.copy(), actions.copy(), timesteps)
    changed[0][3], changed[1][3], changed[2][2] = 5, 1 - states[3], (actions[2] + 1) % 3
    with torch.no_grad():
        before = run(model, (returns_to_go, states, actions, timesteps))
        after = run(model, changed)
    torch.testing.assert_close(before[:, :3], after[:, :3])
    assert not torch.allclose(before[:, 3], after[:, 3])


def test_timesteps_count_from_zero_where_not_given():
    model = small()
    *episode, _ = inputs(3)
    parts = [torch.from_numpy(part)[None] for part in episode]
    torch.testing.assert_close(model(*parts), model(*parts, torch.arange(3)))


def test_too_long_a_sequence_is_refused():
    with pytest.raises(ValueError, match=r"at most 4 time steps.*got 5"):
        run(small(), inputs(5))


@pytest.mark.parametrize("gated", [False, True])
def test_the_hooks_have_transformer_lens_names(gated):
    model = small(gated)
    block = {
        *("hook_resid_pre", "hook_attn_out", "hook_resid_mid", "hook_mlp_out", "hook_resid_post"),
        *(
            f"{norm}.{hook}"
            for norm in ("ln1", "ln2")
            for hook in ("hook_scale", "hook_normalized")
        ),
        *(f"attn.hook_{part}" for part in ("q", "k", "v", "attn_scores", "pattern", "z")),
        *("mlp.hook_pre", "mlp.hook_post"),
    }
    expected = {f"blocks.{layer}.{hook}" for layer in range(2) for hook in block}
    expected |= {"hook_embed", "hook_pos_embed", "ln_final.hook_scale", "ln_final.hook_normalized"}
    if gated:
        expected |= {f"blocks.{layer}.mlp.hook_pre_linear" for layer in range(2)}
    assert isinstance(model, HookedRootModule)
    assert set(model.hook_dict) == expected


def test_the_cache_holds_every_hook_and_adds_up():
    model = small()
    returns_to_go, states, actions, timesteps = (torch.from_numpy(part)[None] for part in inputs(3))
    logits, cache = model.run_with_cache(returns_to_go, states, actions, timesteps)
    assert set(cache) == set(model.hook_dict)
    assert logits.shape == (1, 3, 3)
    assert cache["blocks.1.mlp.hook_post"].shape == (1, 8, 10)
    assert cache["blocks.0.attn.hook_pattern"].shape == (1, 2, 8, 8)
    assert cache["blocks.0.attn.hook_z"].shape == (1, 8, 2, 6)
    torch.testing.assert_close(cache["blocks.0.attn.hook_pattern"].sum(-1), torch.ones(1, 2, 8))
    torch.testing.assert_close(
        cache["blocks.0.hook_resid_post"],
        cache["hook_embed"]
        + cache["hook_pos_embed"]
        + cache["blocks.0.hook_attn_out"]
        + cache["blocks.0.hook_mlp_out"],
    )


def test_what_folded_weights_read_is_hook_normalized():
    model = small()
    parts = [torch.from_numpy(part)[None] for part in inputs(3)]
    _, cache = model.run_with_cache(*parts)
    block = model.blocks[1]
    folded = block.ln2.w[:, None] * block.mlp.W_in
    bias = block.mlp.b_in + block.ln2.b @ block.mlp.W_in
    torch.testing.assert_close(
        cache["blocks.1.mlp.hook_pre"], cache["blocks.1.ln2.hook_normalized"] @ folded + bias
    )


@pytest.mark.parametrize("hook", ["blocks.1.mlp.hook_post", "blocks.0.attn.hook_z"])
def test_ablating_through_hooks_changes_the_logits_and_leaves_nothing_behind(hook):
    model = small()
    parts = [torch.from_numpy(part)[None] for part in inputs(3)]
    before = model(*parts)
    ablated = model.run_with_hooks(*parts, fwd_hooks=[(hook, lambda x, hook: x * 0)])
    assert not torch.allclose(before, ablated)
    torch.testing.assert_close(model(*parts), before)


def test_ablating_one_neuron_takes_away_what_it_wrote():
    model = small(layer_norm=False)
    parts = [torch.from_numpy(part)[None] for part in inputs(3)]
    logits, cache = model.run_with_cache(*parts)

    def ablate(post, hook):
        post = post.clone()
        post[..., 4] = 0
        return post

    ablated = model.run_with_hooks(*parts, fwd_hooks=[("blocks.1.mlp.hook_post", ablate)])
    written = cache["blocks.1.mlp.hook_post"][:, 1::3, 4, None] * model.blocks[1].mlp.W_out[4]
    torch.testing.assert_close(logits - ablated, written @ model.action_predictor.weight.T)


@pytest.mark.parametrize("gated", [False, True])
@pytest.mark.parametrize("layer_norm", [False, True])
def test_a_model_survives_its_file(tmp_path, gated, layer_norm):
    model = small(gated, layer_norm)
    path = tmp_path / "model.pt"
    save(path, model, {"model_config": {"layer_norm": "LN" if layer_norm else False}})
    assert [file.name for file in tmp_path.iterdir()] == ["model.pt"]
    again = load(path)
    assert again.config == model.config
    parts = [torch.from_numpy(part)[None] for part in inputs(4)]
    torch.testing.assert_close(again(*parts), model(*parts), rtol=0, atol=0)


@pytest.mark.parametrize(
    ("config", "message"),
    [
        ({"layer_norm": "LN", "activation_fn": "gelu"}, "'relu', got 'gelu'"),
        ({"layer_norm": "LNPre"}, "got 'LNPre'"),
    ],
)
def test_a_model_that_would_compute_something_else_is_refused(tmp_path, config, message):
    save(tmp_path / "model.pt", small(), {"model_config": config})
    with pytest.raises(ValueError, match=message):
        load(tmp_path / "model.pt")


def test_missing_weights_are_named(tmp_path):
    path = tmp_path / "model.pt"
    save(path, small(), {"model_config": {"layer_norm": "LN"}})
    checkpoint = torch.load(path, weights_only=True)
    del checkpoint["model_state_dict"]["reward_embedding.0.weight"]
    torch.save(checkpoint, path)
    with pytest.raises(KeyError, match=r"reward_embedding\.0\.weight"):
        load(path)
