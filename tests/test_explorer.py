import json
from functools import partial
from types import SimpleNamespace

import numpy as np
import pandas as pd
import panel as pn
import panel_material_ui as pmui
import pytest
from bokeh.models import BoxAnnotation, LayoutDOM

import dtviz
from dtviz.analyses import distances
from dtviz.directions import Directions
from dtviz.errors import BadArgument, BadCheckpoint, UnknownName
from dtviz.later import Later
from dtviz.model import Model

from .tabs.models import small as places

MAIN = ["scatter", "strip", "heatmap", "dendrogram"]
TABS = [
    *("top_k", "counts", "channel_map", "selected_heatmap", "alike"),
    *("strips", "distributions", "crossings", "vectors", "tables", "rest", "named_sets"),
]


def small(n=12, layers=2, embedding=True, **kwargs):
    random = np.random.default_rng(1)
    weights = [random.normal(size=(n, 6)) for _ in range(layers)]
    actions = Directions(random.normal(size=(3, 6)), ["left", "right", "forward"])
    features = Directions(random.normal(size=(5, 6)), list("abcde")) if embedding else None
    return Model.from_arrays(
        weights, in_=weights, unembedding=actions, embedding=features, normalization="LN", **kwargs
    )


@pytest.fixture
def explorer():
    return dtviz.Explorer(small())


def test_the_neuron_table_has_a_row_a_neuron(explorer):
    table = explorer.neurons
    assert table["name"].tolist() == [f"L1N{i}" for i in range(12)]
    neurons = explorer.model.neurons(1).layer_normed()
    expected = dtviz.congruence(neurons, explorer.model.unembedding)
    np.testing.assert_allclose(table["x"], expected["left"], rtol=1e-5)
    np.testing.assert_allclose(table["y"], expected["right"], rtol=1e-5)
    np.testing.assert_allclose(table["difference"], table["y"] - table["x"], rtol=1e-5)


def test_options_can_be_given(explorer):
    explorer = dtviz.Explorer(
        small(), layer=0, side="in", x="right", y="forward", method="single", distance="rows", k=2
    )
    assert explorer.neurons["name"].iloc[0] == "L0N0"
    expected = dtviz.congruence(explorer.model.neurons(0, "in"), explorer.model.unembedding)
    np.testing.assert_allclose(explorer.neurons["y"], expected["forward"], rtol=1e-5)
    order = dtviz.cluster(explorer.model.neurons(0, "in"), "single", "rows").order
    np.testing.assert_array_equal(
        explorer.neurons.sort_values("leaf")["name"].index[0], f"L0N{order[0]}"
    )


def test_all_layers_at_once():
    explorer = dtviz.Explorer(small(), layer="all")
    assert len(explorer.neurons) == 24
    assert explorer.neurons["name"].iloc[-1] == "L1N11"


@pytest.mark.parametrize(
    ("wrong", "error"),
    [
        ({"layer": 2}, UnknownName),
        ({"layer": "last"}, UnknownName),
        ({"layer": [0]}, UnknownName),
        ({"side": "gate"}, UnknownName),
        ({"x": "jump"}, UnknownName),
        ({"method": "centroid"}, UnknownName),
        ({"k": 0}, BadArgument),
        ({"k": "many"}, BadArgument),
        ({"layer_norm": "yes"}, BadArgument),
    ],
)
def test_wrong_options_say_what_can_be_chosen(wrong, error):
    with pytest.raises(error, match="Expected"):
        dtviz.Explorer(small(), **wrong)


def test_a_model_without_actions_is_refused_with_a_reason():
    with pytest.raises(BadArgument, match="unembedding"):
        dtviz.Explorer(Model.from_arrays(np.eye(3)))


def test_what_is_not_a_model_is_refused_with_a_reason():
    with pytest.raises(BadArgument, match=r"dtviz\.load"):
        dtviz.Explorer("WorkingModel.pt")


def test_selected_are_rows_of_the_table(explorer):
    assert explorer.selected.empty
    explorer.selection.names = ["L1N7", "L1N3"]
    assert explorer.selected["name"].tolist() == ["L1N3", "L1N7"]
    pd.testing.assert_frame_equal(explorer.selected, explorer.neurons.loc[["L1N3", "L1N7"]])


