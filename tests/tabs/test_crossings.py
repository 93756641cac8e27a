import holoviews as hv
import numpy as np
import pytest

import dtviz
from dtviz.analyses.across import CROSSINGS
from dtviz.views.crossing import MOST_POINTS, MOST_STRIPS

from .models import PLACES, small
from .shown import cells, drawing, drawn_titles, elements, shown, titles


def crossed(explorer, crossing):
    explorer.crossings.crossing = crossing
    return shown(explorer.crossings)


def points(tab):
    [scatter] = elements(tab, hv.Scatter)
    return scatter.dframe()


def groups(tab):
    """The names of the strips."""
    return [name for _, name in tab.row.objects[0].object[()].opts.get("plot").kwargs["xticks"]]


@pytest.mark.parametrize("crossing", CROSSINGS)
def test_each_value_is_a_point_in_a_strip(explorer, crossing):
    tab = crossed(explorer, crossing)
    expected = dtviz.ranked(dtviz.across(explorer.model, crossing, 1))
    frame = points(tab)
    assert tab.message == ""
    np.testing.assert_array_equal(frame["value"], expected["value"])
    assert frame["name"].tolist() == expected["name"].tolist()
    assert frame["item"].tolist() == expected["item"].tolist()
    names = {"out × embedding": PLACES, "RTG": ["in", "out"]}
    assert groups(tab) == names.get(crossing, ["left", "right", "forward"])


@pytest.mark.parametrize("crossing", CROSSINGS)
def test_points_tell_the_row_of_their_neuron(explorer, crossing):
    frame = points(crossed(explorer, crossing))
    rows = {name: row for row, name in enumerate(explorer.in_view.names)}
    assert frame["row"].tolist() == [rows.get(name, -1) for name in frame["name"]]


@pytest.mark.parametrize("crossing", CROSSINGS)
def test_the_ecdf_is_that_of_all_values(explorer, crossing):
    tab = crossed(explorer, crossing)
    [curve] = elements(tab, hv.Curve)
    values = dtviz.across(explorer.model, crossing, 1).to_numpy()
    ends = curve.dimension_values("value")[[0, 100, 200]]
    np.testing.assert_allclose(ends, [values.min(), np.median(values), values.max()], rtol=1e-5)


def test_the_title_says_what_is_compared_on_which_layer(explorer):
    assert titles(crossed(explorer, "in × unembedding")) == [
        "in × unembedding · layer 1 · 36 values",
        "ECDF",
    ]
    explorer.layer = "all"
    assert titles(explorer.crossings)[0] == "in × unembedding · all layers · 72 values"
    explorer.crossings.crossing = "embedding × unembedding"
    assert titles(explorer.crossings)[0] == "embedding × unembedding · 54 values"


def test_of_many_values_the_greatest_and_the_least_are_drawn_and_the_title_says_so():
    explorer = dtviz.Explorer(small(n=300))
    tab = crossed(explorer, "out × embedding")
    frame = points(tab)
    values = dtviz.across(explorer.model, "out × embedding", 1).to_numpy()
    assert len(frame) == MOST_POINTS < values.size == 5400
    assert frame["value"].abs().min() >= np.sort(np.abs(values), axis=None)[-MOST_POINTS]
    assert titles(tab)[0].endswith("· 4,000 of 5,400 values, the greatest and the least")
    [curve] = elements(tab, hv.Curve)
    middle = curve.dimension_values("value")[100]
    assert middle == pytest.approx(np.median(values), abs=1e-6)


def test_more_features_than_strips_have_one_for_each_channel():
    channels = ["key", "door", "ball", "box"]
    features = [f"{channel}, ({x},0)" for x in range(7) for channel in channels]
    tab = crossed(dtviz.Explorer(small(features=features)), "out × embedding")
    assert len(features) > MOST_STRIPS
    assert groups(tab) == channels
    for place, item in points(tab)[["place", "item"]].to_numpy():
        assert channels[round(place)] == item.split(",")[0]


def test_many_words_are_in_one_strip():
    words = [f"word {i}" for i in range(MOST_STRIPS + 1)]
    explorer = dtviz.Explorer(small(features=words, actions=words))
    for crossing in ("out × embedding", "in × unembedding"):
        tab = crossed(explorer, crossing)
        assert groups(tab) == ["all"]
        assert len(points(tab)) == 12 * len(words)


def test_beside_them_are_the_greatest(explorer):
    tab = crossed(explorer, "in × unembedding")
    expected = dtviz.ranked(dtviz.across(explorer.model, "in × unembedding", 1)).head(10)
    assert tab.text.startswith("<b>Greatest of all</b>")
    assert cells(tab.text) == [
        text
        for rank, name, item, value in expected.itertuples(index=False)
        for text in (str(rank), name, item, f"{value:.3f}")
    ]


def test_beside_them_are_those_of_the_selected(explorer):
    tab = crossed(explorer, "in × unembedding")
    explorer.selection.names = ["L1N3", "L0N1"]
    assert tab.text.startswith("<b>Greatest of the selected</b>")
    assert cells(tab.text)[1::4] == ["L1N3"] * 3
    explorer.selection.names = ["L0N1"]  # of another layer
    assert tab.text.startswith("<b>Greatest of all</b>")


def test_names_beside_them_are_text_and_no_html():
    explorer = dtviz.Explorer(small(actions=["<b>left</b>", "right"]))
    text = crossed(explorer, "in × unembedding").text
    assert "&lt;b&gt;left&lt;/b&gt;" in text
    assert "<b>left" not in text


def test_only_features_that_pass_are_compared(explorer):
    explorer.features.named = "key"
    for crossing in ("embedding × unembedding", "out × embedding"):
        frame = points(crossed(explorer, crossing))
        listed = frame["item" if crossing == "out × embedding" else "name"]
        assert set(listed) == set(PLACES[:9])


@pytest.mark.parametrize(
    ("model", "options", "crossing", "why"),
    [
        ({"rtg": False}, {}, "RTG", "return-to-go"),
        ({"features": []}, {}, "embedding × unembedding", "a linear embedding"),
        ({"features": []}, {}, "out × embedding", "a linear embedding"),
        ({"sides": ["out"]}, {}, "in × unembedding", "a side 'in'"),
        ({}, {"named": "nothing"}, "out × embedding", "18 input features passes the filter"),
        (
            {},
            {"named": "nothing"},
            "embedding × unembedding",
            "18 input features passes the filter",
        ),
        ({}, {"named": "key["}, "out × embedding", "a regular expression, got 'key['"),
        ({}, {"named": "key["}, "embedding × unembedding", "a regular expression, got 'key['"),
    ],
)
def test_what_cannot_be_compared_is_told_and_the_rest_goes_on(model, options, crossing, why):
    explorer = dtviz.Explorer(small(**model), **options)
    tab = crossed(explorer, crossing)
    assert why in tab.message
    assert tab.text == ""
    assert tab.row.objects == []
    other = "RTG" if crossing != "RTG" else "in × unembedding"
    tab.crossing = other
    assert tab.message == ""
    assert len(points(tab)) > 0


def test_a_model_without_a_side_in_has_a_return_to_go_for_what_it_writes():
    explorer = dtviz.Explorer(small(sides=["out"]))
    assert groups(crossed(explorer, "RTG")) == ["out"]


def test_the_figures_follow_the_choice(explorer, caplog):
    root = drawing(explorer.crossings)
    for crossing in CROSSINGS:
        explorer.crossings.crossing = crossing
        assert drawn_titles(root) == sorted(titles(explorer.crossings))
    assert root.select_one({"name": "across"}) is not None
    assert [record.getMessage() for record in caplog.records] == []
