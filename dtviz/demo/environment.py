"""The demo's task: MiniGrid's memory corridor with a fixed start.

The agent begins at the left end of a corridor, facing right, with a key or a ball directly to its
left. At the corridor's far end lie a key and a ball, one above and one below: walking up to the one
it saw is success, to the other one failure, and either ends the episode.
"""

from collections.abc import Mapping
from typing import Any

import numpy as np
from minigrid.core.actions import Actions
from minigrid.core.constants import COLOR_TO_IDX, OBJECT_TO_IDX, STATE_TO_IDX
from minigrid.envs.memory import MemoryEnv
from minigrid.wrappers import OneHotPartialObsWrapper
from numpy.typing import NDArray

ENV_ID = "MiniGrid-MemoryS7FixedStart-v0"
GRID_SIZE = 7
VIEW_SIZE = 7
N_CHANNELS = len(OBJECT_TO_IDX) + len(COLOR_TO_IDX) + len(STATE_TO_IDX)
N_FEATURES = N_CHANNELS * VIEW_SIZE * VIEW_SIZE
N_ACTIONS = len(Actions)
# Half again the shortest walk: room to recover from some random steps.
MAX_STEPS = 9


class FixedStartMemoryEnv(MemoryEnv):
    """MiniGrid's 7 x 7 memory task, its start position fixed to where the object is in sight."""

    success_pos: tuple[int, int]
    failure_pos: tuple[int, int]

    def __init__(self) -> None:
        """Set up the 7 x 7 grid; an episode ends after `MAX_STEPS` steps at the latest."""
        super().__init__(size=GRID_SIZE, max_steps=MAX_STEPS, agent_view_size=VIEW_SIZE)

    def _gen_grid(self, width: int, height: int) -> None:
        super()._gen_grid(width, height)
        self.agent_pos = np.array((1, height // 2))
        self.agent_dir = 0

    @property
    def succeeded(self) -> bool:
        """Whether the agent stands before the matching object."""
        return tuple(self.agent_pos) == self.success_pos


class OneHotMemoryEnv(OneHotPartialObsWrapper):
    """The task with one-hot observations; `task` is the environment underneath."""

    def __init__(self) -> None:
        """Wrap a new `FixedStartMemoryEnv`."""
        self.task = FixedStartMemoryEnv()
        super().__init__(self.task)


def features(observation: Mapping[str, Any]) -> NDArray[np.uint8]:
    """Flatten a one-hot observation channel first.

    MiniGrid's image is indexed [x, y, channel]; the result, of shape (980,), holds that cell at
    (channel * 7 + x) * 7 + y.
    """
    flat: NDArray[np.uint8] = observation["image"].transpose(2, 0, 1).ravel()
    return flat
