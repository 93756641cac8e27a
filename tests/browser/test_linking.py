"""Brushing in the browser: every gesture, what each view then shows, and what Python sees."""

import queue
import re

import numpy as np
import pytest
from playwright.sync_api import expect

import dtviz
from tests.browser.conftest import between
from tests.browser.gestures import PATIENCE


@pytest.fixture
def explorer(gated):
    return dtviz.Explorer(gated)


@pytest.fixture
def heard(explorer):
    """What Python hears of the selection."""
    changes = queue.Queue()
    explorer.selection.param.watch(lambda event: changes.put(set(event.new)), "names")
    return changes


def within(table, columns, x0, y0, x1, y1):
    x, y = columns
    inside = table[x].between(min(x0, x1), max(x0, x1)) & table[y].between(min(y0, y1), max(y0, y1))
    return set(table.loc[inside, "name"])


def assert_all_views_show(gestures, explorer, names):
    """Strip, heatmap and tables show the same neurons as the scatter."""
    table = explorer.neurons
    leaves = set(table.loc[table["name"].isin(names), "leaf"])
    assert gestures.lit() == (leaves, leaves)
    listed = gestures.data("top_k")
    assert set(listed["name"]) == names
    side = "in"
    reading = explorer.model.neurons(explorer.layer, side).subset(sorted(names))
    expected = dtviz.top_k(
        dtviz.congruence(reading, explorer.model.embedding.layer_normed()), k=explorer.ranking.k
    ).set_index(["name", "end", "rank"])
    for name, end, rank, item, value in zip(
        *(listed[column] for column in ("name", "end", "rank", "item", "value")), strict=True
    ):
        row = expected.loc[(name, end, rank)]
        assert item == row["item"]
        assert value == pytest.approx(row["value"], rel=1e-4, abs=1e-5)
    assert len(listed["name"]) == len(expected)
    gestures.expect_text(f"{len(names)} of {len(table)} neurons selected")


def assert_python_hears(home, heard, names):
    if home.has_python:
        assert heard.get(timeout=PATIENCE) == names


def test_a_box_on_the_scatter_selects_in_every_view_and_in_python(gestures, home, explorer, heard):
    home.show(explorer)
    corners = gestures.box("congruence", 2, -5, 6, -1)
    expected = within(explorer.neurons, ("x", "y"), *corners)
    assert expected
    gestures.wait_for_selected(expected)
    assert_all_views_show(gestures, explorer, expected)
    assert_python_hears(home, heard, expected)


@pytest.mark.parametrize("figure", ["congruence", "similarity"])
def test_a_drag_that_begins_late_selects_too(gestures, home, explorer, figure):
    home.show(explorer)
    start, end = gestures.screen(figure, *gestures.corners(figure, [(0.2, 0.2), (0.8, 0.8)]))
    mouse = gestures.page.mouse
    mouse.move(*start)
    mouse.down()
    down = gestures.page.evaluate("performance.now()")
    gestures.page.wait_for_function("(down) => performance.now() - down > 500", arg=down)
    mouse.move(*end, steps=4)
    mouse.up()
    gestures.page.wait_for_function(f"{gestures.HUB}.selected.indices.length > 0")


def test_a_lasso_on_the_scatter_selects(gestures, home, explorer):
    home.show(explorer)
    gestures.use_tool("congruence", "LassoSelectTool")
    corners = gestures.path("congruence", (2, -5), (6, -5), (6, -1), (2, -1), (2, -5))
    expected = within(explorer.neurons, ("x", "y"), *corners)
    gestures.wait_for_selected(expected)
    assert_all_views_show(gestures, explorer, expected)


