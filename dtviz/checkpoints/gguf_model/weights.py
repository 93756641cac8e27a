"""The tensors of a GGUF file -> weights by the names that transformers' model has for them."""

import re
from collections.abc import Mapping
from typing import Any

import numpy as np
import torch
from torch import Tensor
from transformers.modeling_gguf_pytorch_utils import (
    TENSOR_PROCESSORS,
    TensorProcessor,
)

from dtviz.checkpoints.conversions import tied
from dtviz.checkpoints.gguf_file import gguf_package
from dtviz.checkpoints.stored import Stored
from dtviz.errors import BadCheckpoint, shortened

# What is not looked at; it may have no place in the model, such as a bias of the queries.
_UNSEEN = re.compile(r"^rope_|\.attn_(q|k|v|qkv|output)(_norm)?\.|\.shortconv\.")
_EXPERTS = re.compile(r"(.+\.ffn_(gate|up|down)_exps)\.weight")
_SUFFIX = re.compile(r"\.weight$|\.bias$")
_SIDES = ("gate", "up")
# Kept as they are; what is done to others can change their shapes.
_AS_KEPT = ("output.", "token_embd.")


def by_name(model: Any, architecture: str, tensors: Mapping[str, Stored]) -> dict[str, Stored]:
    """Return weights by their names in a model of transformers'; nothing is read.

    What llama.cpp did to them is undone when they are read: it adds 1 to some norms, and puts the
    rows where GPT-2 has columns. All must have a place in the model, and fill it, or the
    configuration is that of another.

    Args:
        model: of transformers, on "meta".
        architecture: llama.cpp's name of it.
        tensors: by the names in the file.

    Raises:
        BadCheckpoint: if one has no place, is missing, or is of another shape.
    """
    processor = TENSOR_PROCESSORS.get(architecture, TensorProcessor)(model.config.to_dict())
    names = _names(model, architecture, processor)
    held: dict[str, Stored] = {}
    sides: dict[str, dict[str, Stored]] = {}
    for key, stored in tensors.items():
        if _UNSEEN.search(key):
            continue
        experts = _EXPERTS.fullmatch(key)
        name = names.get(experts[1] if experts else key)
        if name is None:
            raise _unplaced(key, model)
        if experts is None:
            held[name] = _undone(processor, key, stored)
        elif experts[2] in _SIDES:
            sides.setdefault(name, {})[experts[2]] = stored
        else:
            held[name] = stored
    for name, found in sides.items():
        if len(found) != len(_SIDES) or len({stored.shape for stored in found.values()}) > 1:
            raise _unplaced(next(iter(found.values())).name, model)
        count = next(iter(found.values())).shape[0]
        held[name] = Stored.stacked(
            name,
            [
                Stored.joined(name, [found[side].at(expert) for side in _SIDES])
                for expert in range(count)
            ],
        )
    held |= tied(model, held)
    expected = dict(model.named_parameters(remove_duplicate=False))
    for key, name in names.items():
        shape, filled = tuple(expected[name].shape), held.get(name)
        if not _UNSEEN.search(key) and (filled is None or filled.shape != shape):
            raise BadCheckpoint(
                expected=f"{shortened(key)} of shape {shape}, to agree with the file's metadata",
                got="none such" if filled is None else f"shape {filled.shape}",
                do="Convert the model again.",
            )
    return held


def _names(model: Any, architecture: str, processor: TensorProcessor) -> dict[str, str]:
    """Return the model's names of parameters by the file's.

    As transformers' get_gguf_hf_weights_map does, which makes the same map for each module again.
    """
    gguf = gguf_package()
    kind = next(kind for kind, name in gguf.MODEL_ARCH_NAMES.items() if name == architecture)
    known = gguf.get_tensor_name_map(kind, model.config.num_hidden_layers)
    names: dict[str, str] = {}
    for name, _ in model.named_parameters(remove_duplicate=False):
        given = processor.preprocess_name(name)
        base, suffix = _SUFFIX.sub("", given), "".join(_SUFFIX.findall(given))
        # Of some models the file has the names of what is inside.
        inside = base.removeprefix(f"{model.base_model_prefix}.")
        found = known.get_name(base) or known.get_name(inside)
        if found is None:
            processor.perform_fallback_tensor_mapping(names, suffix, "", given)
        else:
            names[found + suffix] = name
    return names


def _undone(processor: TensorProcessor, key: str, stored: Stored) -> Stored:
    """Return a weight as the model has it."""
    if key.startswith(_AS_KEPT):
        return stored

    def processed(values: Any) -> Any:
        return processor.process(values, key).weights

    def read() -> Tensor:
        return torch.from_numpy(np.ascontiguousarray(processed(stored.read().numpy())))

    shape = stored.shape
    if "norm" not in key:  # of these the numbers change, of others the shape
        shape = processed(np.broadcast_to(np.float32(0), shape)).shape  # takes no memory
    return Stored(stored.name, shape, read)


def _unplaced(key: str, model: Any) -> BadCheckpoint:
    return BadCheckpoint(
        expected=f"a GGUF file whose weights all have their place in a {type(model).__name__}",
        got=f"{shortened(key)}, which has none",
        do="Open the Hugging Face directory that the file was made of.",
    )
