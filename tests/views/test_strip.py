import holoviews as hv
import numpy as np
import pytest
from bokeh.models import BoxAnnotation, Span

from dtviz.views import looks
from dtviz.views.strip import chance, strip, upright, zero

from .elements import ALL_HOSTILE, is_literal, neurons, options, plain


@pytest.fixture
def points(table):
    return strip(table, "left", "right", "right − left · layer 0, out, LN")


def test_places_are_the_difference(points, table):
    np.testing.assert_array_equal(points.dimension_values("difference"), table["difference"])
    assert points.kdims[0].label == "right − left"


def test_heights_are_the_jitter_of_the_hub(points, table):
    heights = points.dimension_values("jitter")
    np.testing.assert_array_equal(heights, looks.jitter(len(table)))
    assert heights.min() >= 0
    assert heights.max() < 1
    assert len(set(heights)) == len(table)


def test_each_side_is_named(points):
    assert options(points)["xlabel"] == "← left    right →"
    assert options(points)["title"] == "right − left · layer 0, out, LN"


@pytest.mark.parametrize("dimension", ["height", "width"])
def test_zero_is_marked_once(points, dimension):
    figure = hv.render(points.opts(hooks=[zero(dimension), zero(dimension)]))
    [line] = [part for part in figure.center if isinstance(part, Span)]
    assert (line.location, line.dimension) == (0, dimension)


@pytest.mark.parametrize("n", [1, 2, looks.MANY + 1])
def test_few_and_many_neurons_are_drawn(n):
    assert hv.render(strip(neurons(n), "left", "right", ""))
    assert hv.render(upright(neurons(n), "norm", "norm"))


@pytest.mark.parametrize("action", ["{x}", "$$x$$", ALL_HOSTILE])
def test_actions_are_shown_as_they_are_called(table, action):
    figure = hv.render(strip(table, action, "right", f"right − {action}"))
    assert plain(figure.title.text) == f"right − {action}"
    assert plain(figure.xaxis[0].axis_label) == f"← {action}    right →"
    assert is_literal(figure.title.text)
    assert is_literal(figure.xaxis[0].axis_label)
    figure = hv.render(upright(table, "x", action))
    assert plain(figure.title.text) == action
    assert is_literal(figure.title.text)


def test_an_upright_strip_has_a_column_from_below_to_above(table):
    points = upright(table, "norm", "norm")
    np.testing.assert_array_equal(points.dimension_values("norm"), table["norm"])
    np.testing.assert_array_equal(points.dimension_values("jitter"), looks.jitter(len(table)))
    assert [dimension.name for dimension in points.dimensions()[:2]] == ["jitter", "norm"]
    assert options(points)["title"] == "norm"
    assert options(points)["xaxis"] is None


def test_chance_is_marked_behind_all_else(points):
    band = chance(lambda: (-1.5, 1.5), "left", "right")
    [marked] = hv.render(points.opts(hooks=[band, band])).center[2:]
    assert (marked.left, marked.right, marked.level) == (-1.5, 1.5, "underlay")


@pytest.mark.parametrize("limits", [(0.5, 2.0), None])
def test_chance_is_marked_on_an_upright_strip_where_it_is_known(table, limits):
    figure = hv.render(upright(table, "norm", "norm").opts(hooks=[chance(lambda: limits)]))
    [band] = [part for part in figure.center if isinstance(part, BoxAnnotation)]
    assert band.visible == (limits is not None)
    assert limits is None or (band.bottom, band.top) == limits
    assert band.level == "underlay"