def test_a_tap_on_a_point_selects_it_and_escape_clears(gestures, home, explorer, heard):
    home.show(explorer)
    outermost = explorer.neurons.loc[
        (explorer.neurons["x"] ** 2 + explorer.neurons["y"] ** 2).idxmax()
    ]
    gestures.tap("congruence", outermost["x"], outermost["y"])
    gestures.wait_for_selected({outermost["name"]})
    assert_all_views_show(gestures, explorer, {outermost["name"]})
    assert_python_hears(home, heard, {outermost["name"]})
    gestures.page.keyboard.press("Escape")
    gestures.wait_for_selected(set())
    assert_python_hears(home, heard, set())
    gestures.expect_text("Nothing is selected.")


def test_a_box_on_the_strip_selects(gestures, home, explorer):
    home.show(explorer)
    low, _, high, _ = gestures.box("difference", 4, -0.1, 9.5, 1.1)
    expected = between(explorer.neurons, "difference", low, high)
    assert expected
    gestures.wait_for_selected(expected)
    assert_all_views_show(gestures, explorer, expected)


def test_a_box_on_the_heatmap_selects_its_rows_and_columns(gestures, home, explorer, heard):
    home.show(explorer)
    gestures.box("similarity", 20.5, 60.5, 29.5, 64.5)
    leaves = [*range(20, 30), *range(60, 65)]
    expected = set(explorer.neurons.loc[explorer.neurons["leaf"].isin(leaves), "name"])
    gestures.wait_for_selected(expected)
    assert_all_views_show(gestures, explorer, expected)
    assert_python_hears(home, heard, expected)


def test_a_tap_on_the_heatmap_selects_the_pair(gestures, home, explorer):
    home.show(explorer)
    gestures.tap("similarity", 100.5, 7.5)
    expected = set(explorer.neurons.loc[explorer.neurons["leaf"].isin([100, 7]), "name"])
    gestures.wait_for_selected(expected)
    assert_all_views_show(gestures, explorer, expected)


def test_setting_names_in_python_moves_the_plots(gestures, serve, explorer):
    gestures.open(serve(explorer))
    explorer.selection.names = ["L1N14", "L1N88"]
    gestures.wait_for_selected({"L1N14", "L1N88"})
    assert_all_views_show(gestures, explorer, {"L1N14", "L1N88"})


def test_a_selection_made_before_the_page_opened_is_shown(gestures, home, explorer):
    explorer.selection.names = ["L1N14", "L1N88"]
    home.show(explorer)
    gestures.expect_text("2 of 256 neurons selected")
    assert_all_views_show(gestures, explorer, {"L1N14", "L1N88"})


def test_a_selection_outlasts_a_switch_to_another_layer(gestures, serve, explorer, heard):
    explorer.selection.names = ["L1N14", "L1N88"]
    heard.get(timeout=PATIENCE)
    gestures.open(serve(explorer))
    gestures.choose("Layer", "0")
    gestures.page.wait_for_function(f"{gestures.HUB}.data.name[0] === 'L0N0'")
    gestures.wait_for_selected(set())
    corners = gestures.box("congruence", 1, -4, 5, 0)
    brushed = within(explorer.neurons, ("x", "y"), *corners)
    assert brushed
    gestures.wait_for_selected(brushed)
    assert heard.get(timeout=PATIENCE) == brushed | {"L1N14", "L1N88"}
    gestures.choose("Layer", "1")
    gestures.wait_for_selected({"L1N14", "L1N88"})
    assert_all_views_show(gestures, explorer, {"L1N14", "L1N88"})


def test_another_layer_keeps_the_sizes_and_shows_all_points(gestures, serve, gated):
    explorer = dtviz.Explorer(gated, layer=0)
    gestures.open(serve(explorer))
    before = gestures.sizes()
    gestures.choose("Layer", "1")
    gestures.page.wait_for_function(f"{gestures.HUB}.data.name[0] === 'L1N0'")
    for figure, column in (("congruence", "x"), ("difference", "difference")):
        extremes = [float(f(explorer.neurons[column])) for f in (min, max)]
        gestures.page.wait_for_function(
            """([name, [low, high]]) => {
              const {x_range} = explorerPage().get_model_by_name(name)
              return x_range.start <= low && high <= x_range.end
            }""",
            arg=[figure, extremes],
        )
    assert gestures.sizes() == before


