"""A published checkpoint, made by other code, runs here: a check of the whole format."""

from pathlib import Path

import numpy as np
import pytest
import torch

from dtviz.demo.checkpoint import load
from dtviz.demo.environment import OneHotMemoryEnv, features
from dtviz.demo.trajectories import PADDING_ACTION, collect
from tests.demo.reference import action_logits

GATED = Path(__file__).parents[3] / "shared" / "checkpoints" / "MemoryGatedMLP.pt"

pytestmark = pytest.mark.skipif(
    not GATED.exists(), reason=f"needs ../shared/checkpoints/{GATED.name} beside the repository"
)


@pytest.fixture(scope="module")
def model():
    return load(GATED)


def test_its_sizes_are_read_from_its_weights(model):
    config = model.config
    assert (config.n_layers, config.n_heads, config.d_model, config.d_mlp) == (2, 4, 128, 256)
    assert (config.n_ctx, config.n_steps, config.n_actions) == (26, 9, 7)
    assert config.gated_mlp
    assert config.layer_norm


def test_its_logits_are_what_numpy_computes(model):
    state = torch.load(GATED, weights_only=True)["model_state_dict"]
    weights = {name: tensor.double().numpy() for name, tensor in state.items()}
    trajectories = collect([5], 0.0, 0.2)
    length = int((trajectories.actions[0] != PADDING_ACTION).sum())
    states, actions = trajectories.states[0, :length], trajectories.actions[0, : length - 1]
    returns_to_go, times = np.ones(length), np.arange(length)
    with torch.no_grad():
        logits = model(
            *(torch.from_numpy(part)[None] for part in (returns_to_go, states, actions, times))
        )
    expected = action_logits(weights, returns_to_go, states, actions, times)
    np.testing.assert_allclose(logits[0].numpy(), expected, atol=2e-3)


def episode(model, seed: int, return_to_go: float) -> bool:
    """One episode as its authors ran it: nine steps of context, padded at the start."""
    env = OneHotMemoryEnv()
    states = torch.zeros(1, 9, 980)
    actions = torch.full((1, 8), PADDING_ACTION)
    times = torch.zeros(1, 9, dtype=torch.long)
    states[0, -1] = torch.from_numpy(features(env.reset(seed=seed)[0]))
    over, step = False, 0
    while not over:
        with torch.no_grad():
            logits = model(torch.full((1, 9), return_to_go), states, actions, times)
        action = int(logits[0, -1].argmax())
        observation, _, terminated, truncated, _ = env.step(action)
        over, step = terminated or truncated, step + 1
        seen = torch.from_numpy(features(observation)).float()[None, None]
        states = torch.cat((states[:, 1:], seen), 1)
        actions = torch.cat((actions[:, 1:], torch.tensor([[action]])), 1)
        times = torch.cat((times[:, 1:], torch.tensor([[step]])), 1)
    return env.task.succeeded


def test_it_does_its_task_in_this_environment(model):
    # Only if features, tokens, time, gate and masks are all as they were in its training.
    assert np.mean([episode(model, seed, 1.0) for seed in range(20)]) >= 0.9
