"""A Hugging Face directory -> Parts: the modules that its configuration tells of, and its files."""

import copy
import re
from dataclasses import replace
from functools import partial
from typing import Any

import torch
import transformers
from torch import nn
from transformer_lens.factories.architecture_adapter_factory import ArchitectureAdapterFactory
from transformer_lens.model_bridge.architecture_adapter import ArchitectureAdapter
from transformer_lens.model_bridge.sources._bridge_builder import build_bridge_config_from_hf
from transformer_lens.model_bridge.sources._hf_format import determine_architecture_from_hf_config
from transformer_lens.model_bridge.sources.transformers.helpers import (
    get_hf_model_class_for_architecture,
)
from transformers.conversion_mapping import get_model_conversion_mapping
from transformers.core_model_loading import WeightRenaming, rename_source_key
from transformers.models.auto.configuration_auto import CONFIG_MAPPING

from dtviz.checkpoints.components import Components
from dtviz.checkpoints.directory import CONFIG, Directory
from dtviz.checkpoints.parts import Parts
from dtviz.checkpoints.stored import Stored
from dtviz.checkpoints.tokens import names_from_files
from dtviz.directions import check_rows
from dtviz.errors import BadCheckpoint, DtvizError, shortened


def parts_of_directory(directory: Directory) -> Parts:
    """Return the parts of the model in a directory; no weights are read.

    The modules are made without numbers, on PyTorch's "meta" device.

    Raises:
        BadCheckpoint: if the configuration tells of no model that TransformerLens supports, or
            of other weights than there are.
    """
    try:
        return _parts(directory)
    except DtvizError:
        raise
    except Exception as error:  # of many kinds: each means that the configuration cannot be used
        raise BadCheckpoint(
            expected=f"{CONFIG} of a language model that TransformerLens supports",
            got=shortened(str(error).partition("\n")[0], 200),
            do="Open another model, or mend its configuration.",
        ) from error


def _parts(directory: Directory) -> Parts:
    model, adapter = _without_weights(directory)
    store = partial(_stored, _names(model), _by_name(model, directory.weights))
    parts = Components(adapter, partial(adapter.get_component, model), store).parts(tokenizer=None)
    _check_layers(parts, directory)
    shapes = [stored.shape for stored in (parts.embed, parts.unembed) if stored is not None]
    for shape in shapes:
        check_rows(shape[0], shape[1], "tokens")
    rows = [shape[0] for shape in shapes]
    tokens, note = names_from_files(directory.path, max(rows, default=0))
    notes = parts.notes if note is None else (*parts.notes, note)
    return replace(parts, tokens=tokens, notes=notes)


def _without_weights(directory: Directory) -> tuple[nn.Module, ArchitectureAdapter]:
    config = _config(directory)
    architecture = determine_architecture_from_hf_config(config)
    made_by = get_hf_model_class_for_architecture(architecture)
    with torch.device("meta"):
        # Else the configuration could name a kernel, code to be had from the hub.
        model = made_by.from_config(config, trust_remote_code=False, attn_implementation="eager")
    described = build_bridge_config_from_hf(
        config, architecture, str(directory.path), torch.float32
    )
    adapter = ArchitectureAdapterFactory.select_architecture_adapter(described)
    adapter.prepare_model(model)
    return model, adapter


def _config(directory: Directory) -> transformers.PretrainedConfig:
    """Return what transformers makes of a configuration, which is not read again."""
    stated = copy.deepcopy(dict(directory.config))
    kind = stated.get("model_type")
    if kind == "mistral" and "layer_types" in stated:
        kind = "ministral"  # as transformers does
    if not isinstance(kind, str) or kind not in CONFIG_MAPPING:
        raise BadCheckpoint(
            expected=f"'model_type' in {CONFIG} as one that transformers knows",
            got=shortened(kind),
            do="Open another model, or use a version of transformers that knows it.",
        )
    config: transformers.PretrainedConfig = CONFIG_MAPPING[kind].from_dict(stated)
    return config


def _names(model: nn.Module) -> dict[int, str]:
    """Return the name of each module by its identity."""
    return {id(module): name for name, module in model.named_modules()}


def _by_name(model: Any, weights: dict[str, Stored]) -> dict[str, Stored]:
    """Return the weights by their names in the model, which differ from those in old files."""
    expected = model.state_dict()
    renamings = [
        entry for entry in get_model_conversion_mapping(model) if isinstance(entry, WeightRenaming)
    ]
    found = {
        rename_source_key(key, renamings, [], model.base_model_prefix, expected)[0]: weight
        for key, weight in weights.items()
    } | {key: weight for key, weight in weights.items() if key in expected}
    # Of tied weights, those of the embedding and the unembedding, files hold one.
    tied: dict[int, list[str]] = {}
    for name, parameter in model.named_parameters(remove_duplicate=False):
        tied.setdefault(id(parameter), []).append(name)
    for names in tied.values():
        held = next((found[name] for name in names if name in found), None)
        if held is not None:
            found = dict.fromkeys(names, held) | found
    return found


def _stored(
    names: dict[int, str], weights: dict[str, Stored], module: nn.Module, parameter: str
) -> Stored | None:
    """Return where the file keeps a module's parameter, None if the module has no such thing.

    Raises:
        BadCheckpoint: if the file lacks it, or has it in another shape.
    """
    wanted = getattr(module, parameter, None)
    if not isinstance(wanted, torch.Tensor):
        return None
    name = f"{names[id(module)]}.{parameter}"
    found = weights.get(name)
    if found is None or found.shape != tuple(wanted.shape):
        raise BadCheckpoint(
            expected=f"the weight {shortened(name)} of shape {tuple(wanted.shape)} as floating "
            f"point numbers, to agree with {CONFIG}",
            got="none such" if found is None else f"shape {found.shape}",
            do=f"Correct {CONFIG}, or download the files that are missing. Quantized weights are "
            "not supported.",
        )
    return found


def _check_layers(parts: Parts, directory: Directory) -> None:
    """Refuse a configuration that tells of fewer layers than there are in the files."""
    last = len(parts.blocks) - 1
    name = parts.blocks[-1].sides["out"].name
    following = re.sub(rf"\.{last}\.", f".{last + 1}.", name, count=1)
    if following != name and following in directory.weights:
        raise BadCheckpoint(
            expected=f"weights of {last + 1} layers, as {CONFIG} says",
            got=f"more, {shortened(following)} among them",
            do=f"Correct {CONFIG}.",
        )
