"""Quantized weights are what transformers dequantizes of them; other kinds are refused by name."""

import json

import numpy as np
import pytest
import safetensors.torch
import torch
import transformers
from transformers.integrations.finegrained_fp8 import Fp8Dequantize
from transformers.integrations.mxfp4 import convert_moe_packed_tensors

import dtviz
from dtviz.checkpoints.quantized import dequantized
from dtviz.checkpoints.stored import Stored
from dtviz.errors import BadCheckpoint

from . import language_models
from .language_models import LLAMA

FP8 = {"quantization_config": {"quant_method": "fp8", "weight_block_size": [8, 16]}}
MXFP4 = {"quantization_config": {"quant_method": "mxfp4"}}


def stored(**tensors):
    return {key: Stored(key, tuple(one.shape), lambda one=one: one) for key, one in tensors.items()}


@pytest.mark.parametrize("shape", [(24, 32), (3, 16, 48)])
def test_fp8_is_what_transformers_dequantizes(shape):
    torch.manual_seed(0)
    weight = torch.randn(shape).to(torch.float8_e4m3fn)
    scale = torch.rand(*shape[:-2], shape[-2] // 8, shape[-1] // 16) + 0.1
    found = dequantized(FP8, stored(w_scale_inv=scale, v=scale), stored(w=weight))
    assert set(found) == {"w", "v"}
    theirs = Fp8Dequantize(None)._dequantize_one(weight, scale, torch.float32)
    np.testing.assert_array_equal(found["w"](), theirs)


def test_blocks_at_the_ends_may_be_part_ones():
    weight, scale = torch.ones(10, 20).to(torch.float8_e4m3fn), torch.tensor([[1.0, 2], [3, 4]])
    found = dequantized(FP8, stored(w_scale_inv=scale), stored(w=weight))["w"]()
    assert found[[0, 0, 9, 9], [15, 16, 15, 16]].tolist() == [1, 2, 3, 4]


def test_blocks_that_are_larger_than_the_matrix():
    weight = torch.ones(10, 20).to(torch.float8_e4m3fn)
    config = {"quantization_config": {"quant_method": "fp8", "weight_block_size": [10**15] * 2}}
    found = dequantized(config, stored(w_scale_inv=torch.ones(1, 1) * 2), stored(w=weight))
    assert (found["w"]() == 2).all()


def test_one_scale_for_all():
    weight = torch.ones(10, 20).to(torch.float8_e4m3fn)
    config = {"quantization_config": {"quant_method": "fp8"}}
    found = dequantized(config, stored(w_scale_inv=torch.tensor(3.0)), stored(w=weight))
    assert (found["w"]() == 3).all()


def test_mxfp4_is_what_transformers_dequantizes():
    random = torch.Generator().manual_seed(0)
    blocks = torch.randint(0, 256, (3, 10, 2, 16), generator=random).byte()
    scales = torch.randint(110, 140, (3, 10, 2), generator=random).byte()
    found = dequantized(MXFP4, {}, stored(w_blocks=blocks, w_scales=scales))["w"]
    theirs = convert_moe_packed_tensors(blocks, scales, dtype=torch.float32)
    assert found.shape == tuple(theirs.shape)
    np.testing.assert_array_equal(found(), theirs)
    np.testing.assert_array_equal(found.at(1)(), theirs[1])


@pytest.mark.parametrize(
    ("config", "floats", "packed"),
    [
        (FP8, {}, {"w": torch.ones(8, 16)}),
        (FP8, {"w_scale_inv": torch.ones(1, 2)}, {"w": torch.ones(8, 16)}),
        (FP8, {"w_scale_inv": torch.ones(1)}, {"w": torch.ones(8)}),
        (MXFP4, {}, {"w_blocks": torch.ones(2, 3, 4, 16)}),
        (MXFP4, {}, {"w_blocks": torch.ones(2, 3, 4, 16), "w_scales": torch.ones(2, 3, 3)}),
        (MXFP4, {}, {"w_blocks": torch.ones(3, 4, 16), "w_scales": torch.ones(3, 4)}),
    ],
)
def test_scales_that_do_not_fit_are_refused(config, floats, packed):
    with pytest.raises(BadCheckpoint, match="scales"):
        dequantized(config, stored(**floats), stored(**packed))


@pytest.mark.parametrize("method", ["gptq", "awq", "bitsandbytes", "compressed-tensors", None, 3])
def test_other_kinds_are_refused_by_name(method, directory, tmp_path):
    path = language_models.saved("gpt2", tmp_path)
    config = json.loads((path / "config.json").read_text())
    config["quantization_config"] = {"quant_method": method}
    (path / "config.json").write_text(json.dumps(config))
    with pytest.raises(BadCheckpoint, match=f"quantized with {method!r}"):
        dtviz.load(path)


def changed(path, config, **tensors):
    """Add to a directory's configuration and weights."""
    file = path / "model.safetensors"
    held = safetensors.torch.load_file(file)
    held = {key: one for key, one in held.items() if key not in tensors} | tensors
    safetensors.torch.save_file({k: v for k, v in held.items() if v is not None}, file)
    stated = json.loads((path / "config.json").read_text()) | config
    (path / "config.json").write_text(json.dumps(stated))


def test_a_directory_in_fp8(tmp_path):
    exact = dtviz.load(language_models.saved("llama", tmp_path / "exact"))
    path = language_models.saved("llama", tmp_path / "fp8")
    held = safetensors.torch.load_file(path / "model.safetensors")
    tensors = {}
    for name in [name for name in held if ".mlp." in name]:
        rows, columns = held[name].shape
        scale = torch.rand(-(-rows // 8), -(-columns // 16)) + 0.5
        wide = scale.repeat_interleave(8, 0)[:rows].repeat_interleave(16, 1)[:, :columns]
        tensors |= {name: (held[name] / wide).to(torch.float8_e4m3fn), f"{name}_scale_inv": scale}
    changed(path, FP8, **tensors)
    model = dtviz.load(path)
    for side in exact.sides:
        expected = exact.neurons(1, side).vectors
        found = model.neurons(1, side).vectors
        assert 0 < np.abs(found - expected).max() < 0.07 * np.abs(expected).max()
    np.testing.assert_array_equal(model.embedding.vectors, exact.embedding.vectors)


def test_a_directory_in_mxfp4(tmp_path):
    """Of gpt-oss, whose experts are read one by one."""
    config = transformers.GptOssConfig(
        **{**LLAMA, "hidden_size": 32, "intermediate_size": 32, "num_hidden_layers": 2},
        num_key_value_heads=1,
        head_dim=8,
        num_local_experts=4,
        num_experts_per_tok=2,
        sliding_window=16,
    )
    torch.manual_seed(0)
    made = transformers.AutoModelForCausalLM.from_config(config)
    packed = {}
    for layer in range(2):
        mlp = f"model.layers.{layer}.mlp.experts"
        for name, rows in (("gate_up_proj", 64), ("down_proj", 32)):
            blocks = torch.randint(0, 256, (4, rows, 1, 16)).byte()
            scales = torch.randint(120, 130, (4, rows, 1)).byte()
            packed |= {f"{mlp}.{name}_blocks": blocks, f"{mlp}.{name}_scales": scales}
            numbers = convert_moe_packed_tensors(blocks, scales, dtype=torch.float32)
            made.get_parameter(f"{mlp}.{name}").data = numbers
            packed[f"{mlp}.{name}"] = None
    made.save_pretrained(tmp_path / "exact")
    made.save_pretrained(tmp_path / "packed")
    changed(tmp_path / "packed", MXFP4, **packed)
    exact, found = dtviz.load(tmp_path / "exact"), dtviz.load(tmp_path / "packed")
    assert found.groups == exact.groups
    for side in exact.sides:
        np.testing.assert_array_equal(
            found.neurons(1, side).vectors, exact.neurons(1, side).vectors
        )
