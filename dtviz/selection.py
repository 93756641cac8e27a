"""Selection: which neurons are selected, by name. It knows no plot."""

from collections.abc import Callable, Iterable, Iterator
from operator import and_, or_, sub, xor
from typing import Any

import numpy as np
import numpy.typing as npt
import param

from dtviz.errors import BadArgument, UnknownName, listed, shortened

Combine = Callable[[set[str], set[str]], set[str]]

# What each mode makes of the names that are selected and those that are given.
_COMBINED: dict[str, Combine] = {
    "replace": lambda _, given: given,
    "add": or_,
    "remove": sub,
    "intersect": and_,
    "toggle": xor,
}
MODES = tuple(_COMBINED)


class _Names(param.List):
    """A list of names that its owner checks before it is set."""

    def __set__(self, obj: "Selection", value: Any) -> None:
        super().__set__(obj, obj.checked(value))


class Selection(param.Parameterized):
    """The selected neurons of a model.

    Watch ``names`` to hear of changes. Names belong to the model, not to the layer in view: a
    selection outlasts a switch to another layer. The operators ``|``, ``&``, ``-`` and ``^`` with
    another selection, or any collection of names, return a list of names in the model's order.

    Args:
        known: the names of all neurons of the model, in its order.
    """

    names = _Names(
        default=[],
        doc="Names of the selected neurons, in the model's order; set it to select others.",
    )
    mode = param.Selector(
        objects=list(MODES),
        default="replace",
        label="Selecting",
        doc="What becomes of the neurons that are selected when others are: these replace them, "
        "are added, are removed, keep only those in both (intersect), or each is selected if it "
        "was not and the reverse (toggle).",
    )
    modes = MODES

    def __init__(self, known: Iterable[str]) -> None:
        self._rows = _rows(known)
        super().__init__()

    def __len__(self) -> int:
        return len(self.names)

    def __iter__(self) -> Iterator[str]:
        return iter(self.names)

    def __contains__(self, name: object) -> bool:
        return name in self.names

    def __repr__(self) -> str:
        return f"Selection({len(self)} of {len(self._rows)}: {listed(self.names)})"

    def __or__(self, other: Iterable[str]) -> list[str]:
        return self._combined("add", other)

    def __and__(self, other: Iterable[str]) -> list[str]:
        return self._combined("intersect", other)

    def __sub__(self, other: Iterable[str]) -> list[str]:
        return self._combined("remove", other)

    def __xor__(self, other: Iterable[str]) -> list[str]:
        return self._combined("toggle", other)

    @property
    def mask(self) -> npt.NDArray[np.bool_]:
        """Which of the model's neurons are selected, (neurons,), read-only."""
        mask = np.zeros(len(self._rows), dtype=bool)
        mask[[self._rows[name] for name in self.names]] = True
        mask.flags.writeable = False
        return mask

    def select(self, names: Iterable[str], mode: str | None = None) -> None:
        """Combine names with those that are selected.

        Args:
            names: of neurons.
            mode: one of ``modes``; ``self.mode`` by default.

        Raises:
            BadArgument: if it is no collection of names.
            UnknownName: if the model has no neuron of that name, or there is no such mode.
        """
        self.names = self._combined(self.mode if mode is None else mode, names)

    def _combined(self, mode: str, names: Iterable[str]) -> list[str]:
        if mode not in MODES:
            raise UnknownName(
                expected=f"a mode among {listed(list(MODES))}",
                got=shortened(mode),
                do="Choose one of these.",
            )
        return self._in_order(_COMBINED[mode](set(self.names), set(self.checked(names))))

    def checked(self, names: object) -> list[str]:
        """Return ``names`` as a list in the model's order, each once.

        Raises:
            BadArgument: if it is no collection of names.
            UnknownName: if the model has no neuron of that name.
        """
        if isinstance(names, str) or not isinstance(names, Iterable):
            raise BadArgument(
                expected="a list of neuron names",
                got=shortened(names),
                do='Pass names in a list, as in ["L2N1", "L2N132"].',
            )
        unique = dict.fromkeys(str(name) for name in names)
        unknown = [name for name in unique if name not in self._rows]
        if unknown:
            raise UnknownName(
                expected=f"names among the {len(self._rows)} neurons of the model",
                got=listed(unknown),
                do='Neurons are named by layer and number, as in "L2N132".',
            )
        return self._in_order(unique)

    def _in_order(self, names: Iterable[str]) -> list[str]:
        return sorted(names, key=self._rows.__getitem__)

    def start_over(self, known: Iterable[str]) -> None:
        """Select nothing, among the neurons of another model."""
        self._rows = _rows(known)
        self.names = []


def _rows(names: Iterable[str]) -> dict[str, int]:
    return {name: row for row, name in enumerate(names)}
