"""VerificationReport: what of a model was compared with its own forward pass."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any


@dataclass(frozen=True)
class VerificationReport:
    """What dtviz's vectors of a small copy of a model gave, beside the copy's own forward pass.

    Args:
        compared: for each thing that was compared ("in", "gate", "out", "embedding",
            "unembedding"), in how many layers, MLPs or tokens.
        errors: for each, the greatest difference, relative to what was expected.
        scales: factors that are constant and that the vectors leave out, by name.
        notes: what else was found, a sentence each.
        copied: how the copy differs from the model.
    """

    compared: Mapping[str, int]
    errors: Mapping[str, float]
    scales: Mapping[str, float | tuple[float, ...]] = field(default_factory=dict)
    notes: tuple[str, ...] = ()
    copied: str = ""

    @property
    def greatest_error(self) -> float:
        """The greatest of the differences."""
        return max(self.errors.values(), default=0.0)

    def __str__(self) -> str:
        lines = [
            f"{what}: {count} compared, greatest difference {self.errors[what]:.1e}"
            for what, count in self.compared.items()
        ]
        lines += [f"factor left out: {name} {value}" for name, value in self.scales.items()]
        return "\n".join([*lines, *self.notes, self.copied])

    def as_dict(self) -> dict[str, Any]:
        """Return it in values that JSON has."""
        return asdict(self)


def report_of(held: Mapping[str, Any]) -> VerificationReport:
    """Return a report, given what `VerificationReport.as_dict` returned, as JSON has it."""
    return VerificationReport(
        **{**held, "scales": scales_of(held["scales"]), "notes": tuple(held["notes"])}
    )


def scales_of(held: Mapping[str, Any]) -> dict[str, float | tuple[float, ...]]:
    """Return factors, given what JSON has of them."""
    return {
        name: tuple(map(float, value)) if isinstance(value, list) else float(value)
        for name, value in held.items()
    }
