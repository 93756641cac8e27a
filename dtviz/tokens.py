"""How tokens are written: a name for each that shows what cannot be seen, such as spaces."""

from collections import Counter
from collections.abc import Sequence

import regex

_SHOWN = {" ": "␣", "\n": "↵", "\t": "⇥"}
# Controls, formats, spaces, what has no width or turns the direction of a line; the empty Braille.
_UNSEEN = regex.compile(r"[\p{Cc}\p{Cf}\p{Cs}\p{Z}\p{Default_Ignorable_Code_Point}\u2800]")


def visible(text: str) -> str:
    r"""Return the name of the token that reads ``text``: " he" is called "␣he".

    A space is shown as ␣, a line's end as ↵, a tab as ⇥, and any other character that cannot be
    seen as its code: \x0d, \u200b. Tokens of one text are told apart by their numbers, which
    this does not know; see `distinct`.
    """
    shown: str = _UNSEEN.sub(lambda match: _SHOWN.get(match[0]) or _code(match[0]), text)
    return shown


def _code(character: str) -> str:
    number = ord(character)
    if number < 0x100:
        return f"\\x{number:02x}"
    return f"\\u{number:04x}" if number < 0x10000 else f"\\U{number:08x}"


def distinct(names: Sequence[str]) -> list[str]:
    """Return the names; empty ones, and those borne twice, with their numbers: "the [5]"."""
    found = list(names)
    counts = Counter(found)
    bearers = dict(zip(found, range(len(found)), strict=True))
    clashing = [number for number, name in enumerate(found) if counts[name] > 1 or not name]
    # Each round looks at the names that clash, not at all: there can be as many rounds as names.
    while clashing:
        counts.subtract(found[number] for number in clashing)
        for number in clashing:
            found[number] = f"{found[number]} [{number}]".lstrip()
        given = Counter(found[number] for number in clashing)
        counts.update(given)
        old = [bearers[name] for name in given if counts[name] > given[name]]
        bearers.update((found[number], number) for number in clashing)
        clashing = [number for number in clashing if counts[found[number]] > 1] + old
    return found
