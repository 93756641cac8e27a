import holoviews as hv
import numpy as np
import pandas as pd
import pytest

from dtviz.views import looks
from dtviz.views.effects import effects

from .elements import ALL_HOSTILE, HOSTILE, is_literal, options, plain


def compared(names=("left", "right", "skewness"), g=(0.5, -1.5, 0.25)):
    g = np.asarray(g, dtype=float)
    means = {"mean_selected": g + 1, "mean_rest": np.ones(len(g))}
    return pd.DataFrame({**means, "g": g, "g_low": g - 0.2, "g_high": g + 0.4}, list(names))


def test_each_row_has_a_point_at_its_effect_the_first_at_the_top():
    overlay = effects(compared(), "title")
    points = overlay.Scatter.I.dframe()
    assert points["g"].tolist() == [0.5, -1.5, 0.25]
    assert points["place"].tolist() == [0, -1, -2]
    assert points["name"].tolist() == ["left", "right", "skewness"]
    assert points["mean_selected"].tolist() == [1.5, -0.5, 1.25]
    assert points["mean_rest"].tolist() == [1, 1, 1]
    shown = options(overlay)
    assert shown["yticks"] == [(0, "left"), (-1, "right"), (-2, "skewness")]
    assert shown["title"] == "title"
    low, high = shown["ylim"]
    assert low < -2 < 0 < high


def test_each_interval_goes_from_end_to_end_at_the_height_of_its_point():
    overlay = effects(compared(), "title")
    ends = [overlay.Segments.I.dimension_values(i) for i in range(4)]
    np.testing.assert_allclose(
        ends, [[0.3, -1.7, 0.05], [0, -1, -2], [0.9, -1.1, 0.65], [0, -1, -2]]
    )


def test_no_difference_is_marked():
    assert effects(compared(), "title").VLine.I.data == 0


def test_a_point_tells_its_numbers_where_the_pointer_is():
    points = effects(compared(), "title").Scatter.I
    assert options(points)["hover_tooltips"] == [
        ("", "@name"),
        ("g", "@g{0.00}"),
        ("selected", "@mean_selected{0.000}"),
        ("rest", "@mean_rest{0.000}"),
    ]
    data = hv.render(effects(compared(), "title")).select_one({"name": "points"})
    assert data is None  # it takes no part in linking
    assert options(points, "style")["color"] == looks.ACCENT


def test_a_row_without_an_effect_is_named_but_not_drawn():
    overlay = effects(compared(g=(0.5, np.nan, 0.25)), "title")
    assert overlay.Scatter.I.dimension_values("name").tolist() == ["left", "skewness"]
    assert overlay.Scatter.I.dimension_values("place").tolist() == [0, -2]
    assert len(overlay.Segments.I) == 2
    assert [name for _, name in options(overlay)["yticks"]] == ["left", "right", "skewness"]


@pytest.mark.parametrize("g", [[np.nan] * 3, [0.0, 0.0, 0.0], [1e9, -1e9, 0.0]])
def test_whatever_the_effects_they_are_drawn(g):
    figure = hv.render(effects(compared(g=g), "title"))
    assert list(figure.yaxis[0].major_label_overrides.values()) == ["left", "right", "skewness"]


def test_one_row_is_drawn():
    assert hv.render(effects(compared(["left"], [0.5]), "title"))


def test_names_and_titles_are_shown_as_they_are():
    frame = compared(HOSTILE, np.linspace(-1, 1, len(HOSTILE)))
    figure = hv.render(effects(frame, ALL_HOSTILE))
    assert plain(figure.title.text) == ALL_HOSTILE
    shown = list(figure.yaxis[0].major_label_overrides.values())
    assert [plain(name) for name in shown] == HOSTILE
    assert all(map(is_literal, [*shown, figure.title.text]))
