import holoviews as hv
import numpy as np
import pytest
from bokeh.models import BoxAnnotation, Plot

import dtviz

from .models import PLACES, small
from .shown import drawing, drawn_titles, elements, shown, titles

SIDES = "lengths and sides of neurons"
FEATURES = "moments of features"


def columns(tab):
    """What is drawn from below to above, strip by strip."""
    return {
        scatter.vdims[0].name: scatter.dimension_values(1) for scatter in elements(tab, hv.Scatter)
    }


def names(tab):
    return elements(tab, hv.Scatter)[0].dimension_values("name").tolist()


def bands(tab, root):
    """Bokeh's marks of chance: between which values, strip by strip."""
    found = {}
    for title in titles(tab):
        [figure] = [figure for figure in root.select({"type": Plot}) if figure.title.text == title]
        [band] = [part for part in figure.center if isinstance(part, BoxAnnotation)]
        found[title] = (band.bottom, band.top) if band.visible else None
    return found


def test_the_moments_of_neurons_are_those_of_the_table(explorer):
    tab = shown(explorer.strips)
    drawn = columns(tab)
    assert list(drawn) == ["mean_abs", "std", "kurtosis"]
    for column, values in drawn.items():
        np.testing.assert_array_equal(values, explorer.neurons[column])
    assert titles(tab) == ["mean |congruence|", "standard deviation", "kurtosis"]
    assert names(tab) == explorer.in_view.names


def test_lengths_and_sides_are_those_of_the_table(explorer):
    explorer.strips.of = SIDES
    tab = shown(explorer.strips)
    drawn = columns(tab)
    assert list(drawn) == ["norm", "x", "y", "rtg_in", "rtg_out"]
    for column, values in drawn.items():
        np.testing.assert_array_equal(values, explorer.neurons[column])
    assert titles(tab) == ["norm", "left", "right", "RTG, in", "RTG, out"]
    explorer.congruence.contrast = True
    assert titles(tab)[1:3] == ["left not right", "right not left"]
    np.testing.assert_array_equal(columns(tab)["x"], explorer.neurons["x"])


@pytest.mark.parametrize(
    ("model", "expected"),
    [
        ({"rtg": False}, ["norm", "x", "y"]),
        ({"sides": ["out"]}, ["norm", "x", "y", "rtg_out"]),
        ({"features": []}, ["norm", "x", "y", "rtg_in", "rtg_out"]),
    ],
)
def test_only_what_is_known_has_a_strip(model, expected):
    explorer = dtviz.Explorer(small(**model))
    explorer.strips.of = SIDES
    tab = shown(explorer.strips)
    assert tab.message == ""
    assert list(columns(tab)) == expected


def test_the_moments_of_features_are_those_over_the_neurons(explorer):
    explorer.strips.of = FEATURES
    tab = shown(explorer.strips)
    drawn = columns(tab)
    assert set(drawn) == {"norm", "mean_abs", "std", "kurtosis"}
    for column, values in drawn.items():
        np.testing.assert_array_equal(values, explorer.feature_moments[column])
    assert names(tab) == PLACES
    explorer.features.named = "key"
    assert names(tab) == PLACES[:9]


def test_strips_follow_the_layer(explorer):
    tab = shown(explorer.strips)
    explorer.layer = "all"
    assert len(names(tab)) == 24
    np.testing.assert_array_equal(columns(tab)["std"], explorer.neurons["std"])


@pytest.mark.parametrize("of", ["moments of neurons", FEATURES])
@pytest.mark.parametrize("model", [{"features": []}, {"sides": ["out"]}])
def test_without_anything_to_read_a_message_says_why(model, of):
    explorer = dtviz.Explorer(small(**model))
    explorer.strips.of = of
    assert shown(explorer.strips).message == explorer.why_nothing != ""


def test_a_filter_that_leaves_nothing_is_told_until_it_leaves_something(explorer):
    tab = shown(explorer.strips)
    explorer.features.named = "nothing"
    assert tab.message == explorer.why_nothing
    assert not tab.row.visible
    explorer.features.named = "key"
    assert tab.message == ""
    np.testing.assert_array_equal(columns(tab)["std"], explorer.neurons["std"])


@pytest.mark.parametrize("of", [SIDES, FEATURES])
def test_other_columns_make_other_strips(explorer, of, caplog):
    root = drawing(explorer.strips)
    before = len(explorer.strips.row.objects)
    explorer.strips.of = of
    assert len(explorer.strips.row.objects) != before
    explorer.layer = 0
    explorer.features.named = "key"
    assert drawn_titles(root) == sorted(titles(explorer.strips))
    assert [record.getMessage() for record in caplog.records] == []


def test_chance_is_marked_where_it_is_known(explorer):
    root = drawing(explorer.strips)
    limits = explorer.limits
    assert bands(explorer.strips, root) == {
        "mean |congruence|": limits["mean_abs"],
        "standard deviation": limits["std"],
        "kurtosis": limits["kurtosis"],
    }
    explorer.strips.of = SIDES
    found = bands(explorer.strips, root)
    assert found.pop("norm") is None
    assert found == {
        "left": limits["x"],
        "right": limits["y"],
        "RTG, in": limits["rtg_in"],
        "RTG, out": limits["rtg_out"],
    }
    explorer.strips.of = FEATURES
    assert set(bands(explorer.strips, root).values()) == {None}


def test_chance_follows_the_options(explorer):
    root = drawing(explorer.strips)
    before = bands(explorer.strips, root)
    explorer.layer = 0
    after = bands(explorer.strips, root)
    assert after != before
    assert after["standard deviation"] == explorer.limits["std"]


def test_one_feature_has_no_spread(caplog):
    explorer = dtviz.Explorer(small(features=PLACES[:1]))
    root = drawing(explorer.strips)
    assert np.isnan(columns(explorer.strips)["kurtosis"]).all()
    assert bands(explorer.strips, root)["kurtosis"] is None
    assert [record.getMessage() for record in caplog.records] == []


def test_points_of_neurons_are_linked_and_those_of_features_are_not(explorer):
    explorer.selection.names = ["L1N3"]
    root = drawing(explorer.strips)
    assert root.select_one({"name": "strip of std"}) is not None
    assert root.select_one({"name": "neurons"}).selected.indices == [3]
    explorer.strips.of = FEATURES
    assert root.select_one({"name": "strip of std"}) is None
