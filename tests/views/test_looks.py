import holoviews as hv
import numpy as np
import pandas as pd
import pytest
from bokeh.models import HoverTool

from dtviz.views import looks

from .elements import HOSTILE, is_literal, plain


@pytest.mark.parametrize("text", HOSTILE)
def test_a_literal_text_reads_the_same_and_marks_no_tex(text):
    assert plain(looks.literal(text)) == text
    assert is_literal(looks.literal(text))
    assert plain(looks.heading(text).format()) == text


@pytest.mark.parametrize("n", [1, 2, 10, 1000])
def test_jitter_keeps_points_apart(n):
    heights = looks.jitter(n)
    assert ((heights >= 0) & (heights < 1)).all()
    assert np.diff(np.sort(heights)).min(initial=1) > 0.3 / n


@pytest.mark.parametrize(("differences", "limit"), [([-2, 1], 2), ([0, 0], 1), ([3], 3)])
def test_the_colours_of_points_are_centred_on_zero(differences, limit):
    options = looks.points(pd.DataFrame({"difference": differences}))
    assert options["clim"] == (-limit, limit)


def test_many_points_are_smaller_than_few():
    few, many = (
        looks.points(pd.DataFrame({"difference": np.ones(n)}))["size"]
        for n in (looks.MANY, looks.MANY + 1)
    )
    assert many < few


def test_clusters_have_colours_of_their_own():
    assert len({*looks.CLUSTERS, looks.GREY, looks.ACCENT}) == len(looks.CLUSTERS) + 2


def test_of_many_points_under_the_pointer_few_are_told():
    table = pd.DataFrame({"x": [0.0], "name": ["L0N0"]})
    drawn = {"hooks": [looks.tidy], "tools": ["hover"], "hover_tooltips": [("", "@name{few}")]}
    plot = hv.renderer("bokeh").get_plot(hv.Scatter(table, "x", ["x", "name"]).opts(**drawn))
    [hover] = plot.state.select({"type": HoverTool})
    assert hover.limit == looks.MOST_TOLD
    assert hover.tooltips == [("", "@{name}{few}")]
    assert hover.formatters["@{name}"].args == {"most": looks.MOST_TOLD}
