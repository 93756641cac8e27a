import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import array_shapes, arrays

import dtviz
from dtviz.analyses import distributions
from dtviz.analyses.chance import cosine_cdf, cosine_limit
from dtviz.analyses.distributions import (
    BINS,
    Distribution,
    distribution,
    pair_cosines,
    pair_counts,
    similarity_limit,
    summary,
)
from dtviz.analyses.features import restricted
from dtviz.analyses.spaces import spaces_of
from dtviz.errors import BadArgument, UnknownName
from dtviz.model import Model

from . import reference
from .reference import directions

pytestmark = pytest.mark.filterwarnings("error::RuntimeWarning")

EDGES = np.linspace(-1, 1, 101)
# Small whole numbers, so that rows of zeros, equal rows and opposite rows are common.
MATRICES = arrays(
    float, array_shapes(min_dims=2, max_dims=2, max_side=7), elements=st.integers(-2, 2).map(float)
)


def random_model(n: int, d: int, seed: int, **parts) -> Model:
    """Neurons in random directions, of unequal lengths; those that read are centred."""
    rng = np.random.default_rng(seed)
    out, reads = rng.normal(size=(2, n, d)) * rng.lognormal(size=(2, n, 1))
    reads -= reads.mean(axis=1, keepdims=True)
    targets = np.random.default_rng(99)
    given_parts = {
        "unembedding": directions(targets.normal(size=(7, d)), "a"),
        "embedding": directions(targets.normal(size=(40, d)), "f"),
        "normalization": "LN",
    }
    return Model.from_arrays(out, in_=reads, **(given_parts | parts))


SMALL = random_model(30, 6, 0)


def test_the_public_names():
    assert dtviz.distribution is distribution
    assert dtviz.summary is summary


# Pairs


@given(MATRICES, st.integers(1, 4))
def test_each_pair_is_counted_once(matrix, block):
    rows = directions(matrix)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(distributions, "_BLOCK", block)
        found = np.concatenate(list(pair_cosines(rows)))
        counts = pair_counts(rows)
    n = len(matrix)
    assert counts.shape == (BINS,)
    assert counts.sum() == len(found) == n * (n - 1) / 2
    cosines = reference.cosines(matrix, matrix)
    expected = sorted(cosines[i, j] for i in range(n) for j in range(i + 1, n))
    np.testing.assert_allclose(sorted(found.tolist()), expected, atol=1e-6)


@given(st.integers(2, 40), st.integers(0, 2**32 - 1))
def test_pairs_are_counted_in_the_bin_of_their_cosine(n, seed):
    rows = directions(np.random.default_rng(seed).normal(size=(n, 3)))
    counts = np.zeros(100)
    cosines = np.clip(rows.unit().vectors @ rows.unit().vectors.T, -1, 1).astype(float)
    near_an_edge = 0
    for i in range(n):
        for j in range(i + 1, n):
            place = (cosines[i, j] + 1) * 50
            counts[min(int(place), 99)] += 1
            near_an_edge += abs(place - round(place)) < 1e-4
    assert np.abs(pair_counts(rows) - counts).sum() <= 2 * near_an_edge


def test_the_first_and_the_last_bin_hold_opposite_and_identical_rows():
    counts = pair_counts(directions([[1, 0], [1, 0], [-1, 0]]))
    assert np.flatnonzero(counts).tolist() == [0, 99]
    assert (counts[0], counts[99]) == (2, 1)


def test_without_two_rows_there_are_no_pairs():
    for rows in (0, 1):
        assert pair_counts(directions(np.ones((rows, 3)))).tolist() == [0] * 100


# Distributions


def test_a_cosine_at_the_end_of_a_bin_is_in_it():
    found = distribution(Model.from_arrays([np.eye(8)], name="orthogonal"), "out", 0)
    assert found.ecdf[(found.edges[1:] < 0).sum() :].tolist() == [1] * 51
    assert not found.ecdf[found.edges[1:] < -1e-9].any()


def made(counts) -> Distribution:
    band = np.tile(np.arange(3.0)[:, None], (1, 100))
    return Distribution(np.pad(counts, (0, 100 - len(counts))), band, 10 + band)


