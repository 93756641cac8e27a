import numpy as np
import pytest

from dtviz.views import looks
from dtviz.views.strip import strip


@pytest.fixture
def overlay(table):
    return strip(table, "left", "right", "right − left · layer 0, out, LN")


def test_places_are_the_difference(overlay, table):
    points = overlay.Scatter.I
    np.testing.assert_array_equal(points.dimension_values("difference"), table["difference"])
    assert points.kdims[0].label == "right − left"


def test_heights_are_the_jitter_of_the_hub(overlay, table):
    heights = overlay.Scatter.I.dimension_values("jitter")
    np.testing.assert_array_equal(heights, looks.jitter(len(table)))
    assert heights.min() >= 0
    assert heights.max() < 1
    assert len(set(heights)) == len(table)


def test_zero_is_marked_and_each_side_named(overlay):
    assert overlay.VLine.I.data == 0
    options = overlay.opts.get("plot").kwargs
    assert options["xlabel"] == "← left    right →"
    assert options["title"] == "right − left · layer 0, out, LN"
