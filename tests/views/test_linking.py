"""What hooks do in Python; what their scripts do in the browser is tested there."""

import holoviews as hv
import numpy as np
import pandas as pd
import pytest
from bokeh.models import CustomJS, GlyphRenderer, Image, ImageRGBA, Quad, Scatter, Title

from dtviz.analyses.blocks import Blocks
from dtviz.selection import Selection
from dtviz.views import linking, looks
from dtviz.views.bars import counts
from dtviz.views.crossing import strips
from dtviz.views.gridmap import gridmap
from dtviz.views.heatmap import heatmap
from dtviz.views.shared import LinkedPane, Shared
from dtviz.views.zoom import Detail

from .elements import hub_on, neurons

CELLS = pd.DataFrame({"item": list("ab"), "channel": "c", "x": [0, 1], "y": 0})
CROSSED = pd.DataFrame(
    {"name": ["L0N1", "L0N1", "key"], "item": "i", "value": [1, 2, 3], "row": [1, 1, -1]}
).assign(group="i")


def page(drawn, hook, hub, *shared):
    """The root of a page with an element under a hook, and the figure that the hook named.

    The element, or what returns one, is drawn again with the frame of the hub.
    """

    def draw(_):
        return drawn() if callable(drawn) else drawn

    root = LinkedPane(draw, hub.param.frame, [hook], [hub, *shared]).get_root()
    return root, root.select_one({"name": "named"})


def hub_of(n, names=()):
    table = neurons(n)
    chosen = Selection(table["name"])
    hub = hub_on(table, chosen)
    chosen.names = names
    return hub


def renderers(figure, glyph):
    found = [renderer for renderer in figure.renderers if isinstance(renderer, GlyphRenderer)]
    return [renderer for renderer in found if isinstance(renderer.glyph, glyph)]


def scripts(figure, fills):
    """The scripts of a figure that fill a source of a name."""
    found = figure.select({"type": CustomJS})
    return [one for one in found if fills in one.args]


def drawn_cells():
    """Of a heatmap of 30 neurons: where its cells begin, and what is drawn of a part of it."""
    blocks = Blocks(np.eye(30, dtype=np.float32), 100)
    return Shared("cells", pd.DataFrame({"start": blocks.bounds, "of": "mean"})), Detail(
        lambda: blocks
    )


def points(hub):
    table = hub.frame.assign(colour=looks.coloured_by(hub.frame, "difference"))
    return hv.Scatter(table, "x", ["y", "colour", "name"]).opts(**looks.points(table))


def test_points_draw_the_rows_of_the_hub_and_share_its_selection():
    hub = hub_of(30, ["L0N7"])
    hook = hv.opts.Scatter(hooks=[linking.draw_points(hub, "named", "x", "y")])
    root, figure = page(points(hub), hook, hub)
    source = hub.source(root)
    drawn = figure.renderers[0]
    assert drawn.data_source is source
    assert source.selected.indices == [7]
    assert drawn.glyph.fill_alpha > 0
    assert drawn.selection_glyph.fill_color == looks.ACCENT


def test_many_points_are_drawn_by_a_script():
    hub = hub_of(looks.MANY + 1)
    hook = hv.opts.Scatter(hooks=[linking.draw_points(hub, "named", "x", "y")])
    _, figure = page(points(hub), hook, hub)
    drawn = figure.renderers[0]
    glyphs = (drawn.glyph, drawn.selection_glyph, drawn.nonselection_glyph)
    assert all(np.isnan(glyph.angle) for glyph in glyphs)
    assert len(renderers(figure, ImageRGBA)) == 1


def test_a_heatmap_has_masks_that_a_script_fills():
    hub = hub_of(30)
    cells, detail = shared = drawn_cells()
    hook = hv.opts.Image(hooks=[linking.select_blocks(hub, *shared, "named")])
    root, figure = page(heatmap(np.eye(30, dtype=np.float32), 30, ""), hook, hub, *shared)
    assert len(renderers(figure, ImageRGBA)) == 2
    assert hub.source(root).name == "neurons"
    assert cells.source(root).name == "cells"
    whole, part = renderers(figure, Image)
    assert part.data_source is detail.source(root)
    assert part.glyph.color_mapper is whole.glyph.color_mapper


