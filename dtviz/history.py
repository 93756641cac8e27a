"""History: the states that one can go back to, and forth again."""

from collections import deque
from typing import Generic, TypeVar

State = TypeVar("State")


class History(Generic[State]):
    """States, one of them the present, as undo and redo go through them.

    Args:
        present: the first state; states are frozen, and told apart by ``==``.
        most: steps that can be undone; of more, the oldest are forgotten.
    """

    def __init__(self, present: State, most: int = 200) -> None:
        self._present = present
        self._past: deque[State] = deque(maxlen=most)
        # What was undone was recorded before: it is bounded, too.
        self._future: list[State] = []

    @property
    def present(self) -> State:
        """The state in force."""
        return self._present

    @property
    def can_undo(self) -> bool:
        """Whether there is a step to undo."""
        return bool(self._past)

    @property
    def can_redo(self) -> bool:
        """Whether a step was undone, and none recorded since."""
        return bool(self._future)

    def record(self, state: State) -> None:
        """Make a step to another state, and forget those undone; an equal state is no step."""
        if state == self._present:
            return
        self._past.append(self._present)
        self._future.clear()
        self._present = state

    def replace(self, state: State) -> None:
        """Let the present be another state with no step, as while a slider moves."""
        self._present = state

    def undo(self) -> State:
        """Go a step back, if there is one, and return the present."""
        if self.can_undo:
            self._future.append(self._present)
            self._present = self._past.pop()
        return self._present

    def redo(self) -> State:
        """Take the last step undone again, if there is one, and return the present."""
        if self.can_redo:
            self._past.append(self._present)
            self._present = self._future.pop()
        return self._present
