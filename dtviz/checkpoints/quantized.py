"""Quantized weights of Hugging Face directories: FP8 and MXFP4, dequantized when they are read."""

import math
from collections.abc import Mapping
from functools import partial
from typing import Any

import torch
from torch import Tensor

from dtviz.checkpoints.stored import Stored
from dtviz.errors import BadCheckpoint, shortened

# The numbers that four bits stand for, and how far exponents are from what is stored.
_FP4 = (0.0, 0.5, 1.0, 1.5, 2.0, 3.0, 4.0, 6.0)
_BIAS = 127
_BLOCKS, _SCALES, _SCALE = "_blocks", "_scales", "_scale_inv"
_DO = "Save it dequantized: from_pretrained with dequantize=True, then save_pretrained."


def dequantized(
    config: Mapping[str, Any], floats: Mapping[str, Stored], packed: Mapping[str, Stored]
) -> dict[str, Stored]:
    """Return weights as floating point numbers; nothing is read.

    Args:
        config: the model's configuration.
        floats: what is stored as such numbers, by name.
        packed: what is stored as bytes, or in FP8.

    Raises:
        BadCheckpoint: if they are quantized otherwise than in FP8 with scales or in MXFP4.
    """
    stated = config.get("quantization_config")
    if stated is None:
        return dict(floats)
    method = stated.get("quant_method") if isinstance(stated, Mapping) else stated
    if method == "fp8":
        return _from_fp8(stated.get("weight_block_size"), floats, packed)
    if method == "mxfp4":
        return _from_mxfp4(floats, packed)
    raise BadCheckpoint(
        expected="weights that are not quantized, or in FP8 with scales, or in MXFP4",
        got=f"weights quantized with {shortened(method)}",
        do="Open the model that they were quantized from, or a GGUF file of it.",
    )


def _from_fp8(
    block: object, floats: Mapping[str, Stored], packed: Mapping[str, Stored]
) -> dict[str, Stored]:
    found = {key: one for key, one in floats.items() if not key.endswith(_SCALE)}
    for key, one in packed.items():
        scale = floats.get(key + _SCALE)
        size = one.shape[-2:]  # of a block: one scale for all
        match block:
            case [int(rows), int(columns)] if rows > 0 and columns > 0:
                size = tuple(map(min, size, (rows, columns)))
        blocks = (-(-n // each) for n, each in zip(one.shape[-2:], size, strict=True))
        grid = (*one.shape[:-2], *blocks)
        if scale is None or len(one.shape) < 2 or math.prod(scale.shape) != math.prod(grid):
            raise BadCheckpoint(
                expected=f"scales {grid} of {shortened(key)}, which is in FP8",
                got="none" if scale is None else f"some of shape {scale.shape}",
                do=_DO,
            )
        found[key] = Stored(key, one.shape, partial(_scaled, one, scale, grid, size))
    return found


def _scaled(one: Stored, scale: Stored, grid: tuple[int, ...], size: tuple[int, ...]) -> Tensor:
    """Return numbers times the scale of the block that they are in."""
    scales = scale.read().float().reshape(grid)
    values = one.read().float()
    rows, columns = values.shape[-2:]
    wide = scales.repeat_interleave(size[0], -2)[..., :rows, :]
    return values * wide.repeat_interleave(size[1], -1)[..., :columns]


def _from_mxfp4(floats: Mapping[str, Stored], packed: Mapping[str, Stored]) -> dict[str, Stored]:
    found = dict(floats)
    for key, blocks in packed.items():
        if not key.endswith(_BLOCKS):
            continue
        name = key.removesuffix(_BLOCKS)
        scales = packed.get(name + _SCALES)
        if scales is None or len(blocks.shape) != 4 or scales.shape != blocks.shape[:-1]:
            raise BadCheckpoint(
                expected=f"scales of {shortened(key)}, one a block",
                got="none" if scales is None else f"some of shape {scales.shape}",
                do=_DO,
            )
        experts, rows, groups, width = blocks.shape
        found[name] = Stored(
            name,
            (experts, groups * width * 2, rows),
            partial(_all, blocks, scales),
            slice=partial(_expert, blocks, scales),
        )
    return found


def _all(blocks: Stored, scales: Stored) -> Tensor:
    return torch.stack([_expert(blocks, scales, index) for index in range(blocks.shape[0])])


def _expert(blocks: Stored, scales: Stored, index: int) -> Tensor:
    """Return the matrix of an expert: a column for each row of blocks, as the model has it."""
    data, exponents = blocks.slice(index), scales.slice(index)
    numbers = torch.tensor([*_FP4, *(-value for value in _FP4)])
    # Of two numbers in a byte the lower four bits are the first.
    values = torch.stack([numbers[(data & 15).int()], numbers[(data >> 4).int()]], dim=-1)
    scaled = torch.ldexp(values.flatten(-2), exponents.int()[..., None] - _BIAS)
    return scaled.flatten(-2).T
