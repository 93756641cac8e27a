import holoviews as hv
import numpy as np
import pandas as pd
import pytest

from dtviz.analyses.features import places
from dtviz.views.gridmap import gridmap

from .elements import ALL_HOSTILE, HOSTILE, is_literal, options, plain


def cells(channels=3, size=7):
    return places(
        [f"c{i}, ({x},{y})" for i in range(channels) for x in range(size) for y in range(size)]
    )


def drawn(overlay):
    return overlay.Rectangles.I.dframe()


@pytest.mark.parametrize("channels", [1, 3, 10, 11, 20])
def test_no_two_cells_are_in_one_place(channels):
    boxes = drawn(gridmap(cells(channels), None, ""))
    assert len(boxes) == channels * 49
    assert len(boxes[["x0", "y0"]].drop_duplicates()) == len(boxes)
    assert (boxes["x1"] - boxes["x0"]).between(0.9, 1).all()
    assert (boxes["y0"] - boxes["y1"]).between(0.9, 1).all()


def test_x_runs_to_the_right_and_y_down():
    boxes = drawn(gridmap(cells(12), None, "")).set_index("item")
    for channel in ("c0", "c5", "c11"):
        here = boxes.loc[f"{channel}, (2,3)"]
        right, below = boxes.loc[f"{channel}, (3,3)"], boxes.loc[f"{channel}, (2,4)"]
        assert (right["x0"] - here["x0"], right["y0"]) == (1, here["y0"])
        assert (below["x0"], below["y0"] - here["y0"]) == (here["x0"], -1)


@pytest.mark.parametrize("channels", [1, 3, 10, 11, 20])
def test_each_channel_has_a_block_of_its_own_under_its_name(channels):
    overlay = gridmap(cells(channels), None, "")
    boxes = drawn(overlay).assign(channel=lambda frame: frame["item"].str.split(",").str[0])
    names = overlay.Labels.I.dframe().set_index("text")
    blocks = boxes.groupby("channel").agg({"x0": "min", "x1": "max", "y0": "max", "y1": "min"})
    for channel, block in blocks.iterrows():
        name = names.loc[channel]
        assert block["x0"] < name["x"] < block["x1"]
        assert block["y0"] < name["y"] < block["y0"] + 1
    places = blocks[["x0", "y0"]].to_numpy()
    assert len({tuple(place) for place in places}) == channels
    low, high = options(overlay)["xlim"]
    assert low < blocks["x0"].min() < blocks["x1"].max() < high
    low, high = options(overlay)["ylim"]
    assert low < blocks["y1"].min() < names["y"].max() < high


def test_the_agent_is_marked_in_the_middle_of_its_cell_in_each_block():
    overlay = gridmap(cells(12), (3, 6), "")
    labels = overlay.Labels.I.dframe()
    marks = labels[labels["text"] == "▲"]
    boxes = drawn(overlay)
    homes = boxes[boxes["item"].str.endswith("(3,6)")]
    assert len(marks) == len(homes) == 12
    for (_, mark), (_, home) in zip(marks.iterrows(), homes.iterrows(), strict=True):
        assert abs(mark["x"] - (home["x0"] + home["x1"]) / 2) < 0.1
        assert abs(mark["y"] - (home["y0"] + home["y1"]) / 2) < 0.1


@pytest.mark.parametrize("where", ["(0,6)", "(3,0)"])
def test_an_agent_whose_cell_did_not_pass_is_marked_nowhere_else(where):
    overlay = gridmap(places([f"{name}, {where}" for name in "abc"]), (3, 6), "")
    labels = overlay.Labels.I.dframe()
    is_mark = labels["text"] == "▲"
    blocks = labels.loc[~is_mark, "x"].to_numpy()
    (left, right), (low, high) = (options(overlay)[limits] for limits in ("xlim", "ylim"))
    for block, (x, y, _) in enumerate(labels[is_mark].to_numpy()):
        assert left < x < right
        assert low < y < high
        assert np.abs(blocks - x).argmin() == block


def test_no_agent_no_mark():
    assert "▲" not in gridmap(cells(), None, "").Labels.I.dimension_values("text")


def test_before_a_script_colours_them_cells_are_neutral():
    overlay = gridmap(cells(), None, "title")
    assert set(drawn(overlay)["value"]) == {0}
    assert options(overlay.Rectangles.I)["clim"] == (-1, 1)
    assert options(overlay)["title"] == "title"
    data = hv.render(overlay).renderers[0].data_source.data
    assert {"value", "item"} <= set(data)


@pytest.mark.parametrize(
    "names",
    [["key, (0,0)"], ["key, (4,2)", "door, (0,0)"], [f"c{i}, (0,0)" for i in range(30)]],
    ids=["one", "gaps", "many channels"],
)
def test_what_a_filter_leaves_is_drawn(names):
    overlay = gridmap(places(names), None, "")
    assert drawn(overlay)["item"].tolist() == names
    assert hv.render(overlay)


def test_channels_and_titles_are_shown_as_they_are():
    frame = pd.DataFrame({"item": HOSTILE, "channel": HOSTILE, "x": 0, "y": 0})
    overlay = gridmap(frame, None, ALL_HOSTILE)
    assert overlay.Labels.I.dimension_values("text").tolist() == HOSTILE
    shown = hv.render(overlay).title.text
    assert plain(shown) == ALL_HOSTILE
    assert is_literal(shown)


def test_the_cells_keep_the_order_of_the_features():
    frame = cells().sample(frac=1, random_state=np.random.RandomState(0))
    assert drawn(gridmap(frame, None, ""))["item"].tolist() == frame["item"].tolist()