def test_a_selection_belongs_to_names(explorer):
    explorer.selection.names = ["L1N7", "L0N2"]
    explorer.layer = 0
    assert explorer.selected["name"].tolist() == ["L0N2"]
    explorer.layer = 1
    assert explorer.selected["name"].tolist() == ["L1N7"]


def test_only_what_an_option_touches_is_computed_again(explorer):
    clustering, compared = explorer.clustered, explorer.compared
    explorer.congruence.contrast = True
    assert explorer.clustered is clustering
    assert explorer.compared is not compared
    compared = explorer.compared
    explorer.clustering.method = "complete"
    assert explorer.clustered is not clustering
    assert explorer.compared is compared


def test_only_views_of_what_has_changed_are_drawn_again_and_but_once(monkeypatch):
    calls = []
    for view in MAIN:
        draw = getattr(dtviz.Explorer, f"_draw_{view}")

        def counted(self, found, draw=draw, view=view):
            calls.append(view)
            return draw(self, found)

        monkeypatch.setattr(dtviz.Explorer, f"_draw_{view}", counted)
    explorer = dtviz.Explorer(small())
    roots = [getattr(explorer, view).get_root() for view in MAIN]
    for owner, option, value, views in (
        (explorer.congruence, "x", "forward", ["scatter", "strip"]),
        (explorer.congruence, "contrast", True, ["scatter", "strip"]),
        (explorer.clustering, "method", "single", ["dendrogram", "heatmap"]),
        (explorer.clustering, "clusters", 3, ["dendrogram"]),
        (explorer.ranking, "k", 2, []),
        (explorer.exemplar, "threshold", 0.9, []),
        (explorer.pairs, "pairs_above", 0.9, []),
        (explorer.selection, "names", ["L1N7"], []),
        (explorer, "layer", 0, sorted(MAIN)),
        (explorer, "model", small(n=5, layers=1), sorted(MAIN)),
    ):
        calls.clear()
        setattr(owner, option, value)
        assert (option, sorted(calls)) == (option, views)
    assert roots


def test_the_controls_do_not_choose_when_a_model_opens(explorer):
    controls = explorer.controls(pmui)
    explorer.layer = 1
    explorer.model = small(n=4, layers=3)
    assert explorer.layer == 1
    explorer.layer = 2
    explorer.model = small(n=4, layers=2)
    assert explorer.layer == 1
    assert controls[0].value == 1
    assert explorer.neurons["name"].iloc[0] == "L1N0"


def test_another_model_keeps_the_options_that_it_has_too(explorer):
    explorer.congruence.x = "forward"
    explorer.selection.names = ["L1N7"]
    explorer.model = small(n=5, layers=1, name="other")
    assert explorer.layer == 0
    assert explorer.congruence.x == "forward"
    assert explorer.selection.names == []
    assert len(explorer.neurons) == 5
    explorer.selection.names = ["L0N4"]
    assert explorer.selected["name"].tolist() == ["L0N4"]


def test_the_same_model_again_changes_nothing(explorer):
    explorer.selection.names = ["L1N7"]
    explorer.ranking.k = 3
    heard = []
    explorer.param.watch(heard.append, ["model", "steps"])
    explorer.model = explorer.model
    assert heard == []
    assert explorer.selection.names == ["L1N7"]
    assert explorer.can_undo


@pytest.mark.parametrize("view", ["scatter", "channel_map"])
def test_an_option_that_leaves_a_frame_as_it_is_does_not_send_it_again(view):
    explorer = dtviz.Explorer(places())
    pn.panel(getattr(explorer, view)).get_root()
    heard = []
    for frame in (explorer._hub, explorer._cells, explorer._lines, explorer.channel_map._reading):
        frame.param.watch(heard.append, "frame")
    explorer.ranking.k = 3
    assert heard == []
    explorer.congruence.layer_norm = False
    assert heard


def test_a_model_with_other_actions_opens(explorer):
    random = np.random.default_rng(2)
    other = Model.from_arrays(
        random.normal(size=(4, 3)), unembedding=Directions(np.eye(3)[:2], ["no", "yes"])
    )
    explorer.model = other
    assert (explorer.congruence.x, explorer.congruence.y) == ("no", "yes")
    np.testing.assert_allclose(explorer.neurons["x"], other.neurons(0).vectors[:, 0])


