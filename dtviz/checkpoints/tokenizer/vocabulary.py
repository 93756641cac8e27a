"""The tokens of a tokenizer: their numbers, how they are written and what they read."""

from collections.abc import Iterable
from typing import NamedTuple

from dtviz.checkpoints.tokenizer.reading import Reading
from dtviz.tokens import distinct, visible


class Added(NamedTuple):
    """A token that a tokenizer looks for in a text before it splits the text into others."""

    text: str
    is_special: bool


class Vocabulary:
    """What the tokens are called that are rows of an embedding.

    Args:
        count: rows; tokens of higher numbers take no room.
        tokens: of each token its number, and how it is written.
        reading: how a token reads.
        verbatim: numbers of tokens that read as they are written.

    Raises:
        ValueError: if a token's number is none.
    """

    def __init__(
        self,
        count: int,
        tokens: Iterable[tuple[int, str]],
        reading: Reading,
        verbatim: Iterable[int] = (),
    ) -> None:
        self._written: list[str | None] = [None] * count
        self._numbers: dict[str, int] = {}
        self._reading = reading
        self._verbatim = set(verbatim)
        self.size = 0
        self._last_added = -1
        for number, token in tokens:
            if type(number) is not int or number < 0:
                raise ValueError("a token whose number is none")
            self._put(number, token)
            self.size += 1

    def _put(self, number: int, token: str) -> None:
        self._numbers[token] = number
        if number < len(self._written):
            self._written[number] = token

    def rename(self, number: int, text: str) -> None:
        """Write a token otherwise, unless another is written so."""
        if 0 <= number < len(self._written) and text not in self._numbers:
            written = self._written[number]
            if written is not None:
                self._numbers.pop(written, None)
                self._put(number, text)

    def add(self, tokens: Iterable[Added]) -> None:
        """Add tokens as the library tokenizers does, whatever numbers files say that they have.

        New ones get the next numbers; those that are special read as they are written.
        """
        following = max(self.size, self._last_added + 1)
        for text, is_special in tokens:
            number = self._numbers.get(text)
            is_new = number is None
            if number is None:
                if not text:
                    continue
                number, following = following, following + 1
                self._put(number, text)
            self._last_added = max(self._last_added, number)
            if (is_new or is_special) and number < len(self._written):
                self._verbatim.add(number)

    @property
    def names(self) -> list[str]:
        """A name for each row, all different."""
        return distinct([self._name(*row) for row in enumerate(self._written)])

    def _name(self, number: int, token: str | None) -> str:
        if token is None:
            return f"[unused {number}]"
        return visible(token if number in self._verbatim else self._reading(token))
