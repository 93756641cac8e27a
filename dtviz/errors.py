"""The errors a user can meet: each says what was expected, what was got, and what to do."""

import logging
import math
import numbers
from typing import Any, TypeGuard


class DtvizError(Exception):
    """Base of every error that dtviz raises on purpose.

    The message is one sentence each for ``expected``, ``got`` and ``do``.
    """

    def __init__(self, *, expected: str, got: str, do: str) -> None:
        super().__init__(f"Expected {expected}, got {got}. {do}")

    def __reduce__(self) -> tuple[Any, ...]:
        # What goes from one process to another is made again of its message alone.
        return remade, (type(self), *self.args)

    def __str__(self) -> str:
        # KeyError would show its message in quotes.
        return str(self.args[0])


def remade(kind: type[DtvizError], message: str) -> DtvizError:
    """Return an error with a message that was made before, in another process perhaps."""
    error = kind.__new__(kind)
    error.args = (message,)
    return error


class BadArgument(DtvizError, ValueError):
    """An argument is of the wrong kind, shape or range."""


class UnknownName(DtvizError, KeyError):
    """A name (of a neuron, action, layer, side...) that the model does not have."""


class BadCheckpoint(DtvizError, ValueError):
    """A file that can be read but does not hold a model that dtviz can open."""


class FileProblem(DtvizError, OSError):
    """A file that is missing, or cannot be read or written."""


def told(error: Exception) -> str:
    """Return what a user is told of an error, which may be one that nobody thought of."""
    if isinstance(error, DtvizError):
        return str(error)
    if isinstance(error, MemoryError):
        return "Expected what fits in this machine's memory, got more. Choose something smaller."
    logging.getLogger("dtviz").error("an error that nobody thought of", exc_info=error)
    return f"This went wrong: {type(error).__name__}: {shortened(str(error), 200)}."


def is_whole(value: object, least: int, most: float = math.inf) -> TypeGuard[int]:
    """Tell whether a value is an integer, and no bool, from ``least`` to ``most``."""
    if isinstance(value, bool) or not isinstance(value, numbers.Integral):
        return False
    return least <= int(value) <= most


def shortened(value: object, length: int = 80) -> str:
    """Return ``repr(value)``, cut to ``length`` characters, for use in messages."""
    text = repr(value)
    return text if len(text) <= length else f"{text[: length - 1]}…"


def printable(text: str) -> str:
    """Return one line for a terminal or a log: what is no printable character is escaped.

    So what files are called and pages send begins no line, colours none and turns none around.
    """
    return "".join(one if one.isprintable() else repr(one)[1:-1] for one in text)


def listed(names: list[str], most: int = 8) -> str:
    """Return names joined by commas; of long lists the first ``most`` and "n in all"."""
    shown = ", ".join(shortened(name) for name in names[:most])
    return shown if len(names) <= most else f"{shown}, … ({len(names)} in all)"