def test_from_all_layers_to_one(gestures, serve, gated):
    explorer = dtviz.Explorer(gated, layer="all")
    explorer.selection.names = ["L0N3", "L1N255"]
    gestures.open(serve(explorer))
    assert len(gestures.data("neurons")["name"]) == 512
    assert_all_views_show(gestures, explorer, {"L0N3", "L1N255"})
    gestures.choose("Layer", "0")
    gestures.page.wait_for_function(f"{gestures.HUB}.data.name.length === 256")
    gestures.wait_for_selected({"L0N3"})
    assert_all_views_show(gestures, explorer, {"L0N3"})


@pytest.mark.parametrize(
    ("label", "choice"), [("Linkage", "complete"), ("Distance", "1 − |cos|"), ("Side", "in")]
)
def test_options_change_the_order_of_the_heatmap(gestures, serve, explorer, label, choice):
    explorer.selection.names = ["L1N14", "L1N88"]
    gestures.open(serve(explorer))
    before = gestures.data("neurons")["leaf"]
    gestures.choose(label, choice)
    gestures.page.wait_for_function(
        f"(before) => !before.every((leaf, i) => leaf === {gestures.HUB}.data.leaf[i])", arg=before
    )
    gestures.wait_for_selected({"L1N14", "L1N88"})
    assert_all_views_show(gestures, explorer, {"L1N14", "L1N88"})


def test_switches_change_what_is_compared(gestures, serve, explorer):
    gestures.open(serve(explorer))
    raw = np.array(gestures.data("neurons")["x"])
    gestures.switch("LayerNorm")
    gestures.page.wait_for_function(
        f"(x) => Math.abs({gestures.HUB}.data.x[0] - x) > 1e-6", arg=float(raw[0])
    )
    plain = gestures.data("neurons")["x"]
    expected = dtviz.congruence(explorer.model.neurons(1), explorer.model.unembedding)["left"]
    np.testing.assert_allclose(plain, expected, rtol=1e-4, atol=1e-5)
    gestures.switch("Contrast")
    gestures.page.wait_for_function(
        f"(x) => Math.abs({gestures.HUB}.data.x[0] - x) > 1e-6", arg=plain[0]
    )
    targets = dtviz.contrast(explorer.model.unembedding, "left", "right")
    expected = dtviz.congruence(explorer.model.neurons(1), targets)["left not right"]
    np.testing.assert_allclose(gestures.data("neurons")["x"], expected, rtol=1e-4, atol=1e-5)
    assert "right not left against left not right" in gestures.title("congruence")


def test_hovering_the_heatmap_names_both_neurons_also_of_another_layer(gestures, serve, explorer):
    gestures.open(serve(explorer))
    for layer in (1, 0):
        if layer != explorer.layer:
            gestures.choose("Layer", str(layer))
            gestures.page.wait_for_function(f"{gestures.HUB}.data.name[0] === 'L{layer}N0'")
        by_leaf = explorer.neurons.sort_values("leaf")["name"].tolist()
        gestures.hover("similarity", 100.5, 7.5)
        gestures.expect_text(by_leaf[100])
        gestures.expect_text(by_leaf[7])
        similarity = dtviz.cosine_similarity(explorer.model.neurons(layer))
        gestures.expect_text(f"{similarity.loc[by_leaf[7], by_leaf[100]]:.3f}")


def test_the_theme_toggle_recolours_the_heatmap(gestures, home, explorer):
    explorer.selection.names = ["L1N14"]
    home.show(explorer)
    light = gestures.mask_colour()
    assert light == [255, 255, 255]
    paper = "explorerPage().get_model_by_name('similarity').background_fill_color"
    before = gestures.page.evaluate(paper)
    gestures.toggle_theme()
    gestures.page.wait_for_function(f"(before) => {paper} !== before", arg=before)
    assert max(gestures.mask_colour()) < 64


