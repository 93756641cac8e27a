import holoviews as hv
import numpy as np
import pandas as pd
import pytest

import dtviz
from dtviz.views import looks
from dtviz.views.distribution import ecdf, histogram

from ..tabs.models import small
from .elements import ALL_HOSTILE, is_literal, options, plain


def distributed(space="out", **options):
    return dtviz.distribution(small(**options), space, 0)


@pytest.fixture(scope="module")
def found():
    return distributed(n=40)


def nothing(found):
    return pd.Series(np.zeros(len(found.counts)))


def curves(overlay):
    return {curve.label: curve for curve in overlay if type(curve) is hv.Curve}


def test_the_histogram_has_the_share_of_pairs_at_the_middle_of_each_bin(found):
    overlay = histogram(found.frame(), nothing(found), "title")
    shown = curves(overlay)["all"].dframe()
    middle = (found.edges[:-1] + found.edges[1:]) / 2
    expected = pd.Series(found.share, middle.round(6))
    np.testing.assert_allclose(shown["value"], expected[shown["cosine"].round(6)])
    assert shown["value"].sum() == pytest.approx(1)
    assert options(overlay)["title"] == "title"
    assert (options(overlay)["xlabel"], options(overlay)["ylabel"]) == ("cosine", "share of pairs")


def test_the_ecdf_has_the_share_up_to_the_end_of_each_bin(found):
    overlay = ecdf(found.frame(), nothing(found), "title")
    shown = curves(overlay)["all"].dframe()
    expected = pd.Series(found.ecdf, found.edges[1:].round(6))
    np.testing.assert_allclose(shown["value"], expected[shown["cosine"].round(6)])
    assert shown["value"].iloc[-1] == pytest.approx(1)
    assert options(overlay)["ylabel"] == "share up to it"


@pytest.mark.parametrize(("draw", "band"), [(histogram, "chance"), (ecdf, "chance_ecdf")])
def test_what_chance_gives_is_a_band_behind_the_curves(found, draw, band):
    [first, *others] = draw(found.frame(), nothing(found), "")
    assert isinstance(first, hv.Area)
    assert all(isinstance(curve, hv.Curve) for curve in others)
    low, high = (first.dimension_values(end) for end in ("low", "high"))
    assert (low <= high).all()
    middle = curves(hv.Overlay(others))["all"].dimension_values("mid")
    assert ((low <= middle) & (middle <= high)).all()
    np.testing.assert_array_equal(
        np.sort(high), np.sort(found.frame()[f"{band}_high"])[-len(high) :]
    )


@pytest.mark.parametrize("draw", [histogram, ecdf])
def test_all_and_the_selected_have_a_curve_and_a_colour_each(found, draw):
    drawn = curves(draw(found.frame(), nothing(found), ""))
    assert {label: options(curve, "style")["color"] for label, curve in drawn.items()} == {
        "all": looks.BLUE,
        "selected": looks.ACCENT,
    }


def test_the_selected_are_drawn_where_they_are(found):
    chosen = nothing(found)
    at = int(found.counts.argmax())
    chosen[at] = 1.0
    shown = curves(histogram(found.frame(), chosen, ""))["selected"].dframe()
    [peak] = shown.loc[shown["value"] > 0, "cosine"]
    assert found.edges[at] < peak < found.edges[at + 1]


def test_empty_ends_are_left_out_and_nothing_else():
    found = distributed(n=60, d=400)
    shown = curves(histogram(found.frame(), nothing(found), ""))["all"].dframe()
    assert len(shown) < len(found.counts) / 2
    assert shown["value"].sum() == pytest.approx(1)


@pytest.mark.parametrize("draw", [histogram, ecdf])
@pytest.mark.parametrize(
    "model",
    [{"n": 2}, {"every": np.ones((12, 6))}, {"every": np.zeros((12, 6))}, {"d": 1}, {"d": 2}],
    ids=["two", "identical", "zeros", "one dimension", "two dimensions"],
)
def test_few_and_identical_neurons_are_drawn(draw, model):
    found = distributed(**model)
    drawn = draw(found.frame(), nothing(found), "")
    assert np.isfinite(curves(drawn)["all"].dimension_values("value")).all()
    assert hv.render(drawn)


@pytest.mark.parametrize("draw", [histogram, ecdf])
def test_a_title_is_shown_as_it_is(found, draw):
    shown = hv.render(draw(found.frame(), nothing(found), ALL_HOSTILE)).title.text
    assert plain(shown) == ALL_HOSTILE
    assert is_literal(shown)
