"""Which pickles are looked through to their end, and which are refused."""

import io
import pickle
from collections import OrderedDict

import pytest

from dtviz.checkpoints.pickles import check_pickle

PLAIN = OrderedDict(a=[1, 2.5, None, True, "text", b"\xff\x00"], b=((1, 2), {"c": ()}), d=10**30)


def test_the_file_is_left_at_the_end_of_each_pickle():
    one, other = pickle.dumps(PLAIN, 2), pickle.dumps([], 2)
    file = io.BytesIO(one + other + b"rest")
    check_pickle(file)
    assert file.tell() == len(one)
    check_pickle(file)
    assert file.read() == b"rest"


def test_what_is_shared_often_but_small_is_no_matter():
    pair = (0.9, 0.999)
    check_pickle(io.BytesIO(pickle.dumps([{"betas": pair, "again": PLAIN}] * 100, 2)))
    check_pickle(io.BytesIO(pickle.dumps([(pair, [pair]) for _ in range(10_000)], 2)))


def nested(times: int) -> bytes:
    return b"\x80\x02)" + b"\x85" * times + b"."


def doubled(times: int) -> bytes:
    return b"\x80\x02])q\x00a" + b"h\x00h\x00\x86q\x00a" * times + b"."


@pytest.mark.parametrize(("most", "made"), [(1_000, nested), (15, doubled)])
def test_tuples_that_hold_too_much_are_refused(most, made):
    check_pickle(io.BytesIO(made(most)))
    with pytest.raises(pickle.UnpicklingError, match="tuples that hold too much"):
        check_pickle(io.BytesIO(made(10 * most)))


@pytest.mark.parametrize(
    "call",
    [
        # What makes much of little, and what no file of weights calls.
        b"cbuiltins\nbytearray\nK\xff\x85R",
        b"c__builtin__\nbytearray\nK\xff\x85R",
        b"c_codecs\nencode\nh\x00X\x03\x00\x00\x00hex\x86R",
        b"c_codecs\nencode\nq\x01h\x01q\x02K\x01\x85R",
        b"ctorch\nTensor\n]q\x01h\x00a\x85R",
        b"ctorch\nLongTensor\nK\xff\x85R",
        b"ctorch._tensor\n_rebuild_from_type_v2\n(cbuiltins\nbytearray\nK\xffK\xff\x85tR",
    ],
)
def test_calls_that_no_weights_need_are_refused(call):
    named = r"GLOBAL (_codecs|builtins|__builtin__|torch|torch\._tensor)\."
    with pytest.raises(pickle.UnpicklingError, match=named):
        check_pickle(io.BytesIO(b"\x80\x02X\x01\x00\x00\x00xq\x00" + call + b"."))


def test_a_call_of_what_is_no_function_is_refused():
    with pytest.raises(pickle.UnpicklingError, match="no function"):
        check_pickle(io.BytesIO(b"\x80\x02])R."))


@pytest.mark.parametrize(
    "data", [b"", b"\x80\x02", b"\x80\x02t.", b"\x80\x02h\x07.", b"\x80\x02R."]
)
def test_damaged_ones_are_refused(data):
    with pytest.raises((ValueError, IndexError, KeyError)):
        check_pickle(io.BytesIO(data))
