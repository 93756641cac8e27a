import holoviews as hv
import numpy as np
import pytest

from dtviz.views import looks
from dtviz.views.scatter import MOST_NAMES, scatter

from .elements import ALL_HOSTILE, is_literal, neurons, options, plain

ANGLES = np.linspace(0, 2 * np.pi, 101)
ELLIPSE = np.stack([3 * np.cos(ANGLES), np.sin(ANGLES)], axis=1)
TITLE = "right against left · layer 0, out, LN"


@pytest.fixture
def overlay(table):
    return scatter(table, "left", "right", TITLE, ELLIPSE)


def test_points_are_the_two_congruences_with_the_actions_as_labels(overlay, table):
    points = overlay.Scatter.I
    np.testing.assert_array_equal(points.dimension_values("x"), table["x"])
    np.testing.assert_array_equal(points.dimension_values("y"), table["y"])
    assert [dimension.label for dimension in points.dimensions()[:2]] == ["left", "right"]
    assert (options(overlay)["xlabel"], options(overlay)["ylabel"]) == ("left", "right")


def test_the_line_is_y_equals_x(overlay):
    [line] = [element for element in overlay if isinstance(element, hv.Slope)]
    assert tuple(line.data) == (1, 0)


def test_the_ellipse_of_chance_is_behind_all_else(overlay):
    [first, *_] = overlay
    assert isinstance(first, hv.Polygons)
    np.testing.assert_allclose(first.array()[: len(ELLIPSE)], ELLIPSE)
    assert options(first, "style")["color"] == looks.GREY
    assert options(first, "style")["alpha"] < 0.5


def test_an_ellipse_without_width_is_drawn(table):
    assert hv.render(scatter(table, "left", "right", "", np.zeros((101, 2))))


def test_colours_run_from_x_through_grey_to_y_and_are_centred(overlay, table):
    style = options(overlay.Scatter.I, "style")
    assert style["color"] == "colour"
    np.testing.assert_array_equal(overlay.Scatter.I["colour"], table["difference"])
    assert (style["cmap"][0], style["cmap"][-1]) == (
        looks.X_COLOUR.lower(),
        looks.Y_COLOUR.lower(),
    )
    low, high = options(overlay.Scatter.I)["clim"]
    assert low == -high == -np.abs(table["difference"]).max()


def test_what_is_not_selected_fades_and_stays_visible(overlay):
    style = options(overlay.Scatter.I, "style")
    assert 0.1 < style["nonselection_alpha"] < style["alpha"] < style["selection_alpha"] == 1


def test_the_title_and_the_tools(overlay):
    assert options(overlay)["title"] == TITLE
    assert {"box_select", "lasso_select", "tap"} <= set(options(overlay.Scatter.I)["tools"])


def test_the_outermost_neurons_bear_their_names(overlay, table):
    labels = overlay.Labels.I
    named = labels.dimension_values("name")
    assert 0 < len(named) <= MOST_NAMES
    scaled = (table[["x", "y"]] - table[["x", "y"]].mean()) / table[["x", "y"]].std(ddof=0)
    farthest = (scaled**2).sum(axis=1).idxmax()
    assert farthest in named
    for x, y, name in zip(*(labels.dimension_values(i) for i in range(3)), strict=True):
        assert x == table.loc[name, "x"]
        assert 0 < y - table.loc[name, "y"] < 0.02 * np.ptp(table["y"])


def test_names_do_not_collide(table):
    crowd = table.assign(x=[0.0] * 15 + [1.0] * 15, y=[0.0] * 15 + [1.0] * 15)
    assert len(scatter(crowd, "left", "right", "", ELLIPSE).Labels.I) == 2


@pytest.mark.parametrize("value", [0.0, 3.0])
def test_neurons_in_one_place_are_drawn(table, value):
    same = table.assign(x=value, y=value, difference=0.0)
    assert hv.render(scatter(same, "left", "right", "", ELLIPSE))


@pytest.mark.parametrize("n", [1, 2, looks.MANY + 1])
def test_few_and_many_neurons_are_drawn(n):
    overlay = scatter(neurons(n), "left", "right", "", ELLIPSE)
    assert len(overlay.Scatter.I) == n
    assert 1 <= len(overlay.Labels.I) <= MOST_NAMES
    assert hv.render(overlay)


@pytest.mark.parametrize("action", ["{x}", "$$x$$", ALL_HOSTILE])
def test_actions_are_shown_as_they_are_called(table, action):
    figure = hv.render(scatter(table, action, "right", f"right against {action}", ELLIPSE))
    for text, shown in (
        (f"right against {action}", figure.title.text),
        (action, figure.xaxis[0].axis_label),
    ):
        assert plain(shown) == text
        assert is_literal(shown)
