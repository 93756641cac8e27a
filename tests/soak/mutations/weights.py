"""Weights dropped, renamed, reshaped or spoilt, and configurations beside them changed."""

import io
from random import Random

import safetensors.torch
import torch

from .headers import split
from .json_values import json_changed


def weights_changed(random: Random, data: bytes) -> bytes:
    """Drop, rename, reshape or spoil weights, and change configurations; then save all again."""
    if data[8:9] == b"{":
        state, texts = safetensors.torch.load(data), split(data)[0].get("__metadata__") or {}
    else:
        texts = torch.load(io.BytesIO(data), weights_only=True)
        is_alone = "model_state_dict" not in texts  # of a language model
        state, texts = (texts, {}) if is_alone else (texts.pop("model_state_dict"), texts)
    for _ in range(random.choice((1, 1, 1, 2, 5))):
        key = random.choice(list(state) or ["x"])
        act = random.random()
        if act < 0.15:
            state.pop(key, None)
        elif act < 0.3:
            new = random.choice((key[:-1], f"{key}.x", key.replace("0", "1"), "", "x" * 10_000))
            state[new] = state.pop(key, torch.zeros(3)).clone()
        elif act < 0.7:
            state[key] = _spoilt(random, state.get(key, torch.zeros(3)))
        else:
            for name in [name for name in texts if name.endswith("config")]:
                texts[name] = json_changed(random, texts[name].encode()).decode()
    try:
        if data[8:9] == b"{":
            return safetensors.torch.save({key: one.clone() for key, one in state.items()}, texts)
        zipped = data.startswith(b"PK")
        torch.save(
            state if not texts else {"model_state_dict": state, **texts},
            buffer := io.BytesIO(),
            _use_new_zipfile_serialization=zipped,
        )
    except Exception:  # not everything can be saved in every form
        return data
    return buffer.getvalue()


def _spoilt(random: Random, tensor: torch.Tensor) -> torch.Tensor:
    kinds = (torch.float64, torch.float16, torch.bfloat16, torch.int8, torch.bool, torch.complex64)
    act = random.randrange(8)
    if act < 4:
        number = (float("nan"), float("inf"), 3e38, 0.0)[act]
        # Only these hold every number.
        spoilt = tensor.clone() if tensor.dtype == torch.float32 else torch.zeros(tensor.shape)
        spoilt.view(-1)[:1] = number
        return spoilt if act < 2 else torch.full_like(spoilt, number)
    if act == 4:
        return tensor.to(random.choice(kinds))
    if act == 5:
        return tensor.mT.contiguous() if tensor.ndim > 1 else tensor[None]
    if act == 6:
        return torch.zeros([random.choice((0, 1, 7, 300)) for _ in range(random.randrange(4))])
    return tensor.expand(3, *tensor.shape)
