"""A decision transformer's checkpoint -> Model."""

import re
from dataclasses import replace
from typing import Literal

from torch import Tensor

from dtviz.checkpoints.checkpoint import Checkpoint, finite
from dtviz.checkpoints.embeddings import (
    action_embedding,
    reward_embedding,
    state_embedding,
    time_embedding,
)
from dtviz.checkpoints.minigrid import action_names
from dtviz.checkpoints.processing import folded_readers, folded_unembedding
from dtviz.checkpoints.verification.decision import verified
from dtviz.directions import Directions, Normalization, check_rows
from dtviz.errors import BadCheckpoint, listed, shortened
from dtviz.model import Model, Side

LayerNorm = Literal["none", "LN", "LNPre"]
"""None; with weights and biases; without them."""

# Each acts on neurons one by one, or leaves what they write as it is; after the last comes a
# LayerNorm of theirs.
_ACTIVATIONS = ("relu", "gelu", "gelu_new", "gelu_fast", "gelu_pytorch_tanh", "silu", "solu")
_WITH_NORM = "solu_ln"
_MATRICES: dict[Side, str] = {"in": "W_in", "gate": "W_gate"}


def decision_transformer(checkpoint: Checkpoint, name: str, source: str | None) -> Model:
    """Return the model in a checkpoint, with LayerNorm folded where it has any, verified.

    Sizes come from the weights, and must agree with model_config where it states them.

    Args:
        checkpoint: what the file holds.
        name: for titles.
        source: where the checkpoint is from, see `Model`.

    Raises:
        BadCheckpoint: if weights are missing, shapes disagree, folding overflows, or vectors differ
            from the forward pass.
    """
    layer_norm = _layer_norm(checkpoint)
    normalization: Normalization | None = None if layer_norm == "none" else "LN"
    weights = _mlps(checkpoint, layer_norm)
    d_model = weights["out"][0].shape[1]
    actions, bias = _actions(checkpoint, d_model, layer_norm)
    check_rows(len(actions), d_model, "the unembedding")
    names = action_names(len(actions), checkpoint.environment_config)
    observations = state_embedding(checkpoint, d_model, normalization)
    rtg = reward_embedding(checkpoint, d_model, normalization)
    before = action_embedding(checkpoint, d_model, len(actions), normalization)
    times = time_embedding(checkpoint, d_model, normalization)
    model = Model(
        name=name,
        source=source,
        weights={side: [tensor.numpy() for tensor in layers] for side, layers in weights.items()},
        unembedding=Directions(actions.numpy(), names, "unembedding", normalization),
        unembedding_bias=bias.numpy(),
        embedding=observations.directions,
        rtg=rtg.directions,
        action_embedding=before.directions,
        time_embedding=times.directions,
        normalization=normalization,
        processing=_processing(checkpoint, layer_norm, gated="gate" in weights),
        agent=observations.agent,
        sha256=checkpoint.sha256,
        notes=(*observations.notes, *rtg.notes, *before.notes, *times.notes),
    )
    report = verified(checkpoint.weights, checkpoint.model_config, model)
    return replace(model, verified=report, notes=(*model.notes, *report.notes))


def _layer_norm(checkpoint: Checkpoint) -> LayerNorm:
    """Return which LayerNorm the model has, by its weights and by model_config.

    Raises:
        BadCheckpoint: if model_config says another thing than the weights, or nothing known.
    """
    has_weights = any(
        re.match(r"transformer\.(blocks\.[0-9]+\.)?ln", key) for key in checkpoint.weights
    )
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
        out.append(_written(checkpoint, f"{block}.mlp", d_mlp, d_model, layer_norm))
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


def _has_inner_norm(checkpoint: Checkpoint) -> bool:
    """Return whether there is a LayerNorm between the neurons and W_out.

    Raises:
        BadCheckpoint: if model_config says another thing than the weights, or names an activation
            that dtviz does not know: it could do more than act on each neuron.
    """
    stated = checkpoint.model_config.get("activation_fn")
    has_weights = any(".mlp.ln." in key for key in checkpoint.weights)
    if stated not in (None, *_ACTIVATIONS, _WITH_NORM) or (has_weights and stated in _ACTIVATIONS):
        raise BadCheckpoint(
            expected=f"'activation_fn' in model_config as one of {listed([*_ACTIVATIONS], 9)}, or "
            f"{_WITH_NORM!r}, and the weights to agree",
            got=f"{shortened(stated)} and {'' if has_weights else 'no '}weights 'mlp.ln'",
            do="Correct model_config, or open another model.",
        )
    return has_weights or stated == _WITH_NORM


def _written(
    checkpoint: Checkpoint, mlp: str, d_mlp: int, d_model: int, layer_norm: LayerNorm
) -> Tensor:
    """Return what each neuron writes, (d_mlp, d_model).

    A LayerNorm that the neurons' activations pass first is folded: it scales each of them, and what
    they have in common is subtracted.
    """
    rows = checkpoint.weight(f"{mlp}.W_out", d_mlp, d_model)
    if not _has_inner_norm(checkpoint):
        return rows
    if layer_norm == "LN" or f"{mlp}.ln.w" in checkpoint.weights:
        rows = rows * checkpoint.weight(f"{mlp}.ln.w", d_mlp)[:, None]
    return finite(rows - rows.mean(dim=0), f"{mlp}.W_out, once folded")


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
    if gated and _has_inner_norm(checkpoint):
        raise BadCheckpoint(
            expected=f"no gate where the activation is {_WITH_NORM!r}",
            got="weights 'mlp.W_gate', with which TransformerLens does not use 'mlp.W_in'",
            do="Open another model.",
        )
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


def _processing(checkpoint: Checkpoint, layer_norm: LayerNorm, *, gated: bool) -> str:
    """Say what was done to the weights, for titles."""
    inner = "; LayerNorm of the activations folded into W_out" * _has_inner_norm(checkpoint)
    if layer_norm == "none":
        return (
            f"no LayerNorm before the MLPs{inner}" if inner else "no LayerNorm; weights as stored"
        )
    folded = "LayerNorm folded" if layer_norm == "LN" else "LayerNorm without parameters"
    centred = "W_in and W_gate" if gated else "W_in"
    return f"{folded}; {centred} centred; unembedding not centred{inner}"
