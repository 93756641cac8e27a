import hashlib
import json
import re
import subprocess
import sys

import numpy as np
import pytest
import torch
from torch.nn import functional

from dtviz.demo import CHECKPOINT
from dtviz.demo.checkpoint import load
from dtviz.demo.environment import OneHotMemoryEnv, features
from dtviz.demo.evaluation import success_rate
from dtviz.demo.train import EVALUATION_SEEDS, RANDOM_STEP
from dtviz.demo.trajectories import next_action

CARD = CHECKPOINT.with_name("MODEL_CARD.md").read_text(encoding="utf-8")
# Neither trained on nor used for the card.
SEEDS = range(5_000_000, 5_000_100)


@pytest.fixture(scope="module")
def model():
    return load(CHECKPOINT)


def test_importing_the_package_loads_neither_torch_nor_minigrid():
    code = (
        "import sys, dtviz.demo; print(dtviz.demo.CHECKPOINT.name, "
        "[name for name in ('torch', 'minigrid', 'transformer_lens') if name in sys.modules])"
    )
    printed = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert printed.stdout == "demo.pt []\n"


def test_it_succeeds_when_told_to(model):
    assert success_rate(model, 1, SEEDS) >= 0.95


def test_it_fails_when_told_to(model):
    assert success_rate(model, 0, SEEDS) <= 0.05


def test_it_finds_back_after_random_steps(model):
    assert success_rate(model, 1, SEEDS, RANDOM_STEP) >= 0.85
    assert success_rate(model, 0, SEEDS, RANDOM_STEP) <= 0.15


def test_it_fails_to_reach_an_object_rather_than_any(model):
    """At return-to-go 0 it walks to the wrong object; it does not merely stand about."""
    env = OneHotMemoryEnv()
    for seed in range(8):
        observation, _ = env.reset(seed=seed)
        states, actions = [], []
        for _ in range(6):
            states.append(torch.from_numpy(features(observation)))
            with torch.no_grad():
                logits = model(
                    torch.zeros(1, len(states)),
                    torch.stack(states)[None],
                    torch.tensor([actions], dtype=torch.long),
                )
            action = int(logits[0, -1].argmax())
            assert action == next_action(env.task, env.task.failure_pos)
            actions.append(action)
            observation, *_ = env.step(action)
        assert tuple(env.task.agent_pos) == env.task.failure_pos


def test_its_file_is_small_and_in_the_published_format():
    assert CHECKPOINT.stat().st_size <= 6_000_000
    checkpoint = torch.load(CHECKPOINT, weights_only=True)
    assert set(checkpoint) == {
        "model_state_dict",
        "model_config",
        "environment_config",
        "offline_config",
    }
    config = json.loads(checkpoint["model_config"])
    shape = {key: config[key] for key in ("n_layers", "d_model", "d_mlp", "n_ctx")}
    assert shape == {"n_layers": 3, "d_model": 256, "d_mlp": 256, "n_ctx": 26}
    assert (config["layer_norm"], config["gated_mlp"]) == ("LN", False)
    assert json.loads(checkpoint["environment_config"])["one_hot_obs"] is True
    assert json.loads(checkpoint["offline_config"])["model_type"] == "decision_transformer"
    state = checkpoint["model_state_dict"]
    assert state["state_embedding.weight"].shape == (256, 980)
    assert state["action_embedding.0.weight"].shape == (8, 256)
    assert state["transformer.pos_embed.W_pos"].shape == (26, 256)
    assert state["transformer.blocks.2.mlp.W_out"].shape == (256, 256)
    assert all(w.dtype == torch.float32 and w.isfinite().all() for w in state.values())


def test_last_neurons_write_right_against_left_far_beyond_chance(model):
    with torch.no_grad():
        unembedding = model.action_predictor.weight * model.ln_final.w
        contrast = unembedding[1] - unembedding[0]
        written = functional.layer_norm(model.blocks[2].mlp.W_out, (256,)) @ contrast
    # A random direction under LayerNorm has this standard deviation.
    chance = contrast.norm()
    assert written.max() > 5 * chance
    assert written.min() < -5 * chance


def test_ablating_right_neurons_weakens_a_right_turn_and_left_neurons_do_not(model):
    with torch.no_grad():
        unembedding = model.action_predictor.weight * model.ln_final.w
        contrast = unembedding[1] - unembedding[0]
        written = functional.layer_norm(model.blocks[2].mlp.W_out, (256,)) @ contrast
    before = _right_against_left(model, [])
    without_right = _right_against_left(model, written.topk(40).indices.tolist())
    without_left = _right_against_left(model, (-written).topk(40).indices.tolist())
    assert before > 0
    assert before - without_right > 0.5
    assert abs(before - without_left) < 0.1 * (before - without_right)


def _right_against_left(model, ablated) -> float:
    """Logit of right less that of left where the matching object lies to the right."""
    env = OneHotMemoryEnv()
    for seed in range(20):
        observation, _ = env.reset(seed=seed)
        states = [features(observation)]
        for _ in range(4):
            observation, *_ = env.step(2)
            states.append(features(observation))
        if next_action(env.task, env.task.success_pos) == 1:
            break

    def ablate(post, hook):
        post[..., ablated] = 0
        return post

    with torch.no_grad():
        logits = model.run_with_hooks(
            torch.ones(1, 5),
            torch.from_numpy(np.stack(states))[None],
            torch.full((1, 4), 2),
            fwd_hooks=[("blocks.2.mlp.hook_post", ablate)],
        )[0, -1]
    return float(logits[1] - logits[0])


def test_the_card_states_this_file():
    assert f"`{hashlib.sha256(CHECKPOINT.read_bytes()).hexdigest()}`" in CARD
    assert f"{CHECKPOINT.stat().st_size:,} bytes" in CARD


@pytest.mark.parametrize("random_step", [0.0, RANDOM_STEP])
@pytest.mark.parametrize("return_to_go", [1, 0])
def test_the_card_states_the_measured_rates(model, return_to_go, random_step):
    row = re.search(
        rf"^\| {return_to_go} \| {random_step:.0%} \| ([0-9.]+)% \| (\d+) \| (\d+) to (\d+) \|$",
        CARD,
        re.MULTILINE,
    )
    stated, episodes, first, last = (float(number) for number in row.groups())
    assert (episodes, first, last) == (
        len(EVALUATION_SEEDS),
        EVALUATION_SEEDS[0],
        EVALUATION_SEEDS[-1],
    )
    rate = success_rate(model, return_to_go, EVALUATION_SEEDS, random_step)
    # Another processor's rounding may turn an episode that hangs in the balance.
    assert rate * 100 == pytest.approx(stated, abs=1.0)
