"""What is read of pickles, and which are refused. Nothing in them is called."""

import io
import pickle
import time
from collections import Counter, OrderedDict

import hypothesis.strategies as st
import pytest
from hypothesis import given

from dtviz.checkpoints.pickles import Global, Other, read_pickle

PLAIN = {
    "a": [1, 2.5, None, True, False, "text", -5, 300, 70_000, -(2**40), 10**30],
    "b": ((), (1,), (1, 2), (1, 2, 3), (1, 2, 3, 4), {"c": ()}, []),
}
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.lists(inner, max_size=5).map(tuple)
        | st.dictionaries(st.text(max_size=3), inner, max_size=3)
    ),
)


def called(function, given):
    return Other(function) if function == "collections Counter" else {"called": function}


def read(data: bytes):
    return read_pickle(io.BytesIO(data), called)


@given(VALUES)
def test_plain_values_are_what_they_are(value):
    assert read(pickle.dumps(value, 2)) == value


def test_the_file_is_left_at_the_end_of_each_pickle():
    one, other = pickle.dumps(PLAIN, 2), pickle.dumps([], 2)
    file = io.BytesIO(one + other + b"rest")
    assert read_pickle(file) == PLAIN
    assert file.tell() == len(one)
    assert read_pickle(file) == []
    assert file.read() == b"rest"


def test_what_comes_twice_is_one_object():
    shared = [1]
    found = read(pickle.dumps([shared, {"a": shared}], 2))
    assert found[0] is found[1]["a"]


def test_calls_are_for_the_caller_to_answer():
    assert read(pickle.dumps(OrderedDict(), 2)) == {"called": "collections OrderedDict"}
    assert read(pickle.dumps([print], 2)) == [Global("__builtin__ print")]
    counted = read(pickle.dumps(Counter("aab"), 2))
    assert counted == Other("collections Counter")


def test_attributes_and_what_is_put_into_what_is_of_no_use_are_left_out():
    """An attribute could be called as a method is: values, detach."""
    attributes = b"}X\x06\x00\x00\x00valuesK\x01sb"
    assert read(b"\x80\x02}" + attributes + b".") == {}
    other = b"ccollections\nCounter\n)R"
    for more in (attributes, b"Na", b"(NNe", b"NNs", b"(NNu"):
        assert read(b"\x80\x02" + other + more + b".") == Other("collections Counter")
    for target in (b"]", b"N", b"K\x01", b"cx\ny\n", b")"):
        with pytest.raises(pickle.UnpicklingError, match="attributes of what has none"):
            read(b"\x80\x02" + target + attributes + b".")


def test_keys_that_are_no_short_texts_are_left_out():
    """To hash or to compare them can take ages, or as much of the stack as they are nested."""
    keys = (1, 2.0, None, True, (1, 2), "x" * 1001, "x" * 1000)
    assert read(pickle.dumps(dict.fromkeys(keys, 5), 2)) == {"x" * 1000: 5}
    start = time.process_time()
    for key in (b")" + b"\x85" * 1_000_000, b"])q\x00a" + b"h\x00h\x00\x86q\x00a" * 60 + b"h\x00"):
        assert read(b"\x80\x02" + key + b"q\x01}h\x01Ns.") == {}
    assert time.process_time() - start < 20


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"\x80\x02",
        b"\x80\x02.",
        b"\x80\x02t.",
        b"\x80\x02(.",
        b"\x80\x02h\x07.",
        b"\x80\x02(q\x00t.",
        b"\x80\x02R.",
        b"\x80\x02])R.",
        b"\x80\x02ca\nb\n]R.",
        b"\x80\x02X\x01\x00\x00\x00a)R.",
        b"\x80\x02Na.",
        b"\x80\x02NNNs.",
        b"\x80\x02}(Nu.",
        b"\x80\x02X\xff\xff\xff\xffa.",
        b"\x80\x02ca\n",
    ],
)
def test_damaged_ones_are_refused(data):
    with pytest.raises((ValueError, IndexError, KeyError, pickle.UnpicklingError)):
        read(data)


@pytest.mark.parametrize("protocol", [0, 3, 4, 5])
def test_operations_that_torch_save_does_not_write_are_refused(protocol):
    with pytest.raises(pickle.UnpicklingError, match="the operation"):
        read(pickle.dumps({"a": [b"bytes", (1, "text")], "b": print}, protocol))


def test_a_few_bytes_make_no_more_than_a_bounded_time_and_memory():
    with pytest.raises(pickle.UnpicklingError, match="more than 2,000,000 operations"):
        read(b"\x80\x02]" + b"}" * 2_000_000 + b".")


def test_nothing_is_called_where_no_call_is_expected():
    for data in (b"\x80\x02cos\ngetcwd\n)R.", b"\x80\x02X\x01\x00\x00\x00aQ."):
        with pytest.raises(pickle.UnpicklingError, match="a call, or"):
            read_pickle(io.BytesIO(data))
