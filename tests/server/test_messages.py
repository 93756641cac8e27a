"""Messages: of a page that sends what none of dtviz's pages sends, nothing is heard."""

import json
import time
import tracemalloc

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dtviz.server import messages
from dtviz.server.messages import MOST_BYTES, MOST_HELD, Messages, Refused

HEADER = {"msgid": "1", "msgtype": "PATCH-DOC"}


def message(*events, buffers=()):
    """The parts of a message with events, and with buffers."""
    parts = [{**HEADER, "num_buffers": len(buffers)}, {}, {"events": list(events)}]
    made = [json.dumps(part) for part in parts]
    for buffer in buffers:
        made += [json.dumps({"id": "b"}), buffer]
    return made


def change(model="m", attr="indices", new=()):
    """An event that sets something."""
    return {"kind": "ModelChanged", "model": {"id": model}, "attr": attr, "new": list(new)}


def array(dtype, values=("a",)):
    """An array as Bokeh's protocol has it."""
    return {"type": "ndarray", "array": list(values), "dtype": dtype, "shape": [1], "order": "big"}


IN_BUFFER = {"type": "bytes", "data": {"id": "b"}}


def taken(parts, has_model=lambda _: True, of=None):
    """Messages that took some parts."""
    of = of or Messages(has_model, {})
    for part in parts:
        of.take(part)
    return of


def test_what_a_page_sends_is_taken():
    page = taken([json.dumps({"msgid": "0", "msgtype": "PULL-DOC-REQ"}), "{}", "{}"])
    taken(message(change(new=range(10_000))), of=page)
    data = {**array("int32"), "array": IN_BUFFER}
    taken(message(change(new=[array("object"), data]), buffers=[bytes(4)]), of=page)
    texts = {"type": "set", "entries": ["dom_event"]}
    taken(message(change(new=[texts, {"type": "map", "entries": [["a", 1]]}])), of=page)
    sent = {"kind": "MessageSent", "msg_type": "upload", "msg_data": {"chunk": 1}}
    for _ in range(30):  # as an upload of 300 MB: what is sent is not held
        taken(message(sent, buffers=[bytes(10_000_000)]), of=page)


@pytest.mark.parametrize(
    ("parts", "why"),
    [
        (["no JSON"], "no JSON"),
        (["[" * 100_000], "no JSON"),
        ([b"\xff"], "no JSON"),
        (["[]"], "another kind"),
        (['{"msgtype": "SERVER-INFO-REQ"}'], "another kind"),
        (['{"msgtype": "PUSH-DOC"}'], "another kind"),
        ([json.dumps({**HEADER, "num_buffers": 101})], "buffers"),
        ([json.dumps({**HEADER, "num_buffers": -1})], "buffers"),
        ([json.dumps({**HEADER, "num_buffers": True})], "buffers"),
        ([json.dumps(HEADER), "{}", "[]"], "without events"),
        ([json.dumps(HEADER), "{}", '{"events": 7}'], "without events"),
        (message({"kind": "RootAdded"}), "an event of another kind"),
        (message({"kind": "ColumnDataChanged"}), "an event of another kind"),
        (message(7), "an event of another kind"),
        (message(change(attr="title", new=["x" * 200_000])), "200,000 bytes where it sends little"),
        (message(change(new=[{"type": "object", "name": "Figure"}] * 51)), "50 new objects"),
        (message(change(new=[0] * 500_001)), "500,000 values"),
        (message(change(new=[array("U75000000")])), "another type of numbers"),
        (message(change(new=[array("S200000000")])), "another type of numbers"),
        (message(change(new=[array(None)])), "another type of numbers"),
        (message(change(new=[array({"names": ["a"], "formats": ["u1"]})])), "another type"),
        (message(change(new=[{"type": "bytes", "data": "H4sI"}])), "outside a buffer"),
        (message(change(new=[{"type": "bytes"}])), "outside a buffer"),
        (message(change(new=[IN_BUFFER] * 2), buffers=[b"x"]), "used twice"),
        (message({"kind": "MessageSent", "msg_data": array("U9")}), "another type of numbers"),
        (message(change(new=[{"type": "set", "entries": ["a", 2**61 - 1]}])), "a set"),
        (message(change(new=[{"type": "map", "entries": [[2**61 - 1, 0]]}])), "other keys"),
        (message(change(new=[{"type": "map", "entries": [["a", 0], [None, 0]]}])), "other keys"),
        (message(change(new=[{"type": "map", "entries": 7}])), "other keys"),
        (["{" + '"a":[],' * 400_000], "500,000 values"),
        (["x" * (MOST_BYTES + 1)], "25,000,000 bytes"),
    ],
)
def test_what_none_of_its_pages_sends_is_refused(parts, why):
    with pytest.raises(Refused, match=why):
        taken(parts)


def test_a_message_is_bounded_in_all_its_parts_together():
    parts = message(change(), buffers=[bytes(9_000_000)] * 3)
    with pytest.raises(Refused, match="25,000,000 bytes"):
        taken(parts)


def test_what_a_page_sets_is_bounded_in_all():
    def set_many():
        for number in range(MOST_HELD // 100_000):
            taken(message(change(model=f"m{number}", new=range(100_000))), of=page)

    page = Messages(lambda _: True, {})
    with pytest.raises(Refused, match="more than the server holds"):
        set_many()
    # Also of a session that opens another websocket.
    page = Messages(lambda _: True, page._held)
    with pytest.raises(Refused, match="more than the server holds"):
        taken(message(change(model="another", new=range(100_000))), of=page)
    # The same again takes the place of the first.
    again = Messages(lambda _: True, {})
    for _ in range(200):
        taken(message(change(new=range(100_000))), of=again)
    # Of models that are gone, nothing is held.
    gone = Messages(lambda name: False, {})
    for number in range(100):
        taken(message(change(model=f"m{number}", new=range(50_000))), of=gone)


def test_to_refuse_costs_little():
    many = '{"a":' * 1_000_000
    tracemalloc.start()
    begun = time.process_time()
    for part in (many, "[" * 20_000_000, '"' + "\\" * 20_000_000, '"' * 20_000_000):
        with pytest.raises(Refused):
            taken([part])
    assert tracemalloc.get_traced_memory()[1] < 300e6
    tracemalloc.stop()
    # Not a matter of speed: what goes back for each character takes hours.
    assert time.process_time() - begun < 60


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
)


@given(JSON)
def test_as_many_values_are_counted_as_there_are_at_least(content):
    text = json.dumps(content)

    def count(one):
        if isinstance(one, list | dict):
            inner = one.values() if isinstance(one, dict) else one
            return 1 + sum(map(count, inner))
        return 1

    assert messages._values(text) + 1 >= count(content) // 2
    assert messages._values(text) <= count(content) * 2


@given(st.lists(st.one_of(JSON.map(json.dumps), st.binary(max_size=40), st.text(max_size=40))))
def test_whatever_comes_is_taken_or_refused(parts):
    page = Messages(lambda _: False, {})
    try:
        for part in [*message(change()), *parts]:
            page.take(part)
    except Refused:
        pass
