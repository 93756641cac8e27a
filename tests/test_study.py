import tracemalloc
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

import dtviz
from dtviz.analyses.clustering import tree_segments
from dtviz.analyses.features import restricted
from dtviz.directions import Directions
from dtviz.errors import BadArgument, DtvizError
from dtviz.listing import Listing
from dtviz.model import Model
from dtviz.rows import Rows
from dtviz.study import MOST_CELLS, Study

from .tabs.models import PLACES, small

# Everything a study finds, besides what takes a name.
RESULTS = [
    name
    for owner in (Study, Listing, Rows)
    for name, value in vars(owner).items()
    if isinstance(value, property) and not name.startswith("_")
]
# What is kept, because it takes time.
KEPT = [
    *("in_view", "neurons", "compared", "ellipse"),
    *("clustered", "clusters", "similarity", "summary"),
    *("embedding", "reading", "listed", "ranked", "moments", "moments_limits", "rtg"),
]


def equal(frame, expected):
    pd.testing.assert_frame_equal(frame, expected, check_names=False)


@pytest.fixture(scope="module", params=[(0, "out"), (2, "in"), ("all", "out")], ids=str)
def study(request, demo):
    layer, side = request.param
    return Study(demo, layer=layer, side=side)


@pytest.fixture
def gate():
    return Study(small(sides=["out", "in", "gate"]), layer=0, side="gate")


def weights(study, side=None):
    return study.model.neurons(study.layer, side or study.side)


# Each result is that of the public function.


def test_the_neurons_in_view_are_those_of_the_model(study):
    assert study.in_view.names == weights(study).names
    np.testing.assert_array_equal(study.in_view.vectors, weights(study).vectors)


def test_what_is_compared_is_the_congruence_with_two_actions(study):
    neurons = weights(study)
    assert study.is_layer_normed == (study.side == "out")
    if study.side == "out":
        neurons = neurons.layer_normed()
    expected = dtviz.congruence(neurons, study.model.unembedding)
    np.testing.assert_allclose(study.compared["x"], expected["left"], rtol=1e-4, atol=1e-5)
    np.testing.assert_allclose(study.compared["y"], expected["right"], rtol=1e-4, atol=1e-5)
    difference = study.compared["y"] - study.compared["x"]
    np.testing.assert_array_equal(study.compared["difference"], difference)
    assert study.axes == ("left", "right")


@pytest.mark.parametrize("side", ["out", "in"])
def test_a_contrast_is_compared_without_layer_norm(demo, side):
    study = Study(demo, side=side, x="right", y="forward", contrast=True)
    both = dtviz.contrast(demo.unembedding, "right", "forward")
    expected = dtviz.congruence(demo.neurons(2, side), both)
    assert study.axes == ("right not forward", "forward not right") == tuple(expected)
    np.testing.assert_allclose(study.compared[["x", "y"]], expected, rtol=1e-4, atol=1e-5)
    assert not study.is_layer_normed
    cosine = dtviz.cosine_similarity(demo.unembedding).loc["right", "forward"]
    assert study.angle == pytest.approx(np.degrees(np.arccos(cosine)), abs=1e-3)


def test_without_layer_norm_neurons_are_compared_as_they_are(demo):
    study = Study(demo, layer=1, layer_norm=False)
    expected = dtviz.congruence(demo.neurons(1), demo.unembedding)["right"]
    np.testing.assert_allclose(study.compared["y"], expected, rtol=1e-4, atol=1e-5)
    assert not study.is_layer_normed


def test_the_clustering_is_that_of_the_weights(study):
    tree = dtviz.cluster(weights(study))
    np.testing.assert_array_equal(study.clustered.linkage, tree.linkage)
    assert study.clustered.names == tree.names
    np.testing.assert_array_equal(study.clusters, tree.cut(6))
    equal(study.segments, tree_segments(tree, tree.cut(6)))
    assert study.space == study.side


@pytest.mark.parametrize("space", ["out congruence", "in congruence"])
def test_the_clustering_can_be_that_of_another_space(demo, space):
    study = Study(demo, layer=1, space=space, method="complete", distance="absolute", clusters=4)
    tree = dtviz.cluster(dtviz.space(demo, space, 1), "complete", "absolute")
    np.testing.assert_array_equal(study.clustered.linkage, tree.linkage)
    np.testing.assert_array_equal(study.clusters, tree.cut(4))
    assert study.space == space


