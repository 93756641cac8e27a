import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from minigrid.core.constants import COLOR_TO_IDX, OBJECT_TO_IDX, STATE_TO_IDX

from dtviz.demo.environment import (
    MAX_STEPS,
    N_ACTIONS,
    N_FEATURES,
    FixedStartMemoryEnv,
    OneHotMemoryEnv,
    features,
)

SEEDS = st.integers(0, 2**31 - 1)


def index(channel: int, x: int, y: int) -> int:
    return (channel * 7 + x) * 7 + y


@given(SEEDS)
@settings(max_examples=20)
def test_every_episode_starts_at_the_left_facing_right(seed):
    env = FixedStartMemoryEnv()
    env.reset(seed=seed)
    assert tuple(env.agent_pos) == (1, 3)
    assert env.agent_dir == 0
    assert env.grid.get(1, 2).type in ("key", "ball")


@given(SEEDS, st.lists(st.integers(0, N_ACTIONS - 1), max_size=MAX_STEPS))
@settings(max_examples=20)
def test_features_are_minigrids_raw_image_channel_first(seed, actions):
    env = OneHotMemoryEnv()
    observation, _ = env.reset(seed=seed)
    for action in actions:
        observation, _, terminated, truncated, _ = env.step(action)
        if terminated or truncated:
            break
    raw = env.task.gen_obs()["image"]
    expected = np.zeros(N_FEATURES, np.uint8)
    for x in range(7):
        for y in range(7):
            kind, colour, state = (int(value) for value in raw[x, y])
            expected[index(kind, x, y)] = 1
            expected[index(len(OBJECT_TO_IDX) + colour, x, y)] = 1
            expected[index(len(OBJECT_TO_IDX) + len(COLOR_TO_IDX) + state, x, y)] = 1
    assert N_FEATURES == 20 * 49
    np.testing.assert_array_equal(features(observation), expected)


@pytest.mark.parametrize("kind", ["key", "ball"])
def test_the_object_at_the_start_is_seen_to_the_left(kind):
    env = OneHotMemoryEnv()
    observations = (env.reset(seed=seed)[0] for seed in range(20))
    seen = next(o for o in observations if env.task.grid.get(1, 2).type == kind)
    # In its own view the agent is at (3, 6), facing up: its left is x = 2.
    other = {"key": "ball", "ball": "key"}[kind]
    assert features(seen)[index(OBJECT_TO_IDX[kind], 2, 6)] == 1
    assert features(seen)[index(OBJECT_TO_IDX[other], 2, 6)] == 0


def test_the_channels_are_those_that_dtviz_names():
    assert list(OBJECT_TO_IDX) == [
        *("unseen", "empty", "wall", "floor", "door", "key", "ball", "box", "goal", "lava"),
        "agent",
    ]
    assert list(COLOR_TO_IDX) == ["red", "green", "blue", "purple", "yellow", "grey"]
    assert list(STATE_TO_IDX) == ["open", "closed", "locked"]


def test_an_episode_ends_after_the_last_step():
    env = OneHotMemoryEnv()
    env.reset(seed=0)
    truncations = [env.step(0)[3] for _ in range(MAX_STEPS)]
    assert truncations == [False] * (MAX_STEPS - 1) + [True]
    assert not env.task.succeeded
