"""What a decision transformer reads: directions of its observations, returns, actions and times."""

from typing import NamedTuple

from dtviz.checkpoints.checkpoint import Checkpoint
from dtviz.checkpoints.minigrid import action_names, is_minigrid, layout
from dtviz.directions import Directions, Normalization, check_rows
from dtviz.errors import listed, shortened


class Read(NamedTuple):
    """What a decision transformer reads of one kind.

    Args:
        directions: None where there are none.
        notes: why not, or what was taken for granted, a sentence each.
        agent: of observations, see `Model`.
    """

    directions: Directions | None
    notes: tuple[str, ...] = ()
    agent: tuple[int, int] | None = None


def state_embedding(
    checkpoint: Checkpoint, d_model: int, normalization: Normalization | None
) -> Read:
    """Return the observation features, (F, d_model); none where they are not linear, or unknown.

    Raises:
        BadCheckpoint: if the weights are missing, or of a shape that observations do not have.
    """
    environment = checkpoint.environment_config
    kind = str(checkpoint.model_config.get("state_embedding_type") or "grid")
    others = _others(checkpoint, "state_embedding", "weight", "bias")
    if kind.lower() != "grid" or others:
        of = (
            f"{shortened(kind)}, with the weights {listed(others, 3)}"
            if others
            else shortened(kind)
        )
        return _unknown(f"The state embedding is of kind {of}")
    weight = checkpoint.weight("state_embedding.weight", d_model, None)
    if not is_minigrid(environment):
        return _unknown(f"Observations are those of {shortened(environment['env_id'])}")
    found = layout(weight.shape[1], environment)
    check_rows(found.count, d_model, "the embedding")
    directions = Directions(weight.T.numpy(), found.names, "embedding", normalization)
    if found.agent is not None or found.by_rows:
        return Read(directions, agent=found.agent)
    size = f"{found.columns} columns and {found.rows} rows"
    return Read(directions, (f"Observations are of the whole grid, taken to have {size}.",))


def reward_embedding(
    checkpoint: Checkpoint, d_model: int, normalization: Normalization | None
) -> Read:
    """Return the return-to-go direction, (1, d_model); behaviour clones have none.

    Raises:
        BadCheckpoint: if the weights are of another shape.
    """
    key, others = (
        "reward_embedding.0.weight",
        _others(checkpoint, "reward_embedding", "0.weight", "0.bias"),
    )
    if others:
        return Read(
            None,
            (
                "The return-to-go passes several layers, or is embedded otherwise "
                f"({listed(others, 3)}): no one direction stands for it.",
            ),
        )
    if key not in checkpoint.weights:
        return Read(None)
    weight = checkpoint.weight(key, d_model, 1)
    return Read(Directions(weight.T.numpy(), ["RTG"], "return-to-go", normalization))


def action_embedding(
    checkpoint: Checkpoint, d_model: int, actions: int, normalization: Normalization | None
) -> Read:
    """Return the embedding of each of the actions and of the padding, (actions + 1, d_model).

    Raises:
        BadCheckpoint: if the weights are of another shape.
    """
    key = "action_embedding.0.weight"
    others = _others(checkpoint, "action_embedding", "0.weight")
    if others:
        return Read(
            None, (f"Actions are embedded otherwise than by one row each ({listed(others, 3)}).",)
        )
    if key not in checkpoint.weights:
        return Read(None)
    weight = checkpoint.weight(key, actions + 1, d_model)
    names = [*action_names(actions, checkpoint.environment_config), "padding"]
    return Read(Directions(weight.numpy(), names, "action embedding", normalization))


def time_embedding(
    checkpoint: Checkpoint, d_model: int, normalization: Normalization | None
) -> Read:
    """Return the embedding of each time step, (times, d_model).

    Of one that is linear, what a step adds, (1, d_model).

    Raises:
        BadCheckpoint: if the weights are of another shape than model_config says.
    """
    key, what = "time_embedding.weight", "time embedding"
    kind = checkpoint.model_config.get("time_embedding_type")
    others = _others(checkpoint, "time_embedding", "weight", "bias")
    if kind not in (None, "embedding", "linear") or others:
        of = f"{shortened(kind)} ({listed(others, 3)})" if others else shortened(kind)
        return Read(None, (f"The time embedding is of kind {of}, which is not shown.",))
    if key not in checkpoint.weights:
        return Read(None)
    shape = tuple(checkpoint.weights[key].shape)
    if kind == "linear" or (kind is None and shape == (d_model, 1)):
        weight = checkpoint.weight(key, d_model, 1).T
        return Read(Directions(weight.numpy(), ["per time step"], what, normalization))
    weight = checkpoint.weight(key, None, d_model)
    check_rows(len(weight), d_model, what)
    names = [f"t={t}" for t in range(len(weight))]
    return Read(Directions(weight.numpy(), names, what, normalization))


def _unknown(why: str) -> Read:
    note = f"{why}: there are no linear features that dtviz can name, and no embedding."
    return Read(None, (note,))


def _others(checkpoint: Checkpoint, module: str, *known: str) -> list[str]:
    """Return the names of a module's weights beside those that are known."""
    whole = [f"{module}.{name}" for name in known]
    return sorted(
        name for name in checkpoint.weights if name.startswith(f"{module}.") and name not in whole
    )