def test_the_similarity_is_in_leaf_order(study):
    similarity, bounds = study.similarity.values, study.similarity.bounds
    order = dtviz.cluster(weights(study)).order
    expected = dtviz.cosine_similarity(weights(study)).to_numpy()[np.ix_(order, order)]
    np.testing.assert_allclose(similarity, expected, atol=1e-5)
    np.testing.assert_array_equal(bounds, np.arange(len(order) + 1))


def test_of_more_neurons_than_cells_blocks_are_averaged():
    study = Study(small(n=MOST_CELLS + 200, layers=1, d=8))
    similarity, bounds = study.similarity.values, study.similarity.bounds
    assert similarity.shape == (MOST_CELLS, MOST_CELLS)
    rows = study.in_view.subset(study.clustered.order).unit().vectors
    for row, column in ((0, 0), (3, 700), (1023, 512)):
        block = rows[bounds[row] : bounds[row + 1]] @ rows[bounds[column] : bounds[column + 1]].T
        assert similarity[row, column] == pytest.approx(block.mean(), abs=1e-5)


def test_what_is_read_is_the_congruence_with_the_features(study):
    expected = dtviz.congruence(weights(study, "in"), study.model.embedding.layer_normed())
    equal(study.reading, expected)
    assert study.reading_side == "in"
    assert study.why_nothing == ""
    equal(study.ranked, dtviz.top_k(expected, 10))
    equal(study.moments, dtviz.moments(expected))
    of_features = dtviz.moments(expected.T)
    equal(study.feature_moments[list(of_features)], of_features)
    np.testing.assert_array_equal(study.feature_moments["norm"], study.model.embedding.norms)


def test_what_is_read_can_be_of_some_features_and_without_layer_norm(demo):
    study = Study(demo, layer=0, norm_above=0.8, named="key", layer_norm=False, k=3)
    features = dtviz.restricted(demo.embedding, 0.8, "key")
    assert 0 < len(features) < len(demo.embedding)
    assert study.embedding.names == features.names
    equal(study.reading, dtviz.congruence(demo.neurons(0, "in"), features))
    equal(study.ranked, dtviz.top_k(study.reading, 3))


@pytest.mark.parametrize("side", ["out", "in"])
def test_features_can_be_ranked_by_what_is_written(demo, side):
    study = Study(demo, layer=0, side=side, ranked_by="out × embedding", named="key")
    features = restricted(demo.embedding, None, "key")
    equal(study.reading, dtviz.across(demo, "out × embedding", 0, embedding=features))
    assert study.reading_side == "out"


def test_the_gate_reads_too(gate):
    expected = dtviz.congruence(gate.model.neurons(0, "gate"), gate.model.embedding.layer_normed())
    assert gate.reading_side == "gate"
    equal(gate.reading, expected)
    np.testing.assert_allclose(
        gate.compared["x"],
        dtviz.congruence(gate.model.neurons(0, "gate"), gate.model.unembedding)["left"],
        rtol=1e-5,
    )
    np.testing.assert_array_equal(
        gate.clustered.linkage, dtviz.cluster(gate.model.neurons(0, "gate")).linkage
    )
    assert gate.spaces == ["out", "in", "gate", "out congruence", "in congruence"]


def test_the_statistics_and_distributions_are_those_of_the_spaces(study):
    equal(study.summary, dtviz.summary(study.model, study.layer))
    assert study.spaces == ["out", "in", "out congruence", "in congruence"]
    for space in study.spaces:
        expected = dtviz.space(study.model, space, study.layer)
        np.testing.assert_array_equal(study.rows(space).vectors, expected.vectors)
    found = dtviz.distribution(study.model, "in", study.layer)
    equal(study.distribution("in").frame(), found.frame())


@pytest.mark.parametrize("space", ["out", "in", "gate", "out congruence", "in congruence"])
@pytest.mark.parametrize("layer", [0, "all"])
def test_the_distribution_is_that_of_the_space(space, layer):
    model = small(sides=["out", "in", "gate"])
    study = Study(model, layer=layer, named="key", layer_norm=False)
    options = {"layer_norm": False, "embedding": restricted(model.embedding, None, "key")}
    expected = dtviz.distribution(model, space, layer, **options)
    equal(study.distribution(space).frame(), expected.frame())
    np.testing.assert_array_equal(
        study.rows(space).vectors, dtviz.space(model, space, layer, **options).vectors
    )


