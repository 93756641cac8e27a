"""Messages of a page, and requests to its server, as a hostile hand sends them."""

import json
from random import Random
from typing import Any, NamedTuple

from .json_values import VALUES, change, written
from .raw import BYTES

# What Bokeh's protocol can say of a value, and what dtviz's own scripts say.
_TYPED = (
    *({"type": "number", "value": "nan"}, {"type": "number", "value": "x"}, {"type": "symbol"}),
    *({"type": "map", "entries": [[1, 2], []]}, {"type": "set", "entries": [[]]}, {"type": "x"}),
    *({"type": "slice", "start": 2**70}, {"type": "bytes", "data": "AA"}, {"type": "bytes"}),
    {"type": "ndarray", "array": {"type": "bytes", "data": ""}, "shape": [2**40], "dtype": "int8"},
    {"type": "ndarray", "array": [1], "shape": [-1], "dtype": "object", "order": "little"},
    {"type": "typed_array", "array": {"type": "bytes", "data": "AAAA"}, "dtype": "float64"},
    *({"type": "object", "name": name, "id": "x", "attributes": {"text": "<b>"}} for name in "ab"),
    {"type": "object", "name": "Figure", "id": "x", "attributes": {"renderers": [{"id": "x"}]}},
    {"type": "object", "name": "panel.models.reactive_html.ReactiveHTML", "id": "y"},
    *({"type": "function", "name": "os.system"}, {"type": "date", "iso": "x"}, {"id": "nobody"}),
)
_ASKED = (
    *("address", "undo", "redo", "option", "sets", "save", "snapshot", "remove", "pin", "x", "", 7),
)
_ATTRIBUTES = (
    *(
        "indices",
        "tags",
        "data",
        "value",
        "value_input",
        "active",
        "options",
        "disabled",
        "loading",
    ),
    *("text", "start", "end", "visible", "js_property_callbacks", "subscribed_events", "x", "name"),
)
_EVENTS = (
    *(
        "document_ready",
        "button_click",
        "dom_event",
        "selectiongeometry",
        "reset",
        "esm_event",
        "x",
    ),
)
_TEXTS = (
    *("#model=demo&layer=2&select=L2N1", "#layer=99", "#select=" + "L2N1," * 9_000, "#=&&&%ff"),
    *("#model=/etc/passwd", "#model=../x.pt", "#top_k=999999999999", "#threshold=nan", "\u202e"),
)
_PATHS = (
    *(
        "/explore",
        "/",
        "/login",
        "/logout",
        "/static/js/bokeh.min.js",
        "/favicon.ico",
        "/explore/ws",
    ),
    *("/components/os/a/b/c", "/explore/autoload.js", "/../../etc/passwd", "/static/js/%00", "//x"),
)
_HEADERS = (
    *("Host", "Origin", "Cookie", "Sec-Fetch-Site", "Sec-Fetch-Mode", "Content-Length", "Range"),
    *("X-Forwarded-For", "X-Forwarded-Proto", "Transfer-Encoding", "Upgrade", "Connection"),
    *("Sec-WebSocket-Protocol", "Sec-WebSocket-Key", "Sec-WebSocket-Version", "If-None-Match"),
)
_WORDS = (
    *("", "x", "null", "cross-site", "bokeh, x", "websocket", "chunked", "-1", "9" * 30, "user=x"),
    *("127.0.0.1", "http://evil.example", "a" * 9_000, "bytes=0-", "user=2|1:0|10:1|4:user|", "\t"),
)


class Models(NamedTuple):
    """What of a page's models messages name: ids, by what they are called."""

    ids: list[str]
    hubs: dict[str, str]


def message(random: Random, models: Models) -> tuple[list[str | bytes], bool]:
    """Return the parts of a message, with the id "soak", and whether the protocol answers it."""
    act = random.random()
    if act < 0.6:
        event = _change(random, models)
    elif act < 0.8:
        event = _asked(random, models)
    else:
        event = _sent(random, models)
    events = [event] * random.choice((1, 1, 1, 2, 30))
    header: dict[str, Any] = {"msgid": "soak", "msgtype": "PATCH-DOC"}
    content: dict[str, Any] = {"events": events}
    is_answered = random.random() < 0.99
    if not is_answered:  # these end the page, most of the time
        content = json.loads(json.dumps(content))
        change(random, random.choice((header, content)))
    parts: list[str | bytes] = [json.dumps(header), "{}", written(content).decode()]
    if random.random() < 0.005:
        place = random.randrange(3)
        spoilt = random.choice(BYTES)(random, str(parts[place]).encode())
        parts[place] = random.choice((spoilt, spoilt.decode(errors="replace")))
        is_answered = False
    return parts, is_answered


def _value(random: Random) -> Any:
    value = random.choice((*VALUES, *_TYPED, *_TEXTS))
    wrap = random.randrange(8)
    if wrap == 0:
        return [value] * random.choice((1, 2, 500))
    if wrap == 1:
        return {random.choice(_ATTRIBUTES): value}
    if wrap == 2:
        return {"type": "map", "entries": [["name", [value]], ["x", value]]}
    return value


def _change(random: Random, models: Models) -> dict[str, Any]:
    return {
        "kind": "ModelChanged",
        "model": {"id": random.choice(models.ids)},
        "attr": random.choice(_ATTRIBUTES),
        "new": _value(random),
    }


def _asked(random: Random, models: Models) -> dict[str, Any]:
    """What the page's own scripts ask for, and selections."""
    if random.random() < 0.4:
        rows = [random.choice((0, 1, 255, 256, -1, 2**40, 0.5, "1", None)) for _ in range(3)]
        return _set(models.hubs["neurons"], "indices", rows)
    number = str(random.random())
    asked = [random.choice(_ASKED), _value(random), number, 0][: random.choice((2, 3, 4, 4, 4))]
    return _set(models.hubs["session"], "tags", [asked])


def _set(model: str, attribute: str, new: Any) -> dict[str, Any]:
    return {"kind": "ModelChanged", "model": {"id": model}, "attr": attribute, "new": new}


def _sent(random: Random, models: Models) -> dict[str, Any]:
    entries = [[random.choice(_ATTRIBUTES), _value(random)] for _ in range(3)]
    entries.append(["model", {"id": random.choice(models.ids)}])
    values = random.choice(({"type": "map", "entries": entries}, _value(random)))
    event = {"type": "event", "name": random.choice(_EVENTS), "values": values}
    kind = random.choice(("bokeh_event", "bokeh_event", "x", None))
    return {"kind": "MessageSent", "msg_type": kind, "msg_data": event}


def request(random: Random, host: str) -> bytes:
    """Return a request of HTTP, which can be none at all."""
    method = random.choice(("GET", "GET", "GET", "POST", "HEAD", "PUT", "OPTIONS", "X", ""))
    path = random.choice(_PATHS) + random.choice(("", "?x=1", "?next=//evil", "?" + "a=1&" * 500))
    headers = {"Host": host, "Connection": "close"}
    for _ in range(random.choice((0, 1, 3))):
        headers[random.choice(_HEADERS)] = random.choice((*_WORDS, host, f"http://{host}"))
    lines = [f"{method} {path} HTTP/1.1", *(f"{name}: {text}" for name, text in headers.items())]
    body = random.choice(("", "", "username=ada&password=x", "x" * 30_000))
    if body:
        lines.append(f"Content-Length: {len(body)}")
    data = "\r\n".join([*lines, "", body]).encode()
    return random.choice(BYTES)(random, data) if random.random() < 0.3 else data
