"""The picker: one or several names of a vocabulary, found while one types."""

from collections.abc import Sequence
from typing import Any

import panel as pn
import param

from dtviz.analyses.congruence import Compared
from dtviz.analyses.vocabulary import in_text, last_part
from dtviz.errors import DtvizError
from dtviz.views import page

# Names that are offered at most; of more that match it says so.
MOST_OFFERED = 50
_HOW = "Type a name, or several with commas between; Enter takes them."


class Picker(pn.viewable.Viewer):
    """A text field, and below it the names that match what is typed behind the last comma.

    Enter takes what was typed; a click takes a name in place of what was typed behind the last
    comma. What is no name is told, and changes nothing. In sight while the parameter has a
    vocabulary.

    Args:
        toolkit: has the widget TextInput, as for `controls`.
        parameter: a `Compared`.
    """

    said = param.String(default=_HOW, doc="How many names match, or what is wrong.")

    def __init__(self, toolkit: Any, parameter: Any) -> None:
        super().__init__()
        self._parameter, self._owner, self._name = parameter, parameter.owner, parameter.name
        called = "label" if "label" in toolkit.TextInput.param else "name"
        about = {called: parameter.label, "description": f"{parameter.doc} {_HOW}"}
        self.field = toolkit.TextInput(
            **about, value=self._taken, sizing_mode="stretch_width", placeholder="he, she"
        )
        self.matches = pn.widgets.MultiSelect(
            options=[], size=6, visible=False, sizing_mode="stretch_width", margin=(0, 10)
        )
        self.column = pn.Column(
            self.field, self.matches, page.caption(self.param.said), sizing_mode="stretch_width"
        )
        self._look()
        self.field.param.watch(self._search, "value_input")
        self.field.param.watch(lambda _: self._take(self.field.value_input), "enter_pressed")
        self.field.param.watch(self._tidy, "value")
        self.matches.param.watch(self._pick, "value")
        self._owner.param.watch(self._follow, self._name)
        self._owner.param.watch(self._look, self._name, what="vocabulary")

    @property
    def _taken(self) -> str:
        taken: str = getattr(self._owner, self._name)
        return taken

    def _look(self, *_: object) -> None:
        self.column.visible = self._parameter.vocabulary is not None
        self._follow()

    def _follow(self, *_: object) -> None:
        """Show what is taken, whoever took it."""
        self._offer([], _HOW)
        self.field.value = self._taken

    def _offer(self, names: list[str], said: str) -> None:
        self.matches.param.update(options=names, value=[], visible=bool(names))
        self.said = said

    def _search(self, _: object) -> None:
        text = self.field.value_input or ""
        if self._parameter.vocabulary is None or text == self._taken:
            return
        found = self._parameter.vocabulary.search(last_part(text)[1], MOST_OFFERED)
        n, total = len(found.names), found.total
        self._offer(found.names, f"{total:,} match" if n == total else f"{n} of {total:,} match")

    def _tidy(self, event: Any) -> None:
        """Write what is taken in its own way, if that is what was typed."""
        vocabulary = self._parameter.vocabulary
        is_taken = vocabulary is not None and vocabulary.has(event.new)
        if is_taken and event.new != self._taken == vocabulary.written(event.new):
            # After this event: to it, the browser would not hear an answer.
            pn.state.execute(lambda: setattr(self.field, "value", self._taken), schedule=True)

    def _pick(self, event: Any) -> None:
        if event.new:
            before, _ = last_part(self.field.value_input or "")
            self._take(before + in_text(event.new[-1]))

    def _take(self, text: str) -> None:
        try:
            setattr(self._owner, self._name, text)
        except DtvizError as error:
            self._offer([], str(error))
        else:
            self._follow()

    def __panel__(self) -> pn.Column:
        return self.column


def with_pickers(toolkit: Any, parameters: Sequence[Any], widgets: Sequence[Any]) -> list[Any]:
    """Return widgets, behind each choice of what is compared a picker: the one in sight that fits.

    Args:
        toolkit: see `Picker`.
        parameters: of the widgets.
        widgets: as from `controls`.
    """
    shown = []
    for parameter, widget in zip(parameters, widgets, strict=True):
        shown.append(widget)
        if isinstance(parameter, Compared):
            picker = Picker(toolkit, parameter)
            widget.visible = picker.column.param.visible.rx.not_()
            shown.append(picker.column)
    return shown
