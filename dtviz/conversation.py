"""Conversation: what the bar of a page shows of an explorer, and what the page asks it for."""

import json
from collections import deque
from typing import TYPE_CHECKING, Any

import param

from dtviz.errors import told
from dtviz.views.shared import Asked

if TYPE_CHECKING:
    from dtviz.explorer import Explorer

_MOST_CHARACTERS = 100


class Conversation:
    """Keeps the bar of an explorer's pages up to date, and does what they ask for.

    Args:
        explorer: whose selection, steps and sets it is about.
    """

    def __init__(self, explorer: "Explorer") -> None:
        self._explorer = explorer
        self._said = {"recipe": "", "message": ""}
        self._has_python = True
        self._is_answering = False
        # At which step an address was followed last.
        self._followed = -1
        self._answered: deque[str] = deque(maxlen=1_000)

    def begin(self, asked: Asked) -> None:
        """Tell the pages by a frame that they share, and hear them."""
        self._asked = asked
        explorer = self._explorer
        # Once the address is known.
        explorer.param.watch(lambda _: self.say(), "steps", precedence=1)
        explorer.param.watch(self._tell, "address")
        explorer.selection.param.watch(self._tell, "mode")
        asked.param.watch(self._answer, "asked")

    def leave_python(self) -> None:
        """Offer only what the browser can do alone."""
        self._has_python = False
        self._tell()

    def say(self, *, recipe: str = "", message: str = "") -> None:
        """Show a recipe or a message in the bar, or no longer."""
        self._said = {"recipe": recipe, "message": message}
        self._tell()

    def shown(self) -> dict[str, Any]:
        """Return what the bar shows, see ``views/js/bar.js``."""
        explorer = self._explorer
        in_view = set(explorer.in_view.names)
        away = [name for name in explorer.selection.names if name not in in_view]
        return {
            "mode": explorer.selection.mode,
            "elsewhere": json.dumps(away),
            "undo": explorer.can_undo,
            "redo": explorer.can_redo,
            **self._said,
            "has_recipe": self._has_python,
            "address": explorer.address,
            "wanted": explorer.wanted,
            "has_followed": explorer.steps == self._followed,
            "model": explorer.model.name,
            "sha256": explorer.model.sha256 or "",
            "processing": explorer.model.processing,
        }

    def _tell(self, *_: object) -> None:
        if not self._is_answering:
            self._asked.hold(self.shown())

    def _answer(self, event: param.parameterized.Event) -> None:
        """Do what the page asks for, each thing once; what it says is not trusted."""
        self._is_answering = True  # all is told at once, when it is done
        for one in event.new:
            match one:
                case [what, given, str(which), *_] if self._is_new(which):
                    self._answered.append(which)
                    self._do(what, given)
        self._is_answering = False
        self._tell()

    def _is_new(self, which: str) -> bool:
        # What is answered is held: scripts name it shortly.
        return len(which) <= _MOST_CHARACTERS and which not in self._answered

    def _do(self, what: object, given: Any) -> None:
        explorer = self._explorer
        selection = explorer.selection
        try:
            match what if isinstance(what, str) else None, given:
                case "mode", str() if given in selection.modes:
                    selection.mode = given
                case "held", None | str() if given in (None, *selection.modes):
                    self._asked.held = given
                case "names", list():
                    selection.names = given
                case "address", str():
                    explorer.wanted = given
                    self._followed = explorer.steps
                case "undo", _:
                    explorer.undo()
                case "redo", _:
                    explorer.redo()
                case "recipe", _:
                    self.say(recipe=explorer.recipe())
                case "read", str():
                    given = given.encode(errors="replace")
                    self.say(message=explorer.sets.read(given, explorer.model))
        except Exception as error:  # whatever it is, the page is told
            self.say(message=told(error))
