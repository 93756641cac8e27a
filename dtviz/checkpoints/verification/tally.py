"""Tally: what was compared with a forward pass, how often, and by how much it differed."""

from collections import defaultdict
from dataclasses import dataclass, field

from torch import Tensor

from dtviz.errors import BadCheckpoint

# Relative to the greatest number that is expected; floats of 32 bits leave 1e-5.
MOST_ERROR = 1e-3


@dataclass
class Tally:
    """Counts of what was compared, and the greatest errors.

    Args:
        where: of what the forward pass is, for messages.
        counts, errors: by what was compared.
    """

    where: str
    counts: dict[str, int] = field(default_factory=lambda: defaultdict(int))
    errors: dict[str, float] = field(default_factory=lambda: defaultdict(float))

    def add(
        self,
        what: str,
        found: Tensor,
        expected: Tensor,
        said: str,
        count: int = 1,
        least: float = 0.0,
    ) -> None:
        """Keep how much differs.

        Args:
            what: is compared, such as "in".
            found: by dtviz's vectors.
            expected: by the forward pass, of the same shape.
            said: what it is, for messages.
            count: how much of it.
            least: what the greatest number expected is taken to be at least.

        Raises:
            BadCheckpoint: if it is more than rounding can be.
        """
        error = relative(found, expected, least)
        if not error <= MOST_ERROR:
            raise self.differs(said, f"different by {error:.1e} of it")
        self.counts[what] += count
        self.errors[what] = max(self.errors[what], error)

    def differs(self, said: str, got: str) -> BadCheckpoint:
        """Return the error that says what differs."""
        return BadCheckpoint(
            expected=f"{said} in {self.where} as in its own forward pass",
            got=got,
            do="Open another model: dtviz would show wrong numbers of this one.",
        )


def relative(found: Tensor, expected: Tensor, least: float = 0.0) -> float:
    """Return the greatest difference, relative to the greatest number expected, or the least."""
    size = max(float(expected.abs().max()), least) if expected.numel() else 0.0
    return float((found - expected).abs().max()) / size if size else 0.0


def centred(rows: Tensor) -> Tensor:
    """Return rows without what they have in common: a bias."""
    return rows - rows.mean(0)
