"""SentencePiece's files: of the protobuf messages in them only what names the tokens."""

from collections.abc import Iterator

# Kinds of pieces, in SentencePiece's files and in GGUF's.
NORMAL, CONTROL, USER_DEFINED, UNUSED = 1, 3, 4, 5

# Kinds of values in messages: numbers, bytes after their size, and those of so many bytes.
_VARINT, _SIZED = 0, 2
_FIXED = {1: 8, 5: 4}
# Numbers of the fields that are read: of a file its pieces, of a piece its text and its kind.
_PIECE, _TEXT, _KIND = 1, 1, 3
# The longest a number can be.
_VARINT_BYTES = 10


def pieces(data: bytes) -> Iterator[tuple[str, int]]:
    """Yield the text of each piece and its kind.

    Raises:
        ValueError: if the file is damaged.
    """
    for number, value in _fields(memoryview(data)):
        if number == _PIECE and isinstance(value, memoryview):
            text, kind = b"", NORMAL
            for inner, found in _fields(value):
                if inner == _TEXT and isinstance(found, memoryview):
                    text = bytes(found)
                elif inner == _KIND and isinstance(found, int):
                    kind = found
            yield text.decode(), kind


def _fields(data: memoryview) -> Iterator[tuple[int, int | memoryview]]:
    """Yield the number and the value of each field of a message."""
    place = 0
    while place < len(data):
        key, place = _varint(data, place)
        value: int | memoryview
        if key & 7 == _VARINT:
            value, place = _varint(data, place)
        else:
            size = _FIXED.get(key & 7)
            if key & 7 == _SIZED:
                size, place = _varint(data, place)
            if size is None or size > len(data) - place:
                raise ValueError("a field that is damaged or cut short")
            value, place = data[place : place + size], place + size
        yield key >> 3, value


def _varint(data: memoryview, place: int) -> tuple[int, int]:
    """Return the number that starts at a place, and the place after it."""
    number = 0
    for shift, byte in enumerate(data[place : place + _VARINT_BYTES]):
        number |= (byte & 127) << 7 * shift
        if byte < 128:
            return number, place + shift + 1
    raise ValueError("a number that does not end")
