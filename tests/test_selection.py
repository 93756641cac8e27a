from operator import and_, or_, sub, xor

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from dtviz.errors import BadArgument, UnknownName
from dtviz.selection import MODES, Selection

KNOWN = ["L0N0", "L0N1", "L1N0", "L1N1"]
NAMES = st.sampled_from(KNOWN)
SETS = st.sets(NAMES)


def selected(names: set[str]) -> Selection:
    selection = Selection(KNOWN)
    selection.names = names
    return selection


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
    assert selection.names == list(selection) == ["L0N1", "L1N0"]
    assert len(selection) == 2
    assert "L0N1" in selection
    assert "L0N0" not in selection
    assert 3 not in selection


@given(st.permutations(KNOWN), st.lists(NAMES))
def test_each_name_is_kept_once_in_the_order_of_the_model(known, names):
    selection = Selection(known)
    selection.names = names
    assert selection.names == [name for name in known if name in names]
    assert selection.checked(names) == selection.names


@given(SETS)
def test_the_mask_tells_of_each_neuron_of_the_model_whether_it_is_selected(names):
    selection = selected(names)
    assert selection.mask.tolist() == [name in names for name in KNOWN]
    assert selection.mask.dtype == bool
    with pytest.raises(ValueError, match="read-only"):
        selection.mask[0] = True


# --- modes ----------------------------------------------------------------------------------------


def after(selection: Selection, *steps: tuple[str, set[str]]) -> set[str]:
    for mode, names in steps:
        selection.select(names, mode)
    return set(selection.names)


@given(SETS, SETS)
def test_each_mode_combines_what_is_selected_with_what_is_given(held, given):
    assert after(selected(held), ("replace", given)) == given
    assert after(selected(held), ("add", given)) == held | given
    assert after(selected(held), ("remove", given)) == held - given
    assert after(selected(held), ("intersect", given)) == held & given
    assert after(selected(held), ("toggle", given)) == held ^ given


@given(SETS, SETS, SETS)
def test_modes_obey_the_laws_of_sets(held, a, b):
    def end(*steps):
        return after(selected(held), *steps)

    assert end(("add", a), ("add", a)) == end(("add", a))
    assert end(("add", a), ("add", b)) == end(("add", b), ("add", a))
    assert end(("toggle", a), ("toggle", a)) == held
    assert end(("remove", a), ("intersect", a)) == set()
    assert end(("intersect", a), ("intersect", b)) == end(("intersect", a & b))
    # De Morgan: to remove both is to keep what is in neither.
    assert end(("remove", a), ("remove", b)) == end(("intersect", set(KNOWN) - (a | b)))
    assert end(("remove", a & b)) == end(("remove", a)) | end(("remove", b))


@given(SETS, SETS, st.sampled_from(MODES))
def test_the_mode_in_force_is_that_of_the_selection_unless_another_is_given(held, given, mode):
    by_default, told = selected(held), selected(held)
    by_default.mode = mode
    by_default.select(given)
    told.select(given, mode)
    assert by_default.names == told.names
    assert told.mode == "replace"


@given(SETS, SETS)
def test_operators_return_names_and_select_nothing(held, given):
    selection, other = selected(held), selected(given)
    for collection in (other, given, sorted(given, reverse=True), dict.fromkeys(given)):
        assert (selection | collection) == [name for name in KNOWN if name in held | given]
        assert (selection & collection) == [name for name in KNOWN if name in held & given]
        assert (selection - collection) == [name for name in KNOWN if name in held - given]
        assert (selection ^ collection) == [name for name in KNOWN if name in held ^ given]
    assert set(selection) == held


@given(SETS, st.sampled_from(MODES), st.sampled_from([["L0N0", "L9N9"], "L0N0", None, [3]]))
def test_a_bad_name_leaves_everything_as_it_was(held, mode, names):
    selection = selected(held)
    before = selection.names
    selection.param.watch(lambda _: pytest.fail("told of a change"), "names")
    with pytest.raises((BadArgument, UnknownName)):
        selection.select(names, mode)
    for operator in (or_, and_, sub, xor):
        with pytest.raises((BadArgument, UnknownName)):
            operator(selection, names)
    assert selection.names == before


def test_the_modes_are_listed_and_another_is_refused(selection):
    assert selection.modes == MODES == ("replace", "add", "remove", "intersect", "toggle")
    assert tuple(selection.param.mode.objects) == MODES
    with pytest.raises(UnknownName, match=r"a mode among 'replace', .*got 'invert'"):
        selection.select(["L0N0"], "invert")
    with pytest.raises(ValueError, match="invert"):
        selection.mode = "invert"


def test_selecting_what_is_selected_already_tells_nobody(selection, heard):
    selection.names = ["L0N0", "L1N1"]
    selection.select(["L1N1"], "add")
    selection.select(["L1N1", "L0N0"])
    assert heard == [["L0N0", "L1N1"]]


# --- what is no name ------------------------------------------------------------------------------


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
