import holoviews as hv
import numpy as np
import pytest

from dtviz.views.labelled import MOST_NAMES, labelled, named

from .elements import ALL_HOSTILE, HOSTILE, is_literal, options, plain

ONE = (1, 1)


def similarity(n):
    rows = np.random.default_rng(0).normal(size=(n, 4)).astype(np.float32)
    rows /= np.linalg.norm(rows, axis=1, keepdims=True)
    return np.clip(rows @ rows.T, -1, 1)


def names(n):
    return [f"L0N{i}" for i in range(n)]


def test_row_p_covers_the_cells_from_p_to_p_plus_1_and_the_first_is_on_top():
    matrix = similarity(5)
    image = labelled(matrix, names(5), "title")
    assert image.bounds.lbrt() == (0, 0, 5, 5)
    for row in range(5):
        for column in range(5):
            assert image[column + 0.5, row + 0.5] == matrix[row, column]
    assert options(image)["invert_yaxis"]
    assert options(image)["clim"] == (-1, 1)
    assert options(image)["title"] == "title"


def test_each_of_few_rows_is_named_at_its_middle_on_both_axes():
    image = labelled(similarity(5), names(5), "")
    ticks = [(i + 0.5, f"L0N{i}") for i in range(5)]
    assert options(image)["xticks"] == options(image)["yticks"] == ticks


@pytest.mark.parametrize("n", [1, 2, MOST_NAMES])
def test_few_rows_are_all_named(n):
    assert named(n) == list(range(n))


@pytest.mark.parametrize("n", [MOST_NAMES + 1, 100, 50257])
def test_of_many_rows_evenly_spread_ones_are_named(n):
    rows = named(n)
    assert len(set(rows)) == len(rows) == MOST_NAMES
    assert (rows[0], rows[-1]) == (0, n - 1)
    assert np.ptp(np.diff(rows)) <= 1


@pytest.mark.parametrize(("n", "cells"), [ONE, (2, 2), (300, 300), (300, 64)])
def test_few_and_many_rows_and_averages_span_all_names(n, cells):
    image = labelled(similarity(cells), names(n), "")
    assert image.bounds.lbrt() == pytest.approx((0, 0, n, n))
    for at, name in options(image)["xticks"]:
        assert name == f"L0N{int(at)}"
    assert hv.render(image)


def test_names_and_titles_are_shown_as_they_are():
    figure = hv.render(labelled(similarity(len(HOSTILE)), HOSTILE, ALL_HOSTILE))
    assert plain(figure.title.text) == ALL_HOSTILE
    assert is_literal(figure.title.text)
    for axis in (figure.xaxis[0], figure.yaxis[0]):
        shown = list(axis.major_label_overrides.values())
        assert [plain(name) for name in shown] == HOSTILE
        assert all(map(is_literal, shown))
