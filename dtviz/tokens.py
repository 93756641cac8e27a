"""How tokens are written: a name for each that shows what cannot be seen, such as spaces."""

import re
from collections import Counter
from collections.abc import Sequence

_SHOWN = {" ": "␣", "\n": "↵", "\t": "⇥"}
# Controls, spaces of other kinds, what has no width or turns the direction of a line.
_UNSEEN = re.compile(
    "[\x00-\x20\x7f-\xa0\xad\u034f\u061c\u115f\u1160\u17b4\u17b5\u180b-\u180f\u1680"
    "\u2000-\u200f\u2028-\u202f\u205f-\u206f\u2800\u3000\u3164\ufe00-\ufe0f\ufeff\uffa0"
    "\ufff0-\ufffb\ud800-\udfff\U000e0000-\U000e0fff]"
)


def visible(text: str) -> str:
    r"""Return the name of the token that reads ``text``: " he" is called "␣he".

    A space is shown as ␣, a line's end as ↵, a tab as ⇥, and any other character that cannot be
    seen as its code: \x0d, \u200b. Tokens of one text are told apart by their numbers, which
    this does not know; see `distinct`.
    """
    return _UNSEEN.sub(lambda match: _SHOWN.get(match[0]) or _code(match[0]), text)


def _code(character: str) -> str:
    number = ord(character)
    if number < 0x100:
        return f"\\x{number:02x}"
    return f"\\u{number:04x}" if number < 0x10000 else f"\\U{number:08x}"


def distinct(names: Sequence[str]) -> list[str]:
    """Return the names; empty ones, and those borne twice, with their numbers: "the [5]"."""
    found = list(names)
    while True:
        counts = Counter(found)
        if len(counts) == len(found) and "" not in counts:
            return found
        found = [
            f"{name} [{number}]".lstrip() if counts[name] > 1 or not name else name
            for number, name in enumerate(found)
        ]
