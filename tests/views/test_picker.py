import panel as pn
import panel_material_ui as pmui
import pytest

from dtviz.options import Options
from dtviz.views.controls import controls
from dtviz.views.picker import MOST_OFFERED, Picker, with_pickers

from ..tabs.models import small
from ..tokens import wordy


@pytest.fixture
def options():
    return Options(wordy(), x="king", y="queen")


@pytest.fixture(params=[pmui, pn.widgets], ids=["pmui", "panel"])
def picker(request, options):
    return Picker(request.param, options.congruence.param.x)


def typed(picker, text):
    """Let a browser say what is in the field."""
    picker.field._process_events({"value_input": text})


def enter(picker, text):
    typed(picker, text)
    picker.field.param.trigger("enter_pressed")


def test_it_shows_what_is_taken(picker, options):
    assert picker.field.value == "king"
    options.congruence.x = ["he", "him"]
    assert picker.field.value == "he,him"
    assert not picker.matches.visible


def test_what_is_typed_is_looked_for(picker):
    typed(picker, "quee")
    assert picker.matches.options == ["␣queen", "queen"]
    assert picker.matches.visible
    assert picker.said == "2 match"


def test_of_many_matches_a_few_are_sent_and_all_are_counted(picker):
    typed(picker, "word")
    assert len(picker.matches.options) == MOST_OFFERED == 50
    assert picker.said == "50 of 4,980 match"


def test_behind_a_comma_the_next_name_is_looked_for(picker):
    typed(picker, "word1, quee")
    assert picker.matches.options == ["␣queen"]


def test_a_click_takes_a_name(picker, options):
    typed(picker, "quee")
    picker.matches.value = ["queen"]
    assert options.congruence.x == "queen"
    assert picker.field.value == "queen"
    assert not picker.matches.visible


def test_a_click_adds_a_name_behind_a_comma_in_quotes_if_need_be(picker, options):
    typed(picker, "king,a")
    picker.matches.value = ["a,b"]
    assert options.congruence.members("x") == ["king", "a,b"]


def test_enter_takes_a_set(picker, options):
    enter(picker, " he, him")
    assert options.congruence.x == picker.field.value == "␣he,␣him"
    assert options.congruence.called("x") == "␣he, ␣him (mean of 2)"


def test_what_a_browser_tells_again_after_enter_is_written_as_it_is_taken(picker, options):
    enter(picker, " he, him")
    picker.field.value = " he, him"
    assert picker.field.value == "␣he,␣him"
    picker.field.value = "quene"  # what is not taken stays as it was typed
    assert picker.field.value == "quene"


def test_an_unknown_name_is_told_and_changes_nothing(picker, options):
    enter(picker, "quene")
    assert options.congruence.x == "king"
    assert "got 'quene'" in picker.said
    assert "'␣queen'" in picker.said
    enter(picker, "queen")
    assert options.congruence.x == "queen"
    assert "quene" not in picker.said


def test_typing_what_is_taken_already_looks_for_nothing(picker):
    typed(picker, "king")
    assert not picker.matches.visible


def test_of_a_few_actions_there_is_a_list_of_many_a_field():
    options = Options(small())
    parameters = [options.congruence.param.x, options.param.layer]
    choice, column, _ = with_pickers(pn.widgets, parameters, controls(pn.widgets, parameters))
    assert (choice.visible, column.visible) == (True, False)
    options.model = wordy()
    assert (choice.visible, column.visible) == (False, True)
    assert len(choice.options) == 1  # not all that there are
    options.model = small()
    assert (choice.visible, column.visible) == (True, False)
    assert list(choice.options) == ["left", "right", "forward"]