def test_a_distribution_tells_shares_and_their_sum():
    found = made([1, 0, 3])
    assert found.pairs == 4
    assert found.share[:4].tolist() == [0.25, 0, 0.75, 0]
    assert found.ecdf[:4].tolist() == [0.25, 0.25, 1, 1]
    np.testing.assert_allclose(found.edges, EDGES)


def test_a_distribution_without_pairs_has_shares_of_0():
    found = made([])
    assert found.pairs == 0
    assert not found.share.any()
    assert not found.ecdf.any()


def test_the_frame_of_a_distribution_has_a_row_a_bin():
    found = made([1, 0, 3])
    frame = found.frame()
    bands = [
        f"{what}_{end}" for what in ("chance", "chance_ecdf") for end in ("low", "mid", "high")
    ]
    assert frame.columns.tolist() == ["from", "to", "pairs", "share", "ecdf", *bands]
    assert len(frame) == 100
    np.testing.assert_allclose(frame["from"], EDGES[:-1])
    np.testing.assert_allclose(frame["to"], EDGES[1:])
    assert frame["pairs"].tolist() == found.counts.tolist()
    assert frame.loc[5, bands].tolist() == [0, 1, 2, 10, 11, 12]


@pytest.mark.parametrize("name", ["out", "in", "out congruence", "in congruence"])
def test_bands_are_ordered_and_end_at_1(name):
    found = distribution(SMALL, name, 0)
    for band in (found.chance, found.chance_ecdf):
        assert band.shape == (3, 100)
        assert (np.diff(band, axis=0) >= 0).all()
        assert band.min() >= 0
    np.testing.assert_allclose(found.chance_ecdf[:, -1], 1)
    assert (np.diff(found.chance_ecdf, axis=1) >= -1e-3).all()
    assert found.pairs == 30 * 29 / 2


@pytest.mark.parametrize(("name", "d"), [("out", 6), ("in", 5)])
def test_between_weights_chance_is_the_integral_of_the_density(name, d):
    found = distribution(SMALL, name, 0)
    ecdf = cosine_cdf(EDGES, d)
    np.testing.assert_allclose(found.chance_ecdf[1], ecdf[1:])
    np.testing.assert_allclose(found.chance[1], np.diff(ecdf), atol=1e-12)
    p = found.chance[1][60]
    half = 1.959964 * (p * (1 - p) / 435) ** 0.5
    assert found.chance[0][60] == pytest.approx(max(p - half, 0))
    assert found.chance[2][60] == pytest.approx(p + half)


def test_in_one_dimension_half_of_the_random_pairs_are_opposite():
    model = Model.from_arrays(np.array([[1.0], [2], [-1]]))
    found = distribution(model, "out", 0)
    assert found.chance[1][[0, 1, 98, 99]].tolist() == [0.5, 0, 0, 0.5]
    assert found.chance_ecdf[1][[0, 98, 99]].tolist() == [0.5, 0.5, 1]


# Of cases that are random, and of bins that hold some pairs, so large a part is in the bands.
IN_BAND = pytest.approx(0.95, abs=0.02)