def test_a_model_without_actions_leaves_the_explorer_as_it_was(explorer):
    model, table = explorer.model, explorer.neurons
    with pytest.raises(BadArgument):
        explorer.model = Model.from_arrays(np.eye(3))
    assert explorer.model is model
    pd.testing.assert_frame_equal(explorer.neurons, table)
    explorer.layer = 0
    assert explorer.neurons["name"].iloc[0] == "L0N0"


def test_a_model_without_features_still_opens():
    explorer = dtviz.Explorer(small(embedding=False))
    assert explorer.listed is None
    assert explorer.ranked.empty
    assert explorer.page().get_root()
    for tab in explorer.tabs:
        tab.show(explorer)
    assert explorer.top_k.message == explorer.counts.message == explorer.why_nothing
    assert explorer.why_nothing == "This model has no input features to list."


@pytest.mark.parametrize("n", [1, 2])
def test_few_neurons(n):
    explorer = dtviz.Explorer(small(n=n))
    assert len(explorer.neurons) == n
    assert explorer.page().get_root()


def test_more_neurons_than_cells_are_averaged_and_the_title_says_so(monkeypatch):
    monkeypatch.setattr("dtviz.study.MOST_CELLS", 4)
    explorer = dtviz.Explorer(small())
    image = explorer.heatmap.object[()]
    assert image.dimension_values("cosine", flat=False).shape == (4, 4)
    assert "averaged to 4 × 4" in image.opts.get("plot").kwargs["title"]


def test_titles_say_what_was_computed(explorer):
    def title(pane):
        return pane.object[()].opts.get("plot").kwargs["title"]

    chance = "grey: 95% of chance"
    assert title(explorer.scatter) == f"right against left · layer 1, out, LN · {chance}"
    assert title(explorer.strip) == f"right − left · layer 1, out, LN · {chance}"
    limit = explorer.similarity_limit
    assert title(explorer.heatmap) == (
        f"Cosine similarity · layer 1, out · 12 neurons · chance ±{limit:.2f}"
    )
    explorer.side = "in"
    assert title(explorer.scatter) == f"right against left · layer 1, in, no LN · {chance}"
    explorer.clustering.space = "in congruence"
    assert title(explorer.heatmap).startswith("Cosine similarity · layer 1, in congruence · 12")
    explorer.congruence.contrast = True
    assert title(explorer.scatter).startswith("right not left against left not right")
    assert title(explorer.scatter).endswith(f"actions {explorer.angle:.0f}° apart")


def test_titles_follow_where_the_numbers_stay_the_same():
    explorer = dtviz.Explorer(small(layers=1), layer=0)
    roots = [explorer.scatter.get_root(), explorer.heatmap.get_root()]
    explorer.layer = "all"
    for root, name in zip(roots, ("congruence", "similarity"), strict=True):
        assert "all layers" in root.select_one({"name": name}).title.text


def test_a_title_says_that_there_are_too_many_neurons_for_the_best_leaf_order():
    explorer = dtviz.Explorer(small(n=1_001, layers=1))
    root = explorer.heatmap.get_root()
    explorer.clustering.optimal_order = True
    assert "only up to 1,000" in root.select_one({"name": "similarity"}).title.text


def test_what_would_not_fit_the_memory_is_said_and_undone(monkeypatch):
    explorer = dtviz.Explorer(small(n=50, layers=1))
    monkeypatch.setattr(distances.psutil, "virtual_memory", lambda: SimpleNamespace(available=9))
    tree = explorer.clustered
    explorer.clustering.method = "complete"
    assert explorer.clustering.method == "average"
    assert explorer.clustered is tree
    assert "got 50, which need" in explorer._hub.session.frame["message"]


