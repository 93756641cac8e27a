"""What all tabs have in common."""

import numpy as np
import panel as pn
import pytest

import dtviz

from .models import small
from .shown import drawing, shown

TABS = [
    *("top_k", "counts", "channel_map", "selected_heatmap", "alike"),
    *("strips", "distributions", "crossings", "vectors", "tables", "rest", "named_sets"),
]
# Tables do, while they list the selected only.
FOLLOWING = {"selected_heatmap", "alike", "distributions", "crossings", "rest"}


@pytest.fixture(params=TABS)
def tab(request, explorer):
    return getattr(explorer, request.param)


@pytest.fixture
def found(tab, monkeypatch):
    """How often the tab has looked for what it shows."""
    calls = []
    find = type(tab).find

    def counted(self):
        calls.append(self)
        return find(self)

    monkeypatch.setattr(type(tab), "find", counted)
    return calls


def test_a_tab_that_is_not_in_sight_finds_nothing(explorer, tab, found):
    explorer.layer = 0
    explorer.congruence.x = "forward"
    explorer.selection.names = ["L0N1"]
    tab.content()
    assert found == []
    assert tab.row.objects == []


def test_a_tab_finds_once_when_it_is_shown_again_after_changes(explorer, tab, found):
    viewer = object()
    tab.show(viewer)
    assert len(found) == 1
    tab.show(viewer)
    assert len(found) == 1
    tab.hide(viewer)
    explorer.layer = 0
    explorer.ranking.k = 2
    assert len(found) == 1
    tab.show(viewer)
    assert len(found) == 2


def test_a_tab_in_sight_follows_each_change(explorer, tab, found):
    shown(tab)
    explorer.layer = 0
    assert len(found) == 2
    explorer.clustering.method = "ward"
    assert len(found) == 3
    explorer.model = small(n=5, layers=1)
    assert len(found) == 4


def test_a_tab_that_two_see_is_in_sight_until_both_have_left(explorer, tab, found):
    first, second = object(), object()
    tab.show(first)
    tab.show(second)
    tab.hide(first)
    explorer.layer = 0
    assert len(found) == 2
    tab.hide(second)
    tab.hide(second)
    explorer.layer = 1
    assert len(found) == 2


def test_only_tabs_of_what_is_selected_follow_the_selection(explorer, tab, found):
    shown(tab)
    explorer.selection.names = ["L1N1", "L1N4"]
    follows = any(getattr(explorer, name) is tab for name in FOLLOWING)
    assert len(found) == 1 + follows
    assert tab.follows_selection == follows


def another(option):
    """Another value that an option can have."""
    value = getattr(option.owner, option.name)
    if isinstance(value, bool):
        return not value
    if isinstance(value, int | float):
        return value // 2 if isinstance(value, int) else value / 2
    return next((other for other in getattr(option, "objects", ()) if other != value), "L1N3")


def test_each_option_of_a_tab_is_followed(tab, found):
    shown(tab)
    for option in tab.options:
        before = len(found)
        setattr(option.owner, option.name, another(option))
        assert len(found) == before + 1


def test_every_hook_applies(explorer, tab, caplog):
    """HoloViews only warns of a hook that raises."""
    explorer.selection.names = ["L1N2", "L1N7", "L0N3"]
    assert drawing(tab)
    tab.refresh()
    explorer.layer = 0
    assert [record.getMessage() for record in caplog.records] == []


def test_a_tab_alone_is_in_sight_for_good(explorer, tab, found):
    content = pn.panel(tab)
    tab.show(object())
    explorer.layer = 0
    assert len(found) == 2
    assert content.get_root()


def test_a_message_stands_where_there_are_no_views(explorer, tab):
    shown(tab)
    why = tab.content()[0]
    assert why.visible == bool(tab.message)
    assert tab.row.visible == (not tab.message)
    assert bool(tab.row.objects) == (not tab.message)


def test_a_message_is_text_and_no_html(explorer):
    explorer.alike.exemplar = "<b>&</b>"
    shown(explorer.alike)
    assert "<b>" in explorer.alike.message
    assert "<b>" not in explorer.alike.content()[0].object


def test_a_change_of_the_same_shape_keeps_the_views(explorer, tab):
    explorer.selection.names = ["L1N2", "L1N7", "L0N3", "L0N4"]
    shown(tab)
    views, changes = list(tab.row.objects), tab.changes
    explorer.clustering.clusters = 3
    assert [id(view) for view in tab.row.objects] == [id(view) for view in views]
    assert tab.changes == changes + 1


def test_views_come_back_when_there_is_something_to_see_again(explorer, tab):
    explorer.selection.names = ["L1N2", "L1N7"]
    shown(tab)
    explorer.features.named = "nothing"
    explorer.selection.names = []
    explorer.features.named = ""
    explorer.selection.names = ["L1N2", "L1N7"]
    assert tab.message == ""
    assert tab.row.visible
    assert tab.row.objects


MODELS = {
    "one neuron": {"n": 1},
    "two neurons": {"n": 2},
    "zeros": {"every": np.zeros((12, 6))},
    "no embedding": {"features": []},
    "no side in": {"sides": ["out"]},
    "no return-to-go": {"rtg": False},
    "one action": {"actions": ["only"]},
    "words": {"features": ["a", "b", "c"], "actions": [f"word {i}" for i in range(60)]},
}


@pytest.mark.parametrize("model", MODELS)
def test_whatever_the_model_a_tab_shows_something_or_says_why(model, caplog):
    explorer = dtviz.Explorer(small(**MODELS[model]))
    explorer.selection.names = explorer.in_view.names[:1]
    for name in TABS:
        tab = shown(getattr(explorer, name))
        assert bool(tab.message) != bool(tab.row.objects)
        for view in tab.row.objects:
            for pane in pn.Column(view).select(pn.pane.HoloViews):
                assert pane.object[()] is not None
    assert [record.getMessage() for record in caplog.records] == []


@pytest.mark.parametrize("options", [{"named": "nothing"}, {"named": "("}, {"norm_above": 1e9}])
def test_a_filter_that_leaves_nothing_is_told_by_the_tabs_of_features(explorer, options):
    explorer.features.param.update(**options)
    expected = explorer.why_nothing
    assert expected
    for name in ("top_k", "counts", "channel_map", "strips"):
        assert shown(getattr(explorer, name)).message == expected
    for name in ("distributions", "vectors"):
        assert shown(getattr(explorer, name)).message == ""
