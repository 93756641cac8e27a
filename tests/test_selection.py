import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from dtviz.errors import BadArgument, UnknownName
from dtviz.selection import Selection

KNOWN = ["L0N0", "L0N1", "L1N0", "L1N1"]


@pytest.fixture
def selection() -> Selection:
    return Selection(KNOWN)


@pytest.fixture
def heard(selection) -> list[list[str]]:
    """What a watcher of the selection was told, call by call."""
    calls: list[list[str]] = []
    selection.param.watch(lambda event: calls.append(event.new), "names")
    return calls


def test_nothing_is_selected_at_first(selection):
    assert selection.names == []
    assert len(selection) == 0


def test_names_can_be_set_and_read(selection):
    selection.names = ["L1N0", "L0N1"]
    assert selection.names == ["L1N0", "L0N1"]
    assert len(selection) == 2


@given(st.lists(st.sampled_from(KNOWN)))
def test_each_name_is_kept_once_in_the_order_given(names):
    selection = Selection(KNOWN)
    selection.names = names
    assert selection.names == sorted(set(names), key=names.index)


@pytest.mark.parametrize(
    "names", [("L0N0", "L1N1"), {"L0N0": 1, "L1N1": 2}, iter(["L0N0", "L1N1"])]
)
def test_any_collection_of_names_will_do(selection, names):
    selection.names = names
    assert selection.names == ["L0N0", "L1N1"]


def test_names_from_an_array_become_plain_strings(selection):
    selection.names = np.array(["L0N0", "L1N1"])
    assert [type(name) for name in selection.names] == [str, str]


@pytest.mark.parametrize("names", [["L0N1", "L9N9"], [3], [["L0N1"]], [None], "", "L0N1", 3, None])
def test_what_is_not_a_list_of_known_names_leaves_the_selection_as_it_was(selection, heard, names):
    selection.names = ["L0N0"]
    with pytest.raises((BadArgument, UnknownName)):
        selection.names = names
    assert selection.names == ["L0N0"]
    assert heard == [["L0N0"]]


def test_an_unknown_name_is_told_with_the_way_names_are_made(selection):
    with pytest.raises(UnknownName, match=r"among the 4 neurons.*got 'L9N9'\. .*named by layer"):
        selection.names = ["L0N1", "L9N9"]


def test_one_name_that_is_not_in_a_list_is_told_to_be_put_in_one(selection):
    with pytest.raises(BadArgument, match=r"a list of neuron names, got 'L0N1'.*in a list"):
        selection.names = "L0N1"


def test_names_are_checked_when_params_update_sets_them(selection):
    with pytest.raises(UnknownName):
        selection.param.update(names=["L9N9"])
    selection.param.update(names=["L0N0", "L0N0"])
    assert selection.names == ["L0N0"]


def test_watchers_hear_of_each_change_once(selection, heard):
    selection.names = ["L0N0", "L0N0"]
    selection.names = ["L0N0"]
    selection.names = []
    assert heard == [["L0N0"], []]


def test_selections_do_not_share_names(selection):
    other = Selection(KNOWN)
    selection.names = ["L0N0"]
    selection.names.append("L0N1")
    assert other.names == []
    assert Selection(KNOWN).names == []


def test_start_over_selects_nothing_among_the_neurons_of_the_other_model(selection, heard):
    selection.names = ["L0N0"]
    selection.start_over(["L7N0"])
    assert selection.names == []
    assert heard == [["L0N0"], []]
    with pytest.raises(UnknownName, match="among the 1 neurons"):
        selection.names = ["L0N0"]
    selection.names = ["L7N0"]
    assert selection.names == ["L7N0"]


def test_checking_names_selects_none_of_them(selection, heard):
    assert selection.checked(["L0N1", "L0N1"]) == ["L0N1"]
    assert selection.names == heard == []


def test_the_repr_counts(selection):
    selection.names = ["L0N1"]
    assert repr(selection) == "Selection(1 of 4: 'L0N1')"
