import holoviews as hv
import numpy as np
import pandas as pd
import pytest

from dtviz.views import looks
from dtviz.views.crossing import alike, ecdf, strips

from .elements import ALL_HOSTILE, HOSTILE, is_literal, options, plain


def points(n=30, groups=("left", "right", "forward")):
    return pd.DataFrame(
        {
            "name": [f"L0N{i}" for i in range(n)],
            "item": [groups[i % len(groups)] for i in range(n)],
            "value": np.linspace(-1, 1, n),
            "group": pd.Categorical([groups[i % len(groups)] for i in range(n)], groups),
            "row": np.arange(n),
        }
    )


def test_each_point_is_in_the_strip_of_its_group():
    shown = strips(points(), "title")
    places = shown.dimension_values("place")
    np.testing.assert_array_equal(places.round(), points()["group"].cat.codes)
    assert np.abs(places - places.round()).max() <= 0.4
    for column in ("value", "name", "item", "row"):
        assert shown.dimension_values(column).tolist() == points()[column].tolist()
    assert options(shown)["xticks"] == [(0, "left"), (1, "right"), (2, "forward")]
    assert options(shown)["title"] == "title"
    low, high = options(shown)["xlim"]
    assert low < places.min() < places.max() < high


def test_a_group_without_points_keeps_its_place():
    rows = points()
    shown = strips(rows[rows["group"] != "right"], "")
    assert [name for _, name in options(shown)["xticks"]] == ["left", "right", "forward"]
    assert set(shown.dimension_values("place").round()) == {0, 2}


@pytest.mark.parametrize("n", [1, 2, 4000])
def test_few_and_many_points_are_drawn(n):
    assert hv.render(strips(points(n), ""))
    assert hv.render(ecdf(points(n)["value"].to_numpy(), ""))


def test_groups_and_titles_are_shown_as_they_are():
    figure = hv.render(strips(points(groups=HOSTILE), ALL_HOSTILE))
    shown = list(figure.xaxis[0].major_label_overrides.values())
    assert [plain(name) for name in shown] == HOSTILE
    assert plain(figure.title.text) == ALL_HOSTILE
    assert all(map(is_literal, [*shown, figure.title.text]))
    assert plain(hv.render(ecdf(np.arange(3), ALL_HOSTILE)).title.text) == ALL_HOSTILE
    assert plain(hv.render(alike(similar(), 0.5, ALL_HOSTILE)).title.text) == ALL_HOSTILE


@pytest.mark.parametrize("n", [2, 7, 1000])
def test_the_ecdf_is_the_share_of_values_up_to_each(n):
    values = np.random.default_rng(0).permutation(np.linspace(-3, 5, n))
    curve = ecdf(values, "ECDF").dframe()
    assert (curve["share"].iloc[0], curve["share"].iloc[-1]) == (0, 1)
    assert (curve["value"].iloc[0], curve["value"].iloc[-1]) == (-3, 5)
    assert curve["value"].is_monotonic_increasing
    for value, share in curve.to_numpy():
        assert share == pytest.approx((values <= value).mean(), abs=1 / n + 1e-9)


def similar(n=20):
    cosine = np.linspace(-1, 1, n)
    colour = np.where(np.abs(cosine) > 0.5, looks.BLUE, looks.GREY)
    name = [f"L0N{i}" for i in range(n)]
    return pd.DataFrame({"name": name, "cosine": cosine, "colour": colour, "row": np.arange(n)})


def test_each_neuron_stands_at_its_cosine_in_its_colour():
    overlay = alike(similar(), 0.5, "title")
    shown = overlay.Scatter.I
    for column in ("cosine", "name", "row", "colour"):
        assert shown.dimension_values(column).tolist() == similar()[column].tolist()
    np.testing.assert_array_equal(shown.dimension_values("height"), looks.jitter(20))
    assert options(shown, "style")["color"] == "colour"
    assert options(overlay)["title"] == "title"


@pytest.mark.parametrize("threshold", [0, 0.3, 1])
def test_the_threshold_and_its_opposite_are_marked(threshold):
    overlay = alike(similar(), threshold, "")
    lines = [element.data for element in overlay if isinstance(element, hv.VLine)]
    assert lines == [-threshold, threshold]
    low, high = options(overlay)["xlim"]
    assert low < -1 < 1 < high


def test_without_a_threshold_no_line_is_drawn():
    overlay = alike(similar(), None, "")
    assert [type(element) for element in overlay] == [hv.Scatter]
    assert hv.render(overlay)


@pytest.mark.parametrize("n", [1, 2, 3000])
def test_few_and_many_neurons_are_drawn_by_their_cosines(n):
    assert hv.render(alike(similar(n), 0.5, ""))
