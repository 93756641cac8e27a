"""Models that are small or degenerate, through every analysis."""

import numpy as np
import pandas as pd
import pytest

from dtviz.analyses.across import CROSSINGS, across, ranked
from dtviz.analyses.chance import congruence_ellipse, congruence_limit
from dtviz.analyses.clustering import DISTANCES, METHODS, ClusterAnalysis, cluster, tree_segments
from dtviz.analyses.congruence import CongruenceAnalysis, congruence
from dtviz.analyses.distributions import distribution, similarity_limit, summary
from dtviz.analyses.features import restricted
from dtviz.analyses.moments import moments
from dtviz.analyses.ranking import top_k
from dtviz.analyses.similarity import averaged_similarity, exemplar_cluster, similar_pairs
from dtviz.analyses.spaces import space, spaces_of
from dtviz.directions import Directions
from dtviz.errors import BadArgument, UnknownName
from dtviz.model import Model

from .reference import directions

pytestmark = pytest.mark.filterwarnings("error")

RNG = np.random.default_rng(0)


def made(weights, normalization="LN") -> Model:
    weights = np.asarray(weights, dtype=float)
    width = weights.shape[1]

    def part(rows: int) -> Directions:
        vectors = RNG.normal(size=(rows, width))
        vectors[-1] = 0
        return directions(vectors, normalization=normalization)

    return Model(
        name="toy",
        weights={"out": [weights], "in": [weights], "gate": [weights]},
        unembedding=part(3),
        embedding=part(5),
        rtg=part(1),
        normalization=normalization,
    )


MODELS = {
    "one neuron": made([[1, 2, 3, 4]]),
    "one neuron of zeros": made([[0, 0, 0, 0]]),
    "two neurons": made([[1, 2, 3, 4], [-1, 0, 2, 0]]),
    "two opposite neurons": made([[1, 2, 3, 4], [-1, -2, -3, -4]]),
    "identical neurons": made(np.tile([[0.1, 0.2, 0.3, 0.4]], (6, 1))),
    "a layer of zeros": made(np.zeros((6, 4))),
    "some zeros": made(np.diag([1.0, 0, 2, 0])),
    "constant neurons": made(np.ones((6, 4))),
    "centred neurons": made(np.eye(4) - 0.25),
    "two dimensions": made([[1, 2], [3, -3], [0, 1]]),
    "two dimensions, centred": made([[1, -1], [3, -3], [-2, 2]]),
    "one dimension": made([[1], [-2], [0]]),
    "no LayerNorm": made(RNG.normal(size=(5, 4)), None),
    "large numbers": made(1e12 * RNG.normal(size=(5, 4))),
    "small numbers": made(1e-12 * RNG.normal(size=(5, 4))),
}


@pytest.fixture(params=MODELS)
def model(request) -> Model:
    return MODELS[request.param]


@pytest.fixture
def rows(model) -> list[Directions]:
    """What stands for the neurons in each space."""
    return [space(model, name) for name in spaces_of(model)]


def is_whole(values) -> bool:
    return bool(np.isfinite(np.asarray(values, dtype=float)).all())


def test_spaces(rows):
    assert len(rows) == 5


def test_pairs(rows):
    for a in rows:
        n = len(a)
        for threshold in (0, 0.5, 1):
            pairs = similar_pairs(a, threshold)
            assert is_whole(pairs[["cosine", "norm_1", "norm_2"]])
            assert len(pairs) <= (n * (n - 1) / 2 if threshold < 1 else 0)


def test_exemplar_clusters(rows):
    for a in rows:
        for exemplars in (a.names[0], a.names):
            for threshold in (0, 0.5, 1):
                found = exemplar_cluster(a, exemplars, threshold)
                assert is_whole(found["cosine"])
                assert found["name"][0] == a.names[0]
                assert found["name"].is_unique


@pytest.mark.parametrize("distance", DISTANCES)
@pytest.mark.parametrize("method", METHODS)
def test_clustering(rows, method, distance):
    for a in (rows[0], rows[-1]):
        for best in (False, True):
            found = cluster(a, method, distance, optimal_order=best)
            assert sorted(found.order.tolist()) == list(range(len(a)))
            assert is_whole(found.linkage)
            labels = ClusterAnalysis().cut(found)
            assert len(labels) == len(a)
            segments = tree_segments(found, labels)
            assert len(segments) == 3 * (len(a) - 1)
            assert is_whole(segments)
            averaged, _ = averaged_similarity(a, found.order, 3)
            assert is_whole(averaged)