def test_the_return_to_go_is_that_across_spaces(study):
    equal(study.rtg, dtviz.across(study.model, "RTG", study.layer))


def test_the_neuron_table_joins_the_results(study):
    table = study.neurons
    assert table.index.tolist() == table["name"].tolist() == study.in_view.names
    for column in ("x", "y", "difference"):
        np.testing.assert_array_equal(table[column], study.compared[column])
    np.testing.assert_array_equal(table["norm"], study.in_view.norms)
    np.testing.assert_array_equal(
        table["leaf"].to_numpy()[study.clustered.order], range(len(table))
    )
    np.testing.assert_array_equal(table["cluster"], study.clusters)
    for column in study.moments:
        np.testing.assert_array_equal(table[column], study.moments[column])
    for side in ("in", "out"):
        np.testing.assert_array_equal(table[f"rtg_{side}"], study.rtg[side])


@pytest.mark.parametrize("name", ["in", "out congruence"])
def test_rows_of_all_layers_are_found_beside_those_in_view_and_both_are_kept(study, name):
    in_view = study.rows(name)
    every = study.rows(name, "all")
    assert every.names == study.model.neurons("all").names
    np.testing.assert_array_equal(
        every.vectors, dtviz.space(study.model, name, "all", embedding=study.embedding).vectors
    )
    assert study.rows(name) is study.rows(name, study.layer) is in_view
    assert study.rows(name, "all") is every
    study.layer = "all"
    assert study.rows(name, "all") is study.rows(name)


def test_exemplars_and_pairs_are_those_of_the_functions(study):
    rows = weights(study)
    study.exemplar.threshold, study.pairs.pairs_above = 0.2, 0.4
    cosines = study.exemplar.cosines(rows, rows.names[:1])
    found = study.exemplar(cosines, rows.names[:1])
    equal(found, dtviz.exemplar_cluster(rows, rows.names[0], 0.2))
    equal(study.pairs(rows).frame, dtviz.similar_pairs(rows, 0.4))


def test_every_set_of_vectors_is_listed(demo):
    study = Study(demo, layer=1, named="key")
    assert list(study.vector_sets) == [
        "unembedding",
        "embedding",
        "return-to-go",
        "action embedding",
        "time embedding",
        "neurons, out",
        "neurons, in",
    ]
    assert study.vector_sets["unembedding"] is demo.unembedding
    assert study.vector_sets["embedding"] is study.embedding
    assert study.vector_sets["neurons, in"].names == demo.neurons(1, "in").names
    study.features.named = "no such feature"
    assert "embedding" not in study.vector_sets


# What chance gives.


def chance(study, n=6000):
    """Random neurons like those that are compared, and their congruences with both actions."""
    rows = study.in_view.layer_normed() if study.is_layer_normed else study.in_view
    drawn = dtviz.random_like(rows, n, seed=7)
    both = study.model.unembedding
    if study.congruence.contrast:
        both = dtviz.contrast(both, study.congruence.x, study.congruence.y)
    return dtviz.congruence(drawn, both)[list(study.axes)].to_numpy()


VIEWS = [{}, {"side": "in"}, {"layer": "all"}, {"contrast": True}, {"layer_norm": False}]


@pytest.mark.parametrize("options", VIEWS, ids=str)
def test_95_of_100_random_neurons_are_within_the_limits(demo, options):
    study = Study(demo, **options)
    x, y = chance(study).T
    limits = study.limits
    for values, (low, high) in ((x, limits["x"]), (y, limits["y"])):
        assert low == -high
        assert np.mean((low < values) & (values < high)) == pytest.approx(0.95, abs=0.01)
    within = np.abs(y - x) < study.difference_limit
    assert within.mean() == pytest.approx(0.95, abs=0.01)


@pytest.mark.parametrize("options", VIEWS, ids=str)
def test_95_of_100_random_neurons_are_within_the_ellipse(demo, options):
    study = Study(demo, **options)
    corners = study.ellipse
    np.testing.assert_allclose(corners[0], corners[-1], atol=1e-9)
    # A linear map takes the ellipse to the unit circle.
    to_circle = np.linalg.inv(corners[[0, 25]].T)
    np.testing.assert_allclose(np.linalg.norm(to_circle @ corners.T, axis=0), 1, rtol=1e-6)
    inside = np.linalg.norm(to_circle @ chance(study).T, axis=0) < 1
    assert inside.mean() == pytest.approx(0.95, abs=0.01)


