"""The footer of a Parquet file: what it says of the file's columns.

Read here, since PyArrow's own properties for it end the process where it is damaged. It is a struct
in Thrift's compact protocol: see parquet.thrift of https://github.com/apache/parquet-format, and
thrift-compact-protocol.md of https://github.com/apache/thrift.
"""

from typing import Any, NamedTuple

# Kinds of values in the protocol.
_TRUE, _FALSE, _BYTE, _I16, _I32, _I64, _DOUBLE, _BINARY, _LIST, _SET, _MAP, _STRUCT = range(1, 13)
_DEEPEST = 20


class Chunk(NamedTuple):
    """A piece of a column.

    Args:
        column: its name; of a column of lists that of the whole.
        codec, encodings: numbers of parquet.thrift's CompressionCodec and Encoding.
        values: numbers or texts in it.
        packed, unpacked: its bytes.
    """

    column: str
    codec: int
    encodings: tuple[int, ...]
    values: int
    packed: int
    unpacked: int


def chunks(footer: bytes) -> list[Chunk]:
    """Return the pieces that columns are stored in.

    Raises:
        ValueError: if the footer is damaged, or says a thing in another form than the format does.
    """
    try:
        about = _Compact(footer).struct(0)
        return [
            _chunk(column)
            for group in _all(_STRUCT, about, 4)
            for column in _all(_STRUCT, group, 1)
        ]
    except (IndexError, TypeError) as error:
        raise ValueError("a footer that is damaged") from error


def _chunk(column: dict[int, Any]) -> Chunk:
    if 1 in column:
        raise ValueError("a column in another file")
    about = _of(_STRUCT, column, 3)
    path = _all(_BINARY, about, 3)
    return Chunk(
        column=path[0].decode(),
        codec=_of(_I32, about, 4),
        encodings=tuple(_all(_I32, about, 2)),
        values=_of(_I64, about, 5),
        packed=_of(_I64, about, 7),
        unpacked=_of(_I64, about, 6),
    )


def _of(kind: int, fields: dict[int, Any], number: int) -> Any:
    """Return a field; PyArrow takes one of another kind for none."""
    found, value = fields.get(number, (None, None))
    if found != kind:
        raise ValueError(f"a footer with no field {number} of the kind that it has")
    return value


def _all(kind: int, fields: dict[int, Any], number: int) -> Any:
    """Return the items of a field that is a list."""
    found, items = _of(_LIST, fields, number)
    if items and found != kind:
        raise ValueError(f"a footer with a field {number} of other items than it has")
    return items


class _Compact:
    """Reads values one after the other; a struct becomes a dict of (kind, value) by number."""

    def __init__(self, data: bytes) -> None:
        self._data, self._at = data, 0

    def struct(self, depth: int) -> dict[int, Any]:
        fields: dict[int, Any] = {}
        number = 0
        while kind := (head := self._byte()) & 15:
            number = number + (head >> 4) if head >> 4 else self._integer()
            if number in fields:
                raise ValueError("a footer that says a thing twice")
            is_bool = kind in (_TRUE, _FALSE)
            value = kind == _TRUE if is_bool else self._value(kind, depth)
            fields[number] = kind, value
        return fields

    def _byte(self) -> int:
        self._at += 1
        return self._data[self._at - 1]

    def _count(self) -> int:
        """Read a number of at most ten bytes, the lowest seven bits first."""
        value = 0
        for shift in range(0, 70, 7):
            byte = self._byte()
            value |= (byte & 127) << shift
            if byte < 128:
                return value
        raise ValueError("a footer with a number that is too long")

    def _integer(self) -> int:
        count = self._count()
        return (count >> 1) ^ -(count & 1)

    def _bytes(self, count: int) -> bytes:
        self._at += count
        if self._at > len(self._data):
            raise ValueError("a footer that is cut short")
        return self._data[self._at - count : self._at]

    def _value(self, kind: int, depth: int) -> Any:
        if depth > _DEEPEST:
            raise ValueError("a footer that is nested too deep")
        if kind in (_TRUE, _FALSE, _BYTE):
            return self._byte()
        if kind in (_I16, _I32, _I64):
            return self._integer()
        if kind == _DOUBLE:
            return self._bytes(8)
        if kind == _BINARY:
            return self._bytes(self._count())
        if kind in (_LIST, _SET):
            return self._list(depth)
        if kind == _MAP:
            return self._map(depth)
        if kind == _STRUCT:
            return self.struct(depth + 1)
        raise ValueError("a footer with a value of no kind")

    def _list(self, depth: int) -> tuple[int, list[Any]]:
        head = self._byte()
        count = self._count() if head >> 4 == 15 else head >> 4
        # Each takes a byte at least, so a few of them do not stand for millions.
        return head & 15, [self._value(head & 15, depth + 1) for _ in range(count)]

    def _map(self, depth: int) -> list[tuple[Any, Any]]:
        count = self._count()
        kinds = self._byte() if count else 0
        return [
            (self._value(kinds >> 4, depth + 1), self._value(kinds & 15, depth + 1))
            for _ in range(count)
        ]
