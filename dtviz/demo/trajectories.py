"""Scripted trajectories: walks to the matching object or to the other one, some steps random."""

from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from minigrid.core.actions import Actions
from minigrid.core.constants import DIR_TO_VEC
from minigrid.core.grid import Grid
from numpy.typing import NDArray

from dtviz.demo.environment import (
    MAX_STEPS,
    N_ACTIONS,
    N_FEATURES,
    FixedStartMemoryEnv,
    OneHotMemoryEnv,
    features,
)

PADDING_ACTION = N_ACTIONS
"""Stands in `Trajectories.actions` where an episode is over."""

Pose = tuple[int, int, int]


@dataclass(frozen=True)
class Trajectories:
    """Episodes of at most `MAX_STEPS` steps, padded to that length at their ends.

    returns: (episodes,) int64, 1 where the matching object was reached, else 0.
    states: (episodes, MAX_STEPS, N_FEATURES) uint8, what was seen before each action.
    actions: (episodes, MAX_STEPS) int64.
    """

    returns: NDArray[np.int64]
    states: NDArray[np.uint8]
    actions: NDArray[np.int64]


def collect(seeds: Sequence[int], wrong_walk: float, random_step: float) -> Trajectories:
    """Walk once per seed.

    With probability `wrong_walk` a walk heads for the wrong object. Each step is, with probability
    `random_step`, an action drawn from all of them instead. The return is what the walk came to,
    not what it set out for.
    """
    env = OneHotMemoryEnv()
    returns = np.zeros(len(seeds), np.int64)
    states = np.zeros((len(seeds), MAX_STEPS, N_FEATURES), np.uint8)
    actions = np.full((len(seeds), MAX_STEPS), PADDING_ACTION, np.int64)
    for episode, seed in enumerate(seeds):
        observation, _ = env.reset(seed=seed)
        # A new generator of the same seed would repeat the draws that made the layout.
        rng = env.task.np_random
        target = env.task.failure_pos if rng.random() < wrong_walk else env.task.success_pos
        over, step = False, 0
        while not over:
            is_random = rng.random() < random_step
            action = int(rng.integers(N_ACTIONS)) if is_random else next_action(env.task, target)
            states[episode, step] = features(observation)
            actions[episode, step] = action
            observation, _, terminated, truncated, _ = env.step(action)
            over, step = terminated or truncated, step + 1
        returns[episode] = env.task.succeeded
    return Trajectories(returns, states, actions)


def next_action(task: FixedStartMemoryEnv, target: tuple[int, int]) -> int:
    """Return the first action of a shortest walk from the agent's pose to the target cell."""
    x, y = task.agent_pos
    start: Pose = (int(x), int(y), int(task.agent_dir))
    first_actions: dict[Pose, int | None] = {start: None}
    queue = deque([start])
    while queue:
        pose = queue.popleft()
        first = first_actions[pose]
        if pose[:2] == target and first is not None:
            return first
        for action in (Actions.left, Actions.right, Actions.forward):
            reached = _move(task.grid, pose, action)
            if reached not in first_actions:
                first_actions[reached] = int(action) if first is None else first
                queue.append(reached)
    raise ValueError(f"expected a target that can be reached from {start}, got {target}")


def _move(grid: Grid, pose: Pose, action: Actions) -> Pose:
    """Return the pose after an action; forward into an object or a wall changes nothing."""
    x, y, direction = pose
    if action == Actions.left:
        return x, y, (direction - 1) % 4
    if action == Actions.right:
        return x, y, (direction + 1) % 4
    step_x, step_y = DIR_TO_VEC[direction]
    ahead = (x + int(step_x), y + int(step_y))
    return (*ahead, direction) if grid.get(*ahead) is None else pose