def test_the_moments_of_95_of_100_random_neurons_are_within_their_limits(demo):
    study = Study(demo, named="key")
    drawn = dtviz.random_like(demo.neurons(2, "in"), 2000, seed=7)
    moments = dtviz.moments(dtviz.congruence(drawn, study.embedding.layer_normed()))
    for column, (low, high) in study.moments_limits.items():
        assert study.limits[column] == (low, high)
        assert np.mean((low < moments[column]) & (moments[column] < high)) == pytest.approx(
            0.95, abs=0.03
        )


def test_the_limits_of_the_return_to_go_are_those_of_each_side(demo):
    study = Study(demo)
    for side in ("in", "out"):
        drawn = dtviz.random_like(demo.neurons(2, side), 6000, seed=7)
        values = dtviz.congruence(drawn, demo.rtg)["RTG"]
        low, high = study.limits[f"rtg_{side}"]
        assert np.mean((low < values) & (values < high)) == pytest.approx(0.95, abs=0.01)


@pytest.mark.parametrize("space", ["weights", "out congruence", "in congruence"])
def test_95_of_100_pairs_of_random_neurons_are_below_the_limit_of_cosines(demo, space):
    study = Study(demo, space=space)
    drawn = dtviz.random_like(demo.neurons(2, "in" if space == "in congruence" else "out"), 600, 7)
    if space == "out congruence":
        drawn = of(dtviz.congruence(drawn.layer_normed(), demo.unembedding))
    if space == "in congruence":
        drawn = of(dtviz.congruence(drawn, demo.embedding.layer_normed()))
    cosines = np.abs(dtviz.cosine_similarity(drawn).to_numpy()[np.triu_indices(600, 1)])
    assert np.mean(cosines < study.similarity_limit) == pytest.approx(0.95, abs=0.01)


def of(frame):
    return Directions(frame.to_numpy(), list(frame.index))


# Results are kept until an input changes.


def test_results_are_kept(demo):
    study = Study(demo)
    first = {name: getattr(study, name) for name in KEPT}
    assert [name for name in KEPT if getattr(study, name) is not first[name]] == []
    assert study.rows("out") is study.rows("out")
    assert study.distribution("out") is study.distribution("out")


def test_nothing_is_computed_before_it_is_asked_for(monkeypatch):
    def refuse(*_):
        raise AssertionError("computed")

    monkeypatch.setattr(Study, "_keep", refuse)
    Study(small(), layer=0, side="in", contrast=True)


VECTORS = {"compared", "ellipse", "neurons"}
TREE = {"clustered", "clusters", "similarity", "neurons"}
READ = {"reading", "listed", "ranked", "moments", "moments_limits", "neurons"}


@pytest.mark.parametrize(
    ("owner", "option", "value", "touched"),
    [
        ("congruence", "x", "forward", VECTORS),
        ("congruence", "contrast", True, VECTORS),
        ("congruence", "layer_norm", False, VECTORS | READ | {"summary"}),
        ("clustering", "method", "ward", TREE),
        ("clustering", "distance", "rows", TREE),
        ("clustering", "optimal_order", True, TREE),
        ("clustering", "space", "out congruence", TREE),
        ("clustering", "clusters", 3, {"clusters", "neurons"}),
        ("features", "norm_above", 2.0, READ | {"embedding", "summary"}),
        ("features", "named", "key", READ | {"embedding", "summary"}),
        ("ranking", "k", 3, {"listed", "ranked"}),
        ("ranking", "ranked_by", "out × embedding", READ),
        ("exemplar", "threshold", 0.9, set()),
        ("exemplar", "alike_to", "any", set()),
        ("exemplar", "alike_by", "count", set()),
        ("exemplar", "alike_count", 3, set()),
        ("pairs", "pairs_above", 0.9, set()),
        ("self", "layer", 0, set(KEPT) - {"embedding"}),
        ("self", "side", "in", VECTORS | TREE | {"in_view"}),
    ],
)
def test_only_what_an_option_touches_is_computed_again(owner, option, value, touched):
    study = Study(small())
    before = {name: getattr(study, name) for name in KEPT}
    setattr(study if owner == "self" else getattr(study, owner), option, value)
    after = {name: getattr(study, name) for name in KEPT}
    assert {name for name in KEPT if after[name] is not before[name]} == touched
    again = Study(small(), **study.options)
    for name in ("neurons", "compared", "ranked", "moments", "summary"):
        equal(after[name], getattr(again, name))
    np.testing.assert_array_equal(after["similarity"].values, again.similarity.values)


