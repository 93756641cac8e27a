"""Layers with experts, as who looks at them sees them: one expert alone, or all, told apart."""

import numpy as np
import pandas as pd
import pytest

import dtviz
from dtviz import link
from dtviz.errors import BadArgument, UnknownName
from dtviz.later import Later
from dtviz.model import Model
from dtviz.options import Options
from dtviz.session import Session
from dtviz.study import Study
from dtviz.views import looks

from .tabs.models import small

D = 6
# A dense layer, and one of a shared MLP and two experts.
GROUPS = [[("", 6)], [("", 2), ("E0", 5), ("E3", 5)]]
ROWS = {"shared": slice(0, 2), 0: slice(2, 7), 3: slice(7, 12)}


def mixture(weights=None, **options):
    """A model with experts in its layer 4; all else is that of ``small``."""
    random = np.random.default_rng(2)
    if weights is None:
        weights = {
            side: [random.normal(size=(n, D)) for n in (6, 12)] for side in ("out", "in", "gate")
        }
    like = small(d=D)
    return Model(
        name="mixture",
        weights=weights,
        layers=[1, 4],
        groups=options.pop("groups", GROUPS),
        unembedding=like.unembedding,
        embedding=like.embedding,
        rtg=like.rtg,
        normalization="LN",
        routers={4: dtviz.Directions(random.normal(size=(2, D)), ["L4E0", "L4E3"], "router")},
        **options,
    )


def alone(model, expert):
    """The neurons of one expert as a model that has no others."""
    return Model(
        name=model.name,
        weights={side: [layers[1][ROWS[expert]]] for side, layers in model.weights.items()},
        unembedding=model.unembedding,
        embedding=model.embedding,
        rtg=model.rtg,
        normalization="LN",
    )


def test_with_an_expert_in_view_all_results_are_those_of_its_neurons_alone():
    model = mixture()
    study, expected = Study(model, layer=4, expert=3), Study(alone(model, 3))
    assert study.in_view.names == [f"L4E3N{i}" for i in range(5)]
    assert study.in_view.label == "W_out, layer 4, expert 3"
    table = study.neurons.drop(columns=["name", "expert"]).reset_index(drop=True)
    pd.testing.assert_frame_equal(
        table, expected.neurons.drop(columns="name").reset_index(drop=True)
    )
    assert (study.neurons["expert"] == 3).all()
    for name in ("compared", "reading", "summary"):
        found = getattr(study, name)
        np.testing.assert_array_equal(found.to_numpy(), getattr(expected, name).to_numpy())
    np.testing.assert_array_equal(study.similarity.values, expected.similarity.values)
    for space in study.spaces:
        np.testing.assert_array_equal(
            study.distribution(space).counts, expected.distribution(space).counts
        )
    np.testing.assert_array_equal(
        study.crossing("in × unembedding").to_numpy(),
        expected.crossing("in × unembedding").to_numpy(),
    )


def test_all_of_a_layer_with_experts_is_in_view_and_each_neuron_knows_its_expert():
    study = Study(mixture(), layer=4)
    assert study.expert_in_view is None
    assert study.neurons["expert"].tolist() == [-1] * 2 + [0] * 5 + [3] * 5
    study.layer = "all"
    assert study.neurons["expert"].tolist() == [-1] * 8 + [0] * 5 + [3] * 5
    study.layer = 1
    assert "expert" not in study.neurons


def test_results_follow_the_expert_and_the_layer():
    study = Study(mixture(), layer=4)
    names = {}
    for layer, expert in ((4, 0), (4, 3), (1, 3), ("all", 3), (4, "all")):
        study.choose(layer=layer, expert=expert)
        names[layer, expert] = study.neurons["name"].tolist()
        assert study.clustered.names == study.in_view.names == names[layer, expert]
        assert [*study.compared.index] == names[layer, expert]
    assert names[4, 0] == [f"L4E0N{i}" for i in range(5)]
    assert names[4, 3] == [f"L4E3N{i}" for i in range(5)]
    assert names[1, 3] == [f"L1N{i}" for i in range(6)]  # a layer without experts is shown whole
    assert len(names["all", 3]) == 18
    assert len(names[4, "all"]) == 12


def test_an_expert_is_read_without_the_others():
    read = []

    def piece(side, group, rows):
        def numbers():
            read.append((side, group))
            return np.random.default_rng(len(side)).normal(size=(rows, D))

        return Later((rows, D), numbers)

    weights = {
        side: [
            Later.joined([piece(side, label, n) for label, n in groups])
            for groups in [[("dense", 6)], GROUPS[1]]
        ]
        for side in ("out", "in", "gate")
    }
    study = Study(mixture(weights), layer=4, expert=3)
    assert len(study.neurons) == 5
    for side in study.model.sides:
        study.rows(side).norms  # noqa: B018
    assert set(read) == {("out", "E3"), ("in", "E3"), ("gate", "E3")}
    assert len(read) == 3  # each once
    study.expert = 0
    study.neurons  # noqa: B018
    assert ("out", "E0") in read
    assert not [group for _, group in read if group not in ("E0", "E3")]


@pytest.mark.parametrize(("rows", "expert"), [(8_192, "all"), (8_193, 5)])
def test_of_large_layers_one_expert_is_shown_first(rows, expert):
    groups = [[("", 3)], [("E5", rows), ("E6", 8_192)]]
    weights = {"out": [np.ones((3, 2)), np.ones((rows + 8_192, 2))]}
    model = Model(name="wide", weights=weights, groups=groups)
    options = Options(model)
    assert options.expert == expert
    assert options.param.expert.objects == ["all", 5, 6]
    # It is what is usual of the other model, too: of neither was one chosen.
    options = Options(mixture())
    options.model = model
    assert options.expert == expert
    options.model = small()
    assert (options.expert, options.param.expert.objects) == ("all", ["all"])


