import holoviews as hv
import numpy as np
import pytest

import dtviz

from .models import PLACES, small
from .shown import drawing, elements, shown, titles


def cells(tab):
    [rectangles] = elements(tab, hv.Rectangles)
    return rectangles.dframe()


def held(tab):
    return tab._reading.frame["value"].to_numpy()


def test_there_is_a_cell_for_each_feature_in_its_order(explorer):
    tab = shown(explorer.channel_map)
    assert cells(tab)["item"].tolist() == PLACES
    expected = explorer.reading.to_numpy().ravel()
    np.testing.assert_array_equal(held(tab), expected)


def test_the_title_says_what_is_compared_and_where_the_agent_stands():
    explorer = dtviz.Explorer(small(agent=(1, 2)))
    [title] = titles(shown(explorer.channel_map))
    assert title == ("layer 1, in · LN(embedding) · 18 features · ▲ the agent, looking up")
    [labels] = elements(explorer.channel_map, hv.Labels)
    assert labels.dimension_values("text").tolist() == ["key", "door", "▲", "▲"]
    explorer.model = small()
    assert titles(explorer.channel_map) == ["layer 1, in · LN(embedding) · 18 features"]


def test_other_features_make_another_map(explorer):
    tab = shown(explorer.channel_map)
    [before] = tab.row.objects
    explorer.features.named = "key"
    [after] = tab.row.objects
    assert after is not before
    assert cells(tab)["item"].tolist() == PLACES[:9]
    assert held(tab).shape == (12 * 9,)
    assert "9 of 18 features" in titles(tab)[0]


def test_another_layer_is_said_and_brings_its_numbers(explorer):
    tab = shown(explorer.channel_map)
    explorer.layer = 0
    np.testing.assert_array_equal(held(tab), explorer.reading.to_numpy().ravel())
    assert titles(tab)[0].startswith("layer 0, in")


def test_the_map_follows_on_the_page(explorer):
    root = drawing(explorer.channel_map)
    reading = root.select_one({"name": "reading"})
    assert len(reading.data["value"]) == 12 * 18
    explorer.layer = "all"
    assert len(reading.data["value"]) == 24 * 18


@pytest.mark.parametrize("features", [["a", "b"], [*PLACES, "a word"]])
def test_features_without_places_have_no_map(features):
    tab = shown(dtviz.Explorer(small(features=features)).channel_map)
    assert "no places" in tab.message
    assert tab.row.objects == []


def test_more_numbers_than_a_page_can_hold_are_told_with_what_to_do(explorer):
    explorer.channel_map.most_numbers = 12 * 18 - 1
    tab = shown(explorer.channel_map)
    assert "12 neurons x 18 features is more than a page can hold" in tab.message
    explorer.features.named = "key"
    assert tab.message == ""
    assert cells(tab)["item"].tolist() == PLACES[:9]
