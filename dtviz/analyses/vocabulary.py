"""Vocabulary: the names of many tokens, found by what one types, alone or several together."""

import difflib
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from dtviz.errors import BadArgument, DtvizError, UnknownName, listed, shortened

# Names beyond which they are not offered in a list, but found by typing.
MOST_OFFERED = 100
MOST_CHARACTERS = 20_000
# How names are written that begin with a space: as tokens of words do.
SPACE = "␣"

# A part of what was typed: a name in quotes, or all up to the next comma.
_PART = re.compile(r'\s*"((?:[^"]|"")*)"\s*(?:,|\Z)|([^,]*)(?:,|\Z)')
# Names among which near ones are looked for.
_MOST_NEAR = 500


@dataclass(frozen=True)
class Found:
    """The names that match what was typed.

    Args:
        names: the best of them.
        total: how many match.
    """

    names: list[str]
    total: int


@dataclass(frozen=True, eq=False)
class Vocabulary:
    """The names of tokens.

    One or several of them are written as a text: names parted by commas. A name with a comma or
    quotes in it stands in double quotes, which are doubled within it, unless it stands alone. A
    space before a name is its own where a token begins with one ("␣he" for " he"); "he" is the
    token "he", or else "␣he".

    Args:
        names: all different; kept as a tuple.
    """

    names: Sequence[str]
    _known: frozenset[str] = field(init=False, repr=False)
    _lower: tuple[str, ...] = field(init=False, repr=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "names", tuple(self.names))
        object.__setattr__(self, "_known", frozenset(self.names))
        object.__setattr__(self, "_lower", tuple(name.lower() for name in self.names))

    def members(self, text: str) -> list[str]:
        """Return the names that a text stands for, each once, in its order.

        Raises:
            UnknownName: if one of them is no name; it says which are near.
            BadArgument: if it is no text, is longer than 20,000 characters, or names nothing.
        """
        if not isinstance(text, str) or len(text) > MOST_CHARACTERS:
            raise BadArgument(
                expected=f"names as a text of at most {MOST_CHARACTERS:,} characters",
                got=shortened(text),
                do='Pass "he, she", for instance, or a list of names.',
            )
        alone = self._name(text)
        if alone is not None:
            return [alone]
        names = [self._named(part) for part in parts(text)]
        if not names:
            raise BadArgument(
                expected="the name of a token, or several parted by commas",
                got="none",
                do="Type some letters of one: those that match are listed.",
            )
        return list(dict.fromkeys(names))

    def has(self, text: str) -> bool:
        """Return whether a text stands for names; see `members`."""
        try:
            return bool(self.members(text))
        except DtvizError:
            return False

    def written(self, names: str | Iterable[str]) -> str:
        """Return the text that stands for names, given as such a text or in a collection.

        Raises:
            UnknownName: if one of them is no name.
            BadArgument: if there are none, or it is no collection of texts.
        """
        if isinstance(names, str):
            members = self.members(names)
        else:
            given = list(names) if isinstance(names, Iterable) else [names]
            if not given or not all(isinstance(name, str) for name in given):
                raise BadArgument(
                    expected="the name of a token, or several in a list",
                    got=shortened(names),
                    do='Pass "he", or ["he", "she"].',
                )
            members = list(dict.fromkeys(self._named(str(name)) for name in given))
        if len(members) == 1:
            return members[0]
        text = ",".join(map(in_text, members))
        # There may be a name that looks like several.
        return text if text not in self._known else ",".join(map(_in_quotes, members))

    def search(self, text: str, most: int = 50) -> Found:
        """Return the names that contain a text, in upper or lower case, the likeliest first.

        These are what is the text, what begins with it, a leading space aside, then the others;
        among them the shorter ones first, then in the order of the vocabulary.
        """
        wanted = _visible(text).lower()
        if wanted.strip(SPACE) == "":
            return Found([], 0)
        rows = [row for row, name in enumerate(self._lower) if wanted in name]

        def rank(row: int) -> tuple[bool, bool, int]:
            bare = self._lower[row].removeprefix(SPACE)
            start = wanted.removeprefix(SPACE)
            return bare != start, not bare.startswith(start), len(bare)

        return Found([self.names[row] for row in sorted(rows, key=rank)[:most]], len(rows))

    def _name(self, text: str) -> str | None:
        """Return the name that a text stands for; None if there is none."""
        bare = text.strip()
        candidates = (text, _visible(text.rstrip()), bare, SPACE + bare)
        return next((name for name in candidates if name in self._known), None)

    def _named(self, text: str) -> str:
        name = self._name(text)
        if name is not None:
            return name
        near = self._near(text.strip())
        raise UnknownName(
            expected=f"names among the {len(self.names):,} tokens of the model",
            got=shortened(text.strip()),
            do=f"Near are {listed(near)}." if near else "Type some letters of one to find it.",
        )

    def _near(self, text: str) -> list[str]:
        """Return names like a text: of those with its beginning in them, the likest."""
        found: list[str] = []
        for length in range(min(len(text), 30), 0, -1):
            found = self.search(text[:length], _MOST_NEAR).names
            if found:
                break
        like = difflib.SequenceMatcher(b=text.lower())

        def unlikeness(name: str) -> float:
            like.set_seq1(name.removeprefix(SPACE).lower())
            return -like.ratio()

        return sorted(found, key=unlikeness)[:5]


def parts(text: str) -> list[str]:
    """Return the names in a text that are parted by commas, with their spaces; no empty ones."""
    found, at = [], 0
    while at < len(text):
        match = _PART.match(text, at)
        assert match is not None  # noqa: S101  the second alternative fits anything
        at = match.end()
        quoted, plain = match.groups()
        part = plain if quoted is None else quoted.replace('""', '"')
        if part.strip():
            found.append(part)
    return found


def last_part(text: str) -> tuple[str, str]:
    """Return a text up to its last comma, this included, and what is being typed behind it."""
    head, comma, tail = text.rpartition(",")
    return head + comma, tail


def _visible(text: str) -> str:
    """Return a text whose leading space, if it has one, is written as in names of tokens."""
    return SPACE + text.lstrip() if text[:1] == " " else text


def in_text(name: str) -> str:
    """Return a name as it is written among others: in quotes where it has to be."""
    return _in_quotes(name) if re.search(r'[,"]|^\s|\s$', name) else name


def _in_quotes(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'
