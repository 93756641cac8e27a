import holoviews as hv
import numpy as np
import pandas as pd
import pytest

from dtviz.views import looks
from dtviz.views.bars import MOST_BARS, bars, counts

from .elements import ALL_HOSTILE, HOSTILE, is_literal, options, plain


def norms(n):
    return pd.DataFrame({"norm": np.arange(n) - 1.5}, [f"action {i}" for i in range(n)])


def test_each_name_has_a_bar_from_zero_to_its_value():
    overlay = bars(norms(4), "Norms")
    boxes = overlay.Rectangles.I.dframe()
    assert boxes["value"].tolist() == [-1.5, -0.5, 0.5, 1.5]
    assert boxes["zero"].tolist() == [0, 0, 0, 0]
    np.testing.assert_allclose((boxes["left"] + boxes["right"]) / 2, [0, 1, 2, 3], atol=1e-12)
    assert (boxes["right"] - boxes["left"] < 1).all()
    assert boxes["name"].tolist() == list(norms(4).index)
    assert options(overlay)["xticks"] == [(i, f"action {i}") for i in range(4)]
    assert options(overlay)["title"] == "Norms"


def test_two_columns_are_bars_side_by_side_in_colours_of_their_own():
    both = norms(3).assign(bias=[0.1, 0.2, 0.3])
    boxes = bars(both, "Norms and bias").Rectangles.I.dframe()
    assert boxes["value"].tolist() == [*both["norm"], *both["bias"]]
    first, second = boxes.iloc[:3], boxes.iloc[3:]
    np.testing.assert_allclose(first["right"], second["left"].to_numpy())
    assert set(first["colour"]) == {looks.BLUE}
    assert set(second["colour"]) == {looks.Y_COLOUR}
    assert set(second["what"]) == {"bias"}


def test_zero_is_marked():
    assert bars(norms(4), "Bias").HLine.I.data == 0


@pytest.mark.parametrize("n", [MOST_BARS + 1, 1000])
def test_more_than_can_be_named_are_points_named_on_hover(n):
    overlay = bars(norms(n), "Norms")
    assert "Rectangles" not in overlay
    points = overlay.Scatter.I
    assert points.dimension_values("value").tolist() == norms(n)["norm"].tolist()
    assert points.dimension_values("name").tolist() == list(norms(n).index)
    assert options(points)["hover_tooltips"][0] == ("name", "@name{few}")


@pytest.mark.parametrize("n", [MOST_BARS + 1, 1000])
def test_more_than_can_be_named_are_drawn(n):
    figure = hv.render(bars(norms(n), "Norms"))
    assert not figure.xaxis[0].visible


@pytest.mark.parametrize("n", [1, 2, MOST_BARS])
def test_few_have_their_names_on_the_axis(n):
    figure = hv.render(bars(norms(n), "Norms"))
    assert list(figure.xaxis[0].major_label_overrides.values()) == list(norms(n).index)


@pytest.mark.parametrize("value", [0.0, 3.0])
def test_equal_bars_are_drawn(value):
    assert hv.render(bars(pd.DataFrame({"norm": [value] * 3}, list("abc")), "Norms"))


def test_names_and_titles_are_shown_as_they_are():
    values = pd.DataFrame({"norm": np.ones(len(HOSTILE))}, HOSTILE)
    figure = hv.render(bars(values, ALL_HOSTILE))
    assert plain(figure.title.text) == ALL_HOSTILE
    shown = list(figure.xaxis[0].major_label_overrides.values())
    assert [plain(name) for name in shown] == HOSTILE
    assert all(map(is_literal, [*shown, figure.title.text]))


def test_the_frame_for_counts_has_the_columns_that_its_script_fills():
    frame = counts("Counts")
    assert {"end", "item", "count"} <= {dimension.name for dimension in frame.vdims}
    assert frame.dimension_values("count").tolist() == [0]
    assert options(frame)["title"] == "Counts"
    assert options(frame, "style")["cmap"] == {"most": looks.RED, "least": looks.BLUE}
    data = hv.render(frame).renderers[0].data_source.data
    assert {"left", "right", "bottom", "top", "item", "count", "end"} <= set(data)