def test_of_a_model_that_is_refused_nothing_is_taken(monkeypatch):
    explorer = dtviz.Explorer(small(n=50))
    explorer.selection.names = ["L0N3", "L1N4"]
    explorer.congruence.contrast = True
    explorer.undo()
    model, state = explorer.model, explorer.state
    figure = explorer.scatter.get_root().select_one({"name": "congruence"})
    title = figure.title.text
    monkeypatch.setattr(distances.psutil, "virtual_memory", lambda: SimpleNamespace(available=9))
    with pytest.raises(BadArgument, match="Lower exact_up_to"):
        explorer.model = small(n=60, layers=1)
    assert explorer.model is model
    assert explorer.state == state
    assert explorer.neurons["name"].tolist() == model.neurons(1).names
    assert figure.title.text == title
    assert (explorer.can_undo, explorer.can_redo) == (True, True)


def test_a_title_says_that_the_tree_is_approximate():
    explorer = dtviz.Explorer(small(n=1_100, layers=1), exact_up_to=1_024)
    root = explorer.heatmap.get_root()
    title = root.select_one({"name": "similarity"}).title
    assert "1,100 × 1,100 averaged to 1,024 × 1,024" in title.text
    assert f"approximate tree: {explorer.clustered.groups:,} groups first" in title.text
    explorer.clustering.exact_up_to = 2_048
    assert "approximate" not in title.text
    explorer.blocks.block_value = "greatest"
    assert "1,100 × 1,100 greatest |cosine| in 1,024 × 1,024" in title.text


def test_the_views_show_what_the_study_finds(explorer):
    scatter = explorer.scatter.object[()]
    corners = scatter.Polygons.I.array()
    np.testing.assert_allclose(corners[: len(explorer.ellipse)], explorer.ellipse)
    [band] = explorer.strip.get_root().select({"type": BoxAnnotation, "level": "underlay"})
    assert (band.left, band.right) == (-explorer.difference_limit, explorer.difference_limit)
    np.testing.assert_array_equal(
        explorer.heatmap.object[()].dimension_values("cosine", flat=False),
        explorer.similarity.values,
    )
    assert len(explorer.segments) == 3 * 11
    bands = len(set(explorer.clusters))
    assert len(explorer.dendrogram.object[()]) == len(explorer.segments) + bands


def test_a_click_on_the_dendrogram_finds_the_lines_as_they_are_drawn(explorer):
    root = explorer.dendrogram.get_root()
    for clusters in (6, 3):
        explorer.clustering.clusters = clusters
        lines, tree = explorer._lines.frame, root.select_one({"name": "tree"})
        [drawn] = [
            renderer.data_source.data
            for renderer in root.select_one({"name": "dendrogram"}).renderers
        ]
        for end in ("first", "last"):
            assert list(tree.data[end]) == lines[end].tolist()
        # As HoloViews names the ends of segments.
        for name in ("column", "distance", "column_end", "distance_end"):
            np.testing.assert_array_equal(drawn[name], lines[name])


def test_a_cut_colours_the_dendrogram_anew(explorer):
    before = set(explorer.dendrogram.object[()].dimension_values("colour"))
    explorer.clustering.clusters = 1
    assert len(before) > len(set(explorer.dendrogram.object[()].dimension_values("colour"))) == 1


def test_every_hook_applies(explorer, caplog):
    """HoloViews only warns of a hook that raises."""
    explorer.page().get_root()
    assert not [record for record in caplog.records if "hook" in record.getMessage()]


def test_it_says_shortly_what_it_shows(explorer):
    explorer.selection.names = ["L1N7", "L0N2"]
    text = repr(explorer)
    assert text.startswith(f"Explorer({explorer.model.name}: layer 1, out, right against left")
    assert len(text) < 120


@pytest.mark.parametrize("view", MAIN + TABS)
def test_a_view_alone_has_a_height_and_the_selection(explorer, view, caplog):
    explorer.selection.names = ["L1N7"]
    root = pn.panel(getattr(explorer, view)).get_root()
    assert max(box.height or box.min_height or 0 for box in root.select({"type": LayoutDOM})) >= 70
    if view not in ("dendrogram", "channel_map", "vectors", "tables"):  # nothing is selected there
        sources = list(root.select({"name": "neurons"}))
        assert not sources or sources[0].selected.indices == [7]
    assert not [record for record in caplog.records if "hook" in record.getMessage()]


def test_every_tab_is_a_view_of_its_own(explorer):
    assert {id(tab) for tab in explorer.tabs} == {id(getattr(explorer, view)) for view in TABS}
    titles = [tab.title for tab in explorer.tabs]
    assert len(set(titles)) == len(titles)
    assert all(tab.doc for tab in explorer.tabs)