def test_an_expert_that_was_chosen_stays_where_the_next_model_has_it():
    options = Options(mixture(), expert=3)
    options.model = mixture()
    assert options.expert == 3


def test_what_is_no_expert_is_refused():
    for wrong in (1, "three", True, -1):
        with pytest.raises(UnknownName, match="expert to be one of 'all', 0, 3"):
            Study(mixture(), expert=wrong)
    model = mixture()
    with pytest.raises(UnknownName, match=r"an expert of layer 1 of mixture, got 0"):
        model.of_expert(1, 0)
    with pytest.raises(UnknownName, match=r"the number of a layer whose expert is wanted"):
        model.neurons("all", expert=0)


def test_the_rest_of_a_model_stays_with_its_expert():
    model = mixture(unembedding_bias=np.arange(3.0))
    part = model.of_expert(4, 0)
    assert part.unembedding is model.unembedding
    assert part.routers == model.routers
    assert part.unembedding_bias.tolist() == [0, 1, 2]
    assert (part.layers, part.widths, part.experts(4)) == ((4,), (5,), (0,))
    assert model.neurons(4, "in", expert=0).names == part.neurons(4, "in").names


def test_neurons_are_selected_by_their_numbers():
    session = Session(mixture(), layer=4)
    session.filter(expert=[3])
    assert session.selection.names == [f"L4E3N{i}" for i in range(5)]
    session.selection.mode = "intersect"
    table = session.neurons
    middle = table["norm"].median()
    session.filter(norm=(middle, None))
    expected = table.index[(table["expert"] == 3) & (table["norm"] >= middle)]
    assert session.selection.names == list(expected)
    session.selection.mode = "replace"
    session.filter(norm=(None, middle), x=(0, 1e9), expert=[0, 3])
    mask = (table["norm"] <= middle) & (table["x"] >= 0) & (table["expert"] >= 0)
    assert session.selection.names == list(table.index[mask])
    session.filter(name=["L4N0"])
    assert session.selection.names == ["L4N0"]
    with pytest.raises(UnknownName, match="a column of the neuron table among 'name', 'x'"):
        session.filter(gain=[1])
    for wrong in ({"norm": 1}, {"norm": (1, 2, 3)}, {"norm": ("a", None)}, {"name": (1, None)}):
        with pytest.raises(BadArgument, match=r"a range \(low, high\) or a list of values of n"):
            session.filter(**wrong)


def test_steps_and_addresses_hold_the_expert_in_view():
    session = Session(mixture(), layer=4)
    session.expert = 0
    session.expert = 3
    session.colour_column = "expert"
    assert session.changed_options == {"expert": 3, "colour_column": "expert"}
    fragment = link.fragment({"model": "m", **session.changed_options, "select": []})
    assert fragment == "#model=m&expert=3&colour_column=expert&select="
    session.undo()
    session.undo()
    assert session.expert_in_view == 0
    session.restore({**link.state("#layer=4&expert=3&select=L4E3N1")})
    assert session.selection.names == ["L4E3N1"]
    assert session.in_view.names[0] == "L4E3N0"
    assert "expert=3" in session.recipe()


def title(view):
    return view.object.callback().opts.get("plot").kwargs["title"]


def test_titles_name_the_expert():
    explorer = dtviz.Explorer(mixture(), layer=4, expert=3)
    assert "layer 4, expert 3, out" in title(explorer.scatter)
    assert "layer 4, expert 3, out" in title(explorer.heatmap)
    assert "layer 4, expert 3, out" in repr(explorer)
    explorer.layer = 1
    assert "layer 1, out" in title(explorer.scatter)


def test_points_are_coloured_by_expert_where_there_are_several():
    explorer = dtviz.Explorer(mixture(), layer=4, colour_column="expert")

    def points(view):
        element = view.object.callback()
        points = element if view is explorer.strip else element.Scatter.I
        return points, points.opts.get("style").kwargs

    # Those that all tokens go through are grey.
    colours = [looks.GREY] * 2 + [looks.CLUSTERS[0]] * 5 + [looks.CLUSTERS[3]] * 5
    for view in (explorer.scatter, explorer.strip):
        drawn, style = points(view)
        assert [style["cmap"][i] for i in drawn["colour"].astype(int)] == colours
    hub = explorer._hub
    assert [looks.EXPERTS[i] for i in hub._get_data()[1]["color"]] == colours
    explorer.expert = 3
    np.testing.assert_array_equal(hub._get_data()[1]["color"], explorer.neurons["difference"])
    assert points(explorer.scatter)[1]["cmap"] == looks.FAVOURS
    explorer.expert = "all"
    explorer.colour_column = "difference"
    np.testing.assert_array_equal(hub._get_data()[1]["color"], explorer.neurons["difference"])


def test_the_router_is_a_set_of_vectors_of_its_layer():
    explorer = dtviz.Explorer(mixture(), layer=4)
    assert explorer.vector_sets["router"].names == ["L4E0", "L4E3"]
    explorer.layer = 1
    assert "router" not in explorer.vector_sets
    explorer.layer = "all"
    assert "router" not in explorer.vector_sets


def test_alike_looks_among_the_neurons_in_view_or_all():
    explorer = dtviz.Explorer(mixture(), layer=4, expert=3)
    alike = explorer.alike
    alike.exemplar = "L4E3N1"
    alike.__panel__()
    assert list(alike._every.index) == [f"L4E3N{i}" for i in range(5)]
    alike.among = "all layers"
    assert len(alike._every) == 18
