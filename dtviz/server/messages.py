"""Messages: what a page may send, and how much of it the server holds."""

import json
import re
from collections.abc import Callable, Iterator
from typing import Any

# Bytes of one message in all its parts: a file of named sets has up to 10 MB, and doubles in JSON;
# an upload comes in pieces of 10 MB.
MOST_BYTES = 25_000_000
# Numbers, texts, lists and so on in one message, as the rows that are selected.
MOST_VALUES = 500_000
MOST_BUFFERS = 100
MOST_OBJECTS = 50
# Of what the page sets, what it set last is held: so much of all, as `_cost` counts it.
MOST_HELD = 100_000_000
# Bytes: more only for what is known to be long.
LONG = 200_000
LONG_ATTRIBUTES = ("data", "indices", "tags")

# Those of BokehJS, of which none is larger than what is sent for it.
_DTYPES = (
    *("bool", "uint8", "int8", "uint16", "int16", "uint32", "int32", "float32", "float64"),
    "object",
)
_PULL, _PATCH = "PULL-DOC-REQ", "PATCH-DOC"
_EVENTS = ("ModelChanged", "MessageSent")
# A text to its end, or to that of all: so no quotation mark is looked at twice.
_TEXT = re.compile(r'"(?:[^"\\]++|\\.)*+(?:"|\\?\Z)', re.DOTALL)
# What little costs is not counted: there are only so many attributes.
_LITTLE = 1_000
# Bytes that Python takes at most for a value, and for the costliest of Bokeh's models.
_VALUE, _OBJECT = 100, 100_000


class Refused(Exception):
    """A page sent what none of dtviz's pages sends; the text says what."""


class Messages:
    """What one page sends, part by part, in the order of Bokeh's protocol.

    A message is a header, metadata and content as JSON, then a header and the bytes of each
    buffer that its own header announces.

    Args:
        has_model: tells whether the page still has a model, by its id.
        held: what is held of what it set, in bytes by model and attribute; it outlives the
            websocket.
    """

    def __init__(self, has_model: Callable[[str], bool], held: dict[tuple[str, str], int]) -> None:
        self._has_model, self._held = has_model, held
        self._begin()

    def _begin(self) -> None:
        self._bytes = self._part = self._buffers = 0
        self._events: list[Any] = []

    def take(self, part: str | bytes) -> None:
        """Take the next part of a message, before anybody else looks at it.

        Raises:
            Refused: if the page is to send nothing more.
        """
        self._bytes += len(part)
        if self._bytes > MOST_BYTES:
            raise Refused(f"a message of more than {MOST_BYTES:,} bytes")
        if isinstance(part, str) and _values(part) > MOST_VALUES:
            raise Refused(f"a message of more than {MOST_VALUES:,} values")
        if self._part == 0:
            self._take_header(_parsed(part))
        elif self._part == 2:
            self._take_content(_parsed(part))
        self._part += 1
        if self._part == 3 + 2 * self._buffers:
            self._hold()
            self._begin()

    def _take_header(self, header: Any) -> None:
        kind = header.get("msgtype") if isinstance(header, dict) else None
        if kind not in (_PULL, _PATCH):
            raise Refused("a message of another kind")
        self._is_patch = kind == _PATCH
        buffers = header.get("num_buffers", 0)
        if type(buffers) is not int or not 0 <= buffers <= MOST_BUFFERS:
            raise Refused(f"a message with other than 0 to {MOST_BUFFERS} buffers")
        self._buffers = buffers

    def _take_content(self, content: Any) -> None:
        if not self._is_patch:
            return
        events = content.get("events") if isinstance(content, dict) else None
        if not isinstance(events, list):
            raise Refused("a change without events")
        if sum(map(_objects, events)) > MOST_OBJECTS:
            raise Refused(f"more than {MOST_OBJECTS} new objects")
        _check_values(events)
        for event in events:
            if not isinstance(event, dict) or event.get("kind") not in _EVENTS:
                raise Refused("an event of another kind")
            if event.get("attr") not in LONG_ATTRIBUTES and len(json.dumps(event)) > LONG:
                raise Refused(f"more than {LONG:,} bytes where it sends little")
        self._events = [event for event in events if event["kind"] == "ModelChanged"]

    def _hold(self) -> None:
        """Count what is held once this message is obeyed."""
        for event in self._events:
            model = event.get("model")
            name = model.get("id") if isinstance(model, dict) else model
            key = (str(name), str(event.get("attr")))
            cost = _cost(event) + (self._bytes if self._buffers else 0)
            self._held.pop(key, None)
            if cost > _LITTLE:
                self._held[key] = cost
        if sum(self._held.values()) > MOST_HELD:
            for key in [key for key in self._held if not self._has_model(key[0])]:
                del self._held[key]
            if sum(self._held.values()) > MOST_HELD:
                raise Refused("more than the server holds for a page")


def _parsed(part: str | bytes) -> Any:
    try:
        return json.loads(part)
    except (ValueError, RecursionError) as error:
        raise Refused("no JSON") from error


def _values(text: str) -> int:
    """Return how many values a JSON text has at most, without parsing it."""
    bare = _TEXT.sub("", text)
    return sum(map(bare.count, ",[{"))


def _cost(event: Any) -> int:
    """Return about how many bytes it takes to hold an event."""
    text = json.dumps(event)
    return len(text) + _VALUE * _values(text) + _OBJECT * _objects(event)


def _objects(content: Any) -> int:
    """Return how many new models some content makes."""
    return sum(one.get("type") == "object" for one in _dicts(content))


def _check_values(content: Any) -> None:
    """Refuse what would become far more than was sent, or take far longer: Bokeh unpacks it all.

    Of keys that a page chooses only texts have hashes that it does not.
    """
    buffers = set()
    for one in _dicts(content):
        kind = one.get("type")
        if kind in ("set", "map") and not _has_texts(kind, one.get("entries", [])):
            raise Refused("a set of other things than texts, or a map with other keys")
        if kind == "ndarray" and one.get("dtype") not in _DTYPES:
            raise Refused("an array of another type of numbers")
        if kind == "bytes":
            data = one.get("data")
            name = data.get("id") if isinstance(data, dict) else None
            if not isinstance(name, str):
                raise Refused("bytes outside a buffer")
            if name in buffers:
                raise Refused("a buffer that is used twice")
            buffers.add(name)


def _has_texts(kind: str, entries: Any) -> bool:
    """Return whether a set has texts alone, or a map for keys."""
    if not isinstance(entries, list):
        return False
    if kind == "map":
        entries = [entry[0] if isinstance(entry, list) and entry else None for entry in entries]
    return all(isinstance(one, str) for one in entries)


def _dicts(content: Any) -> Iterator[dict[str, Any]]:
    waiting = [content]
    while waiting:
        one = waiting.pop()
        if isinstance(one, dict):
            yield one
            waiting += one.values()
        elif isinstance(one, list):
            waiting += one
