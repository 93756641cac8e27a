"""Small checkpoints in the published format, made on the spot, and the reference computation."""

import io
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import safetensors.torch
import torch

from dtviz.checkpoints import load_bytes
from dtviz.model import Model

SHARED = Path(__file__).parents[3] / "shared" / "checkpoints" / "MemoryGatedMLP.pt"


@dataclass
class Published:
    """A checkpoint's content, to be spoiled and saved."""

    state: dict[Any, Any]
    model_config: dict[str, Any]
    environment_config: dict[str, Any]

    def content(self) -> dict[str, Any]:
        return {
            "model_state_dict": self.state,
            "model_config": json.dumps(self.model_config),
            "environment_config": json.dumps(self.environment_config),
            "offline_config": "{}",
        }

    def pt(self, **options: Any) -> bytes:
        return pt(self.content(), **options)

    def safetensors(self, **more_metadata: str) -> bytes:
        content = self.content()
        state = content.pop("model_state_dict")
        return safetensors.torch.save(state, content | more_metadata)

    def model(self) -> Model:
        return load_bytes(self.pt(), "tiny.pt")

    def array(self, key: str) -> np.ndarray:
        """One weight, float64."""
        return self.state[key].double().numpy()


def pt(content: Any, **options: Any) -> bytes:
    buffer = io.BytesIO()
    torch.save(content, buffer, **options)
    return buffer.getvalue()


def published(
    *,
    layers: int = 3,
    d_model: int = 8,
    d_mlp: int = 8,
    actions: int = 7,
    one_hot: bool = True,
    view: int = 3,
    layer_norm: object = "LN",
    gated: bool = False,
    seed: int = 0,
) -> Published:
    generator = torch.Generator().manual_seed(seed)

    def weights(*shape: int) -> torch.Tensor:
        return torch.randn(*shape, generator=generator)

    features = (20 if one_hot else 3) * view * view
    state = {
        "action_embedding.0.weight": weights(actions + 1, d_model),
        "time_embedding.weight": weights(11, d_model),
        "state_embedding.weight": weights(d_model, features),
        "transformer.pos_embed.W_pos": weights(26, d_model),
        "action_predictor.weight": weights(actions, d_model),
        "action_predictor.bias": weights(actions),
        "state_predictor.weight": weights(features, d_model),
        "state_predictor.bias": weights(features),
        "reward_embedding.0.weight": weights(d_model, 1),
        "reward_predictor.weight": weights(1, d_model),
        "reward_predictor.bias": weights(1),
    }
    for layer in range(layers):
        block = f"transformer.blocks.{layer}"
        state |= {
            f"{block}.attn.W_Q": weights(2, d_model, 4),
            f"{block}.attn.W_K": weights(2, d_model, 4),
            f"{block}.attn.W_V": weights(2, d_model, 4),
            f"{block}.attn.W_O": weights(2, 4, d_model),
            **{f"{block}.attn.b_{which}": torch.zeros(2, 4) for which in "QKV"},
            f"{block}.attn.b_O": torch.zeros(d_model),
            f"{block}.attn.mask": torch.ones(26, 26).tril().bool(),
            f"{block}.attn.IGNORE": torch.tensor(-torch.inf),
            f"{block}.mlp.W_in": weights(d_model, d_mlp),
            f"{block}.mlp.b_in": weights(d_mlp),
            f"{block}.mlp.W_out": weights(d_mlp, d_model),
            f"{block}.mlp.b_out": weights(d_model),
        }
        if gated:
            state[f"{block}.mlp.W_gate"] = weights(d_model, d_mlp)
    if layer_norm in ("LN", True):
        norms = [f"blocks.{layer}.{ln}" for layer in range(layers) for ln in ("ln1", "ln2")]
        for norm in [*norms, "ln_final"]:
            state[f"transformer.{norm}.w"] = 1 + weights(d_model) / 2
            state[f"transformer.{norm}.b"] = weights(d_model)
    return Published(
        state,
        {
            "d_model": d_model,
            "n_heads": 2,
            "d_mlp": d_mlp,
            "n_layers": layers,
            "n_ctx": 26,
            "layer_norm": layer_norm,
            "gated_mlp": gated,
            "state_embedding_type": "grid",
            "time_embedding_type": "embedding",
        },
        {"env_id": "MiniGrid", "one_hot_obs": one_hot, "view_size": view, "video_dir": "videos"},
    )


def layer_normed(x: np.ndarray) -> np.ndarray:
    """LN(x) along the last axis, without parameters, float64."""
    centred = x - x.mean(-1, keepdims=True)
    return centred / np.sqrt((centred**2).mean(-1, keepdims=True) + 1e-5)


def folded(weight: np.ndarray, ln_w: np.ndarray) -> np.ndarray:
    """Vectors (d_mlp, d_model) of W_in or W_gate, (d_model, d_mlp), LayerNorm folded, centred."""
    vectors = (weight * ln_w[:, None]).T
    return vectors - vectors.mean(axis=1, keepdims=True)
