"""A decision transformer's checkpoint -> Model."""

import re
from typing import Literal

from torch import Tensor

from dtviz.checkpoints.checkpoint import Checkpoint, finite
from dtviz.checkpoints.embeddings import (
    action_embedding,
    reward_embedding,
    state_embedding,
    time_embedding,
)
from dtviz.checkpoints.minigrid import action_names, agent_place
from dtviz.checkpoints.processing import folded_readers, folded_unembedding
from dtviz.directions import Directions, Normalization
from dtviz.errors import BadCheckpoint, listed, shortened
from dtviz.model import Model, Side

LayerNorm = Literal["none", "LN", "LNPre"]
"""None; with weights and biases; without them."""

_MATRICES: dict[Side, str] = {"in": "W_in", "gate": "W_gate"}


def decision_transformer(checkpoint: Checkpoint, name: str, source: str | None) -> Model:
    """Return the model in a checkpoint, with LayerNorm folded where it has any.

    Sizes come from the weights, and must agree with model_config where it states them.

    Args:
        checkpoint: what the file holds.
        name: for titles.
        source: where the checkpoint is from, see `Model`.

    Raises:
        BadCheckpoint: if weights are missing, shapes disagree, or folding overflows.
    """
    layer_norm = _layer_norm(checkpoint)
    normalization: Normalization | None = None if layer_norm == "none" else "LN"
    weights = _mlps(checkpoint, layer_norm)
    d_model = weights["out"][0].shape[1]
    actions, bias = _actions(checkpoint, d_model, layer_norm)
    embedding, notes = state_embedding(checkpoint, d_model, normalization)
    return Model(
        name=name,
        source=source,
        weights={side: [tensor.numpy() for tensor in layers] for side, layers in weights.items()},
        unembedding=Directions(
            actions.numpy(), action_names(len(actions)), "unembedding", normalization
        ),
        unembedding_bias=bias.numpy(),
        embedding=embedding,
        rtg=reward_embedding(checkpoint, d_model, normalization),
        action_embedding=action_embedding(checkpoint, d_model, len(actions), normalization),
        time_embedding=time_embedding(checkpoint, d_model, normalization),
        normalization=normalization,
        processing=_processing(layer_norm, gated="gate" in weights),
        agent=None if embedding is None else agent_place(checkpoint.environment_config),
        sha256=checkpoint.sha256,
        notes=notes,
    )


def _layer_norm(checkpoint: Checkpoint) -> LayerNorm:
    """Return which LayerNorm the model has, by its weights and by model_config.

    Raises:
        BadCheckpoint: if model_config says another thing than the weights, or nothing known.
    """
    has_weights = any(re.match(r"transformer\.(.*\.)?ln", key) for key in checkpoint.weights)
    stated = checkpoint.model_config.get("layer_norm")
    kind = "" if stated is None else str(stated).lower()
    if kind in ("ln", "true") or (kind in ("", "lnpre") and has_weights):
        return "LN"
    if kind == "lnpre":
        return "LNPre"
    if kind in ("", "false", "none") and not has_weights:
        return "none"
    raise BadCheckpoint(
        expected="'layer_norm' in model_config as false, null, 'none', 'LN' or 'LNPre', and the "
        "weights to agree",
        got=f"{shortened(stated)} and {'' if has_weights else 'no '}LayerNorm weights",
        do="Correct model_config.",
    )


def _mlps(checkpoint: Checkpoint, layer_norm: LayerNorm) -> dict[Side, list[Tensor]]:
    """Return for each side of the MLPs, and each layer, the neurons' vectors, (d_mlp, d_model)."""
    sides = _sides(checkpoint)
    d_mlp, d_model = checkpoint.weight(
        "transformer.blocks.0.mlp.W_out", checkpoint.stated("d_mlp"), checkpoint.stated("d_model")
    ).shape
    out, readers = [], []
    for layer in range(_n_layers(checkpoint)):
        block = f"transformer.blocks.{layer}"
        out.append(checkpoint.weight(f"{block}.mlp.W_out", d_mlp, d_model))
        reader = {
            _MATRICES[side]: checkpoint.weight(f"{block}.mlp.{_MATRICES[side]}", d_model, d_mlp)
            for side in sides
        }
        if layer_norm == "LN":
            reader |= {
                key: checkpoint.weight(f"{block}.{key}", d_model) for key in ("ln2.w", "ln2.b")
            }
        readers.append(reader)
    if layer_norm != "none":
        readers = folded_readers(readers)
    weights: dict[Side, list[Tensor]] = {"out": out}
    for side in sides:
        weights[side] = [
            finite(reader[_MATRICES[side]].T, f"{_MATRICES[side]}, layer {layer}, once folded")
            for layer, reader in enumerate(readers)
        ]
    return weights


def _n_layers(checkpoint: Checkpoint) -> int:
    """Return the number of layers.

    Raises:
        BadCheckpoint: if there are none, some are missing, or model_config says another number.
    """
    found = {
        match[1]
        for key in checkpoint.weights
        if (match := re.match(r"transformer\.blocks\.([0-9]+)\.", key))
    }
    stated = checkpoint.stated("n_layers")
    n_layers = len(found) if stated is None else stated
    if (
        n_layers < 1
        or found != {str(layer) for layer in range(len(found))}
        or len(found) != n_layers
    ):
        raise BadCheckpoint(
            expected=f"weights of {n_layers or 'some'} layers, numbered from 0",
            got=f"those of layers {listed(sorted(found))}" if found else "none",
            do="Correct n_layers in model_config, or save the checkpoint again.",
        )
    return n_layers


def _sides(checkpoint: Checkpoint) -> list[Side]:
    """Return the sides that read: "in", and "gate" where there are weights for it.

    Raises:
        BadCheckpoint: if model_config says another thing than the weights.
    """
    gated = any(key.endswith(".mlp.W_gate") for key in checkpoint.weights)
    stated = checkpoint.model_config.get("gated_mlp")
    if stated is not None and stated != gated:
        raise BadCheckpoint(
            expected="'gated_mlp' in model_config to agree with the weights",
            got=f"{shortened(stated)} and {'some' if gated else 'no'} weights 'mlp.W_gate'",
            do="Correct model_config, or save the checkpoint again.",
        )
    return ["in", "gate"] if gated else ["in"]


def _actions(checkpoint: Checkpoint, d_model: int, layer_norm: LayerNorm) -> tuple[Tensor, Tensor]:
    """Return the vectors that write the actions, (A, d_model), and their biases, (A,)."""
    weight = checkpoint.weight("action_predictor.weight", None, d_model)
    bias = checkpoint.weight("action_predictor.bias", len(weight))
    if layer_norm == "LN":
        weight, bias = folded_unembedding(
            weight,
            bias,
            checkpoint.weight("transformer.ln_final.w", d_model),
            checkpoint.weight("transformer.ln_final.b", d_model),
        )
    what = "the action predictor with LayerNorm folded"
    return finite(weight, what), finite(bias, what)


def _processing(layer_norm: LayerNorm, *, gated: bool) -> str:
    """Say what was done to the weights, for titles."""
    if layer_norm == "none":
        return "no LayerNorm; weights as stored"
    folded = "LayerNorm folded" if layer_norm == "LN" else "LayerNorm without parameters"
    centred = "W_in and W_gate" if gated else "W_in"
    return f"{folded}; {centred} centred; unembedding not centred"