def test_congruences(model):
    analysis = CongruenceAnalysis()
    for axis in "xy":
        analysis.param[axis].objects = model.unembedding.names
    for y in model.unembedding.names:
        for contrast in (False, True):
            analysis.param.update(x="r0", y=y, contrast=contrast)
            for side in model.sides:
                found = analysis(model.neurons("all", side), side, model.unembedding)
                assert is_whole(found)


def test_crossings(model):
    for crossing in CROSSINGS:
        frame = across(model, crossing)
        long = ranked(frame)
        assert is_whole(frame)
        assert len(long) == frame.size
        assert long["value"].is_monotonic_decreasing


def test_top_k_with_fewer_items_than_k(model):
    frame = congruence(model.neurons(side="in"), model.embedding.layer_normed())
    listed = top_k(frame, 10)
    assert len(listed) == frame.size * 2
    assert is_whole(listed["value"])


def test_moments(model):
    frame = congruence(model.neurons(side="in"), model.embedding)
    found = moments(frame)
    assert is_whole(found[["mean_abs", "std"]])
    assert found["kurtosis"].notna().tolist() == (found["std"] > 0).tolist()
    # Where there are too few neurons, features have no standard deviation or kurtosis.
    of_features = moments(frame.T)
    assert is_whole(of_features["mean_abs"])
    assert of_features["std"].notna().all() == (len(frame) > 1)


def test_distributions(model):
    n = len(model.neurons())
    for name in spaces_of(model):
        found = distribution(model, name, 0)
        assert found.pairs == n * (n - 1) / 2
        assert is_whole(found.frame())
        assert 0 <= similarity_limit(model, name, 0) <= 1


def test_summaries(model):
    if len(model.neurons()) == 1:
        with pytest.raises(BadArgument, match="two neurons or more, to compare in pairs, got 1"):
            summary(model)
        return
    found = summary(model)
    # One pair has no standard deviation.
    assert is_whole(found.drop("std"))
    assert is_whole(found.loc["std"]) == (len(model.neurons()) > 2)


def test_chance(model):
    for side in model.sides:
        neurons = model.neurons("all", side)
        for a in (neurons, neurons.layer_normed()):
            for target in model.unembedding.vectors:
                assert congruence_limit(a, target) >= 0
            assert is_whole(congruence_ellipse(a, model.unembedding.vectors[:2]))


def test_a_filter_that_leaves_nothing_is_told_or_leaves_nothing_to_list(model):
    nothing = restricted(model.embedding, 1e30)
    assert len(nothing) == 0
    for compare in (
        lambda: space(model, "in congruence", embedding=nothing),
        lambda: distribution(model, "in congruence", 0, embedding=nothing),
        lambda: across(model, "out × embedding", embedding=nothing),
        lambda: across(model, "embedding × unembedding", embedding=nothing),
    ):
        with pytest.raises(BadArgument, match=r"to compare with.*got no"):
            compare()
    frame = congruence(model.neurons(side="in"), nothing)
    assert len(top_k(frame)) == 0
    assert len(ranked(frame)) == 0
    assert moments(frame).isna().all(axis=None)


def test_identical_neurons_are_alike_in_every_way():
    alike = MODELS["identical neurons"]
    for name in spaces_of(alike):
        assert distribution(alike, name, 0).counts[-1] == 15
        rows = space(alike, name)
        assert len(exemplar_cluster(rows, rows.names[2], 0.999)) == 6
        np.testing.assert_allclose(cluster(rows).linkage[:, 2], 0, atol=1e-6)
    expected = pd.Series({"count": 15, "mean": 1, "std": 0, "min": 1, "max": 1})
    for name, found in summary(alike).items():
        np.testing.assert_allclose(found[expected.index], expected, atol=1e-6, err_msg=str(name))


def test_a_model_of_outputs_alone_says_what_it_lacks():
    bare = Model.from_arrays(np.eye(3))
    assert spaces_of(bare) == ["out"]
    assert summary(bare).columns.tolist() == ["out"]
    for crossing in CROSSINGS:
        with pytest.raises(BadArgument, match=r"got arrays, which has .*Choose another comparison"):
            across(bare, crossing)
    for name in ("in", "gate", "out congruence", "in congruence"):
        with pytest.raises(UnknownName, match="a space of arrays among 'out', got"):
            space(bare, name)
    with pytest.raises(UnknownName, match="a side of arrays, got 'in'"):
        bare.neurons(0, "in")
