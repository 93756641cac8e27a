"""Trains the demo model: `python -m dtviz.demo.train`.

Collects scripted walks, fits a decision transformer to them, saves it in the published checkpoint
format, measures its success on seeds it was not trained on, and writes the model card beside it.
"""

import argparse
import os
import sys
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

from dtviz.demo import CHECKPOINT
from dtviz.demo.card import SuccessRate, model_card
from dtviz.demo.checkpoint import load, save
from dtviz.demo.environment import ENV_ID, MAX_STEPS, N_ACTIONS, N_FEATURES, VIEW_SIZE
from dtviz.demo.evaluation import success_rate
from dtviz.demo.trajectories import PADDING_ACTION, Trajectories, collect
from dtviz.demo.transformer import DecisionTransformer, TransformerConfig

EVALUATION_SEEDS = range(1_000_000, 1_000_200)
WRONG_WALK = 0.3
RANDOM_STEP = 0.1
BATCH_SIZE = 64
LEARNING_RATE = 5e-4
WARM_UP_STEPS = 50
# The share of the steps, at the end, over which the learning rate falls to zero.
DECAY = 0.3
WEIGHT_DECAY = 1.0
BETAS = (0.9, 0.95)
MAX_GRADIENT_NORM = 1.0

CONFIG = TransformerConfig(
    n_layers=3,
    n_heads=8,
    d_model=256,
    d_mlp=256,
    n_ctx=3 * MAX_STEPS - 1,
    n_actions=N_ACTIONS,
    n_features=N_FEATURES,
    n_times=MAX_STEPS + 1,
    layer_norm=True,
    gated_mlp=False,
)


def main(arguments: Sequence[str] | None = None) -> None:
    """Train, save, measure, and write the card, as the command line says."""
    options = _options(arguments)
    options.out.parent.mkdir(parents=True, exist_ok=True)
    configs = _configs(options)
    _say(f"collecting {options.trajectories:,} trajectories")
    trajectories = collect(range(options.trajectories), WRONG_WALK, RANDOM_STEP)
    start = time.perf_counter()
    model, loss = train(trajectories, options.steps, options.seed)
    seconds = time.perf_counter() - start
    save(options.out, model, configs)
    training = {
        "seed of weights and batches": str(options.seed),
        "steps": f"{options.steps} of AdamW, batch {BATCH_SIZE}, learning rate {LEARNING_RATE:g}, "
        f"weight decay {WEIGHT_DECAY:g}",
        "loss at the end": f"{loss:.3f} nats per action",
        "time": f"{seconds:.0f} s on {torch.get_num_threads()} threads",
        "walks that succeeded": f"{trajectories.returns.mean():.0%}",
    }
    # The file is what is measured, not the model that was written to it.
    rates = _measured(load(options.out))
    card = options.out.with_name("MODEL_CARD.md")
    temporary = card.with_name(card.name + ".part")
    temporary.write_text(model_card(options.out, configs, training, rates), encoding="utf-8")
    os.replace(temporary, card)
    _say(f"wrote {options.out} ({options.out.stat().st_size:,} bytes) and {card}")


