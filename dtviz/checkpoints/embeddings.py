"""What a decision transformer reads: directions of its observations, returns, actions and times."""

from dtviz.checkpoints.checkpoint import Checkpoint
from dtviz.checkpoints.minigrid import action_names, feature_names
from dtviz.directions import Directions, Normalization


def state_embedding(
    checkpoint: Checkpoint, d_model: int, normalization: Normalization | None
) -> tuple[Directions | None, tuple[str, ...]]:
    """Return the observation features, (F, d_model), and notes; None where they are not linear.

    Raises:
        BadCheckpoint: if the weights are missing, or of a shape that observations do not have.
    """
    key = "state_embedding.weight"
    kind = str(checkpoint.model_config.get("state_embedding_type") or "grid").lower()
    others = any(name.startswith("state_embedding.") for name in checkpoint.weights)
    if kind in ("cnn", "vit") or (key not in checkpoint.weights and others):
        note = f"The state embedding is of kind {kind!r}, which has no linear features: "
        return None, (f"{note}there is no embedding to compare neurons with.",)
    weight = checkpoint.weight(key, d_model, None)
    names = feature_names(weight.shape[1], checkpoint.environment_config)
    return Directions(weight.T.numpy(), names, "embedding", normalization), ()


def reward_embedding(
    checkpoint: Checkpoint, d_model: int, normalization: Normalization | None
) -> Directions | None:
    """Return the return-to-go direction, (1, d_model); behaviour clones have none."""
    key = "reward_embedding.0.weight"
    if key not in checkpoint.weights:
        return None
    weight = checkpoint.weight(key, d_model, 1)
    return Directions(weight.T.numpy(), ["RTG"], "return-to-go", normalization)


def action_embedding(
    checkpoint: Checkpoint, d_model: int, actions: int, normalization: Normalization | None
) -> Directions | None:
    """Return the embedding of each of the actions and of the padding, (actions + 1, d_model)."""
    key = "action_embedding.0.weight"
    if key not in checkpoint.weights:
        return None
    weight = checkpoint.weight(key, actions + 1, d_model)
    names = [*action_names(actions), "padding"]
    return Directions(weight.numpy(), names, "action embedding", normalization)


def time_embedding(
    checkpoint: Checkpoint, d_model: int, normalization: Normalization | None
) -> Directions | None:
    """Return the embedding of each time step, (times, d_model); None where time enters linearly."""
    key = "time_embedding.weight"
    if key not in checkpoint.weights or checkpoint.weights[key].shape == (d_model, 1):
        return None
    weight = checkpoint.weight(key, None, d_model)
    names = [f"t={t}" for t in range(len(weight))]
    return Directions(weight.numpy(), names, "time embedding", normalization)
