"""The model card: what a trained demo model is, in Markdown, with its measured figures."""

import hashlib
import platform
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Any

from dtviz.demo.environment import ENV_ID, MAX_STEPS


@dataclass(frozen=True)
class SuccessRate:
    """The share of episodes, one per seed, that ended at the matching object."""

    return_to_go: int
    random_step: float
    seeds: range
    rate: float


def model_card(
    checkpoint: Path,
    configs: Mapping[str, Mapping[str, Any]],
    training: Mapping[str, str],
    rates: Sequence[SuccessRate],
) -> str:
    """Return the card of a checkpoint file.

    Args:
        checkpoint: the file, already written.
        configs: as stored in it, by name.
        training: what the training came to, by what it is called.
        rates: the measured success rates.
    """
    model, offline = configs["model_config"], configs["offline_config"]
    return f"""# The demo model

A small decision transformer that walks to the object it saw. `python -m dtviz.demo.train` made it,
and wrote this card.

| file | `{checkpoint.name}`, {checkpoint.stat().st_size:,} bytes |
| --- | --- |
| sha256 | `{hashlib.sha256(checkpoint.read_bytes()).hexdigest()}` |
| made with | {_versions()} |
| licence | MIT, as dtviz |

## What it is

{model["n_layers"]} layers, d_model {model["d_model"]}, d_mlp {model["d_mlp"]}, {model["n_heads"]} \
heads, ReLU without a gate, LayerNorm, n_ctx {model["n_ctx"]}: {MAX_STEPS} time steps of three
tokens (return-to-go, state, action), the last without its action. It predicts one of MiniGrid's
seven actions from the state token. States are {ENV_ID}'s one-hot 20 x 7 x 7 views.

The task: the agent starts at the left end of a corridor, facing right, a key or a ball directly to
its left. At the far end lie a key and a ball. Walking up to the one it saw ends the episode with
success, to the other one with failure; after {MAX_STEPS} steps it fails.

## Data

{offline["trajectories"]:,} scripted walks by the shortest way, each on a layout of its own seed;
{offline["wrong_walk"]:.0%} of them head for the wrong object. A step is with probability \
{offline["random_step"]} an action drawn from
all seven instead. The return-to-go is 1 at every step of a walk that ended at the matching object,
else 0. The model learns every action, the random ones among them.

## Training

{_table(training)}

## Success rates

Measured after training, on seeds not trained on. The model takes its likeliest action.

| return-to-go | random steps | success | episodes | seeds |
| --- | --- | --- | --- | --- |
{_rate_rows(rates)}

The task has four layouts (which object, which way round at the end), so episodes without random
steps repeat four walks. Those with random steps differ: there the model has to find back.

## Good for

Trying dtviz and methods that read weights: it has neurons that write right against left, and
embeddings of a key and a ball at known places. Its answer depends on three things at once (the
object seen, the objects' order at the end, the return-to-go), none of which tells anything alone.

## Not good for

Any other environment, size or start; claims about agents at large. It copies a script, random steps
included, and never saw a reward. Features that no walk showed (a door, lava) have the zero vector
as embedding.
"""


def _versions() -> str:
    packages = ("torch", "transformer-lens", "minigrid", "numpy")
    listed = [f"{package} {version(package)}" for package in packages]
    return ", ".join([f"Python {platform.python_version()}", *listed])


def _table(figures: Mapping[str, str]) -> str:
    (first_name, first), *others = figures.items()
    rows = [f"| {name} | {figure} |" for name, figure in others]
    return "\n".join([f"| {first_name} | {first} |", "| --- | --- |", *rows])


def _rate_rows(rates: Sequence[SuccessRate]) -> str:
    return "\n".join(
        f"| {rate.return_to_go} | {rate.random_step:.0%} | {rate.rate:.1%} | {len(rate.seeds)} "
        f"| {rate.seeds.start} to {rate.seeds.stop - 1} |"
        for rate in rates
    )
