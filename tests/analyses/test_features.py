import re

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import dtviz
from dtviz.analyses.features import FeatureFilter, places, restricted
from dtviz.directions import Directions
from dtviz.errors import BadArgument

from . import reference

pytestmark = pytest.mark.filterwarnings("error::RuntimeWarning")

FEATURES = Directions(
    [[3.0, 4], [0, 0], [0.6, 0.8], [0, 0.5]],
    ["key, (1,2)", "key, (0,0)", "ball, (1,2)", "locked, (1,2)"],
)


def test_the_public_name():
    assert dtviz.restricted is restricted


def test_features_of_a_norm_above_0_8_are_kept_unless_told_otherwise():
    assert restricted(FEATURES).names == ["key, (1,2)", "ball, (1,2)"]


def test_a_norm_of_just_the_threshold_is_not_above_it():
    assert restricted(FEATURES, 5).names == []
    assert restricted(FEATURES, 0.5).names == ["key, (1,2)", "ball, (1,2)"]
    assert restricted(FEATURES, 0).names == ["key, (1,2)", "ball, (1,2)", "locked, (1,2)"]


def test_with_no_threshold_all_features_are_kept():
    kept = restricted(FEATURES, None)
    assert kept.names == FEATURES.names
    np.testing.assert_array_equal(kept.vectors, FEATURES.vectors)


def test_features_are_kept_by_name_and_norm_together():
    assert restricted(FEATURES, 0.8, "key").names == ["key, (1,2)"]
    assert restricted(FEATURES, None, "key").names == ["key, (1,2)", "key, (0,0)"]
    assert restricted(FEATURES, None, r"\(1,2\)$").names == [
        "key, (1,2)",
        "ball, (1,2)",
        "locked, (1,2)",
    ]
    assert restricted(FEATURES, None, re.compile("KEY", re.IGNORECASE)).names[0] == "key, (1,2)"


def test_a_filter_may_leave_nothing():
    for kept in (restricted(FEATURES, 6), restricted(FEATURES, None, "goal")):
        assert kept.names == []
        assert kept.vectors.shape == (0, 2)


def test_what_is_kept_is_what_it_was():
    features = Directions(FEATURES.vectors, FEATURES.names, "embedding", "LN")
    kept = restricted(features, 0.8)
    assert (kept.label, kept.normalization) == ("embedding", "LN")
    np.testing.assert_array_equal(kept.vectors, features.vectors[[0, 2]])


@pytest.mark.parametrize("norm", [0.8, np.float32(0.8), np.float64(0.8)])
def test_a_norm_may_be_a_number_of_numpy(norm):
    assert len(restricted(FEATURES, norm)) == 2
    assert len(restricted(FEATURES, np.int64(1))) == 1


@pytest.mark.parametrize("norm", ["0.8", True, [0.8], float("nan"), 1j, np.array([0.8, 0.8])])
def test_a_norm_that_is_none_is_told(norm):
    with pytest.raises(BadArgument) as caught:
        restricted(FEATURES, norm)
    assert f"a norm as a number, or None, got {norm!r}. Pass" in str(caught.value)


@pytest.mark.parametrize("named", ["(", "[a", "*", "a{2,1}"])
def test_an_expression_that_does_not_compile_is_told(named):
    for keep in (
        lambda: restricted(FEATURES, None, named),
        lambda: FeatureFilter(named=named)(FEATURES),
    ):
        with pytest.raises(
            BadArgument, match=r"a regular expression, got .*Correct the expression"
        ):
            keep()


def test_a_name_that_is_no_text_is_told():
    with pytest.raises(BadArgument, match=r"names, .*got 3\. Choose among the 4 rows"):
        restricted(FEATURES, None, 3)


@st.composite
def features(draw) -> Directions:
    names = draw(st.lists(st.text("ab(1,)", min_size=1, max_size=4), unique=True, max_size=8))
    lengths = draw(st.lists(st.integers(0, 3), min_size=len(names), max_size=len(names)))
    return Directions(np.array([[length, 0] for length in lengths]).reshape(-1, 2), names)


@given(features(), st.sampled_from([None, 0, 0.5, 1, 2.5, 4]), st.sampled_from([None, "a", "[1,]"]))
def test_what_is_kept_is_what_a_loop_keeps_in_the_same_order(embedding, norm, named):
    kept = restricted(embedding, norm, named)
    expected = [
        (name, vector)
        for name, vector in zip(embedding.names, embedding.vectors.tolist(), strict=True)
        if (norm is None or vector[0] > norm) and (named is None or re.search(named, name))
    ]
    assert list(zip(kept.names, kept.vectors.tolist(), strict=True)) == expected
    again = restricted(kept, norm, named)
    assert again.names == kept.names


# FeatureFilter


def test_the_filter_keeps_all_features_unless_told_otherwise():
    assert FeatureFilter()(FEATURES).names == FEATURES.names


def test_the_filter_keeps_features_by_norm_and_name():
    assert FeatureFilter(norm_above=0.8)(FEATURES).names == ["key, (1,2)", "ball, (1,2)"]
    assert FeatureFilter(named="key")(FEATURES).names == ["key, (1,2)", "key, (0,0)"]
    assert FeatureFilter(named="key", norm_above=1)(FEATURES).names == ["key, (1,2)"]
    assert FeatureFilter(norm_above=9)(FEATURES).names == []


@pytest.mark.parametrize("options", [{"norm_above": -1}, {"norm_above": "a"}, {"named": 3}])
def test_the_filter_takes_no_other_options(options):
    with pytest.raises(ValueError, match=next(iter(options))):
        FeatureFilter(**options)


# Places


def test_a_feature_says_where_it_is():
    found = places(["key, (1,2)", "a, b, (10,0)", "line\nbreak, (0,6)"])
    assert found.columns.tolist() == ["item", "channel", "x", "y"]
    assert found.to_numpy().tolist() == [
        ["key, (1,2)", "key", 1, 2],
        ["a, b, (10,0)", "a, b", 10, 0],
        ["line\nbreak, (0,6)", "line\nbreak", 0, 6],
    ]


@pytest.mark.parametrize("names", [[], ["cat"], ["key, (1,2)", "cat"], ["key (1,2)"], ["k, (1,)"]])
def test_names_that_say_no_place_have_none(names):
    assert places(names) is None


def test_real_features_are_at_the_place_that_their_number_says(real):
    model, _ = real
    found = places(model.embedding.names)
    channels = list(dict.fromkeys(found["channel"]))
    assert len(channels) == 20
    # index = (channel * 7 + x) * 7 + y
    expected = [(channels[i // 49], i // 7 % 7, i % 7) for i in range(980)]
    assert list(zip(found["channel"], found["x"], found["y"], strict=True)) == expected


@pytest.mark.parametrize("norm", [0.2, 0.8, 1.5])
def test_real_restricted_embedding(real, norm):
    model, raw = real
    embedding = reference.embedding(raw)
    long = [i for i, row in enumerate(embedding) if np.sqrt((row * row).sum()) > norm]
    assert 0 < len(long) < len(embedding)
    kept = restricted(model.embedding, norm)
    assert kept.names == [model.embedding.names[i] for i in long]
    reference.agree(kept.vectors, embedding[long])
    keys = restricted(model.embedding, norm, "^key, ")
    assert keys.names == [name for name in kept.names if name.split(",")[0] == "key"]
