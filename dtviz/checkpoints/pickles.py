"""Pickles, looked through before torch.load reads them: it runs no code, but can take ages."""

import pickle
import pickletools
from typing import IO

# What files of weights call. Of what else torch.load knows, much makes much of little: a tensor of
# lists, each many times in the next.
_CALLED = (
    *("collections OrderedDict", "collections Counter", "torch Size", "torch device"),
    *("torch.nn.parameter Parameter", "torch.serialization _get_layout"),
    *("builtins set", "__builtin__ set", "builtins complex", "__builtin__ complex"),
)
_REBUILD = "torch._utils _rebuild_"
# They make much of little, as in bytearray(2**40), unless they make bytes of a text.
_GROWING = ("builtins bytearray", "__builtin__ bytearray", "_codecs encode")
_OF_TEXT = "(text, 'latin1')"
# Values in tuples, those that are in several counted as often. A dict whose key is such a tuple
# takes time for each, and as much of the stack as it is nested deeply.
_MOST_IN_TUPLES = 10_000_000


def check_pickle(file: IO[bytes]) -> None:
    """Look through one pickle, and leave the file at its end.

    Raises:
        pickle.UnpicklingError: if it asks for what may take any amount of memory.
        Exception: of many kinds, if it is damaged, or would take ages or crash the interpreter.
    """
    # What would be on the unpickler's stack: texts, the names of functions and classes among them;
    # of other values how many they hold; None is a mark.
    stack: list[str | int | None] = []
    memo: dict[object, str | int | None] = {}
    in_tuples = 0
    for op, argument, _ in pickletools.genops(file):
        match op.name:
            case "GLOBAL" | "BINUNICODE":
                stack.append(str(argument))
            case "MARK":
                stack.append(None)
            case "BINPUT" | "LONG_BINPUT":
                memo[argument] = stack[-1]
            case "BINGET" | "LONG_BINGET":
                stack.append(memo[argument])
                in_tuples += _held(stack[-1])
            case "EMPTY_TUPLE" | "TUPLE" | "TUPLE1" | "TUPLE2" | "TUPLE3":
                is_any = op.name == "TUPLE"
                taken = _since_mark(stack) if is_any else [stack.pop() for _ in op.stack_before]
                of_text = taken[:1] in (["latin1"], ["latin-1"]) and all(map(_is_text, taken))
                stack.append(_OF_TEXT if of_text else 1 + sum(map(_held, taken)))
                in_tuples += _held(stack[-1])
            case "APPENDS" | "SETITEMS":
                _since_mark(stack)
            case "APPEND" | "BUILD":
                stack.pop()
            case "SETITEM":
                stack[-2:] = []
            case "REDUCE" | "NEWOBJ":
                given, called = stack.pop(), stack.pop()
                # The error that torch.load would raise tells of the value: of a list that holds
                # others often enough, without end.
                if not isinstance(called, str):
                    raise pickle.UnpicklingError("a call of what is no function")
                is_safe = called in _CALLED or called.startswith(_REBUILD)
                if not (is_safe or (called in _GROWING and given == _OF_TEXT)):
                    raise pickle.UnpicklingError(f"GLOBAL {called.replace(' ', '.')}")
                stack.append(1)
            case "BINPERSID":
                stack[-1] = 1
            case _:
                # Plain values; of other opcodes torch.load knows none.
                stack += [1] * len(op.stack_after)
        if in_tuples > _MOST_IN_TUPLES:
            raise pickle.UnpicklingError("tuples that hold too much")


def _held(value: str | int | None) -> int:
    return value if isinstance(value, int) else 1


def _is_text(value: object) -> bool:
    return isinstance(value, str)


def _since_mark(stack: list[str | int | None]) -> list[str | int | None]:
    """Take from the stack what was put there since the last mark."""
    values: list[str | int | None] = []
    while (value := stack.pop()) is not None:
        values.append(value)
    return values
