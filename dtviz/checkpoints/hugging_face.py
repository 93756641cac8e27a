"""A language model's files -> Parts: the modules that its configuration describes, and weights."""

import re
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

import torch
import transformers
from transformers.models.auto.configuration_auto import CONFIG_MAPPING
from transformers.models.auto.modeling_auto import (
    MODEL_FOR_CAUSAL_LM_MAPPING,
    MODEL_FOR_IMAGE_TEXT_TO_TEXT_MAPPING,
    MODEL_FOR_MASKED_LM_MAPPING,
    MODEL_FOR_SEQ_TO_SEQ_CAUSAL_LM_MAPPING,
    MODEL_MAPPING,
)

from dtviz.checkpoints.components import parts_of
from dtviz.checkpoints.conversions import by_name
from dtviz.checkpoints.directory import CONFIG, Directory
from dtviz.checkpoints.parts import Parts
from dtviz.checkpoints.stored import Stored
from dtviz.checkpoints.tokens import names_from_files
from dtviz.checkpoints.verification.kept import kept
from dtviz.checkpoints.verification.verify import verified
from dtviz.directions import check_rows
from dtviz.errors import BadCheckpoint, DtvizError, shortened
from dtviz.verification_report import VerificationReport

# Weights are dequantized when they are read.
_QUANTIZED = "quantization_config"
_NO_JSON = ("Infinity", "-Infinity", "NaN")


@dataclass(frozen=True, kw_only=True)
class Described:
    """A language model as its files describe it.

    Args:
        config: the entries of its configuration.
        stated_in: where these are, for messages.
        key: what is verified once for all models that have it in common.
        tensors: names of what is in the files.
        weights: returns, given the model of transformers', on "meta", the weights by its names.
        tokens: returns, given a number of rows, their names; or None, and a note why.
    """

    config: Mapping[str, object]
    stated_in: str
    key: bytes
    tensors: Collection[str]
    weights: Callable[[Any], Mapping[str, Stored]]
    tokens: Callable[[int], tuple[list[str] | None, str | None]]


def described_in(directory: Directory) -> Described:
    """Return the model that a Hugging Face directory describes."""
    return Described(
        config={key: one for key, one in directory.config.items() if key != _QUANTIZED},
        stated_in=CONFIG,
        key=directory.config_text,
        tensors=directory.weights.keys(),
        weights=partial(by_name, weights=directory.weights),
        tokens=partial(names_from_files, directory.path),
    )


def parts_of_files(described: Described) -> tuple[Parts, VerificationReport]:
    """Return the parts of the model that files describe, verified; no weights are read.

    The modules are made without numbers, on PyTorch's "meta" device.

    Raises:
        BadCheckpoint: if the configuration tells of no model that dtviz supports, or
            of other weights than there are.
    """
    try:
        return _parts(described)
    except DtvizError:
        raise
    except Exception as error:  # of many kinds: each means that the configuration cannot be used
        raise BadCheckpoint(
            expected=f"{described.stated_in} of a language model that transformers can make",
            got=shortened(str(error).partition("\n")[0], 200),
            do="Open another model, or correct its configuration.",
        ) from error


def _parts(described: Described) -> tuple[Parts, VerificationReport]:
    config = _config(described)
    if getattr(config.get_text_config(decoder=True), "num_hidden_layers", 1) < 1:
        raise BadCheckpoint(
            expected="a language model that dtviz supports",
            got="one without layers",
            do=f"Correct {described.stated_in}, or open another model.",
        )
    made_by = _class(config, described)
    with torch.device("meta"):
        # Else the configuration could name a kernel, code to be had from the hub.
        model = made_by._from_config(config, attn_implementation="eager")
    held = described.weights(model)
    found = kept(described.key, lambda: verified(made_by, config))
    expected = dict(model.named_parameters(remove_duplicate=False))
    parts = parts_of(found.anatomy, partial(_stored, expected, held, described), None)
    _check_layers(parts, described)
    shapes = [stored.shape for stored in (parts.embed, parts.unembed) if stored is not None]
    for shape in shapes:
        check_rows(shape[0], shape[1], "tokens")
    rows = [shape[0] for shape in shapes]
    tokens, note = described.tokens(max(rows, default=0))
    notes = () if note is None else (note,)
    return replace(parts, tokens=tokens, notes=notes), found.report


