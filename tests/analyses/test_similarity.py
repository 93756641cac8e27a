import tracemalloc

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import array_shapes, arrays

import dtviz
from dtviz.analyses import similarity
from dtviz.analyses.similarity import (
    ExemplarAnalysis,
    PairsAnalysis,
    averaged_similarity,
    cosine_similarity,
    cosines_with,
    counted_pairs,
    exemplar_cluster,
    similar_pairs,
)
from dtviz.analyses.spaces import space
from dtviz.errors import BadArgument, UnknownName

from . import reference
from .reference import directions

# Small whole numbers, so that rows of zeros, equal rows and opposite rows are common.
MATRICES = arrays(
    float, array_shapes(min_dims=2, max_dims=2, max_side=6), elements=st.integers(-2, 2).map(float)
)
RNG = np.random.default_rng(0)


def test_the_public_names():
    assert dtviz.cosine_similarity is cosine_similarity
    assert dtviz.similar_pairs is similar_pairs
    assert dtviz.exemplar_cluster is exemplar_cluster


@given(MATRICES)
def test_cosines_are_those_of_a_loop_over_the_pairs(matrix):
    frame = cosine_similarity(directions(matrix))
    np.testing.assert_allclose(frame, reference.cosines(matrix, matrix), atol=1e-6)
    assert (frame.dtypes == np.float32).all()
    assert frame.to_numpy().min() >= -1
    assert frame.to_numpy().max() <= 1


def test_cosines_between_two_sets_are_rows_by_columns():
    a, b = RNG.normal(size=(3, 4)), RNG.normal(size=(2, 4))
    frame = cosine_similarity(directions(a, "a"), directions(b, "b"))
    assert frame.index.tolist() == ["a0", "a1", "a2"]
    assert frame.columns.tolist() == ["b0", "b1"]
    np.testing.assert_allclose(frame, reference.cosines(a, b), atol=1e-6)


def test_cosines_never_leave_their_range_by_rounding():
    rows = directions(np.tile(RNG.normal(size=(200, 7)), (2, 1)) * 1e3)
    frame = cosine_similarity(rows)
    assert frame.to_numpy().max() <= 1
    assert frame.loc["r0", "r200"] == pytest.approx(1)


def test_cosines_with_no_rows_are_empty():
    some = directions(np.eye(3))
    assert cosine_similarity(some, some.subset([])).shape == (3, 0)
    assert cosine_similarity(some.subset([]), some).shape == (0, 3)


@pytest.mark.filterwarnings("error")
def test_a_row_of_zeros_has_cosine_0_with_everything_itself_included():
    frame = cosine_similarity(directions([[0, 0], [1, 2], [0, 0]]))
    np.testing.assert_allclose(frame, [[0, 0, 0], [0, 1, 0], [0, 0, 0]], atol=1e-6)


def test_cosines_of_vectors_of_another_width_are_told():
    with pytest.raises(BadArgument, match=r"2 wide, got .* 3 wide"):
        cosine_similarity(directions(np.eye(2)), directions(np.eye(3)))


@given(st.data())
def test_an_averaged_similarity_has_the_means_of_the_blocks_of_the_whole(data):
    n = data.draw(st.integers(1, 40), "n")
    most = data.draw(st.integers(1, 50), "most")
    rng = np.random.default_rng(data.draw(st.integers(0, 2**32 - 1), "seed"))
    order = rng.permutation(n)
    rows = directions(rng.normal(size=(n, 3)) * rng.integers(0, 2, size=(n, 1)))
    averaged, bounds = averaged_similarity(rows, order, most)
    m = min(n, most)
    assert averaged.shape == (m, m)
    assert averaged.dtype == np.float32
    whole = cosine_similarity(rows).to_numpy()[np.ix_(order, order)]
    for i in range(m):
        for j in range(m):
            block = whole[bounds[i] : bounds[i + 1], bounds[j] : bounds[j + 1]]
            assert averaged[i, j] == pytest.approx(block.mean(), abs=1e-5)


