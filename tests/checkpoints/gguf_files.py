"""Small GGUF files with random weights, as llama.cpp's converter writes them, and their models."""

import copy
import re
from collections.abc import Mapping
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pytest
import torch
import transformers
from transformers.integrations import GGUF_CONFIG_MAPPING

from dtviz.checkpoints.smollm2 import smollm2_file
from dtviz.errors import FileProblem

from . import language_models

try:
    import gguf
except ImportError:  # tests that write a file are skipped
    gguf = None
KIND = gguf and gguf.GGMLQuantizationType
# Of such widths that all kinds of 32 numbers a block fit.
_GPT = {**language_models.GPT, "n_embd": 32}
_LLAMA = {**language_models.LLAMA, "hidden_size": 32, "intermediate_size": 64}
_GROUPED = {**_LLAMA, "num_key_value_heads": 1}
_TIED = {**_GROUPED, "tie_word_embeddings": True}
_EXPERTS = {**_LLAMA, "num_key_value_heads": 2, "num_experts": 3, "num_experts_per_tok": 2}
_EXPERTS["moe_intermediate_size"] = 8
# By llama.cpp's names of architectures.
CONFIGS = {
    "bloom": transformers.BloomConfig(**{**_GPT, "hidden_size": 32}),
    "falcon": transformers.FalconConfig(**{**_LLAMA, "ffn_hidden_size": 128}),
    "gemma2": transformers.Gemma2Config(**_TIED, head_dim=8, final_logit_softcapping=20.0),
    "gemma3": transformers.Gemma3TextConfig(**_TIED, head_dim=8, sliding_window=16),
    "gpt2": transformers.GPT2Config(**_GPT),
    "lfm2": transformers.Lfm2Config(
        **_GROUPED, block_auto_adjust_ff_dim=False, layer_types=["conv", "full_attention", "conv"]
    ),
    "llama": transformers.LlamaConfig(**_GROUPED, rms_norm_eps=1e-4),
    "nemotron": transformers.NemotronConfig(**_GROUPED, head_dim=16),
    "phi3": transformers.Phi3Config(**_LLAMA),
    "qwen2": transformers.Qwen2Config(**_TIED),
    "qwen2moe": transformers.Qwen2MoeConfig(**_EXPERTS, shared_expert_intermediate_size=12),
    "qwen3": transformers.Qwen3Config(**_GROUPED, head_dim=8),
    "qwen3moe": transformers.Qwen3MoeConfig(**_EXPERTS, head_dim=8),
    "stablelm": transformers.StableLmConfig(**_GROUPED),
    "starcoder2": transformers.Starcoder2Config(**_GROUPED),
}
# What transformers' table leaves out, and llama.cpp writes.
_MORE = {
    "gemma2": {"final_logit_softcapping": 20.0, "attn_logit_softcapping": 50.0},
    "gpt2": {"feed_forward_length": 128},
    "qwen2moe": {"expert_feed_forward_length": 8, "expert_shared_feed_forward_length": 12},
    "qwen3": {"attention.key_length": 8},
    "qwen3moe": {"expert_feed_forward_length": 8},
    "lfm2": {"attention.head_count_kv": [0, 1, 0]},
}
_TYPES = {bool: "BOOL", int: "UINT32", float: "FLOAT32", str: "STRING"}


class Tokens(NamedTuple):
    """What a file says of its tokens."""

    model: str
    texts: list[str]
    kinds: list[int]


def made(architecture: str) -> torch.nn.Module:
    """Return a model, with norms that do something."""
    torch.manual_seed(0)
    config = copy.deepcopy(CONFIGS[architecture])
    model = transformers.AutoModelForCausalLM.from_config(config)
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.copy_(torch.randn(parameter.shape) / 4 + 0.1)
    return model.eval()


