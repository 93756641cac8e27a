"""How tokens are written."""

import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dtviz.tokens import distinct, visible


@pytest.mark.parametrize(
    ("text", "name"),
    [
        (" he", "␣he"),
        ("he", "he"),
        ("a b", "a␣b"),
        ("\n\n", "↵↵"),
        ("\t", "⇥"),
        ("\r\x00", "\\x0d\\x00"),
        ("\xa0", "\\xa0"),
        ("\u200b\u202e", "\\u200b\\u202e"),
        ("\U000e0041", "\\U000e0041"),
        ("\U0001d173", "\\U0001d173"),
        ("<b>é中</b>", "<b>é中</b>"),
        ("", ""),
    ],
)
def test_what_cannot_be_seen_is_shown(text, name):
    assert visible(text) == name


@given(st.text())
def test_nothing_is_left_that_cannot_be_seen(text):
    unseen = {"Cc", "Cf", "Zs", "Zl", "Zp", "Cs"}
    assert not [c for c in visible(text) if unicodedata.category(c) in unseen]


# Without what stands for what cannot be seen.
plain = st.text(st.characters(exclude_characters="␣↵⇥\\"), max_size=3)


@given(plain, plain)
def test_other_texts_have_other_names(text, other):
    assert (visible(text) == visible(other)) == (text == other)


def test_names_borne_twice_bear_their_numbers():
    assert distinct(["a", "b", "a", "", "c"]) == ["a [0]", "b", "a [2]", "[3]", "c"]
    assert distinct(["a", "a", "a [1]"]) == ["a [0]", "a [1] [1]", "a [1] [2]"]
    assert distinct([]) == []


@given(st.lists(st.sampled_from(["", "a", "a [0]", "a [1]", "[0]", "[1]", "[1] [1]"])))
def test_names_become_distinct(names):
    found = distinct(names)
    assert len(set(found)) == len(found) == len(names)
    assert "" not in found
