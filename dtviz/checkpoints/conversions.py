"""Weights by the names that a model has for them, which differ from those in files."""

from collections.abc import Mapping, Sequence
from typing import Any

from transformers.conversion_mapping import get_model_conversion_mapping
from transformers.core_model_loading import (
    Concatenate,
    MergeModulelist,
    WeightConverter,
    WeightRenaming,
    dot_natural_key,
    rename_source_key,
)

from dtviz.checkpoints.stored import Stored


def by_name(model: Any, weights: Mapping[str, Stored]) -> dict[str, Stored]:
    """Return weights by their names in a model of transformers'; nothing is read.

    Files can have older names, keep each expert's matrices apart that the model has in one, and
    hold tied weights once.
    """
    expected = model.state_dict()
    entries = get_model_conversion_mapping(model)
    renamings = [entry for entry in entries if isinstance(entry, WeightRenaming)]
    converters = [entry for entry in entries if isinstance(entry, WeightConverter)]
    found: dict[str, Stored] = {}
    merged: dict[str, dict[str, list[Stored]]] = {}
    for key in sorted(weights, key=dot_natural_key):
        name, pattern = rename_source_key(
            key, renamings, converters, model.base_model_prefix, expected
        )
        if pattern is None:
            found[name] = weights[key]
        else:
            merged.setdefault(name, {}).setdefault(pattern, []).append(weights[key])
    for name, by_pattern in merged.items():
        converter = next(
            each for each in converters if set(by_pattern) <= set(each.source_patterns)
        )
        made = _merged(name, by_pattern, converter)
        if made is not None:
            found[name] = made
    found |= {key: weight for key, weight in weights.items() if key in expected}
    return found | tied(model, found)


def _merged(
    name: str, by_pattern: Mapping[str, Sequence[Stored]], converter: WeightConverter
) -> Stored | None:
    """Return a weight made of several; None if it is made in a way that is not known here."""
    given = [by_pattern[each] for each in converter.source_patterns if each in by_pattern]
    if len({len(each) for each in given}) != 1 or len(converter.target_patterns) != 1:
        return None
    match converter.operations:
        case [MergeModulelist(dim=0)] if len(given) == 1:
            return Stored.stacked(name, given[0])
        case [MergeModulelist(dim=0), Concatenate(dim=1)]:
            rows = [Stored.joined(name, each) for each in zip(*given, strict=True)]
            return Stored.stacked(name, rows)
        case [Concatenate(dim=0)] if all(len(each) == 1 for each in given):
            return Stored.joined(name, [each[0] for each in given])
    return None


def tied(model: Any, found: Mapping[str, Stored]) -> dict[str, Stored]:
    """Return weights that are tied to others, such as the unembedding, and not in the files."""
    shared: dict[int, list[str]] = {}
    for name, parameter in model.named_parameters(remove_duplicate=False):
        shared.setdefault(id(parameter), []).append(name)
    missing: dict[str, Stored] = {}
    for names in shared.values():
        held = next((found[name] for name in names if name in found), None)
        if held is not None:
            missing |= {name: held for name in names if name not in found}
    return missing