@pytest.mark.parametrize(
    ("owner", "option", "value"),
    [
        ("congruence", "layer_norm", False),
        ("features", "named", "key"),
        ("self", "side", "in"),
        ("self", "layer", "all"),
    ],
)
def test_after_a_change_results_are_those_of_a_new_study(owner, option, value):
    study = Study(small(), space="in congruence")
    for name in KEPT:
        getattr(study, name)
    study.distribution("in congruence")
    setattr(study if owner == "self" else getattr(study, owner), option, value)
    again = Study(small(), **study.options)
    for name in ("neurons", "compared", "ranked", "moments", "feature_moments", "summary"):
        equal(getattr(study, name), getattr(again, name))
    np.testing.assert_array_equal(study.similarity.values, again.similarity.values)
    assert study.similarity_limit == again.similarity_limit
    equal(study.distribution("in congruence").frame(), again.distribution("in congruence").frame())


def test_another_model_is_another_input():
    study = Study(small())
    before = {name: getattr(study, name) for name in KEPT}
    study.model = small(d=7)
    assert [name for name in KEPT if getattr(study, name) is before[name]] == []
    equal(study.neurons, Study(small(d=7)).neurons)


# All that look at a model share what cannot be changed.


def shared(study):
    return {
        "in_view": study.in_view,
        "rows": study.rows("in congruence"),
        "products": study.products,
        "listed": study.listed,
        "clustered": study.clustered,
        "similarity": study.similarity,
        "distribution": study.distribution("out congruence"),
    }


def differing(a, b):
    return {name for name in a if a[name] is not b[name]}


def test_studies_of_one_model_share_what_cannot_be_changed():
    model = small()
    studies = Study(model), Study(model), Study(replace(model))
    first, second, of_another = map(shared, studies)
    assert differing(first, second) == set()
    assert differing(first, of_another) == set(first)


def test_other_options_share_what_they_do_not_touch():
    model = small()
    first, second = Study(model), Study(model, method="ward", k=3)
    before = shared(first)
    assert differing(before, shared(second)) == {"clustered", "similarity", "listed"}
    second.choose(method="average", k=10)
    assert differing(before, shared(second)) == set()


def test_a_tree_is_there_when_one_comes_back_to_a_layer():
    study = Study(small())
    trees = []
    for layer in (0, 1, 0, 1):
        study.layer = layer
        trees.append(study.clustered)
    assert trees[2:] == trees[:2]
    study.choose(method="ward")
    assert study.clustered not in trees


@pytest.mark.parametrize("name", ["in congruence", "out congruence"])
def test_a_vocabulary_that_is_narrower_than_the_residual_stream_is_normalized_once(
    monkeypatch, name
):
    monkeypatch.setattr("dtviz.analyses.products.VOCABULARY", 10)
    random = np.random.default_rng(0)
    lengths = 10.0 ** random.uniform(-5, 0, (20, 1))

    def rows(n):
        return random.standard_normal((n, 40))

    model = Model.from_arrays(
        [rows(6)],
        in_=[rows(6)],
        unembedding=Directions(lengths * rows(20), [f"u{i}" for i in range(20)]),
        embedding=Directions(lengths * rows(20), [f"f{i}" for i in range(20)]),
        normalization="LN",
    )
    expected = dtviz.space(model, name, 0)
    np.testing.assert_allclose(Study(model).rows(name).vectors, expected.vectors, rtol=1e-5)


def test_what_can_be_changed_is_each_ones_own():
    model = small()
    first, second = Study(model), Study(model)
    first.neurons["mine"] = 1
    first.compared["x"] = 7.0
    first.clusters[:] = 0
    equal(second.neurons, Study(small()).neurons)


