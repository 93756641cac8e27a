import math

import holoviews as hv
import numpy as np
import pandas as pd
import pytest

import dtviz

from .models import small
from .shown import cells, drawing, elements, shown, titles

CHOSEN = ["L1N1", "L1N4", "L1N6", "L1N9"]


def hedges(chosen, rest):
    """Hedges' g, and half of its 95% interval; see Hedges & Olkin (1985), chapter 5."""
    n1, n2 = len(chosen), len(rest)
    freedom = n1 + n2 - 2
    squares = sum((x - sum(chosen) / n1) ** 2 for x in chosen)
    squares += sum((x - sum(rest) / n2) ** 2 for x in rest)
    d = (sum(chosen) / n1 - sum(rest) / n2) / math.sqrt(squares / freedom)
    unbiased = math.gamma(freedom / 2) / math.gamma((freedom - 1) / 2) / math.sqrt(freedom / 2)
    g = unbiased * d
    return g, 1.959964 * math.sqrt((n1 + n2) / (n1 * n2) + g**2 / (2 * (n1 + n2)))


@pytest.fixture
def tab(explorer):
    explorer.selection.names = CHOSEN
    return shown(explorer.rest)


def points(tab):
    [scatter] = elements(tab, hv.Scatter)
    return scatter.dframe().set_index("name")


def test_each_number_of_the_table_is_compared_with_the_rest(explorer, tab):
    table = explorer.neurons
    inside = table["name"].isin(CHOSEN)
    drawn = points(tab)
    columns = {"x": "left", "y": "right", "difference": "right − left", "kurtosis": "kurtosis"}
    assert set(columns.values()) <= set(drawn.index)
    assert not {"leaf", "cluster", "name"} & set(drawn.index)
    [intervals] = elements(tab, hv.Segments)
    low, high = intervals.dimension_values(0), intervals.dimension_values(2)
    for column, label in columns.items():
        values = table[column].astype(float)
        g, half = hedges(values[inside].tolist(), values[~inside].tolist())
        place = drawn.index.get_loc(label)
        np.testing.assert_allclose(drawn["g"].iloc[place], g, rtol=1e-5)
        np.testing.assert_allclose(low[place], g - half, rtol=1e-4)
        np.testing.assert_allclose(high[place], g + half, rtol=1e-4)


def test_the_text_has_the_means_of_both_and_the_effect(explorer, tab):
    assert tab.text.startswith("<b>4 of 12</b> selected")
    table = explorer.neurons
    inside = table["name"].isin(CHOSEN)
    shown_cells = cells(tab.text)
    numbers = table.select_dtypes("number").drop(columns=["leaf", "cluster"])
    assert len(shown_cells) == 3 * len(numbers.columns)
    for i, column in enumerate(numbers):
        chosen, rest = numbers[column][inside], numbers[column][~inside]
        g, _ = hedges(chosen.astype(float).tolist(), rest.astype(float).tolist())
        expected = [f"{chosen.mean():.3f}", f"{rest.mean():.3f}", f"{g:.3f}"]
        np.testing.assert_allclose(
            [float(cell) for cell in shown_cells[3 * i : 3 * i + 3]],
            [float(cell) for cell in expected],
            atol=1.1e-3,
        )


def test_nothing_selected_is_told_with_what_to_do(explorer):
    tab = shown(explorer.rest)
    assert tab.message.startswith("No neuron in view is selected: select neurons")
    explorer.selection.names = ["L0N1"]
    assert tab.message.startswith("No neuron in view is selected: select neurons")
    assert tab.text == ""
    assert tab.row.objects == []


def test_where_all_are_selected_there_is_no_rest(explorer, tab):
    explorer.selection.names = explorer.in_view.names
    assert tab.message.startswith("All neurons in view are selected")
    assert tab.text == ""
    assert not tab.row.visible
    explorer.selection.names = CHOSEN
    assert tab.message == ""
    assert tab.row.visible


def test_it_follows_the_selection_the_layer_and_the_actions(explorer, tab):
    before = points(tab)
    explorer.selection.names = [*CHOSEN, "L1N2", "L0N1", "L0N5"]
    assert tab.text.startswith("<b>5 of 12</b>")
    assert not np.allclose(points(tab)["g"], before["g"])
    explorer.layer = 0
    assert tab.text.startswith("<b>2 of 12</b>")
    explorer.layer = "all"
    assert tab.text.startswith("<b>7 of 24</b>")
    explorer.congruence.param.update(x="forward", contrast=True)
    assert {"forward not right", "right not forward"} <= set(points(tab).index)


def test_one_selected_has_means_and_no_effect(explorer, tab):
    explorer.selection.names = ["L1N1"]
    assert points(tab).empty
    found = cells(tab.text)
    assert set(found[2::3]) == {"–"}
    expected = explorer.neurons.loc["L1N1", "x"]
    assert float(found[0]) == pytest.approx(expected, abs=1e-3)


def test_what_is_compared_is_said(tab):
    assert titles(tab) == ["Hedges' g of the selected against the rest, 95% interval"]


def test_names_of_actions_are_shown_as_they_are():
    explorer = dtviz.Explorer(small(actions=["<b>l</b>", "{x} $$y$$"]))
    explorer.selection.names = CHOSEN
    tab = shown(explorer.rest)
    assert "<b>l</b>" not in tab.text
    assert "&lt;b&gt;l&lt;/b&gt;" in tab.text
    assert {"<b>l</b>", "{x} $$y$$"} <= set(points(tab).index)
    assert drawing(tab)


@pytest.mark.parametrize("model", [{"features": []}, {"rtg": False}, {"sides": ["out"]}])
def test_what_a_model_lacks_is_not_compared(model):
    explorer = dtviz.Explorer(small(**model))
    explorer.selection.names = CHOSEN
    tab = shown(explorer.rest)
    assert tab.message == ""
    numbers = explorer.neurons.select_dtypes("number").drop(columns=["leaf", "cluster"])
    assert len(cells(tab.text)) == 3 * len(numbers.columns)
    assert isinstance(points(tab), pd.DataFrame)