def test_an_explorer_shown_in_a_notebook_has_all_controls(explorer):
    controls = explorer.controls(pn.widgets)
    labels = {widget.name for widget in controls}
    owners = (explorer.congruence, explorer.clustering, explorer.features, explorer.ranking)
    expected = {owner.param[name].label for owner in owners for name in owner.param}
    assert labels >= {"Layer", "Side"} | expected - {"Name"}
    assert pn.panel(explorer).get_root()


@pytest.mark.parametrize(
    "option", [{"layer": np.int64(1)}, {"k": np.int64(3)}, {"threshold": np.float32(0.25)}]
)
def test_numbers_of_numpy_are_options_that_a_snapshot_can_keep(option):
    kept = json.loads(json.dumps(dtviz.Explorer(small(), **option).options))
    assert option.items() <= kept.items()


# What a page asks for


@pytest.fixture
def damaged():
    """A model of three layers, of which the first cannot be read."""

    def read(layer):
        if layer == 0:
            raise BadCheckpoint(expected="a whole file", got="half of it", do="Copy it again.")
        return np.eye(4) + layer

    return dtviz.Model(
        name="half",
        weights={"out": [Later((4, 4), partial(read, layer)) for layer in range(3)]},
        unembedding=Directions(np.eye(4)[:2], ["left", "right"]),
    )


def test_a_damaged_layer_is_said_and_not_taken(damaged):
    explorer = dtviz.Explorer(damaged, layer=2)
    explorer.layer = 1
    explorer.layer = 0
    assert explorer.layer == 1
    assert list(explorer.neurons.index) == damaged.neurons(1).names
    assert "half of it" in explorer._hub.session.frame["message"]


def test_a_change_that_is_refused_is_no_step(damaged):
    explorer = dtviz.Explorer(damaged, layer=2)
    explorer.layer = 0
    assert (explorer.layer, explorer.can_undo, explorer.can_redo) == (2, False, False)
    assert "half of it" in explorer._hub.session.frame["message"]
    explorer.layer = 1
    explorer.congruence.contrast = True
    explorer.undo()
    explorer.layer = 0
    assert (explorer.layer, explorer.can_undo, explorer.can_redo) == (1, True, True)
    explorer.redo()
    assert explorer.congruence.contrast


def test_a_state_that_is_refused_leaves_all_as_it_was(damaged):
    explorer = dtviz.Explorer(damaged, layer=2)
    explorer.layer = 1
    explorer.congruence.contrast = True
    explorer.undo()
    before = explorer.state
    with pytest.raises(BadCheckpoint, match="half of it"):
        explorer.restore({**before, "layer": 0})
    assert explorer.state == before
    assert list(explorer.neurons.index) == damaged.neurons(1).names
    assert (explorer.can_undo, explorer.can_redo) == (True, True)


def test_a_step_back_that_cannot_be_made_any_more_is_said_and_not_made(monkeypatch):
    explorer = dtviz.Explorer(small(n=50, layers=1))
    explorer.clustering.method = "complete"
    explorer.clustering.distance = "absolute"
    explorer.undo()
    before = explorer.state
    monkeypatch.setattr(distances.psutil, "virtual_memory", lambda: SimpleNamespace(available=9))
    explorer.model.trees.clear()
    for step in (explorer.undo, explorer.redo):
        with pytest.raises(BadArgument, match="got 50, which need"):
            step()
        assert explorer.state == before
        assert (explorer.can_undo, explorer.can_redo) == (True, True)


@pytest.mark.parametrize("which", ["the option", "a widget", "another widget"])
def test_after_a_change_that_is_refused_widgets_show_what_is_in_force(damaged, which):
    explorer = dtviz.Explorer(damaged, layer=2)
    widgets = [explorer.controls(toolkit)[0] for toolkit in (pn.widgets, pmui)]
    match which:
        case "the option":
            explorer.layer = 0
        case "a widget":
            widgets[0].value = 0
        case _:
            widgets[1].value = 0
    assert [explorer.layer, *(widget.value for widget in widgets)] == [2, 2, 2]
