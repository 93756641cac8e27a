import pytest

from dtviz.views import titles


@pytest.mark.parametrize(
    ("layer", "expected"), [(2, "layer 2, out"), (0, "layer 0, out"), ("all", "all layers, out")]
)
def test_a_layer_and_its_side(layer, expected):
    assert titles.of_layer(layer, "out") == expected


def test_a_comparison_says_whether_layer_norm_was_applied():
    what, where = "right against left", "layer 2, out"
    assert titles.of_comparison(what, where, layer_norm=True) == f"{what} · {where}, LN"
    assert titles.of_comparison(what, where, layer_norm=False) == f"{what} · {where}, no LN"


def test_a_contrast_says_how_far_apart_the_actions_are():
    title = titles.of_comparison("a", "b", layer_norm=False, angle=164.4)
    assert title.endswith("actions 164° apart")


def test_averaging_is_said():
    assert "averaged" not in titles.of_similarity("layer 0, out", 256, 256)
    assert titles.of_similarity("layer 0, out", 3072, 1024).endswith(
        "3,072 neurons averaged to 1,024 × 1,024"
    )


def test_the_ranking_says_how_many_of_how_many():
    title = titles.of_ranking("layer 2, in", 10, 980, layer_norm=True)
    assert "10 of 980 at either end" in title
    assert "LN(embedding)" in title