def in_bands(found: Distribution, counts: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Whether each bin with some pairs is within its band, and the sum of shares within its."""
    share = counts / counts.sum()
    tolerance = 1e-12
    is_used = found.chance[1] * counts.sum() > 5
    return tuple(
        ((band[0] - tolerance <= values) & (values <= band[2] + tolerance))[is_used]
        for band, values in ((found.chance, share), (found.chance_ecdf, np.cumsum(share)))
    )


@pytest.mark.parametrize("d", [5, 16, 64, 256])
@pytest.mark.parametrize("side", ["out", "in"])
def test_of_random_weights_95_percent_of_bins_are_within_the_band(side, d):
    within = []
    for seed in range(20):
        model = random_model(200, d, seed)
        found = distribution(model, side, 0)
        within.append(in_bands(found, found.counts))
    bins, sums = np.array(within).swapaxes(0, 1)
    assert bins.mean() == IN_BAND
    # The sums of shares go together: there are fewer of them than it seems.
    assert sums.mean() == pytest.approx(0.95, abs=0.04)


@pytest.mark.parametrize("name", ["out congruence", "in congruence"])
def test_of_random_neurons_95_percent_of_bins_of_congruences_are_within_the_band(name):
    drawn = []
    for seed in range(40):
        rows = dtviz.space(random_model(120, 16, seed), name, 0)
        drawn.append(pair_counts(rows))
    within = []
    for seed in range(5):
        found = distribution(random_model(120, 16, 100 + seed), name, 0, seed=1000 * seed)
        within += [in_bands(found, counts) for counts in drawn]
    bins, sums = (np.concatenate(part) for part in zip(*within, strict=True))
    assert bins.mean() == IN_BAND
    assert sums.mean() == pytest.approx(0.95, abs=0.04)


def test_neurons_that_resemble_each_other_are_outside_the_bands():
    rng = np.random.default_rng(0)
    vectors = np.repeat(rng.normal(size=(20, 16)), 6, axis=0) + 0.3 * rng.normal(size=(120, 16))
    model = random_model(1, 16, 0)
    alike = Model.from_arrays(
        vectors, unembedding=model.unembedding, embedding=model.embedding, in_=vectors
    )
    for name in spaces_of(alike):
        found = distribution(alike, name, 0)
        assert found.share[95:].sum() > 2 * found.chance[2][95:].sum()


def test_a_simulation_is_the_same_for_the_same_seed():
    same, again, other = (
        distribution(SMALL, "out congruence", 0, seed=seed).frame() for seed in (3, 3, 4)
    )
    pd.testing.assert_frame_equal(same, again)
    assert not same.equals(other)
    assert same["pairs"].tolist() == other["pairs"].tolist()


def test_options_reach_the_neurons_and_their_chance():
    usual = distribution(SMALL, "in congruence", 0).frame()
    some = distribution(
        SMALL, "in congruence", 0, embedding=SMALL.embedding.subset(["f1", "f2"])
    ).frame()
    raw = distribution(SMALL, "in congruence", 0, layer_norm=False).frame()
    for other in (some, raw):
        for column in ("pairs", "chance_mid"):
            assert other[column].tolist() != usual[column].tolist()


def test_what_there_is_no_distribution_of_is_told():
    bare = Model.from_arrays(np.eye(3))
    for name in ("in", "gate", "out congruence", "in congruence", "x", None):
        for compute in (distribution, similarity_limit):
            with pytest.raises(UnknownName, match="a space of arrays among 'out', got"):
                compute(bare, name, 0)
    for name in spaces_of(SMALL):
        for compute in (distribution, similarity_limit):
            with pytest.raises(UnknownName, match="a layer of arrays: 0, or 'all', got 1"):
                compute(SMALL, name, 1)
    for compute in (distribution, similarity_limit):
        with pytest.raises(BadArgument, match="for the in congruence, got no features"):
            compute(SMALL, "in congruence", 0, embedding=restricted(SMALL.embedding, 99))


# The limit of random neurons


@pytest.mark.parametrize(("name", "d"), [("out", 16), ("in", 15)])
def test_between_weights_the_limit_is_that_of_random_directions(name, d):
    assert similarity_limit(random_model(50, 16, 0), name, 0) == cosine_limit(d)


@pytest.mark.parametrize("name", ["out", "in", "out congruence", "in congruence"])
def test_95_percent_of_the_pairs_of_random_neurons_are_within_the_limit(name):
    limit = similarity_limit(random_model(400, 16, 0), name, 0)
    rows = dtviz.space(random_model(400, 16, 1), name, 0)
    cosines = np.abs(np.concatenate(list(pair_cosines(rows))))
    assert (cosines <= limit).mean() == pytest.approx(0.95, abs=0.01)


# The summary


@given(MATRICES.filter(lambda matrix: len(matrix) > 1))
def test_a_summary_describes_the_pairs_of_a_loop(matrix):
    model = Model.from_arrays(matrix, in_=matrix[::-1])
    found = summary(model)
    cosines = np.abs(reference.cosines(matrix, matrix))
    expected = pd.Series(cosines[np.triu_indices(len(matrix), 1)]).describe()
    assert found.columns.tolist() == ["in", "out"]
    assert found.index.tolist() == expected.index.tolist()
    for side in found:
        np.testing.assert_allclose(found[side], expected, atol=1e-5)


@pytest.mark.parametrize("narrow", [1, 7, 2**16])
def test_a_summary_of_many_pairs_is_that_of_all_of_them_together(narrow, monkeypatch):
    monkeypatch.setattr(distributions, "_NARROW", narrow)
    monkeypatch.setattr(distributions, "_BLOCK", 100)
    model = random_model(600, 9, 0)
    cosines = np.abs(np.concatenate(list(distributions.pair_cosines(model.neurons(0)))))
    expected = pd.Series(cosines.astype(float)).describe()
    pd.testing.assert_series_equal(
        summary(model, 0)["out"], expected, check_names=False, rtol=1e-6, atol=0
    )


def test_a_summary_has_the_spaces_that_the_model_has():
    assert summary(SMALL).columns.tolist() == ["in", "out", "in congruence", "out congruence"]
    assert summary(Model.from_arrays(np.eye(3))).columns.tolist() == ["out"]
    no_features = restricted(SMALL.embedding, 99)
    columns = summary(SMALL, embedding=no_features).columns.tolist()
    assert columns == ["in", "out", "out congruence"]


def test_a_summary_of_one_neuron_is_refused():
    with pytest.raises(BadArgument, match=r"two neurons or more, to compare in pairs, got 1\. Ch"):
        summary(random_model(1, 6, 0))
    two_layers = Model.from_arrays([np.ones((1, 3)), np.eye(3)[:1]])
    assert summary(two_layers)["out"]["count"] == 1
    with pytest.raises(BadArgument, match="got 1"):
        summary(two_layers, 1)


def test_a_summary_of_a_layer_that_is_none_is_refused():
    with pytest.raises(UnknownName, match="a layer of arrays: 0, or 'all', got 7"):
        summary(SMALL, 7)


# Real checkpoints, against NumPy on their raw weights


@pytest.mark.parametrize("layer", [1, "all"])
def test_real_distributions(real, layer, monkeypatch):
    model, raw = real
    monkeypatch.setattr(distributions, "_DRAWS", 3)
    for name in spaces_of(model):
        cosines = reference.paired(reference.space(raw, name, layer))
        found = distribution(model, name, layer)
        assert found.pairs == len(cosines)
        counts, edges = np.histogram(cosines, 100, (-1, 1))
        np.testing.assert_allclose(found.edges, edges)
        # Near the ends of bins rounding may decide either way.
        assert np.abs(found.counts - counts).sum() <= max(len(cosines) / 5000, 2)
        ecdf = np.searchsorted(np.sort(cosines), edges[1:], side="right") / len(cosines)
        np.testing.assert_allclose(found.ecdf, ecdf, atol=1e-4)
        assert np.isfinite(found.frame()).all(axis=None)


@pytest.mark.parametrize("layer", [0, "all"])
def test_real_summaries(real, layer):
    model, raw = real
    found = summary(model, layer)
    assert found.columns.tolist() == ["in", "out", "in congruence", "out congruence"]
    for name in found:
        cosines = np.abs(reference.paired(reference.space(raw, name, layer)))
        expected = [
            len(cosines),
            cosines.mean(),
            cosines.std(ddof=1),
            *np.quantile(cosines, [0, 0.25, 0.5, 0.75, 1]),
        ]
        np.testing.assert_allclose(found[name], expected, atol=1e-5)


def test_real_summary_with_a_restricted_embedding_and_without_layer_norm(real):
    model, raw = real
    embedding = reference.embedding(raw)
    long = embedding[np.linalg.norm(embedding, axis=1) > 0.8]
    found = summary(model, 0, layer_norm=False, embedding=restricted(model.embedding))
    read = reference.neurons(raw, 0, "in") @ long.T
    written = reference.neurons(raw, 0, "out") @ reference.unembedding(raw).T
    for name, rows in (("in congruence", read), ("out congruence", written)):
        assert found[name]["mean"] == pytest.approx(np.abs(reference.paired(rows)).mean(), abs=1e-5)