def test_a_further_study_takes_little_memory():
    model = small(n=1_500, layers=1, d=200)
    one = model.neurons(0).vectors.nbytes
    # A tree is made, and read, in less room than the distances of all pairs take.
    first = Study(model)
    _ = first.similarity.values, first.neurons
    tracemalloc.start()
    try:
        studies = [Study(model) for _ in range(10)]
        for study in studies:
            _ = study.similarity.values, study.neurons
        assert tracemalloc.get_traced_memory()[0] < 10 * one / 2
    finally:
        tracemalloc.stop()


def test_studies_in_threads_find_the_same():
    model = small(n=40)
    expected = Study(small(n=40)).similarity.values

    def look(_):
        return Study(model).similarity.values

    with ThreadPoolExecutor(8) as pool:
        assert all(np.array_equal(found, expected) for found in pool.map(look, range(40)))


# Whatever the model lacks, and whatever the options leave.

ROWS = np.random.default_rng(0).normal(size=(12, 6))
MODELS = {
    "usual": {},
    "gated": {"sides": ["out", "in", "gate"]},
    "no side in": {"sides": ["out"]},
    "no embedding": {"features": []},
    "no unembedding": {"actions": []},
    "no return-to-go": {"rtg": False},
    "no LayerNorm": {"normalization": None},
    "bare": {"sides": ["out"], "features": [], "actions": [], "rtg": False},
    "one neuron": {"n": 1},
    "two neurons": {"n": 2},
    "identical neurons": {"every": np.tile(np.arange(6.0), (12, 1))},
    "neurons along LayerNorm's zero": {"every": np.ones((12, 6))},
    "zeros": {"every": np.zeros((12, 6))},
    "some zeros": {"every": ROWS * (np.arange(12) < 6)[:, None]},
    "one action": {"actions": ["only"]},
    "one feature": {"features": PLACES[:1]},
    "one dimension": {"d": 1},
    "two dimensions": {"d": 2},
    "one layer": {"layers": 1},
    "huge": {"every": ROWS * 1e15},
    "tiny": {"every": ROWS * 1e-30},
}
OPTIONS = {
    "usual": {},
    "all layers": {"layer": "all"},
    "contrast": {"contrast": True},
    "no LayerNorm": {"layer_norm": False},
    "by what is written": {"ranked_by": "out × embedding"},
    "no feature long enough": {"norm_above": 1e9},
    "no feature so called": {"named": "nothing"},
    "no regular expression": {"named": "("},
    "in congruence without features": {"space": "in congruence", "named": "("},
    "one cluster": {"clusters": 1},
    "many clusters": {"clusters": 20, "k": 50},
    "rows": {"method": "single", "distance": "rows", "optimal_order": True},
}


def fits(model, options):
    """Whether there is something to compare with, and the space that is asked for."""
    reads = model.get("features", PLACES) and "in" in model.get("sides", ["in"])
    return model.get("actions", ["left"]) and (reads or options.get("space") != "in congruence")


# Each model under the options that could matter to it, four of them under all.
CASES = [
    (model, options)
    for model in MODELS
    for options in OPTIONS
    if fits(MODELS[model], OPTIONS[options])
    and (
        model in ("usual", "no side in", "one neuron", "zeros")
        or options in ("usual", "all layers", "by what is written", "no feature so called")
    )
]


def study_of(model, options):
    return Study(small(**MODELS[model]), **OPTIONS[options])


def outcome(find):
    """What is found, or the sentence that says why it is not."""
    try:
        return find()
    except DtvizError as error:
        return str(error)


def is_finite(values):
    return bool(np.isfinite(np.asarray(values, dtype=float)).all())


@pytest.mark.parametrize(("model", "options"), CASES)
def test_whatever_the_model_and_the_options_there_is_a_result_or_a_reason(model, options):
    study = study_of(model, options)
    found = {name: outcome(lambda name=name: getattr(study, name)) for name in RESULTS}
    refused = {name for name in RESULTS if isinstance(found[name], str)}
    allowed = {"why_nothing", "why_no_features", "space", "reading_side"}
    if len(study.in_view) == 1:
        allowed |= {"summary"}
    assert refused <= allowed
    nothing = {"reading", "listed", "moments", "feature_moments", "moments_limits"}
    assert {name for name in nothing if found[name] is None} == (
        nothing if found["why_nothing"] else set()
    )
    assert found["ranked"].empty == bool(found["why_nothing"])
    assert is_finite(found["ellipse"])
    assert is_finite(list(found["limits"].values()))
    assert all(low <= high for low, high in found["limits"].values())
    assert is_finite([found["difference_limit"], found["similarity_limit"], found["angle"]])
    assert is_finite(found["neurons"][["x", "y", "difference", "norm", "leaf", "cluster"]])
    assert is_finite(found["similarity"].values)
    assert len(found["neurons"]) == len(study.in_view)
    assert found["space"] in found["spaces"]
    for space in found["spaces"]:
        assert len(study.rows(space)) == len(study.in_view)
        assert is_finite(study.distribution(space).frame())
    rows = study.rows(study.space)
    cosines = study.exemplar.cosines(rows, rows.names[:1])
    assert study.exemplar(cosines, rows.names[:1])["name"].iloc[0] == rows.names[0]
    assert set(study.similar_pairs.frame) == {"name_1", "name_2", "cosine", "norm_1", "norm_2"}


