"""How often a model reaches the matching object."""

from collections.abc import Sequence

import numpy as np
import torch

from dtviz.demo.environment import MAX_STEPS, N_ACTIONS, N_FEATURES, OneHotMemoryEnv, features
from dtviz.demo.transformer import DecisionTransformer


@torch.inference_mode()
def success_rate(
    model: DecisionTransformer,
    return_to_go: float,
    seeds: Sequence[int],
    random_step: float = 0.0,
) -> float:
    """Return the share of episodes, one per seed, that end at the matching object.

    The model takes its likeliest action, told at every step that `return_to_go` is still to come.
    With probability `random_step` a step is instead an action drawn from all of them: the model
    must then recover. All episodes advance together, one batch per time step.
    """
    episodes = len(seeds)
    envs = [OneHotMemoryEnv() for _ in seeds]
    returns_to_go = torch.full((episodes, MAX_STEPS), return_to_go)
    states = torch.zeros(episodes, MAX_STEPS, N_FEATURES)
    actions = torch.zeros(episodes, MAX_STEPS, dtype=torch.long)
    for episode, (env, seed) in enumerate(zip(envs, seeds, strict=True)):
        states[episode, 0] = torch.from_numpy(features(env.reset(seed=seed)[0]))
    running = list(range(episodes))
    for step in range(MAX_STEPS):
        logits = model(
            returns_to_go[running, : step + 1],
            states[running, : step + 1],
            actions[running, :step],
        )
        actions[running, step] = logits[:, -1].argmax(-1)
        still_running = []
        for episode in running:
            env = envs[episode]
            if env.task.np_random.random() < random_step:
                actions[episode, step] = int(env.task.np_random.integers(N_ACTIONS))
            observation, _, terminated, truncated, _ = env.step(int(actions[episode, step]))
            if not (terminated or truncated):
                states[episode, step + 1] = torch.from_numpy(features(observation))
                still_running.append(episode)
        running = still_running
        if not running:
            break
    return float(np.mean([env.task.succeeded for env in envs]))
