"""Link: what an explorer shows, as the fragment of a URL, and back."""

import json
import re
import sys
from collections.abc import Mapping
from typing import Any
from urllib.parse import quote, unquote

from dtviz.errors import BadArgument, shortened
from dtviz.output import is_text

MOST_CHARACTERS = 100_000
# Of more neurons that are selected, a link does not tell.
MOST_NAMES = 4_000

# What would be read as another value than the string that it is; see JSON (RFC 8259).
_LITERAL = re.compile(r"true|false|null|-?(0|[1-9][0-9]*)(\.[0-9]+)?([eE][+-]?[0-9]+)?")


def fragment(state: Mapping[str, Any]) -> str:
    """Return a state as the fragment of a URL, as in "#model=demo&layer=2&select=L2N1,L2N4".

    Strings stand as they are, unless they would be read as another value; these, numbers and
    other values are JSON. All are percent-encoded, a comma in a name included.

    Args:
        state: the values (int, float, bool, str or None) of options by their names; "model", the
            name of the model; and "select", a list of neuron names, which is left out if there
            are more than ``MOST_NAMES``.

    Raises:
        BadArgument: if a value is none of these, or the fragment would be too long.
    """
    parts = []
    for key, value in state.items():
        _check(key, value)
        if key != "select":
            parts.append(f"{quote(key, safe='')}={_written(value)}")
        elif len(value) <= MOST_NAMES:
            # No name at all and one that is empty must differ.
            parts.append(f"select={','.join(_written(name) or _json('') for name in value)}")
    text = f"#{'&'.join(parts)}"
    _check_length(text)
    return text


def state(fragment: str) -> dict[str, Any]:
    """Return the state that a fragment stands for; see `fragment`.

    Args:
        fragment: with or without "#" at its beginning.

    Raises:
        BadArgument: if it is malformed or too long.
    """
    _check_length(fragment)
    text = fragment.removeprefix("#")
    found: dict[str, Any] = {}
    for part in text.split("&") if text else []:
        name, equals, written = part.partition("=")
        key = _unquoted(name)
        if not equals or key in found:
            raise _malformed(part)
        if key == "select":
            value: Any = [_read(one) for one in written.split(",")] if written else []
        else:
            value = _read(written)
        _check(key, value)
        found[key] = value
    return found


def _written(value: object) -> str:
    is_plain = isinstance(value, str) and not (value.startswith('"') or _LITERAL.fullmatch(value))
    return quote(str(value), safe="") if is_plain else _json(value)


def _json(value: object) -> str:
    return quote(json.dumps(value, ensure_ascii=False), safe="")


def _read(written: str) -> Any:
    text = _unquoted(written)
    if not (text.startswith('"') or _LITERAL.fullmatch(text)):
        return text
    try:
        return json.loads(text)
    except ValueError as error:
        raise _malformed(text) from error


def _unquoted(text: str) -> str:
    try:
        return unquote(text, errors="strict")
    except UnicodeError as error:
        raise _malformed(text) from error


def _check(key: object, value: object) -> None:
    """Refuse what is no part of a state."""
    if key == "select":
        fits = isinstance(value, list | tuple) and all(map(is_text, value))
    elif key == "model":
        fits = is_text(value)
    else:
        fits = is_text(value) or value is None or _is_number(value)
    if not (is_text(key) and fits):
        raise BadArgument(
            expected="options with a number, a text, true, false or null each, model as text, and "
            "select as names",
            got=f"{shortened(key)}: {shortened(value)}",
            do="Copy the link again as a whole.",
        )


def _is_number(value: object) -> bool:
    # Whole numbers may be greater than any float; NaN is not.
    return isinstance(value, int | float) and abs(value) <= sys.float_info.max


def _check_length(text: str) -> None:
    if len(text) > MOST_CHARACTERS:
        raise BadArgument(
            expected=f"a link of at most {MOST_CHARACTERS:,} characters",
            got=f"{len(text):,}",
            do="Select fewer neurons, or save the selection as a set.",
        )


def _malformed(part: str) -> BadArgument:
    return BadArgument(
        expected='a link that ends as in "#model=demo&layer=2&select=L2N1,L2N4"',
        got=f"{shortened(part)} in it",
        do="Copy the link again as a whole.",
    )
