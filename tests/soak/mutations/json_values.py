"""JSON: values, keys and places changed."""

import copy
import json
from random import Random

_DEEP = "what is nested deeply"
_NESTED = "[" * 100_000 + "]" * 100_000
NUMBERS = (0, 1, -1, 3, 2**31, 2**32, 2**60, 2**63, 2**64, 10**400, 0.5, 1e308)
VALUES = (
    *(*NUMBERS, float("nan"), float("inf"), -float("inf"), None, True, False),
    *("", "x", "F64", "I64", "F8_E4M3", "BOOL", "LN", "../x", "/etc/passwd", "\ud800", "x" * 10**5),
    *([], [[]], {}, {"a": 1}, [2**60], [2**32, 2**32], [0, 2**60], [2**60, 0], [-1, -1], _DEEP),
    *("someone/kernel", "bloom", "mpt", "opt", "gptj", "gpt_neox", "falcon", "phi", "gemma3", "t5"),
    *([[["global", "local"], 10**10]], [[["global"], 2**40]], ["full_attention"] * 10_000),
    *("BertForMaskedLM", "LlamaForCausalLM", "MixtralForCausalLM", "GPT2LMHeadModel", "mamba"),
)
# What configurations say elsewhere.
_KEYS = (
    *("auto_map", "_attn_implementation", "attn_implementation", "quantization_config"),
    *(
        "rope_scaling",
        "rope_parameters",
        "layer_types",
        "text_config",
        "sub_configs",
        "torch_dtype",
    ),
    *(
        "tokenizer_class",
        "architectures",
        "model_type",
        "num_local_experts",
        "max_position_embeddings",
        "attention_types",
        "num_labels",
        "id2label",
        "pruned_heads",
        "backbone_config",
    ),
)


def json_changed(random: Random, data: bytes) -> bytes:
    try:
        value = json.loads(data)
    except (ValueError, RecursionError):  # changed before
        return data
    if not isinstance(value, dict | list):
        return data
    for _ in range(random.choice((1, 1, 1, 2, 5))):
        change(random, value)
    return written(value)


def written(value: object) -> bytes:
    return json.dumps(value).replace(f'"{_DEEP}"', _NESTED).encode()


def change(random: Random, value: dict | list) -> None:
    """Replace, add or delete something anywhere in a JSON object or list."""
    while random.random() < 0.6:
        inner = value.values() if isinstance(value, dict) else value
        inner = [one for one in inner if isinstance(one, dict | list) and one]
        if not inner:
            break
        value = random.choice(inner)
    new = copy.deepcopy(random.choice(VALUES))
    if isinstance(value, list):
        value.insert(random.randint(0, len(value)), new)
        if len(value) > 1 and random.random() < 0.7:
            del value[random.randrange(len(value))]
    else:
        keys = list(value)
        act = random.random()
        if not keys or act < 0.15:
            value[random.choice((*_KEYS, "", "../x"))] = new
        elif act < 0.3:
            del value[random.choice(keys)]
        elif act < 0.45:
            value[random.choice(keys)] = copy.deepcopy(value[random.choice(keys)])
        else:
            value[random.choice(keys)] = new