@pytest.mark.parametrize(
    ("model", "options", "why"),
    [
        ("no embedding", "usual", "no input features"),
        ("no side in", "usual", "no side 'in'"),
        ("usual", "no feature long enough", "None of the 18 input features passes the filter"),
        ("usual", "no feature so called", "None of the 18 input features passes the filter"),
        ("usual", "no regular expression", r"regular expression, got '\('"),
    ],
)
def test_where_there_is_nothing_to_read_a_sentence_says_why(model, options, why):
    study = study_of(model, options)
    with pytest.raises(AssertionError, match=why):
        raise AssertionError(study.why_nothing)
    assert study.why_nothing.endswith(".")
    assert study.reading is None
    assert study.listed is None
    assert list(study.ranked) == ["name", "end", "rank", "item", "value"]
    assert "mean_abs" not in study.neurons
    assert "in congruence" not in study.spaces or model == "no side in"


def test_what_is_written_needs_no_side_in():
    study = Study(small(sides=["out"]), ranked_by="out × embedding")
    assert study.why_nothing == ""
    assert study.reading.shape == (12, 18)
    assert list(study.rtg) == ["out"]
    assert set(study.limits) == {"x", "y", "rtg_out", "mean_abs", "std", "kurtosis"}


def test_a_model_without_a_return_to_go_has_none():
    study = Study(small(rtg=False))
    assert study.rtg is None
    assert not [name for name in [*study.neurons, *study.limits] if name.startswith("rtg")]


def test_a_space_that_the_filter_empties_gives_way_to_the_weights():
    study = Study(small(), space="in congruence")
    in_congruence = study.clustered
    study.features.named = "nothing"
    assert study.space == "out"
    np.testing.assert_array_equal(
        study.clustered.linkage, dtviz.cluster(study.model.neurons(1)).linkage
    )
    study.features.named = ""
    np.testing.assert_array_equal(study.clustered.linkage, in_congruence.linkage)


def test_a_number_of_clusters_beyond_the_neurons_is_all_of_them():
    assert Study(small(n=3), clusters=20).clusters.tolist() in ([0, 1, 2], [0, 2, 1], [1, 0, 2])
    assert set(Study(small(n=3), clusters=20).clusters) == {0, 1, 2}


@pytest.mark.parametrize("model", ["no unembedding", "bare"])
def test_without_an_unembedding_all_but_the_comparison_is_found(model):
    study = study_of(model, "usual")
    for name in ("neurons", "compared", "ellipse"):
        with pytest.raises(BadArgument, match="unembedding"):
            getattr(study, name)
    np.testing.assert_array_equal(study.clustered.linkage, dtviz.cluster(study.in_view).linkage)
    assert study.similarity.values.shape == (12, 12)
    equal(study.summary, dtviz.summary(study.model, 1))
    assert "unembedding" not in study.vector_sets
    if model == "no unembedding":
        equal(study.ranked, dtviz.top_k(study.reading))
        assert list(study.rtg) == ["in", "out"]


@pytest.mark.parametrize("name", ["angle", "limits", "difference_limit"])
def test_without_an_unembedding_what_needs_one_says_so(name):
    with pytest.raises(BadArgument, match="unembedding"):
        getattr(Study(small(actions=[])), name)


def test_a_study_takes_any_labelled_vectors():
    study = Study(Model.from_arrays(np.eye(4)))
    assert study.clusters.tolist() == dtviz.cluster(study.in_view).cut(4).tolist()
    assert study.why_nothing == "This model has no input features to list."
