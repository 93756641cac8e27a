"""Verification of a kind of language model: where it keeps what, proven on a small copy of it."""

import math
from dataclasses import dataclass
from typing import Any

import transformers

from dtviz.checkpoints.components import parts_of
from dtviz.checkpoints.language_model import language_model
from dtviz.checkpoints.stored import Stored
from dtviz.checkpoints.verification.anatomy import Anatomy
from dtviz.checkpoints.verification.assembly import anatomy_of
from dtviz.checkpoints.verification.comparison import Comparison
from dtviz.checkpoints.verification.discovery import Discovery
from dtviz.checkpoints.verification.shrunk import WIDTH
from dtviz.checkpoints.verification.small_copy import SmallCopy
from dtviz.errors import BadCheckpoint, DtvizError, shortened
from dtviz.layers import ranges
from dtviz.verification_report import VerificationReport

_SAME = 1e-3


@dataclass(frozen=True)
class Verified:
    """Where a kind of model keeps its weights, and what was compared of it."""

    anatomy: Anatomy
    report: VerificationReport


Scales = dict[str, float | tuple[float, ...]]


def verified(
    made_by: type[transformers.PreTrainedModel], config: transformers.PretrainedConfig
) -> Verified:
    """Return where a kind of model keeps its weights, and what was compared of it.

    It takes seconds; nothing of the model itself is read.

    Args:
        made_by: the model's class.
        config: the model's.

    Raises:
        BadCheckpoint: if no copy can be made and run, no MLPs are found, or vectors differ from
            the copy's forward pass.
    """
    found = _compared(made_by, config)
    notes = [*_left_out(found.discovery), *found.notes]
    scales = _scales(found)
    if scales:
        wide = _scales(_compared(made_by, config, 2 * WIDTH))
        width = int(config.get_text_config(decoder=True).hidden_size)
        scales = {
            name: scale
            for name, value in scales.items()
            if (scale := _scaled(name, value, wide.get(name, 1.0), width / WIDTH, notes))
        }
    notes += [_sentence(name, value) for name, value in scales.items()]
    report = VerificationReport(
        compared=dict(found.tally.counts),
        errors=dict(found.tally.errors),
        scales=scales,
        notes=tuple(notes),
        copied=f"Compared in a copy of random weights with d_model {WIDTH}, made by "
        f"transformers {transformers.__version__}.",
    )
    return Verified(found.anatomy, report)


def _compared(
    made_by: type[transformers.PreTrainedModel],
    config: transformers.PretrainedConfig,
    width: int = WIDTH,
) -> Comparison:
    try:
        return _of_copy(SmallCopy(made_by, config, width))
    except DtvizError:
        raise
    except Exception as error:  # of many kinds, of transformers: of the copy, not of the model
        raise BadCheckpoint(
            expected="a model of which transformers can make and run a small copy, to verify it",
            got=shortened(str(error).strip().partition("\n")[0] or type(error).__name__, 200),
            do="Open another model: what dtviz would show of this one cannot be verified.",
        ) from error


def _of_copy(copy: SmallCopy) -> Comparison:
    discovery = Discovery(copy.model, copy.inputs, copy.width)
    anatomy = anatomy_of(discovery)
    held = dict(copy.model.named_parameters(remove_duplicate=False))

    def store(name: str) -> Stored | None:
        return Stored.of(name, held[name]) if name in held else None

    rows = max(parameter.shape[0] for parameter in held.values() if parameter.ndim)
    parts = parts_of(anatomy, store, None, tokens=[str(row) for row in range(rows)])
    return Comparison(discovery, anatomy, language_model(parts, "copy"))


def _scales(found: Comparison) -> Scales:
    """Return the constants that are not 1: a number if it is the same in all layers."""
    scales: Scales = {}
    for name, by_layer in found.factors.items():
        values = tuple(1.0 if value is None else value for value in by_layer.values())
        if all(abs(value - 1) <= _SAME for value in values):
            continue
        is_one = max(values) - min(values) <= _SAME * abs(values[0])
        scales[name] = values[0] if is_one else values
    return scales


def _left_out(discovery: Discovery) -> list[str]:
    """Name the layers that are not shown."""
    return [
        f"Left out, for {why}: layer{'s' * (len(layers) > 1)} {ranges(layers)}."
        for why, layers in discovery.left_out.items()
    ]


def _scaled(
    name: str, value: Any, wider: Any, times: float, notes: list[str]
) -> float | tuple[float, ...] | None:
    """Return a factor in the model itself, given it in a copy, and in one twice as wide.

    None if it is not known how it depends on the width.
    """
    if isinstance(value, float) and isinstance(wider, float) and value * wider > 0:
        power = round(2 * math.log2(wider / value)) / 2
        if abs(wider / value - 2**power) <= _SAME * 2**power:
            return _rounded(value * times**power)
    notes.append(f"{name.capitalize()}: multiplied by numbers that the vectors leave out.")
    return None


def _rounded(value: float) -> float:
    """Return a measured number without what rounding added."""
    return float(f"{value:.5g}")


def _sentence(name: str, value: float | tuple[float, ...]) -> str:
    """Say what is left out."""
    what = name if name.startswith("what") else f"the {name}"
    said = f"{value:g}" if isinstance(value, float) else ", ".join(f"{each:g}" for each in value)
    return f"The model multiplies {what} by {said}, which the vectors leave out."
