import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dtviz.demo.environment import MAX_STEPS, OneHotMemoryEnv, features
from dtviz.demo.trajectories import PADDING_ACTION, collect, next_action


@pytest.mark.parametrize(("wrong_walk", "expected"), [(0.0, 1), (1.0, 0)])
def test_undisturbed_walks_end_where_they_head_in_six_steps(wrong_walk, expected):
    trajectories = collect(range(20), wrong_walk, random_step=0.0)
    assert (trajectories.returns == expected).all()
    assert ((trajectories.actions != PADDING_ACTION).sum(1) == 6).all()
    assert (trajectories.actions[:, :4] == 2).all()


def test_the_target_does_not_depend_on_the_layout():
    # One generator for both, seeded alike, once made the wrong walks those to one object only.
    trajectories = collect(range(400), 0.5, random_step=0.0)
    first = trajectories.states[:, 0]
    layouts = np.unique(first, axis=0, return_inverse=True)[1].ravel()
    turns = trajectories.actions[:, 4]
    for groups in (layouts, turns):
        for group in np.unique(groups):
            assert 0.35 < trajectories.returns[groups == group].mean() < 0.65


@given(st.integers(0, 2**31 - 1))
@settings(max_examples=15)
def test_a_trajectory_replays_in_the_environment(seed):
    trajectories = collect([seed], 0.5, random_step=0.3)
    env = OneHotMemoryEnv()
    observation, _ = env.reset(seed=seed)
    taken = trajectories.actions[0][trajectories.actions[0] != PADDING_ACTION]
    for step, action in enumerate(taken):
        np.testing.assert_array_equal(trajectories.states[0, step], features(observation))
        observation, _, terminated, truncated, _ = env.step(int(action))
        assert (terminated or truncated) == (step == len(taken) - 1)
    assert trajectories.returns[0] == env.task.succeeded
    assert (trajectories.actions[0, len(taken) :] == PADDING_ACTION).all()
    assert not trajectories.states[0, len(taken) :].any()


def test_the_same_seeds_give_the_same_walks():
    first, second = (collect(range(10), 0.5, 0.2) for _ in range(2))
    np.testing.assert_array_equal(first.actions, second.actions)
    np.testing.assert_array_equal(first.states, second.states)


def test_a_walk_finds_its_target_from_any_pose():
    env = OneHotMemoryEnv()
    env.reset(seed=3)
    for start in ((1, 4), (3, 2), (4, 3), (5, 3)):
        for direction in range(4):
            env.task.agent_pos, env.task.agent_dir = np.array(start), direction
            env.task.step_count = -MAX_STEPS
            while tuple(env.task.agent_pos) != env.task.success_pos:
                assert env.task.step_count < MAX_STEPS
                env.step(next_action(env.task, env.task.success_pos))


def test_a_target_behind_walls_is_refused():
    env = OneHotMemoryEnv()
    env.reset(seed=0)
    with pytest.raises(ValueError, match="can be reached"):
        next_action(env.task, (0, 0))
