"""Session: a study with a selection, named sets, and the steps that lead back. It knows no plot."""

import contextlib
import time
from collections.abc import Iterator, Mapping
from pprint import pformat
from typing import Any

import pandas as pd
import param

from dtviz.errors import DtvizError
from dtviz.history import History
from dtviz.model import Model
from dtviz.options import Options
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
        self.selection = Selection(model.neurons("all").names)
        self.sets = Sets()
        # Whether options are being fitted to another model, or to a state.
        self._settling = False
        # Whether a change belongs to the step before it.
        self._joins = False
        self._history = History(self.state)
        self._last_change: tuple[object, float] = (None, 0.0)
        self.param.watch(self._start_over, "model")
        self.param.watch(self._step, ["layer", "side"])
        for analysis in self.analyses:
            analysis.param.watch(self._step, [name for name in analysis.param if name != "name"])
        self.selection.param.watch(self._step, "names")

    @property
    def selected(self) -> pd.DataFrame:
        """The rows of ``neurons`` that are selected, in the order of the table."""
        selected: pd.DataFrame = self.neurons[self.neurons["name"].isin(self.selection.names)]
        return selected

    @property
    def state(self) -> State:
        """The options in force, and under "select" the names of the selected neurons."""
        return {**self.options, "select": list(self.selection.names)}

    @property
    def changed_options(self) -> dict[str, Any]:
        """The options in force that are not those a session begins with."""
        usual = Options(self.model).options
        return {name: value for name, value in self.options.items() if value != usual[name]}

    @property
    def can_undo(self) -> bool:
        """Whether there is a step to undo."""
        return self._history.can_undo

    @property
    def can_redo(self) -> bool:
        """Whether a step was undone, and none made since."""
        return self._history.can_redo

    def undo(self) -> None:
        """Go a step back: to the selection and the options before it."""
        self._settle(self._history.undo())
        self.steps += 1

    def redo(self) -> None:
        """Take the last step undone again."""
        self._settle(self._history.redo())
        self.steps += 1

    def restore(self, state: Mapping[str, Any]) -> None:
        """Step to a state, as from ``state``; options that it leaves out become the usual ones.

        Raises:
            UnknownName, BadArgument: if it fits this model in no way; all stays as it was.
        """
        before = self.state
        try:
            self._settle({**Options(self.model).options, "select": [], **state})
        except DtvizError:
            self._settle(before)
            raise
        self._record()

    @contextlib.contextmanager
    def joined_steps(self, joins: bool) -> Iterator[None]:
        """Let changes belong to the step before them, where what one does changes things twice."""
        self._joins = joins
        try:
            yield
        finally:
            self._joins = False

    def recipe(self) -> str:
        """Return a Python script that makes this view and this selection again."""
        model = self.model
        if model.source is None:
            opened = ["# Made from arrays, or uploaded: put the model here.", "model = ..."]
        else:
            opened = [f"model = dtviz.load({model.source!r})"]
            opened.append(f'assert model.sha256 == "{model.sha256}", "another checkpoint"')
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

    def _settle(self, state: State) -> None:
        """Let options and selection be those of a state, with no step."""
        options = {name: value for name, value in state.items() if name != "select"}
        was, self._settling = self._settling, True
        try:
            # Checked first: of a state that does not fit, nothing is taken.
            names = self.selection.checked(state["select"])
            self.choose(**options)
            self.selection.names = names
        finally:
            self._settling = was

    def _start_over(self, _: object) -> None:
        self._settling = True
        try:
            self.selection.start_over(self.model.neurons("all").names)
            self.offer_choices()
        finally:
            self._settling = False
        self._history = History(self.state)
        self.steps += 1

    def _step(self, *events: Any) -> None:
        if self._settling:
            return
        what = [(event.obj, event.name) for event in events]
        before, at = self._last_change
        self._last_change = (what, time.monotonic())
        is_number = all(isinstance(event.obj.param[event.name], param.Number) for event in events)
        on_its_way = what == before and time.monotonic() - at < _ON_ITS_WAY
        self._record(anew=not (self._joins or (is_number and on_its_way)))

    def _record(self, *, anew: bool = True) -> None:
        if anew:
            self._history.record(self.state)
        else:
            self._history.replace(self.state)
        self.steps += 1
