"""Decision transformer checkpoints in the published format: a file to a model, and back.

Such a file is a dict with the weights under `model_state_dict`, and `model_config`,
`environment_config` and `offline_config` as JSON strings. There, the parts between the embeddings
and the action head carry the prefix `transformer.`, which the model's own names (and so its hooks)
do without.
"""

import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from dtviz.demo.transformer import DecisionTransformer, TransformerConfig

_PREFIX = "transformer."
_PREFIXED = ("pos_embed.", "blocks.", "ln_final.")


def load(path: Path | str) -> DecisionTransformer:
    """Open a checkpoint as a model that runs; weights the forward pass lacks are left out."""
    checkpoint = torch.load(path, map_location="cpu", weights_only=True)
    published = checkpoint["model_state_dict"]
    model = DecisionTransformer(_config(published, json.loads(checkpoint["model_config"])))
    names = {name: _published_name(name) for name in model.state_dict()}
    missing = sorted(set(names.values()) - set(published))
    if missing:
        raise KeyError(f"{path} lacks the weights {', '.join(missing)}")
    model.load_state_dict({name: published[names[name]] for name in names})
    model.eval()
    return model


def save(path: Path, model: DecisionTransformer, configs: Mapping[str, Mapping[str, Any]]) -> None:
    """Write a model and its configs, by name, so that path never holds half a file."""
    state = {_published_name(name): weights for name, weights in model.state_dict().items()}
    texts = {name: json.dumps(config) for name, config in configs.items()}
    temporary = path.with_name(path.name + ".part")
    # Given a path instead of a file, torch writes the file's name into it.
    with temporary.open("wb") as file:
        torch.save({"model_state_dict": state, **texts}, file)
    os.replace(temporary, path)


def _published_name(name: str) -> str:
    return _PREFIX + name if name.startswith(_PREFIXED) else name


def _config(published: Mapping[str, Tensor], model_config: Mapping[str, Any]) -> TransformerConfig:
    """Read sizes from the weights' shapes; the published config lacks some of them."""
    activation = model_config.get("activation_fn", "relu")
    if activation != "relu":
        raise ValueError(f"expected the activation 'relu', got {activation!r}")
    layer_norm = model_config["layer_norm"]
    if layer_norm not in ("LN", True, "none", None, False):
        raise ValueError(f"expected layer_norm 'LN' or none, got {layer_norm!r}")
    n_ctx, d_model = published["transformer.pos_embed.W_pos"].shape
    blocks = {name.split(".")[2] for name in published if name.startswith("transformer.blocks.")}
    return TransformerConfig(
        n_layers=len(blocks),
        n_heads=published["transformer.blocks.0.attn.W_Q"].shape[0],
        d_model=d_model,
        d_mlp=published["transformer.blocks.0.mlp.W_in"].shape[1],
        n_ctx=n_ctx,
        n_actions=published["action_predictor.weight"].shape[0],
        n_features=published["state_embedding.weight"].shape[1],
        n_times=published["time_embedding.weight"].shape[0],
        layer_norm=layer_norm in ("LN", True),
        gated_mlp="transformer.blocks.0.mlp.W_gate" in published,
    )