def write(
    path: Path,
    architecture: str = "llama",
    model: torch.nn.Module | None = None,
    *,
    kind: int = 0,
    metadata: Mapping[str, Any] | None = None,
    tensors: Mapping[str, np.ndarray] | None = None,
    tokens: Tokens | None = None,
) -> Path:
    """Write the file of a model; return its path.

    Args:
        path: of the file.
        architecture: llama.cpp's name.
        model: of that architecture; a random one without it.
        kind: of the numbers of matrices whose rows are long enough; the others are F32.
        metadata: more of it, or other values.
        tensors: more of them, by the file's names.
        tokens: those of `language_models.tokenizer` without it.
    """
    pytest.importorskip("gguf", reason="dtviz[gguf] is not installed")
    kind = KIND(kind)
    model = made(architecture) if model is None else model
    writer = gguf.GGUFWriter(path, architecture)
    add = partial(_add, writer)
    for key, value in {**_stated(model.config, architecture), **(metadata or {})}.items():
        add(key, value)
    tokens = _tokens() if tokens is None else tokens
    writer.add_tokenizer_model(tokens.model)
    writer.add_token_list(tokens.texts)
    writer.add_token_types(tokens.kinds)
    for name, values in {**_named(model, architecture), **(tensors or {})}.items():
        numbers, _ = gguf.GGML_QUANT_SIZES[kind]
        if values.ndim > 1 and values.shape[-1] % numbers == 0:
            writer.add_tensor(name, gguf.quantize(values, kind), raw_dtype=kind)
        else:
            writer.add_tensor(name, values)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    return path


def smollm2_or_skip() -> Path:
    """Return the path of the package's file; skip the test where it is not installed."""
    try:
        return smollm2_file()
    except FileProblem as error:
        pytest.skip(str(error))


def _add(writer: Any, key: str, value: Any) -> None:
    if isinstance(value, list):
        writer.add_array(key, value)
    else:
        writer.add_key_value(key, value, gguf.GGUFValueType[_TYPES[type(value)]])


def _stated(config: transformers.PretrainedConfig, architecture: str) -> dict[str, Any]:
    kind = {"qwen2moe": "qwen2_moe", "qwen3moe": "qwen3_moe"}.get(architecture, architecture)
    stated = {
        key: getattr(config, name, None)
        for key, name in GGUF_CONFIG_MAPPING[kind].items()
        if name is not None and not isinstance(getattr(config, name, None), dict)
    }
    stated |= _MORE.get(architecture, {})
    return {f"{architecture}.{key}": value for key, value in stated.items() if value is not None}


def _named(model: torch.nn.Module, architecture: str) -> dict[str, np.ndarray]:
    """Return the tensors by the file's names, as llama.cpp changes them."""
    kind = next(kind for kind, name in gguf.MODEL_ARCH_NAMES.items() if name == architecture)
    known = gguf.get_tensor_name_map(kind, model.config.num_hidden_layers)
    found = {}
    for name, parameter in model.named_parameters():
        values = parameter.detach().float().numpy()
        base, suffix = re.fullmatch(r"(.+?)(\.weight|\.bias)?", name).groups("")
        if base.endswith("experts.gate_up_proj"):
            layer = re.search(r"\d+", base)[0]
            for side, half in zip(("gate", "up"), np.split(values, 2, axis=1), strict=True):
                found[f"blk.{layer}.ffn_{side}_exps.weight"] = half
            continue
        if base.endswith("experts.down_proj"):
            suffix = ".weight"
        if architecture == "gpt2" and re.search(r"(c_\w+)\.weight$", name):
            values = values.T
        if architecture in ("gemma2", "gemma3", "nemotron") and name.endswith("norm.weight"):
            values = values + 1
        if base.endswith(("shared_expert_gate", "conv.conv")):
            values = values.squeeze(0 if "expert" in base else 1)
        file = known.get_name(base) or known.get_name(base.removeprefix("transformer."))
        found[file + suffix] = np.ascontiguousarray(values)
    return found


def _tokens() -> Tokens:
    tokenizer = language_models.tokenizer()
    texts = [text for text, _ in sorted(tokenizer.get_vocab().items(), key=lambda one: one[1])]
    count = language_models.ROWS
    texts += [f"[PAD{number}]" for number in range(len(texts), count)]
    kinds = [3] + [1] * (language_models.VOCABULARY - 1)
    return Tokens("gpt2", texts, kinds + [5] * (count - len(kinds)))
