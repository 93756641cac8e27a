import numpy as np
import pytest

from dtviz import errors

SENTENCES = {"expected": "a layer from 0 to 2", "got": "7", "do": "Choose one of these."}


@pytest.mark.parametrize(
    ("error", "builtin"),
    [
        (errors.BadArgument, ValueError),
        (errors.UnknownName, KeyError),
        (errors.BadCheckpoint, ValueError),
        (errors.FileProblem, OSError),
    ],
)
def test_each_error_is_a_builtin_one_that_tells_what_was_expected_got_and_to_do(error, builtin):
    with pytest.raises(builtin) as caught:
        raise error(**SENTENCES)
    assert isinstance(caught.value, errors.DtvizError)
    # Without quotes, which a KeyError would add, and without the errno of an OSError.
    assert str(caught.value) == "Expected a layer from 0 to 2, got 7. Choose one of these."


@pytest.mark.parametrize("missing", list(SENTENCES))
def test_no_error_is_made_without_each_of_the_three(missing):
    sentences = {key: value for key, value in SENTENCES.items() if key != missing}
    with pytest.raises(TypeError, match=missing):
        errors.BadArgument(**sentences)


def test_short_values_are_shown_whole():
    assert errors.shortened("L2N13") == "'L2N13'"
    assert errors.shortened("x" * 78) == repr("x" * 78)


def test_long_values_are_cut_to_the_length_and_say_so():
    text = errors.shortened("x" * 79)
    assert len(text) == 80
    assert text == "'" + "x" * 78 + "…"
    assert errors.shortened(12345, length=3) == "12…"


def test_lists_that_fit_are_shown_whole():
    assert errors.listed([]) == ""
    assert errors.listed(["left", "right"]) == "'left', 'right'"
    assert errors.listed(["a", "b"], most=2) == "'a', 'b'"


def test_long_lists_are_cut_and_say_how_many_there_are():
    assert errors.listed(["a", "b", "c"], most=2) == "'a', 'b', … (3 in all)"
    assert errors.listed([str(i) for i in range(100)]).endswith("'7', … (100 in all)")


@pytest.mark.parametrize("value", [2, 5, np.int64(3), np.uint8(2)])
def test_integers_in_a_range_are_whole(value):
    assert errors.is_whole(value, 2, 5)


@pytest.mark.parametrize("value", [1, 6, True, np.True_, 3.0, "3", None, float("nan")])
def test_bools_floats_and_what_is_outside_are_not(value):
    assert not errors.is_whole(value, 1 if value is True else 2, 5)