@given(st.integers(1, 300), st.integers(1, 300))
def test_the_bounds_share_all_rows_out_evenly(n, most):
    _, bounds = averaged_similarity(directions(np.ones((n, 1))), range(n), most)
    sizes = np.diff(bounds)
    assert (bounds[0], bounds[-1], len(sizes)) == (0, n, min(n, most))
    assert 1 <= sizes.min() <= sizes.max() <= sizes.min() + 1


def test_where_all_rows_fit_each_cell_is_one_pair():
    rows = directions(RNG.normal(size=(4, 3)))
    order = [2, 0, 3, 1]
    averaged, bounds = averaged_similarity(rows, order, 4)
    assert bounds.tolist() == [0, 1, 2, 3, 4]
    np.testing.assert_allclose(
        averaged, cosine_similarity(rows).to_numpy()[np.ix_(order, order)], atol=1e-6
    )


@pytest.mark.parametrize("layer", [1, "all"])
def test_real_cosines(real, layer):
    model, raw = real
    for side in model.sides:
        unit = reference.unit(reference.neurons(raw, layer, side))
        neurons = model.neurons(layer, side)
        np.testing.assert_allclose(cosine_similarity(neurons), unit @ unit.T, atol=2e-6)
        averaged, _ = averaged_similarity(neurons, np.arange(len(unit)), len(unit) // 4)
        blocks = (unit @ unit.T).reshape(len(unit) // 4, 4, -1, 4).mean(axis=(1, 3))
        np.testing.assert_allclose(averaged, blocks, atol=2e-6)


@given(MATRICES, st.sampled_from([0, 0.05, 0.5, 0.9]), st.integers(1, 4))
def test_pairs_are_those_of_a_loop_over_the_rows(matrix, threshold, block):
    rows = directions(matrix)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(similarity, "_BLOCK", block)
        pairs = similar_pairs(rows, threshold)
    cosines = reference.cosines(matrix, matrix)
    # Near the threshold rounding may decide either way.
    sure = {
        (f"r{i}", f"r{j}")
        for i in range(len(matrix))
        for j in range(i + 1, len(matrix))
        if abs(cosines[i, j]) > threshold + 1e-6
    }
    perhaps = {
        (f"r{i}", f"r{j}")
        for i in range(len(matrix))
        for j in range(i + 1, len(matrix))
        if abs(cosines[i, j]) > threshold - 1e-6
    }
    found = list(zip(pairs["name_1"], pairs["name_2"], strict=True))
    assert len(found) == len(set(found))
    assert sure <= set(found) <= perhaps
    norms = np.linalg.norm(matrix, axis=1)
    for first, second, cosine, norm_1, norm_2 in pairs.itertuples(index=False):
        i, j = int(first[1:]), int(second[1:])
        assert cosine == pytest.approx(cosines[i, j], abs=1e-6)
        assert (norm_1, norm_2) == (pytest.approx(norms[i]), pytest.approx(norms[j]))
    assert pairs["cosine"].abs().is_monotonic_decreasing


@pytest.mark.parametrize(
    "threshold", [-0.1, 1.5, 2, True, float("nan"), "0.5", None, [0.5], np.array([0.5])]
)
def test_a_threshold_that_is_none_is_told(threshold):
    rows = directions(np.eye(2))
    for search in (lambda: similar_pairs(rows, threshold), lambda: cluster_of("r0", threshold)):
        with pytest.raises(BadArgument) as caught:
            search()
        assert f"a threshold from 0 to 1, got {threshold!r}. Pass" in str(caught.value)


@pytest.mark.parametrize("threshold", [0, 1, 0.5, np.float32(0.5), np.int64(0)])
def test_a_threshold_may_be_any_number_from_0_to_1(threshold):
    assert len(similar_pairs(directions(np.eye(2)), threshold)) == 0
    assert len(exemplar_cluster(directions(np.eye(2)), "r0", threshold)) == 1


def test_a_threshold_of_0_lists_every_pair_that_is_not_orthogonal_and_one_of_1_none():
    rows = directions(RNG.normal(size=(40, 3)))
    assert len(similar_pairs(rows, 0)) == 40 * 39 / 2
    assert len(similar_pairs(rows, 1)) == 0
    assert len(similar_pairs(directions(np.eye(5)), 0)) == 0


def test_identical_rows_are_never_more_alike_than_1():
    rows = directions(np.tile(RNG.normal(size=(1, 7)), (30, 1)))
    assert len(similar_pairs(rows, 0.999)) == 30 * 29 / 2
    assert len(similar_pairs(rows, 1)) == 0


@pytest.mark.parametrize("rows", [0, 1])
def test_without_two_rows_there_are_no_pairs(rows):
    pairs = similar_pairs(directions(np.ones((rows, 3))), 0)
    assert pairs.columns.tolist() == ["name_1", "name_2", "cosine", "norm_1", "norm_2"]
    assert len(pairs) == 0


def test_pairs_above_0_05_are_listed_unless_told_otherwise():
    rows = directions(RNG.normal(size=(60, 30)))
    assert (similar_pairs(rows)["cosine"].abs() > 0.05).all()
    for pairs in (PairsAnalysis()(rows), PairsAnalysis(pairs_above=0.05)(rows)):
        pd.testing.assert_frame_equal(pairs.frame, similar_pairs(rows))
        assert pairs.total == len(pairs.frame)
    above = PairsAnalysis(pairs_above=0.3)(rows).frame
    pd.testing.assert_frame_equal(above, similar_pairs(rows, 0.3))
    with pytest.raises(ValueError, match="pairs_above"):
        PairsAnalysis(pairs_above=1.5)


@pytest.mark.parametrize("most", [1, 7, 100, 780, 781])
@pytest.mark.parametrize("values", ["all different", "few"])
def test_of_many_pairs_those_of_greatest_cosine_are_listed(monkeypatch, most, values):
    monkeypatch.setattr(similarity, "_BLOCK", 4)
    rows = RNG.normal(size=(40, 5)) if values == "all different" else np.tile(np.eye(4), (10, 1))
    rows = directions(rows)
    every = similar_pairs(rows, 0.1)
    found = counted_pairs(rows, 0.1, most)
    # Of equal ones the first, as in the whole table.
    pd.testing.assert_frame_equal(found.frame, every.head(most).reset_index(drop=True))
    assert found.total == len(every)
    pd.testing.assert_frame_equal(similar_pairs(rows, 0.1, most=most), found.frame)


def test_pairs_beyond_the_most_are_never_held_at_once(monkeypatch):
    monkeypatch.setattr(similarity, "_BLOCK", 16)
    rows = directions(RNG.normal(size=(2_000, 4)))
    tracemalloc.start()
    try:
        found = counted_pairs(rows, 0, 10_000)
        assert tracemalloc.get_traced_memory()[1] < 2_000 * 1_999 / 2 * 12 / 4
    finally:
        tracemalloc.stop()
    assert (len(found.frame), found.total) == (10_000, 2_000 * 1_999 / 2)


@pytest.mark.parametrize("most", [0, -1, 2.5, True, "3"])
def test_a_number_of_pairs_that_is_none_is_told(most):
    with pytest.raises(BadArgument, match="most as a whole number from 1, or None, got"):
        similar_pairs(directions(np.eye(2)), most=most)


@pytest.mark.parametrize("layer", [1, "all"])
def test_real_pairs(real, layer):
    model, raw = real
    for side in model.sides:
        x = reference.neurons(raw, layer, side)
        names = model.neurons(layer, side).names
        first, second = np.triu_indices(len(x), 1)
        cosines = np.zeros((len(x), len(x)))
        cosines[first, second] = reference.paired(x)
        pairs = similar_pairs(model.neurons(layer, side), 0.05)
        assert pairs["name_1"].cat.categories.tolist() == names
        assert pairs["name_2"].cat.categories.tolist() == names
        rows, columns = pairs["name_1"].cat.codes, pairs["name_2"].cat.codes
        np.testing.assert_allclose(pairs["cosine"], cosines[rows, columns], atol=2e-6)
        is_found = np.zeros(cosines.shape, dtype=bool)
        is_found[rows, columns] = True
        assert is_found.sum() == len(pairs)
        # Near the threshold rounding may decide either way.
        is_sure = np.abs(np.abs(cosines) - 0.05) > 1e-6
        np.testing.assert_array_equal(is_found[is_sure], np.abs(cosines[is_sure]) > 0.05)
        assert pairs["cosine"].abs().is_monotonic_decreasing
        norms = np.linalg.norm(x, axis=1)
        np.testing.assert_allclose(pairs["norm_1"], norms[rows], rtol=1e-6)
        np.testing.assert_allclose(pairs["norm_2"], norms[columns], rtol=1e-6)


# Exemplars

ROWS = directions([[1, 0], [1, 1], [-1, 0.1], [0, 1], [1, 0.2], [0, 0]])


def cluster_of(exemplar, threshold=0.5):
    return exemplar_cluster(ROWS, exemplar, threshold)


def test_the_cluster_of_an_exemplar_has_it_first_then_the_others_from_the_most_alike():
    found = cluster_of("r1")
    assert found.columns.tolist() == ["name", "cosine"]
    assert found["name"].tolist() == ["r1", "r4", "r0", "r3", "r2"]
    expected = [1, 1.2 / (2 * 1.04) ** 0.5, 0.5**0.5, 0.5**0.5, -0.9 / (2 * 1.01) ** 0.5]
    np.testing.assert_allclose(found["cosine"], expected, atol=1e-6)


def test_the_cluster_of_several_exemplars_is_that_of_the_mean_of_their_unit_vectors():
    rows = directions([[10, 0], [0, 1], [3, 3.3], [-1, -0.9], [1, -1]])
    found = exemplar_cluster(rows, ["r1", "r0", "r1"])
    assert found["name"].tolist() == ["r1", "r0", "r2", "r3"]
    np.testing.assert_allclose(found["cosine"].iloc[:2], 0.5**0.5, atol=1e-6)
    np.testing.assert_allclose(found["cosine"].iloc[2:], [1, -1], atol=5e-3)


@pytest.mark.filterwarnings("error")
def test_exemplars_that_cancel_out_resemble_nothing():
    rows = directions([[1, 0], [-1, 0], [0, 1], [1, 1]])
    found = exemplar_cluster(rows, ["r0", "r1"], 0)
    assert found["name"].tolist() == ["r0", "r1"]
    assert found["cosine"].tolist() == [0, 0]


@pytest.mark.filterwarnings("error")
def test_an_exemplar_of_zeros_resembles_nothing():
    assert cluster_of("r5", 0).to_numpy().tolist() == [["r5", 0]]


def test_every_row_has_a_cosine_with_an_exemplar():
    cosines = cosines_with(ROWS, "r1")
    assert cosines.index.tolist() == ROWS.names
    expected = reference.cosines(ROWS.vectors.astype(float), np.array([[1.0, 1]]))[:, 0]
    np.testing.assert_allclose(cosines, expected, atol=1e-6)


def test_a_threshold_of_1_leaves_the_exemplar_alone_whatever_is_identical_to_it():
    twins = directions(np.tile([[0.1, 0.2, 0.3]], (3, 1)))
    assert exemplar_cluster(twins, "r1", 1)["name"].tolist() == ["r1"]
    assert exemplar_cluster(twins, "r1", 0.99)["name"].tolist() == ["r1", "r0", "r2"]


def test_one_row_is_its_own_cluster():
    found = exemplar_cluster(directions([[3, 4]]), "r0")
    assert found["name"].tolist() == ["r0"]
    assert found["cosine"][0] == pytest.approx(1)


@pytest.mark.parametrize("exemplar", ["r9", "", ["r0", "r9"], [3], [["r0"]], [None]])
def test_an_exemplar_that_is_not_there_is_told(exemplar):
    with pytest.raises(UnknownName, match=r"a name of vectors, got .*Choose one of 'r0'"):
        cluster_of(exemplar)


@pytest.mark.parametrize("exemplar", [[], None, 3])
def test_no_exemplar_is_told(exemplar):
    with pytest.raises(BadArgument, match=r"Expected .*name.*got"):
        cluster_of(exemplar)


@given(MATRICES, st.data())
def test_an_exemplar_cluster_is_that_of_a_loop_over_the_rows(matrix, data):
    exemplar = data.draw(st.integers(0, len(matrix) - 1))
    # Cosines of small whole numbers are not near these.
    threshold = data.draw(st.sampled_from([0.01, 0.33, 0.77, 0.999]))
    found = exemplar_cluster(directions(matrix), f"r{exemplar}", threshold)
    cosines = reference.cosines(matrix, matrix)[exemplar]
    others = [i for i in range(len(matrix)) if i != exemplar and abs(cosines[i]) > threshold]
    assert found["name"][0] == f"r{exemplar}"
    assert set(found["name"][1:]) == {f"r{i}" for i in others}
    assert found["name"].is_unique
    expected = [cosines[int(name[1:])] for name in found["name"]]
    np.testing.assert_allclose(found["cosine"], expected, atol=1e-6)
    assert found["cosine"][1:].is_monotonic_decreasing


@given(MATRICES, st.sampled_from([0.01, 0.33, 0.77, 0.999]))
def test_who_resembles_an_exemplar_is_resembled_by_it(matrix, threshold):
    rows = directions(matrix)
    clusters = {name: set(exemplar_cluster(rows, name, threshold)["name"]) for name in rows.names}
    for one in rows.names:
        for other in rows.names:
            assert (other in clusters[one]) == (one in clusters[other])


@given(MATRICES, st.data(), st.integers(1, 4))
def test_the_cosine_with_any_of_several_is_that_furthest_from_zero(matrix, data, block):
    members = data.draw(st.lists(st.integers(0, len(matrix) - 1), min_size=1, unique=True))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(similarity, "_BLOCK", block)
        found = cosines_with(directions(matrix), [f"r{i}" for i in members], "any")
    assert found.index.tolist() == [f"r{i}" for i in range(len(matrix))]
    assert found.abs().max() <= 1
    every = reference.cosines(matrix, matrix)[:, members]
    np.testing.assert_allclose(found.abs(), np.abs(every).max(axis=1), atol=1e-6)
    # Of two that are equally far, either will do.
    assert (np.abs(every - found.to_numpy()[:, None]).min(axis=1) < 1e-6).all()


@given(MATRICES, st.data())
def test_of_one_exemplar_the_mean_and_any_are_the_same(matrix, data):
    rows = directions(matrix)
    name = data.draw(st.sampled_from(rows.names))
    mean, nearest = (cosines_with(rows, name, to) for to in ("mean", "any"))
    np.testing.assert_allclose(mean, nearest, atol=1e-6)


@given(MATRICES, st.data(), st.sampled_from(["mean", "any"]))
def test_the_nearest_are_as_many_as_asked_for(matrix, data, to):
    rows = directions(matrix)
    names = data.draw(st.lists(st.sampled_from(rows.names), min_size=1, unique=True))
    count = data.draw(st.integers(1, 8))
    found = exemplar_cluster(rows, names, 1, to=to, count=count)
    cosines = cosines_with(rows, names, to)
    assert found["name"].tolist()[: len(names)] == names
    chosen, others = found["name"][len(names) :], set(rows.names) - set(names)
    assert len(set(chosen)) == len(chosen) == min(count, len(others))
    assert set(chosen) <= others
    left = cosines[sorted(others - set(chosen))].abs()
    assert cosines[list(chosen)].abs().min() >= left.max() or left.empty
    assert found["cosine"][len(names) :].is_monotonic_decreasing
    np.testing.assert_array_equal(found["cosine"], cosines[list(found["name"])])


def test_any_finds_what_is_near_to_one_of_them_and_far_from_their_mean():
    rows = directions([[1, 0], [0, 1], [1, 0.1], [-0.1, -1], [1, 1]])
    by_mean = exemplar_cluster(rows, ["r0", "r1"], 0.9)
    by_any = exemplar_cluster(rows, ["r0", "r1"], 0.9, to="any")
    assert by_mean["name"].tolist() == ["r0", "r1", "r4"]
    assert by_any["name"].tolist() == ["r0", "r1", "r2", "r3"]
    assert by_any["cosine"].tolist()[3] == pytest.approx(-1 / 1.01**0.5)


@pytest.mark.parametrize("count", [0, -1, 2.5, True, "3", [3]])
def test_a_count_that_is_none_is_told(count):
    with pytest.raises(BadArgument, match="count as a whole number from 1, or None, got"):
        exemplar_cluster(ROWS, "r0", count=count)


@pytest.mark.parametrize("to", ["all", None, 3, ["mean"]])
def test_what_several_are_compared_by_is_told(to):
    for search in (exemplar_cluster, cosines_with):
        with pytest.raises(BadArgument, match="to='mean' or to='any', got"):
            search(ROWS, ["r0", "r1"], to=to)


@pytest.mark.parametrize("to", ["mean", "any"])
def test_the_analysis_chooses_by_a_threshold_or_a_count(to):
    names = ["r0", "r3"]
    analysis = ExemplarAnalysis(threshold=0.8, alike_to=to, alike_count=2)
    cosines = analysis.cosines(ROWS, names)
    pd.testing.assert_frame_equal(
        analysis(cosines, names), exemplar_cluster(ROWS, names, 0.8, to=to)
    )
    analysis.alike_by = "count"
    expected = exemplar_cluster(ROWS, names, to=to, count=2)
    pd.testing.assert_frame_equal(analysis(cosines, names), expected)


def test_the_analysis_finds_the_exemplar_cluster_above_its_threshold():
    cosines = cosines_with(ROWS, "r1")
    pd.testing.assert_frame_equal(ExemplarAnalysis()(cosines, ["r1"]), cluster_of("r1", 0.5))
    strict = ExemplarAnalysis(threshold=0.9)(cosines, ["r1"])
    pd.testing.assert_frame_equal(strict, cluster_of("r1", 0.9))
    with pytest.raises(ValueError, match="threshold"):
        ExemplarAnalysis(threshold=1.1)


@pytest.mark.parametrize("layer", [1, "all"])
def test_real_exemplar_clusters(real, layer):
    model, raw = real
    for side in model.sides:
        unit = reference.unit(reference.neurons(raw, layer, side))
        rows = model.neurons(layer, side)
        for exemplars in ([7], [3, 200]):
            mean = unit[exemplars].mean(axis=0)
            cosines = unit @ (mean / np.linalg.norm(mean))
            names = [rows.names[i] for i in exemplars]
            found = exemplar_cluster(rows, names, 0.15)
            place = [rows.row(name) for name in found["name"]]
            assert place[: len(exemplars)] == exemplars
            np.testing.assert_allclose(found["cosine"], cosines[place], atol=2e-6)
            others = set(place) - set(exemplars)
            assert others == set(np.flatnonzero(np.abs(cosines) > 0.15)) - set(exemplars)
            assert found["cosine"][len(exemplars) :].is_monotonic_decreasing


def test_real_exemplar_clusters_of_congruences(real):
    model, raw = real
    for name in ("out congruence", "in congruence"):
        unit = reference.unit(reference.space(raw, name, "all"))
        found = exemplar_cluster(space(model, name), "L1N5", 0.6)
        cosines = unit @ unit[model.neurons().row("L1N5")]
        expected = pd.Series(cosines, model.neurons().names)
        np.testing.assert_allclose(found["cosine"], expected[found["name"]], atol=1e-5)
        assert abs(len(found) - (np.abs(cosines) > 0.6).sum()) <= 1