def _class(
    config: transformers.PretrainedConfig, described: Described
) -> type[transformers.PreTrainedModel]:
    """Return the class that the configuration names, or that writes text with such a one.

    Raises:
        BadCheckpoint: if transformers has none.
    """
    known: list[type[transformers.PreTrainedModel]] = []
    for mapping in (
        MODEL_FOR_CAUSAL_LM_MAPPING,
        MODEL_FOR_SEQ_TO_SEQ_CAUSAL_LM_MAPPING,
        MODEL_FOR_IMAGE_TEXT_TO_TEXT_MAPPING,
        MODEL_FOR_MASKED_LM_MAPPING,
        MODEL_MAPPING,
    ):
        given = mapping.get(type(config), ())
        known += given if isinstance(given, list | tuple) else [given]
    names = config.architectures or []
    named = [each for each in known if each.__name__ in names]
    if not known:
        raise BadCheckpoint(
            expected=f"{described.stated_in} of a language model",
            got=f"one of the type {shortened(config.model_type)}, which transformers makes none of",
            do="Open another model.",
        )
    return [*named, *known][0]


def _config(described: Described) -> transformers.PretrainedConfig:
    """Return what transformers makes of a configuration, which is not read again."""
    stated = _decoded(dict(described.config))
    kind = stated.get("model_type")
    if kind == "mistral" and "layer_types" in stated:
        kind = "ministral"  # as transformers does
    if not isinstance(kind, str) or kind not in CONFIG_MAPPING:
        raise BadCheckpoint(
            expected=f"'model_type' in {described.stated_in} as one that transformers knows",
            got=shortened(kind),
            do="Open another model, or use a version of transformers that knows it.",
        )
    config: transformers.PretrainedConfig = CONFIG_MAPPING[kind].from_dict(stated)
    return config


def _decoded(value: Any) -> Any:
    """Return a copy in which numbers that JSON has not are numbers, as transformers writes them."""
    match value:
        case {"__float__": str(number), **rest} if not rest and number in _NO_JSON:
            return float(number)
        case dict():
            return {key: _decoded(each) for key, each in value.items()}
        case list():
            return [_decoded(each) for each in value]
    return value


def _stored(
    expected: Mapping[str, torch.Tensor],
    weights: Mapping[str, Stored],
    described: Described,
    name: str,
) -> Stored | None:
    """Return where the files keep a parameter, None if the model has no such thing.

    Raises:
        BadCheckpoint: if the file lacks it, or has it in another shape.
    """
    if name not in expected:
        return None
    wanted = expected[name]
    found = weights.get(name)
    if found is None or found.shape != tuple(wanted.shape):
        raise BadCheckpoint(
            expected=f"the weight {shortened(name)} of shape {tuple(wanted.shape)} as floating "
            f"point numbers, to agree with {described.stated_in}",
            got="none such" if found is None else f"shape {found.shape}",
            do=f"Correct {described.stated_in}, or download the files that are missing.",
        )
    return found


def _check_layers(parts: Parts, described: Described) -> None:
    """Refuse a configuration that tells of fewer layers than there are in the files."""
    last = max(parts.layers)
    name = parts.layers[last][0].sides["out"].name
    following = re.sub(rf"\.{last}\.", f".{last + 1}.", name, count=1)
    if following != name and following in described.tensors:
        raise BadCheckpoint(
            expected=f"weights of {last + 1} layers, as {described.stated_in} says",
            got=f"more, {shortened(following)} among them",
            do=f"Correct {described.stated_in}.",
        )