def test_points_that_stand_for_neurons_among_others_tell_their_rows():
    hub = hub_of(30)
    hook = hv.opts.Scatter(hooks=[linking.link_rows(hub, "named", "place", "value")])
    root, figure = page(strips(CROSSED, ""), hook, hub)
    drawn, _ = renderers(figure, Scatter)  # and the rings of the sets
    assert list(drawn.data_source.data["row"]) == [1, 1, -1]
    assert drawn.data_source is not hub.source(root)
    assert drawn.selection_glyph.fill_color == looks.ACCENT


def test_bars_that_a_script_fills_do_not_come_back_to_python():
    hub, ranking = hub_of(30), Shared("ranking", pd.DataFrame({"item": ["a"] * 60}))
    hook = hv.opts.Rectangles(hooks=[linking.count_items(hub, ranking, "named", 40)])
    _, figure = page(counts(""), hook, hub, ranking)
    assert not figure.renderers[0].data_source.syncable
    assert figure.xaxis[0].ticker.ticks == []


def test_a_map_has_a_line_for_who_answers():
    hub, reading = hub_of(30), Shared("reading", pd.DataFrame({"value": np.zeros(60)}))
    hook = hv.opts.Rectangles(hooks=[linking.colour_cells(hub, reading, "named", "what")])
    _, figure = page(gridmap(CELLS, None, ""), hook, hub, reading)
    assert not figure.renderers[0].data_source.syncable
    assert [type(part) for part in figure.below].count(Title) == 1


def test_points_have_rings_that_a_script_fills_and_that_do_not_come_back_to_python():
    hub = hub_of(30)
    hooked = {
        "hub": (points(hub), linking.draw_points(hub, "named", "x", "y")),
        "rows": (strips(CROSSED, ""), linking.link_rows(hub, "named", "place", "value")),
    }
    for element, hook in hooked.values():
        root, figure = page(element, hv.opts.Scatter(hooks=[hook]), hub)
        drawn, rings = renderers(figure, Scatter)
        assert not rings.data_source.syncable
        assert set(rings.data_source.data) == {"x", "y", "colour", "size"}
        assert rings.glyph.fill_color is None
        assert rings.glyph.line_color == "colour"
        [script] = scripts(figure, "rings")
        assert (script.args["x"], script.args["y"]) == (drawn.glyph.x, drawn.glyph.y)
        assert script.args["rings"] is rings.data_source
        assert script.args["points"] is drawn.data_source
        assert script.args["sets"] is hub.sets.source(root)


def test_a_heatmap_has_marks_that_a_script_fills_and_that_do_not_come_back_to_python():
    hub, shared = hub_of(30), drawn_cells()
    hook = hv.opts.Image(hooks=[linking.select_blocks(hub, *shared, "named")])
    root, figure = page(heatmap(np.eye(30, dtype=np.float32), 30, ""), hook, hub, *shared)
    [marks] = renderers(figure, Quad)
    assert not marks.data_source.syncable
    assert set(marks.data_source.data) == {"left", "right", "bottom", "top", "colour"}
    assert marks.glyph.fill_color == "colour"
    [script] = scripts(figure, "marks")
    assert script.args["marks"] is marks.data_source
    assert script.args["sets"] is hub.sets.source(root)


def test_a_click_on_the_tree_knows_its_lines():
    tree = pd.DataFrame({"first": [0, 0, 1], "last": [0, 1, 1]})
    hub, shared = hub_of(30), Shared("tree", tree)
    lines = hv.Segments([(0.5, 0, 0.5, 1), (0.5, 1, 1.5, 1), (1.5, 1, 1.5, 0)])
    hook = hv.opts.Segments(hooks=[linking.select_branches(hub, shared, "named")])
    root, figure = page(lines, hook, hub, shared)
    [tap] = figure.js_event_callbacks["tap"]
    assert tap.args["tree"] is shared.source(root)
    assert tap.args["neurons"] is hub.source(root)
    assert tap.args["lines"] is figure.renderers[0].data_source
    assert tap.args["figure"] is figure


@pytest.mark.parametrize("times", [1, 3])
def test_a_figure_that_is_drawn_again_is_set_up_but_once(times):
    hub = hub_of(30)
    hook = hv.opts.Scatter(hooks=[linking.draw_points(hub, "named", "x", "y")])
    root, figure = page(lambda: points(hub), hook, hub)
    before = [len(figure.renderers), len(figure.js_property_callbacks)]
    for _ in range(times):
        hub.param.trigger("frame")
    assert [len(figure.renderers), len(figure.js_property_callbacks)] == before
    assert figure.renderers[0].data_source is hub.source(root)
