import pytest
from hypothesis import given
from hypothesis import strategies as st

from dtviz.history import History

STATES = st.integers(0, 3)
STEPS = st.one_of(
    st.tuples(st.just("record"), STATES),
    st.tuples(st.just("replace"), STATES),
    st.just(("undo",)),
    st.just(("redo",)),
)


def walked(steps, most=200) -> History[int]:
    history = History(0, most)
    for name, *state in steps:
        getattr(history, name)(*state)
    return history


def test_at_first_there_is_nothing_to_undo_or_redo():
    history = History("first")
    assert (history.present, history.can_undo, history.can_redo) == ("first", False, False)
    assert history.undo() == history.redo() == history.present == "first"


def test_steps_are_undone_and_redone_in_turn():
    history = History("a")
    history.record("b")
    history.record("c")
    assert [history.undo(), history.undo(), history.undo()] == ["b", "a", "a"]
    assert [history.redo(), history.redo(), history.redo()] == ["b", "c", "c"]


def test_an_equal_state_is_no_step():
    history = History(("L0N1",))
    history.record(("L0N1",))
    assert not history.can_undo
    history.record(())
    history.undo()
    history.record(("L0N1",))
    assert history.can_redo


def test_a_new_step_forgets_those_undone():
    history = History(0)
    history.record(1)
    history.undo()
    history.record(2)
    assert not history.can_redo
    assert [history.redo(), history.undo()] == [2, 0]


def test_a_slider_that_moves_on_is_one_step():
    history = History(0)
    history.record(1)
    for value in (2, 3, 4):
        history.replace(value)
    assert history.present == 4
    assert [history.undo(), history.redo()] == [0, 4]


@given(st.lists(STEPS), STATES)
def test_undo_restores_what_was_before_a_step_and_redo_what_was_after(steps, state):
    history = walked(steps)
    before = history.present
    history.record(state)
    if state != before:
        assert history.undo() == history.present == before
        assert history.redo() == history.present == state


@given(st.lists(STEPS))
def test_undo_and_redo_are_each_others_inverse(steps):
    for there, back in (("undo", "redo"), ("redo", "undo")):
        history = walked(steps)
        present = history.present
        if getattr(history, f"can_{there}"):
            getattr(history, there)()
            assert getattr(history, back)() == present


@given(st.lists(STEPS))
def test_all_steps_can_be_undone_and_redone(steps):
    history = walked(steps)
    seen = [history.present]
    while history.can_undo:
        seen.append(history.undo())
    again = [history.present]
    for _ in seen[1:]:
        again.append(history.redo())
    assert again == seen[::-1]


@given(st.lists(STEPS), st.integers(0, 4))
def test_no_more_steps_are_kept_than_asked_for(steps, most):
    history = walked(steps, most)
    for direction in ("undo", "redo"):
        taken = 0
        while getattr(history, f"can_{direction}"):
            getattr(history, direction)()
            taken += 1
        assert taken <= most


@pytest.mark.parametrize(("options", "most"), [({}, 200), ({"most": 3}, 3)])
def test_the_oldest_steps_are_forgotten(options, most):
    history = History(0, **options)
    for state in range(1, 1001):
        history.record(state)
    for _ in range(1000):
        history.undo()
    assert history.present == 1000 - most