_DOTS = """([name, points]) => {
  const figure = explorerPage().get_model_by_name(name)
  const {data} = figure.renderers.map((renderer) => renderer.data_source).find(
    (source) => source != null && "dw" in source.data)
  const [pixels, x, y, dw, dh] = [...Object.values(data)].map(([first]) => first)
  const [height, width] = pixels.shape
  return points.map(([left, up]) => {
    const pixel = pixels[Math.floor((up - y) / dh * height) * width +
      Math.floor((left - x) / dw * width)]
    return [pixel & 255, (pixel >> 8) & 255, (pixel >> 16) & 255, pixel >>> 24]
  })
}"""
ACCENT = [0xD8, 0x1B, 0x60, 255]


def test_of_many_points_in_one_place_few_are_told(gestures, home):
    targets = dtviz.Directions(np.eye(4)[:2], ["left", "right"])
    explorer = dtviz.Explorer(dtviz.Model.from_arrays(np.ones((20, 4)), unembedding=targets))
    home.show(explorer)
    gestures.hover("congruence", *explorer.neurons[["x", "y"]].iloc[0])
    tooltip = gestures.page.locator(".bk-tooltip-content").first
    expect(tooltip).to_contain_text("1 of 20 here")
    told = re.findall(r"(L0N\d+) · (\d) of 20 here", tooltip.inner_text())
    assert told == [("L0N0", "1"), ("L0N1", "2"), ("L0N2", "3")]


def test_many_points_are_drawn_into_an_image(gestures, home):
    random = np.random.default_rng(0)
    model = dtviz.Model.from_arrays(
        random.normal(size=(1500, 16)),
        unembedding=dtviz.Directions(random.normal(size=(2, 16)), ["left", "right"]),
    )
    explorer = dtviz.Explorer(model)
    home.show(explorer)
    corners = gestures.box("congruence", 1, -3, 4, 2)
    expected = within(explorer.neurons, ("x", "y"), *corners)
    gestures.wait_for_selected(expected)
    table = explorer.neurons
    chosen = table["name"].isin(expected)
    assert 20 < chosen.sum() < 1000
    for name, columns in (
        ("congruence", ["x", "y"]),
        ("difference", ["difference", "jitter"]),
    ):
        places = table.assign(jitter=gestures.data("neurons")["jitter"])[columns]
        lit = gestures.page.evaluate(_DOTS, [name, places[chosen].to_numpy().tolist()])
        assert lit == [ACCENT] * chosen.sum()
        faded = gestures.page.evaluate(_DOTS, [name, places[~chosen].to_numpy().tolist()])
        assert all(alpha > 0 for *_, alpha in faded)
        assert sum(pixel == ACCENT for pixel in faded) < 0.2 * len(faded)  # hidden by others
    alone = table.loc[table["x"].idxmax()]
    gestures.tap("congruence", alone["x"], alone["y"])
    gestures.wait_for_selected({alone["name"]})
    # Zoomed, they are where the axes say.
    end = 'explorerPage().get_model_by_name("congruence").x_range.end'
    before = gestures.page.evaluate(end)
    gestures.page.mouse.wheel(0, -300)
    gestures.page.wait_for_function(f"(before) => {end} < before", arg=before)
    [pixel] = gestures.page.evaluate(
        _DOTS, ["congruence", [[float(alone["x"]), float(alone["y"])]]]
    )
    assert pixel == ACCENT


def test_tables_out_of_sight_are_there_when_one_scrolls_to_them(gestures, home, explorer):
    explorer.selection.names = explorer.neurons["name"].tolist()[:20]
    home.show(explorer)
    gestures.expect_text("12 of 20 selected neurons shown")
    last = gestures.page.locator(".card").nth(11)
    expect(last.locator("table")).to_have_count(0)
    last.scroll_into_view_if_needed()
    expect(last.locator("td")).to_have_count(4 * explorer.ranking.k)