def train(trajectories: Trajectories, steps: int, seed: int) -> tuple[DecisionTransformer, float]:
    """Fit a new model to every action of the trajectories.

    Returns:
        The model, and its loss over the last tenth of the steps, in nats per action.
    """
    torch.manual_seed(seed)
    rng = np.random.default_rng(seed)
    model = DecisionTransformer(CONFIG).train()
    with torch.no_grad():
        # Training never changes these vectors: zero is plainer than leftover random values.
        model.state_embedding.weight[:, ~trajectories.states.any((0, 1))] = 0.0
    optimizer = torch.optim.AdamW(_groups(model), lr=LEARNING_RATE, betas=BETAS)
    schedule = torch.optim.lr_scheduler.LambdaLR(
        optimizer,
        lambda step: min((step + 1) / WARM_UP_STEPS, 1.0, (steps - step) / (DECAY * steps)),
    )
    losses = []
    start = time.perf_counter()
    for step in range(1, steps + 1):
        loss = _loss(model, trajectories, rng.integers(len(trajectories.returns), size=BATCH_SIZE))
        optimizer.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]
        torch.nn.utils.clip_grad_norm_(model.parameters(), MAX_GRADIENT_NORM)
        optimizer.step()
        schedule.step()
        losses.append(loss.item())
        if step % 50 == 0 or step == steps:
            elapsed = time.perf_counter() - start
            _say(f"step {step} of {steps}: loss {np.mean(losses[-50:]):.3f}, {elapsed:.0f} s")
    return model.eval(), float(np.mean(losses[-max(1, steps // 10) :]))


def _loss(model: DecisionTransformer, trajectories: Trajectories, batch: Any) -> Tensor:
    """Return the mean cross-entropy of the actions in a batch of episodes."""
    actions = torch.from_numpy(trajectories.actions[batch])
    length = int((actions != PADDING_ACTION).sum(1).max())
    actions = actions[:, :length]
    states = torch.from_numpy(trajectories.states[batch, :length])
    returns_to_go = torch.from_numpy(trajectories.returns[batch])[:, None].expand(-1, length)
    logits = model(returns_to_go, states, actions[:, :-1])
    return functional.cross_entropy(
        logits.flatten(0, 1), actions.flatten(), ignore_index=PADDING_ACTION
    )


def _groups(model: DecisionTransformer) -> list[dict[str, Any]]:
    """Return the parameters as AdamW takes them: biases and LayerNorm do not decay."""
    matrices: list[Tensor] = []
    others: list[Tensor] = []
    for name, parameter in model.named_parameters():
        is_matrix = parameter.ndim > 1 and ".b_" not in name
        (matrices if is_matrix else others).append(parameter)
    return [
        {"params": matrices, "weight_decay": WEIGHT_DECAY},
        {"params": others, "weight_decay": 0.0},
    ]


def _measured(model: DecisionTransformer) -> list[SuccessRate]:
    rates = []
    for random_step in (0.0, RANDOM_STEP):
        for return_to_go in (1, 0):
            rate = success_rate(model, return_to_go, EVALUATION_SEEDS, random_step)
            rates.append(SuccessRate(return_to_go, random_step, EVALUATION_SEEDS, rate))
            _say(
                f"success at return-to-go {return_to_go}, {random_step:.0%} of steps random: "
                f"{rate:.1%} of {len(EVALUATION_SEEDS)} episodes"
            )
    return rates


def _configs(options: argparse.Namespace) -> Mapping[str, Mapping[str, Any]]:
    """Return what the published format stores beside the weights, by name."""
    return {
        "model_config": {
            "d_model": CONFIG.d_model,
            "n_heads": CONFIG.n_heads,
            "d_mlp": CONFIG.d_mlp,
            "n_layers": CONFIG.n_layers,
            "n_ctx": CONFIG.n_ctx,
            "layer_norm": "LN",
            "gated_mlp": CONFIG.gated_mlp,
            "activation_fn": "relu",
            "state_embedding_type": "grid",
            "time_embedding_type": "embedding",
            "seed": options.seed,
            "device": "cpu",
        },
        "environment_config": {
            "env_id": ENV_ID,
            "one_hot_obs": True,
            "img_obs": False,
            "fully_observed": False,
            "max_steps": MAX_STEPS,
            "seed": options.seed,
            "view_size": VIEW_SIZE,
            "device": "cpu",
        },
        "offline_config": {
            "model_type": "decision_transformer",
            "trajectories": options.trajectories,
            "wrong_walk": WRONG_WALK,
            "random_step": RANDOM_STEP,
            "batch_size": BATCH_SIZE,
            "train_steps": options.steps,
            "optimizer": "AdamW",
            "lr": LEARNING_RATE,
            "weight_decay": WEIGHT_DECAY,
            "warm_up_steps": WARM_UP_STEPS,
            "initial_rtg": ["0", "1"],
            "device": "cpu",
        },
    }


def _options(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser("python -m dtviz.demo.train", description=__doc__)
    parser.add_argument("--out", type=Path, default=CHECKPOINT, help="file to write the model to")
    parser.add_argument("--seed", type=int, default=0, help="of first weights and batches")
    parser.add_argument("--trajectories", type=int, default=3000, help="walks to learn from")
    parser.add_argument("--steps", type=int, default=700, help="training steps")
    return parser.parse_args(arguments)


def _say(text: str) -> None:
    sys.stdout.write(f"{text}\n")
    sys.stdout.flush()


if __name__ == "__main__":
    main()
