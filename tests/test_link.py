import math
import re
from urllib.parse import unquote

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from dtviz.errors import BadArgument
from dtviz.link import MOST_CHARACTERS, MOST_NAMES, fragment, state
from dtviz.options import Options

from .tabs.models import small

# Any character that can be written.
TEXT = st.text(st.characters(exclude_categories=["Cs"]))
TRICKY = st.sampled_from(
    [
        *["", "2", "-0", "1e5", "1E+5", "01", "1" * 5000, "-", "true", "True", "null", "NaN"],
        *['"', '"a"', "a,b", "a&b=c", "%2C", "#", "+", " ", "[1]", "key, (1,6)", "½"],
    ]
)
NUMBERS = st.floats(allow_nan=False, allow_infinity=False)
VALUES = st.none() | st.booleans() | st.integers() | NUMBERS | TEXT | TRICKY
KEYS = TEXT.filter(lambda key: key not in ("model", "select"))


@pytest.mark.parametrize(
    ("told", "text"),
    [
        (
            {"model": "demo", "layer": 2, "x": "left", "select": ["L2N1", "L2N4"]},
            "#model=demo&layer=2&x=left&select=L2N1,L2N4",
        ),
        ({"contrast": True, "layer": "all", "named": "key"}, "#contrast=true&layer=all&named=key"),
        ({"threshold": 0.5, "named": "", "y": None}, "#threshold=0.5&named=&y=null"),
        ({"named": "2", "x": "true"}, "#named=%222%22&x=%22true%22"),
        ({"x": '"'}, "#x=%22%5C%22%22"),
        ({"x": "key, (1,6)"}, "#x=key%2C%20%281%2C6%29"),
        ({"select": []}, "#select="),
        ({"select": [""]}, "#select=%22%22"),
        ({"select": ["a,b", "&", "3"]}, "#select=a%2Cb,%26,%223%22"),
        ({}, "#"),
    ],
)
def test_a_state_reads_well_and_comes_back(told, text):
    assert fragment(told) == text
    assert state(text) == state(text.removeprefix("#")) == told


@given(
    st.dictionaries(KEYS, VALUES, max_size=5),
    st.none() | TEXT | TRICKY,
    st.none() | st.lists(TEXT | TRICKY, max_size=5),
)
def test_any_state_comes_back_as_it_was(options, model, select):
    told = dict(options)
    if model is not None:
        told["model"] = model
    if select is not None:
        told["select"] = select
    text = fragment(told)
    back = state(text)
    assert back == told
    assert list(back) == list(told)
    # 1, 1.0 and True are equal, and 0.0 and -0.0.
    assert list(map(repr, back.values())) == list(map(repr, told.values()))
    # What browsers, and people who send links, leave as it is.
    assert re.fullmatch(r"#[A-Za-z0-9_.~%=&,-]*", text)


def test_the_options_of_an_explorer_come_back():
    options = Options(small(), layer="all", x="forward", threshold=0.25, named="(1,2)").options
    back = state(fragment(options))
    assert back == options
    assert Options(small(), **back).options == options


@given(st.text() | st.text('#&=,%"\\2ef.-u{}[]ntrue') | st.lists(VALUES.map(str)).map("&".join))
@example('x="\\ud800"')
@example("x=%ED%A0%80")
@example("x=\ud800")
@example("x=" + "[" * 30_000)
@example('x="' + "[" * 90_000)
@example("x=" + "1" * 90_000)
@example("x=1e999")
@example("x=-1e999")
@example("x=%")
def test_any_text_is_a_state_or_told_to_be_none(text):
    try:
        told = state(text)
    except BadArgument:
        return
    assert state(fragment(told)) == told


@pytest.mark.parametrize(
    "text",
    [
        *["#layer", "#&", "#layer=2&", "#layer=2&layer=3", "#a=1&%61=2", "##"],
        *["#x=%ff", "#%ff=1", '#x="', '#x="a"b', "#x=%22%5Cud800%22", "#x=1e999"],
        *["#select=2", "#select=L2N1,true", "#select=a,%ff", "#model=5", "#model=null"],
        f"#x={'1' * 5000}",
    ],
)
def test_a_malformed_fragment_is_told(text):
    with pytest.raises(BadArgument, match="Copy the link again as a whole"):
        state(text)


@pytest.mark.parametrize(
    "told",
    [
        {"layer": [2]},
        {"layer": {}},
        {"layer": b"2"},
        {"layer": 2j},
        {"k": math.nan},
        {"k": math.inf},
        {"k": 10**400},
        {"x": "\ud800"},
        {"\ud800": 1},
        {3: 1},
        {None: 1},
        {"select": "L2N1"},
        {"select": None},
        {"select": [3]},
        {"select": ["\ud800"]},
        {"model": 3},
        {"model": None},
    ],
    ids=str,
)
def test_what_is_no_state_is_told(told):
    with pytest.raises(BadArgument, match="Expected options with"):
        fragment(told)


def test_many_names_are_left_out():
    names = [f"L12N{i:05}" for i in range(MOST_NAMES + 1)]
    assert state(fragment({"k": 3, "select": names[:-1]})) == {"k": 3, "select": names[:-1]}
    assert state(fragment({"k": 3, "select": names})) == {"k": 3}
    assert MOST_NAMES == 4_000


def test_a_fragment_is_of_bounded_length():
    longest = fragment({"x": "a" * (MOST_CHARACTERS - 3)})
    assert len(longest) == MOST_CHARACTERS == 100_000
    assert state(longest)
    with pytest.raises(BadArgument, match=r"at most 100,000 characters, got 100,001\."):
        fragment({"x": "a" * (MOST_CHARACTERS - 2)})
    with pytest.raises(BadArgument, match=r"got 100,001\."):
        state(f"{longest}a")


def test_a_name_is_readable_in_the_fragment():
    assert unquote(fragment({"x": "key, (1,6)"})) == "#x=key, (1,6)"
