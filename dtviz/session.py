"""Session: a study with a selection, named sets, and the steps that lead back. It knows no plot."""

import contextlib
import time
from collections.abc import Callable, Iterator, Mapping
from pprint import pformat
from typing import Any

import pandas as pd
import param

from dtviz.history import History
from dtviz.model import Model
from dtviz.neurons import filtered
from dtviz.options import OWN, Options
from dtviz.selection import Selection
from dtviz.sets import Sets
from dtviz.study import Study

State = dict[str, Any]

# Seconds within which a number that changes again is still on its way: a slider that is moved.
_ON_ITS_WAY = 1.0


class Session(Study):
    """What one looks at, what one selects, and what one did before.

    Takes what `Study` takes.
    """

    steps = param.Integer(0, doc="Counts the steps: changes of the selection or of an option.")

    def __init__(self, model: Model, **options: Any) -> None:
        super().__init__(model, **options)
        # Held, so that the model need not name its neurons again for other sessions.
        self._every = model.neurons("all")
        self.selection = Selection(self._every.names)
        self.sets = Sets()
        # Whether options are being fitted to another model, or to a state.
        self._settling = False
        self._history = History(self.state)
        self._last_change: tuple[object, float] = (None, 0.0)
        # Last, once all have followed: a change that was refused and taken back is no step.
        self.param.watch(self._step, [*OWN], precedence=2)
        for analysis in self.analyses:
            names = [name for name in analysis.param if name != "name"]
            analysis.param.watch(self._step, names, precedence=2)
        self.selection.param.watch(self._step, "names", precedence=2)

    @property
    def selected(self) -> pd.DataFrame:
        """The rows of ``neurons`` that are selected, in the order of the table."""
        selected: pd.DataFrame = self.neurons[self.neurons["name"].isin(self.selection.names)]
        return selected

    def filter(self, **wanted: Any) -> None:
        """Select neurons in view by their numbers, combined as ``selection.mode`` says.

        Args:
            wanted: by the columns of ``neurons``, a range as a tuple (low, high), None where it is
                open, or a list of values: ``norm=(0.5, None), expert=[2, 3]``.

        Raises:
            UnknownName: if there is no such column.
            BadArgument: if what is wanted is neither.
        """
        self.selection.select(filtered(self.neurons, wanted))

    @property
    def state(self) -> State:
        """The options in force, and under "select" the names of the selected neurons."""
        return {**self.options, "select": list(self.selection.names)}

    @property
    def changed_options(self) -> dict[str, Any]:
        """The options in force that are not those a session begins with."""
        usual = self._usual
        return {name: value for name, value in self.options.items() if value != usual[name]}

    @property
    def _usual(self) -> dict[str, Any]:
        """The options that a session of this model begins with."""
        return self._keep("usual", lambda: Options(self.model).options, self.model)

    @property
    def can_undo(self) -> bool:
        """Whether there is a step to undo."""
        return self._history.can_undo

    @property
    def can_redo(self) -> bool:
        """Whether a step was undone, and none made since."""
        return self._history.can_redo

    def undo(self) -> None:
        """Go a step back: to the selection and the options before it.

        Raises:
            DtvizError: if what they ask for cannot be found any more; all stays as it was.
        """
        if self.can_undo:
            self._go(self._history.undo, self._history.redo)

    def redo(self) -> None:
        """Take the last step undone again.

        Raises:
            DtvizError: as ``undo`` does.
        """
        if self.can_redo:
            self._go(self._history.redo, self._history.undo)

    def restore(self, state: Mapping[str, Any]) -> None:
        """Step to a state, as from ``state``; options that it leaves out become the usual ones.

        Raises:
            UnknownName, BadArgument: if it fits this model in no way; all stays as it was.
        """
        before = self.state
        try:
            self._settle({**self._usual, "select": [], **state})
        except Exception:  # whatever it is, nothing of that state is to stay
            self._settle(before)
            raise
        self._record()

    def recipe(self) -> str:
        """Return a Python script that makes this view and this selection again."""
        model = self.model
        if model.source is None:
            opened = ["# Made from arrays, or uploaded: put the model here.", "model = ..."]
        else:
            on = "" if model.dictionary is None else f", model={model.dictionary.trained_on!r}"
            opened = [f"model = dtviz.load({model.source!r}{on})"]
            opened.append(f'assert model.sha256 == {model.sha256!r}, "another checkpoint"')
        options = {"layer": self.layer, **self.changed_options}
        given = "".join(f", {name}={value!r}" for name, value in options.items())
        lines = [
            "import dtviz",
            "",
            *opened,
            f"explorer = dtviz.Explorer(model{given})",
            f"explorer.selection.names = {pformat(list(self.selection.names), compact=True)}",
            "print(explorer.selected)",
        ]
        return "\n".join(lines) + "\n"

    def _go(self, there: Callable[[], State], back: Callable[[], State]) -> None:
        try:
            self._settle(there())
        except Exception:  # whatever it is, no step was made
            self._settle(back())
            raise
        self.steps += 1

    def _settle(self, state: State) -> None:
        """Let options and selection be those of a state, with no step."""
        with self._without_steps():
            self.choose(**{name: value for name, value in state.items() if name != "select"})
            self.selection.names = state["select"]

    def _open(self, event: object) -> None:
        with self._without_steps():
            self._every = self.model.neurons("all")
            self.selection.start_over(self._every.names)
            super()._open(event)
        self._history = History(self.state)
        self.steps += 1

    @contextlib.contextmanager
    def _without_steps(self) -> Iterator[None]:
        self._settling = True
        self._last_change = (None, 0.0)  # what changes next is no more of the same
        try:
            yield
        finally:
            self._settling = False

    def _step(self, *events: Any) -> None:
        if self._settling or self.state == self._history.present:
            return
        what = [(event.obj, event.name) for event in events]
        before, at = self._last_change
        now = time.monotonic()
        self._last_change = (what, now)
        is_number = all(isinstance(event.obj.param[event.name], param.Number) for event in events)
        self._record(anew=not (is_number and what == before and now - at < _ON_ITS_WAY))

    def _record(self, *, anew: bool = True) -> None:
        if anew:
            self._history.record(self.state)
        else:
            self._history.replace(self.state)
        self.steps += 1
