"""The metadata of a GGUF file -> the entries of a configuration, as config.json would have them."""

from collections.abc import Collection, Mapping
from typing import Any

import numpy as np
from transformers.integrations import GGUF_CONFIG_DEFAULTS_MAPPING, GGUF_CONFIG_MAPPING

from dtviz.checkpoints.gguf_file import TOKENS
from dtviz.errors import BadCheckpoint, shortened

# Architectures by llama.cpp's names, and transformers' names of them.
_KINDS = {
    **{name: name for name in ("bloom", "falcon", "gemma2", "gpt2", "lfm2", "llama", "nemotron")},
    **{name: name for name in ("phi3", "qwen2", "qwen3", "stablelm", "starcoder2")},
    **{"gemma3": "gemma3_text", "qwen2moe": "qwen2_moe", "qwen3moe": "qwen3_moe"},
}
_CAPS = ("attn_logit_softcapping", "final_logit_softcapping")
# Of what transformers leaves at its defaults.
_MORE = {
    "bloom": {"context_length": "seq_length"},
    "gpt2": {"context_length": "n_positions", "feed_forward_length": "n_inner"},
    "qwen2_moe": {
        "expert_feed_forward_length": "moe_intermediate_size",
        "expert_shared_feed_forward_length": "shared_expert_intermediate_size",
    },
    "qwen3": {"attention.key_length": "head_dim"},
    "qwen3_moe": {"expert_feed_forward_length": "moe_intermediate_size"},
    **{name: {key: key for key in _CAPS} for name in ("gemma2", "gemma3_text")},
}
# Which there are none of unless the file says so.
_TOKENS = ("bos_token_id", "eos_token_id", "pad_token_id")
# What numbers are multiplied by in other models; these have none.
_FACTORS = ("embedding_scale", "logit_scale", "residual_scale")


def configuration(metadata: Mapping[str, Any], tensors: Collection[str]) -> dict[str, Any]:
    """Return the configuration of the model in a GGUF file.

    Args:
        metadata: of its header.
        tensors: their names.

    Raises:
        BadCheckpoint: if it is of an architecture that dtviz does not read.
    """
    architecture = metadata.get("general.architecture")
    is_part = metadata.get("split.count", 0) > 1
    if is_part or architecture not in _KINDS:
        known = ", ".join(sorted(_KINDS))
        kind = f"one of the architecture {shortened(architecture)}"
        raise BadCheckpoint(
            expected=f"a whole GGUF file of one of these architectures: {known}",
            got="one of several parts of a model" if is_part else kind,
            do="Join them with llama-gguf-split --merge."
            if is_part
            else "Open the Hugging Face directory that the file was made of.",
        )
    kind = _KINDS[architecture]
    # The mapping has some names of its own.
    named = GGUF_CONFIG_MAPPING[architecture if kind not in GGUF_CONFIG_MAPPING else kind]
    groups = {
        architecture: {**named, **_MORE.get(kind, {})},
        "tokenizer": GGUF_CONFIG_MAPPING["tokenizer"],
    }
    stated: dict[str, Any] = dict.fromkeys(_TOKENS)
    stated |= {**GGUF_CONFIG_DEFAULTS_MAPPING.get(kind, {}), "model_type": kind}
    for key, value in metadata.items():
        group, _, entry = key.partition(".")
        name = groups.get(group, {}).get(entry)
        if name is not None:
            stated[name] = value.tolist() if isinstance(value, np.ndarray) else value
        elif group == architecture and entry in _FACTORS and value not in (0, 1):
            raise BadCheckpoint(
                expected=f"a model of the kind {kind}, which has no {entry}",
                got=f"one that has {shortened(value)}",
                do="Open the Hugging Face directory that the file was made of.",
            )
    stated.setdefault("vocab_size", len(metadata.get(TOKENS, ())))
    stated["tie_word_embeddings"] = "output.weight" not in tensors
    return {**stated, **_of_tensors(kind, stated, tensors)}


def _of_tensors(
    kind: str, stated: Mapping[str, Any], tensors: Collection[str]
) -> Mapping[str, Any]:
    """Return what the file does not say otherwise than by the weights that it has."""
    if kind == "stablelm":
        return {
            "use_parallel_residual": not any(".ffn_norm." in name for name in tensors),
            "use_qkv_bias": any(".attn_q.bias" in name for name in tensors),
        }
    if kind == "lfm2":
        # One number a layer, 0 where it is a convolution.
        heads = stated["num_key_value_heads"]
        return {
            "num_key_value_heads": max(heads),
            "layer_types": ["full_attention" if each else "conv" for each in heads],
            "block_auto_adjust_ff_dim": False,
        }
    return {}
