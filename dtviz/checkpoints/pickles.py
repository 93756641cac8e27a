"""Pickles as torch.save writes them, read without unpickling: nothing in them is called."""

import pickle
import pickletools
from collections.abc import Callable
from typing import IO, Any, NamedTuple

Called = Callable[[str, tuple[Any, ...]], object]
"""Returns what takes the place of a call: of its name, "module function", and its arguments."""
Persistent = Callable[[object], object]
"""Returns what takes the place of what was saved elsewhere, of its id."""

# Operations: each takes a microsecond, and at most some hundred bytes. Of ten thousand weights and
# their optimizer's state there are a million.
_MOST_STEPS = 2_000_000
# Keys that are longer, or no texts, are those of nothing that is looked at. Comparing them could
# take ages.
_LONGEST_KEY = 1000
_CONSTANTS = {"NONE": None, "NEWTRUE": True, "NEWFALSE": False, "EMPTY_TUPLE": ()}


class Global(NamedTuple):
    """A class or function by its name, "module function"; it is not looked up."""

    name: str


class Other(NamedTuple):
    """A value that dtviz has no use for, in place of what its name says."""

    name: str


def _refuse(*given: object) -> object:
    raise pickle.UnpicklingError("a call, or what was saved elsewhere")


def read_pickle(
    file: IO[bytes], called: Called = _refuse, persistent: Persistent = _refuse
) -> object:
    """Return what one pickle holds, and leave the file at its end.

    Dicts, lists, tuples, texts and numbers are what they are, but for keys that are no texts, which
    are left out. For all else stands what ``called`` and ``persistent`` return.

    Raises:
        pickle.UnpicklingError: if it holds what torch.save does not write, or too much.
        Exception: of many kinds, if it is damaged.
    """
    stack: list[Any] = []
    below: list[list[Any]] = []
    memo: dict[object, object] = {}
    for step, (op, argument, _) in enumerate(pickletools.genops(file)):
        if step >= _MOST_STEPS:
            raise pickle.UnpicklingError(f"more than {_MOST_STEPS:,} operations")
        match op.name:
            case "BINPUT" | "LONG_BINPUT":
                memo[argument] = stack[-1]
            case "BINGET" | "LONG_BINGET":
                stack.append(memo[argument])
            case "BINUNICODE" | "SHORT_BINSTRING" | "BININT1" | "BININT2" | "BININT" | "LONG1":
                stack.append(argument)
            case "BINFLOAT":
                stack.append(argument)
            case "GLOBAL":
                stack.append(Global(str(argument)))
            case "NONE" | "NEWTRUE" | "NEWFALSE" | "EMPTY_TUPLE":
                stack.append(_CONSTANTS[op.name])
            case "EMPTY_DICT":
                stack.append({})
            case "EMPTY_LIST":
                stack.append([])
            case "MARK":
                below.append(stack)
                stack = []
            case "TUPLE":
                taken, stack = stack, below.pop()
                stack.append(tuple(taken))
            case "TUPLE1" | "TUPLE2" | "TUPLE3":
                count = int(op.name[-1])
                stack[-count:] = [tuple(stack[-count:])]
            case "APPENDS":
                taken, stack = stack, below.pop()
                _append(stack[-1], taken)
            case "APPEND":
                value = stack.pop()
                _append(stack[-1], [value])
            case "SETITEMS":
                taken, stack = stack, below.pop()
                _set(stack[-1], taken)
            case "SETITEM":
                taken = [stack.pop(-2), stack.pop()]
                _set(stack[-1], taken)
            case "BUILD":  # attributes, such as the versions of a state dict's modules
                stack.pop()
                if type(stack[-1]) not in (dict, Other):
                    raise pickle.UnpicklingError("attributes of what has none")
            case "REDUCE" | "NEWOBJ":
                given, function = stack.pop(), stack.pop()
                if type(function) is not Global or type(given) is not tuple:
                    raise pickle.UnpicklingError("a call of what is no function")
                stack.append(called(function.name, given))
            case "BINPERSID":
                stack.append(persistent(stack.pop()))
            case "PROTO" | "STOP":
                pass
            case _:
                raise pickle.UnpicklingError(f"the operation {op.name}")
    return stack.pop()


def _append(target: object, values: list[object]) -> None:
    if type(target) is list:
        target += values
    elif type(target) is not Other:
        raise pickle.UnpicklingError("a list that is none")


def _set(target: object, taken: list[object]) -> None:
    pairs = zip(taken[::2], taken[1::2], strict=True)
    if type(target) is dict:
        target |= {
            key: value for key, value in pairs if type(key) is str and len(key) <= _LONGEST_KEY
        }
    elif type(target) is not Other:
        raise pickle.UnpicklingError("a dict that is none")
