"""Layers of many neurons: the heatmap is in blocks, the points are dots of an image."""

from itertools import pairwise

import numpy as np
import pytest

import dtviz
from dtviz.study import MOST_CELLS
from dtviz.views import looks


def random_model(n: int, layers: int = 1) -> dtviz.Model:
    """A model of as many neurons in all, in few dimensions."""
    random = np.random.default_rng(0)
    weights = random.normal(size=(layers, n // layers, 32)).astype(np.float32)
    actions = dtviz.Directions(random.normal(size=(2, 32)), ["left", "right"])
    return dtviz.Model.from_arrays(list(weights), unembedding=actions)


@pytest.fixture
def explorer():
    return dtviz.Explorer(random_model(1_500))


def in_order(explorer) -> list[str]:
    return explorer.neurons.sort_values("leaf")["name"].tolist()


def zoom_to(gestures, rows, columns) -> None:
    """Let a heatmap show the rows and columns between leaves."""
    gestures.page.evaluate(
        """([[top, bottom], [left, right]]) => {
          const {x_range, y_range} = explorerPage().get_model_by_name("similarity")
          x_range.setv({start: left, end: right})
          y_range.setv({start: bottom, end: top}) // the first row is on top
        }""",
        [rows, columns],
    )


def detail(gestures) -> dict:
    """What is drawn of the part of the heatmap that is in view: places and values."""
    return gestures.page.evaluate(
        """() => {
          const {image: [image], ...sides} = explorerPage().get_model_by_name("detail").data
          const of = Object.entries(sides).map(([name, [value]]) => [name, value])
          return {...Object.fromEntries(of), shape: [...image.shape], values: [...image]}
        }"""
    )


def wait_for_detail(gestures, rows, columns) -> np.ndarray:
    """Wait until a part is drawn anew; return its values."""
    gestures.page.wait_for_function(
        """([[top, bottom], [left, right]]) => {
          const {x, y, dw, dh} = explorerPage().get_model_by_name("detail").data
          return x[0] === left && y[0] === top && dw[0] === right - left && dh[0] === bottom - top
        }""",
        arg=[rows, columns],
    )
    found = detail(gestures)
    return np.reshape(found["values"], found["shape"])


def tells(gestures, x: float, y: float) -> list[str]:
    """What the heatmap's tooltip tells of a place: row, column, cosine."""
    gestures.page.mouse.move(0, 0)
    tooltip = gestures.page.locator(".bk-tooltip-content")
    gestures.hover("similarity", x, y)
    tooltip.first.wait_for()
    return tooltip.first.inner_text().split("\n")


def leaves_in_view(gestures, figure: str) -> list[float]:
    """Between which leaves a figure shows columns."""
    return gestures.page.evaluate(
        """(name) => {
          const {start, end} = explorerPage().get_model_by_name(name).x_range
          return [start, end]
        }""",
        figure,
    )


def assert_dots_are_drawn(gestures, figure: str, x: str, y: str) -> None:
    """The image of a scatter's dots is what drawing them all anew with NumPy gives."""
    found = gestures.page.evaluate(
        """([name, x, y]) => {
          const figure = explorerPage().get_model_by_name(name)
          const {x_range, y_range} = figure
          const {data_source: {data}} = figure.renderers.find(({name}) => name === "dots")
          const points = figure.renderers.find(({data_source}) => data_source?.name === "neurons")
          const {palette, low, high} = points.glyph.fill_color.transform
          const {color, [x]: xs, [y]: ys} = points.data_source.data
          const [image] = data.image
          return {
            colours: palette, low, high, color: [...color], x: [...xs], y: [...ys],
            start: [data.x[0], data.y[0]], size: [data.dw[0], data.dh[0]],
            ranges: [x_range, y_range].flatMap(({start, end}) => [start, end]),
            selected: [...points.data_source.selected.indices],
            shape: [...image.shape],
            pixels: [...new Uint8Array(image.buffer, image.byteOffset, image.byteLength)],
          }
        }""",
        [figure, x, y],
    )
    left, right, bottom, top = found["ranges"]
    assert found["start"] == [left, bottom]
    assert found["size"] == [right - left, top - bottom]
    height, width = found["shape"]

    def rgb(text: str) -> np.ndarray:
        return np.array([int(text[at : at + 2], 16) for at in (1, 3, 5)])

    share = (np.array(found["color"]) - found["low"]) / (found["high"] - found["low"])
    last = len(found["colours"]) - 1
    colours = [
        rgb(found["colours"][at]) for at in np.floor(share.clip(0, 1) * last + 0.5).astype(int)
    ]
    columns = np.floor((np.array(found["x"]) - left) / (right - left) * width).astype(int)
    rows = np.floor((np.array(found["y"]) - bottom) / (top - bottom) * height).astype(int)
    covered = np.clip(1.7 + 0.5 - np.hypot(*np.mgrid[-2:3, -2:3]), 0, 1)[..., None]
    expected = np.zeros((height + 8, width + 8, 4))  # times alpha; a margin for what the edge cuts

    def put(i: int, colour: np.ndarray, opacity: float) -> None:
        if -2 <= columns[i] < width + 2 and -2 <= rows[i] < height + 2:
            patch = expected[rows[i] + 2 : rows[i] + 7, columns[i] + 2 : columns[i] + 7]
            over = covered * opacity
            patch[:] = np.array([*colour, 255]) * over + patch * (1 - over)

    for i, colour in enumerate(colours):
        put(i, colour, 0.25 if found["selected"] else 0.85)
    for i in found["selected"]:
        put(i, rgb(looks.ACCENT), 1)
    pixels = np.reshape(found["pixels"], (height, width, 4)).astype(float)
    pixels[..., :3] *= pixels[..., 3:] / 255
    np.testing.assert_allclose(pixels, expected[4:-4, 4:-4], atol=6)  # rounded at every dot
    assert (pixels[..., 3] > 0).sum() > 1000


def test_dots_are_drawn_anew_when_anything_changes(gestures, serve, explorer):
    gestures.open(serve(explorer))

    def assert_all_drawn():
        assert_dots_are_drawn(gestures, "congruence", "x", "y")
        assert_dots_are_drawn(gestures, "difference", "difference", "jitter")

    assert_all_drawn()
    for shares in ([(0.3, 0.3), (0.6, 0.6)], [(0.5, 0.2), (0.7, 0.5)]):
        (x0, y0), (x1, y1) = gestures.corners("congruence", shares)
        gestures.box("congruence", x0, y0, x1, y1)
        assert_all_drawn()
    start = "explorerPage().get_model_by_name('congruence').x_range.start"
    before = gestures.page.evaluate(start)
    gestures.page.mouse.wheel(0, -300)
    gestures.page.wait_for_function(f"(before) => {start} !== before", arg=before)
    assert_dots_are_drawn(gestures, "congruence", "x", "y")
    at = gestures.page.evaluate(f"{gestures.HUB}.data.x[0]")
    explorer.congruence.param.update(x="right", y="left")
    gestures.page.wait_for_function(f"(at) => {gestures.HUB}.data.y[0] === at", arg=at)
    gestures.wait_until_drawn()
    assert_all_drawn()
    gestures.page.keyboard.press("Escape")
    gestures.wait_for_selected(set())
    assert_all_drawn()


def test_zooming_in_brings_single_pairs_and_all_stays_linked(gestures, serve, explorer):
    gestures.open(serve(explorer))
    by_leaf = in_order(explorer)
    cosines = dtviz.cosine_similarity(explorer.in_view).loc[by_leaf, by_leaf].to_numpy()
    assert "1,500 × 1,500 averaged to 1,024 × 1,024" in gestures.title("similarity")
    assert detail(gestures)["dw"] == 0

    rows, columns = (600, 640), (700, 760)
    zoom_to(gestures, rows, columns)
    values = wait_for_detail(gestures, rows, columns)
    np.testing.assert_allclose(values, cosines[600:640, 700:760], atol=1e-6)
    told = " ".join(tells(gestures, 720.5, 610.5))
    for what in (by_leaf[720], by_leaf[610], f"{cosines[610, 720]:.3f}"):
        assert what in told
    assert "pairs" not in told
    assert leaves_in_view(gestures, "dendrogram") == list(columns)

    # A box and a tap select what is under them, and just that is lit.
    gestures.box("similarity", 710.5, 620.5, 712.5, 621.5)
    gestures.wait_for_selected({by_leaf[leaf] for leaf in (620, 621, 710, 711, 712)})
    assert gestures.lit() == ({710, 711, 712}, {620, 621})
    gestures.tap("similarity", 730.5, 605.5)
    gestures.wait_for_selected({by_leaf[605], by_leaf[730]})
    assert gestures.lit() == ({730}, {605})
    zoom_to(gestures, (600, 640), (590, 650))
    wait_for_detail(gestures, (600, 640), (590, 650))
    assert gestures.lit() == ({605}, {605})


def test_what_is_in_view_may_still_be_in_blocks_and_hover_says_so(gestures, serve, explorer):
    gestures.open(serve(explorer))
    by_leaf = in_order(explorer)
    unit = explorer.in_view.subset(by_leaf).unit().vectors
    rows, columns = (0, 1500), (300, 310)
    zoom_to(gestures, rows, columns)
    values = wait_for_detail(gestures, rows, columns)
    bounds = np.arange(MOST_CELLS + 1) * 1500 // MOST_CELLS
    means = [unit[a:b].mean(axis=0) @ unit[300:310].T for a, b in pairwise(bounds)]
    np.testing.assert_allclose(values, means, atol=1e-6)
    of_two = np.flatnonzero(np.diff(bounds) == 2)
    middles = [(305.5, (cell + 0.5) * 1500 / MOST_CELLS) for cell in of_two]
    # A pixel is higher than a cell: one that the mouse can reach.
    cell, place = next(
        (cell, place)
        for place in gestures.whole("similarity", *middles)
        if (cell := int(place[1] * MOST_CELLS / 1500)) in of_two
    )
    first, last = bounds[cell], bounds[cell + 1] - 1
    told = " ".join(tells(gestures, *place))
    assert f"{by_leaf[first]} … {by_leaf[last]} (2, places {first + 1} to {last + 1})" in told
    assert f"mean of 2 × 1 pairs: {means[cell][5]:.3f}" in told

    explorer.blocks.block_value = "greatest"
    gestures.wait_for_title("similarity", "1,500 × 1,500 greatest |cosine| in 1,024 × 1,024")
    zoom_to(gestures, rows, columns)
    gestures.page.wait_for_function(
        """() => explorerPage().get_model_by_name("detail").data.dh[0] === 1500 &&
          explorerPage().get_model_by_name("cells").data.of[0] === "greatest" """
    )
    pairs = unit[first : last + 1] @ unit[305]
    greatest = pairs[np.abs(pairs).argmax()]
    told = " ".join(tells(gestures, *place))
    assert f"greatest of 2 × 1 pairs: {greatest:.3f}" in told


def test_the_wheel_zooms_and_another_order_takes_the_detail_away(gestures, serve, explorer):
    gestures.open(serve(explorer))
    gestures.hover("similarity", 750, 750)
    gestures.page.mouse.wheel(0, -300)
    gestures.page.wait_for_function("explorerPage().get_model_by_name('detail').data.dw[0] > 0")
    before = gestures.data("neurons")["leaf"]
    explorer.clustering.method = "complete"
    gestures.page.wait_for_function(
        f"""(before) => !before.every((leaf, i) => leaf === {gestures.HUB}.data.leaf[i]) &&
          explorerPage().get_model_by_name("detail").data.dw[0] === 0""",
        arg=before,
    )


def test_a_snapshot_stays_in_blocks_and_says_so(gestures, explorer, tmp_path):
    explorer.save(tmp_path / "snapshot.html")
    gestures.open_file(tmp_path / "snapshot.html")
    gestures.page.evaluate(
        """() => {
          window.told = 0
          const {tags} = explorerPage().get_model_by_name("detail").properties
          tags.change.connect(() => window.told += 1)
        }"""
    )
    bounds = np.arange(MOST_CELLS + 1) * 1500 // MOST_CELLS
    cell = int(np.flatnonzero(np.diff(bounds) == 2)[300])
    leaves = (int(bounds[cell]) - 20, int(bounds[cell]) + 20)
    zoom_to(gestures, leaves, leaves)
    gestures.page.wait_for_function("window.told > 0")
    assert leaves_in_view(gestures, "dendrogram") == list(leaves)
    told = " ".join(tells(gestures, *[(cell + 0.5) * 1500 / MOST_CELLS] * 2))
    assert "mean of 2 × 2 pairs: " in told
    assert detail(gestures)["dw"] == 0


def test_options_that_matter_to_few_neurons_only_are_not_offered(gestures, serve):
    explorer = dtviz.Explorer(random_model(1_500, layers=2))  # 750 in each
    gestures.open(serve(explorer))
    label = gestures.page.get_by_text("Blocks show").first
    gestures.page.get_by_text("Clusters:").first.wait_for()
    assert not label.is_visible()
    gestures.choose("Layer", "all")
    label.wait_for()


@pytest.mark.parametrize(("n", "layers"), [(12_288, 1), (36_864, 12)])
def test_a_brush_over_many_neurons_selects_them_in_all_views(gestures, serve, n, layers):
    explorer = dtviz.Explorer(random_model(n, layers), layer=0 if layers == 1 else "all")
    gestures.open(serve(explorer))
    assert f"{n:,} × {n:,} averaged to 1,024 × 1,024" in gestures.title("similarity")
    assert ("approximate tree: 2,048 groups first" in gestures.title("similarity")) == (n > 16_384)
    (x0, y0), (x1, y1) = gestures.corners("congruence", [(0.55, 0.55), (0.7, 0.7)])
    gestures.box("congruence", x0, y0, x1, y1)
    gestures.page.wait_for_function(f"{gestures.HUB}.selected.indices.length > 100")
    table, chosen = explorer.neurons, gestures.selected()
    inside = table["x"].between(x0, x1) & table["y"].between(y0, y1)
    # The mouse moves by whole pixels.
    assert len(set(chosen) ^ set(table.index[inside])) < 0.05 * len(chosen)
    leaves = table.loc[chosen, "leaf"]
    columns, rows = gestures.lit()
    assert set(leaves) <= columns == rows
    gestures.expect_text(f"{len(chosen)} of {n} neurons selected")
    zoom_to(gestures, (1000, 1040), (5000, 5040))
    values = wait_for_detail(gestures, (1000, 1040), (5000, 5040))
    by_leaf = in_order(explorer)
    unit = explorer.in_view.unit()
    expected = unit.subset(by_leaf[1000:1040]).vectors @ unit.subset(by_leaf[5000:5040]).vectors.T
    np.testing.assert_allclose(values, expected, atol=1e-6)
    assert gestures.lit() == (
        set(leaves) & {*range(5000, 5040)},
        set(leaves) & {*range(1000, 1040)},
    )
