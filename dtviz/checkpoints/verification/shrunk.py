"""shrunk: a configuration with small widths and few experts, all else kept."""

import re
from collections.abc import Mapping
from typing import Any

# Of a copy, unless it is to be wider.
WIDTH = 32
# Fields that say how wide something is, and what they become. Where heads have no width of their
# own it is the model's divided by their number: 32 / 4 = 8; the layers of state-space models are
# twice as wide as the model: 64 / 8 = 8.
_SIZES: tuple[tuple[str, int], ...] = (
    (r"(\w+_)?num_key_value_heads|num_kv_heads", 2),
    (r"(\w+_)?num_attention_heads|n_heads?|\w*attention_heads|index_n_heads|num_query_groups", 4),
    (r"num_heads|(n_mamba|mamba_n|mamba_num|linear_num_(key|value))_heads", 8),
    (r"(\w+_)?head_dim|d_kv|mamba_d_head|mamba_headdim", 8),
    (r"kv_channels", 8),
    (r"rotary_dim", 4),
    (r"mamba_d_ssm", 64),
    (r"out_hidden_size|projector_\w+_dim|projection_dim|vision_output_dim", WIDTH),
    (r"(\w+_)?(hidden_size|d_model|n_embd|embed(ding)?_dim|lru_width|embed_proj_dim)", WIDTH),
    (r"hidden_size_per_layer_input", 8),
    (r"n_inner|d_ff|(\w+_)?ffn_dim|ffn_hidden_size|intermediate_size(_mlp)?", 48),
    (r"(\w*moe|shared)_?\w*intermediate_size", 24),
    (r"attention_window", 16),
    (r"(\w+_)?lora_rank|adapter_rank|laurel_rank", 16),
    (r"mamba_d_state|ssm_state_size|state_size", 16),
    (r"mamba_dt_rank|time_step_rank", 8),
    (r"n_groups|mamba_n_?groups|o_groups", 2),
    (r"(moe_)?num_experts|n_routed_experts|num_local_experts|moe_num_experts", 4),
    (r"num_experts_per_tok|moe_k|topk_group|num_experts_per_token|moe_topk", 2),
    (r"n_group|num_expert_group", 2),
    (r"(decoder_)?vocab_size\w*", 96),
    (r"\w*chunk_size|block_multiple_of", 64),
    # Some count from the padding's position.
    (r"max_(\w+_)?position_embeddings|max_source_positions|n_positions|n_ctx|max_seq_len", 80),
)
# What is fewer already stays so: zero means none, and numbers of heads and experts say of what kind
# a model is.
_COUNTS = (
    r"(\w+_)?num_key_value_heads|num_kv_heads|n_group|num_expert_group|\w*groups|\w*experts\w*|"
    r"moe_k|topk_group|moe_topk"
)
# Of these fields the first is d_model; others can be a multiple or a part of it, and stay so.
_OWN_WIDTH = ("hidden_size", "d_model", "n_embd")
_IN_PROPORTION = re.compile(r"attention_hidden_size|lru_width|word_embed_proj_dim")
_TOKEN = re.compile(r"\w*token_(id|index)|eod_token_id|bo[a-z]_token_\w+|eo[a-z]_token_\w+")
_ROTARY_LISTS = ("short_factor", "long_factor")


def shrunk(config: Mapping[str, Any], width: int = WIDTH) -> dict[str, Any]:
    """Return the entries of a configuration, its widths small.

    Fields that are equal stay so where models need it.

    Args:
        config: as `to_dict` returns it.
        width: d_model of the result.
    """
    own = next((config[key] for key in _OWN_WIDTH if isinstance(config.get(key), int)), 0)
    small = {key: _shrunk_entry(key, value, width, own) for key, value in config.items()}
    if isinstance(config.get("mrope_section"), list):
        # Half of what is rotated of a head.
        turned = int(4 * config.get("partial_rotary_factor", 1))
        small["mrope_section"] = [turned - 2 * (turned // 4), turned // 4, turned // 4]
    heads = next((config[k] for k in ("num_attention_heads", "n_heads") if k in config), None)
    groups, head = config.get("num_key_value_heads"), config.get("head_dim")
    if groups is not None and groups == heads:
        small["num_key_value_heads"] = small["num_attention_heads"]
    parts = ("qk_nope_head_dim", "qk_rope_head_dim")
    if config.get("qk_head_dim") and all(key in config for key in parts):
        small["qk_head_dim"] = sum(small[key] for key in parts)
    if head is not None and heads is not None and head * heads == own:
        small["head_dim"] = width // small.get("num_attention_heads", 4)
    experts = next((k for k in ("n_group", "num_expert_group") if k in config), None)
    if experts is not None and small[experts] == small.get("topk_group") == 2:
        small["topk_group"] = 2 if config[experts] == config["topk_group"] else 1
    return small


def _shrunk_entry(key: str, value: Any, width: int, own: int) -> Any:
    if isinstance(value, Mapping):
        return shrunk(value, width)
    if isinstance(value, bool) or value is None:
        return value
    if isinstance(value, list):
        if key in _ROTARY_LISTS:
            return value[:4]
        return [_shrunk_entry(key, each, width, own) for each in value]
    if not isinstance(value, int):
        return value
    if _TOKEN.fullmatch(key):
        return value if value < 8 else value % 8
    if own > 0 and _IN_PROPORTION.fullmatch(key):
        return max(width * value // own, 8)
    for pattern, size in _SIZES:
        if re.fullmatch(pattern, key):
            if value <= 0 or re.fullmatch(_COUNTS, key):
                return min(value, size)
            return width if size == WIDTH else size
    return value
