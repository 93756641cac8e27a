import asyncio
import threading

import holoviews as hv
import numpy as np
import pytest

import dtviz
from dtviz import study
from dtviz.tabs.distributions import Distributions

from ..tokens import wordy
from .models import small
from .shown import cells, drawing, drawn_titles, elements, shown, titles


def curves(tab):
    """The curves of histogram and ECDF, by their labels."""
    found = elements(tab, hv.Curve)
    return [{curve.label: curve.dimension_values(1) for curve in found[i : i + 2]} for i in (0, 2)]


def test_the_distribution_is_that_of_all_pairs(explorer):
    tab = shown(explorer.distributions)
    expected = dtviz.distribution(explorer.model, "out", 1)
    histogram, ecdf = curves(tab)
    np.testing.assert_allclose(
        histogram["all"][histogram["all"] > 0], expected.share[expected.share > 0]
    )
    assert ecdf["all"][-1] == pytest.approx(1)
    assert titles(tab) == [
        "layer 1, out: all (blue), selected (red), by chance (grey)",
        "ECDF · 66 pairs, 0 selected",
    ]


@pytest.mark.parametrize(("n", "pairs"), [(0, 0), (1, 0), (2, 1), (5, 10)])
def test_the_pairs_of_the_selected_are_drawn_too(explorer, n, pairs):
    explorer.selection.names = [*explorer.in_view.names[:n], "L0N3"]
    tab = shown(explorer.distributions)
    histogram, ecdf = curves(tab)
    assert histogram["selected"].sum() == pytest.approx(1 if pairs else 0)
    assert ecdf["selected"][-1] == pytest.approx(1 if pairs else 0)
    assert titles(tab)[1] == f"ECDF · 66 pairs, {pairs} selected"


def test_the_selected_follow_the_selection(explorer):
    tab = shown(explorer.distributions)
    explorer.selection.names = explorer.in_view.names
    histogram, ecdf = curves(tab)
    np.testing.assert_allclose(histogram["selected"], histogram["all"])
    np.testing.assert_allclose(ecdf["selected"], ecdf["all"])


@pytest.mark.parametrize("space", ["in", "out congruence", "in congruence"])
def test_the_space_can_be_chosen(explorer, space):
    tab = shown(explorer.distributions)
    tab.space = space
    expected = dtviz.distribution(explorer.model, space, 1)
    share = curves(tab)[0]["all"]
    np.testing.assert_allclose(share[share > 0], expected.share[expected.share > 0])
    assert titles(tab)[0].startswith(f"layer 1, {space}: ")


def test_beside_them_are_the_statistics_of_the_spaces(explorer):
    tab = shown(explorer.distributions)
    for layer in (1, "all"):
        explorer.layer = layer
        expected = dtviz.summary(explorer.model, layer).drop(index="count")
        read = np.array(cells(tab.text), dtype=float).reshape(expected.shape)
        np.testing.assert_allclose(read, expected, atol=6e-4)
        assert all(f"<th>{name}</th>" in tab.text for name in [*expected, *expected.index])


def test_one_neuron_has_no_pairs():
    explorer = dtviz.Explorer(small(n=1))
    tab = shown(explorer.distributions)
    assert "one neuron" in tab.message
    explorer.layer = "all"
    assert tab.message == ""
    assert titles(tab)[1] == "ECDF · 1 pairs, 0 selected"


def test_a_space_that_the_filter_empties_gives_way_to_another(explorer):
    tab = shown(explorer.distributions)
    tab.space = "in congruence"
    explorer.features.named = "nothing"
    assert tab.message == ""
    assert titles(tab)[0].startswith("layer 1, out: ")
    assert "in congruence" not in tab.text


def test_features_that_pass_are_those_of_the_congruence(explorer):
    tab = shown(explorer.distributions)
    tab.space = "in congruence"
    explorer.features.named = "key"
    features = dtviz.restricted(explorer.model.embedding, None, "key")
    expected = dtviz.distribution(explorer.model, "in congruence", 1, embedding=features)
    share = curves(tab)[0]["all"]
    np.testing.assert_allclose(share[share > 0], expected.share[expected.share > 0])


