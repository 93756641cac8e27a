"""Selection: which neurons are selected, by name. It knows no plot."""

from collections.abc import Iterable
from typing import Any

import param

from dtviz.errors import BadArgument, UnknownName, listed, shortened


class _Names(param.List):
    """A list of names that its owner checks before it is set."""

    def __set__(self, obj: "Selection", value: Any) -> None:
        super().__set__(obj, obj.checked(value))


class Selection(param.Parameterized):
    """The selected neurons of a model.

    Watch ``names`` to hear of changes. Names belong to the model, not to the layer in view: a
    selection outlasts a switch to another layer.

    Args:
        known: the names of all neurons of the model.
    """

    names = _Names(default=[], doc="Names of the selected neurons; set it to select others.")

    def __init__(self, known: Iterable[str]) -> None:
        self._known = frozenset(known)
        super().__init__()

    def __len__(self) -> int:
        return len(self.names)

    def __repr__(self) -> str:
        return f"Selection({len(self)} of {len(self._known)}: {listed(self.names)})"

    def checked(self, names: object) -> list[str]:
        """Return ``names`` as a list, each once.

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
        unique = list(dict.fromkeys(str(name) for name in names))
        unknown = [name for name in unique if name not in self._known]
        if unknown:
            raise UnknownName(
                expected=f"names among the {len(self._known)} neurons of the model",
                got=listed(unknown),
                do='Neurons are named by layer and number, as in "L2N132".',
            )
        return unique

    def start_over(self, known: Iterable[str]) -> None:
        """Select nothing, among the neurons of another model."""
        self._known = frozenset(known)
        self.names = []