def test_the_figures_are_drawn(explorer):
    explorer.selection.names = ["L1N3", "L1N4"]
    root = drawing(explorer.distributions)
    assert drawn_titles(root) == sorted(titles(explorer.distributions))


def test_while_statistics_are_found_the_page_is_answered(monkeypatch):
    explorer = dtviz.Explorer(wordy(n=12), layer=1)
    may_end = threading.Event()
    find, layers = type(explorer)._summary, []

    def slow(study, model, layer, *of):
        layers.append(layer)
        assert may_end.wait(60)
        return find(study, model, layer, *of)

    monkeypatch.setattr(type(explorer), "_summary", slow)

    async def go():
        tab = shown(explorer.distributions)
        # What does not wait for them is there at once.
        assert "ECDF · 66 pairs, 0 selected" in titles(tab)
        assert tab.text == "The statistics of the spaces are being found."
        while not layers:
            await asyncio.sleep(0)
        explorer.layer = 0
        explorer.selection.names = explorer.in_view.names[:3]
        assert tab.text == "The statistics of the spaces are being found."
        may_end.set()
        while "being found" in tab.text:
            await asyncio.sleep(0)
        return tab

    tab = asyncio.run(go())
    assert layers == [1, 0]
    for number in dtviz.summary(explorer.model, 0).drop(index="count").to_numpy().ravel():
        assert f"<td>{number:.3f}</td>" in tab.text


def test_why_there_are_no_statistics_is_told(monkeypatch):
    explorer = dtviz.Explorer(wordy(n=12), layer=1)

    def fail(*_):
        raise MemoryError

    monkeypatch.setattr(type(explorer), "_summary", fail)
    tab = shown(explorer.distributions)
    assert tab.text == "There is not enough memory."
    monkeypatch.undo()
    explorer.layer = 0
    assert tab.text.startswith("<b>|cosine| of all pairs</b>")


def test_while_many_pairs_are_counted_the_page_is_answered(monkeypatch):
    explorer = dtviz.Explorer(small(n=12), layer=1)
    may_end, counted = threading.Event(), []

    def slow(*asked, **options):
        counted.append(asked)
        assert may_end.wait(60)
        return dtviz.distribution(*asked, **options)

    monkeypatch.setattr(Distributions, "at_once", 4)
    monkeypatch.setattr(study, "distribution", slow)

    async def go():
        tab = shown(explorer.distributions)
        assert tab.message == "The cosines of 66 pairs are being counted."
        while not counted:
            await asyncio.sleep(0)
        explorer.selection.names = explorer.in_view.names[:5]
        explorer.distributions.space = "in"
        assert tab.message == "The cosines of 66 pairs are being counted."
        may_end.set()
        while tab.message or "being found" in tab.text:
            await asyncio.sleep(0)
        return tab

    tab = asyncio.run(go())
    assert [space for _, space, _ in counted] == ["out", "in"]
    assert titles(tab) == [
        "layer 1, in: all (blue), selected (red), by chance (grey)",
        "ECDF · 66 pairs, 10 selected",
    ]
    histogram, _ = curves(tab)
    share = dtviz.distribution(explorer.model, "in", 1).share
    np.testing.assert_allclose(histogram["all"][histogram["all"] > 0], share[share > 0])


def test_why_no_pairs_are_counted_is_told(monkeypatch):
    explorer = dtviz.Explorer(small(n=12), layer=1)

    def fail(*_, **__):
        raise MemoryError

    monkeypatch.setattr(Distributions, "at_once", 4)
    monkeypatch.setattr(study, "distribution", fail)

    async def go():
        tab = shown(explorer.distributions)
        while "being counted" in tab.message:
            await asyncio.sleep(0)
        return tab

    tab = asyncio.run(go())
    assert tab.message == "There is not enough memory."
    monkeypatch.undo()
    tab.space = "in"
    assert tab.message == ""
