import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import array_shapes, arrays

import dtviz
from dtviz.analyses.across import across
from dtviz.analyses.congruence import congruence
from dtviz.analyses.ranking import RankingAnalysis, rank, top_k
from dtviz.directions import Directions
from dtviz.errors import BadArgument

from . import reference
from .reference import directions

# Few different numbers, so that ties are common.
MATRICES = arrays(
    np.float32,
    array_shapes(min_dims=2, max_dims=2, max_side=7),
    elements=st.integers(-2, 2).map(float),
)


def frame(values) -> pd.DataFrame:
    values = np.asarray(values, dtype=np.float32)
    rows, columns = values.shape
    names = [f"n{row}" for row in range(rows)]
    return pd.DataFrame(values, index=names, columns=[f"i{column}" for column in range(columns)])


def test_the_public_name():
    assert dtviz.top_k is top_k


def test_a_row_is_listed_from_its_top_and_from_its_bottom():
    listed = top_k(frame([[3, 9, -5, 0], [1, 2, 3, 4]]), k=2)
    assert listed.columns.tolist() == ["name", "end", "rank", "item", "value"]
    assert listed.to_numpy().tolist() == [
        ["n0", "top", 1, "i1", 9],
        ["n0", "top", 2, "i0", 3],
        ["n0", "bottom", 1, "i2", -5],
        ["n0", "bottom", 2, "i3", 0],
        ["n1", "top", 1, "i3", 4],
        ["n1", "top", 2, "i2", 3],
        ["n1", "bottom", 1, "i0", 1],
        ["n1", "bottom", 2, "i1", 2],
    ]


def test_k_is_10_by_default():
    assert len(top_k(frame([range(30)]))) == 20


@given(MATRICES, st.integers(1, 9))
def test_both_ends_are_those_of_a_plain_sort_with_ties_in_column_order(values, k):
    listed = top_k(frame(values), k)
    expected = []
    for row, numbers in enumerate(values.tolist()):
        for end, sign in (("top", -1), ("bottom", 1)):
            # sorted() keeps the order of what is equal.
            columns = sorted(range(len(numbers)), key=lambda j, s=sign, x=numbers: s * x[j])
            expected += [
                [f"n{row}", end, place, f"i{column}", numbers[column]]
                for place, column in enumerate(columns[:k], start=1)
            ]
    assert listed.to_numpy().tolist() == expected


def test_ties_are_in_column_order_at_both_ends():
    listed = top_k(frame([[1, 1, 1, 1]]), 2)
    assert listed["item"].tolist() == ["i0", "i1", "i0", "i1"]


@pytest.mark.parametrize("k", [3, 4, 1000])
def test_where_there_are_fewer_than_k_items_all_are_listed_at_both_ends(k):
    listed = top_k(frame([[2, 3, 1]]), k)
    assert listed["item"].tolist() == ["i1", "i0", "i2", "i2", "i0", "i1"]
    assert listed["rank"].tolist() == [1, 2, 3, 1, 2, 3]
    assert rank(frame([[2, 3, 1]]), k).k == 3


@pytest.mark.parametrize("shape", [(0, 3), (2, 0)])
def test_no_neurons_or_no_items_make_an_empty_list(shape):
    listed = top_k(frame(np.zeros(shape)), 2)
    assert listed.columns.tolist() == ["name", "end", "rank", "item", "value"]
    assert len(listed) == 0


@pytest.mark.parametrize("k", [0, -1, True, False, 2.5, 2.0, "2", None, np.float32(2)])
def test_a_k_that_counts_nothing_is_told(k):
    for function in (top_k, rank):
        with pytest.raises(BadArgument) as caught:
            function(frame([[1, 2]]), k)
        told = str(caught.value)
        assert "as an integer of 1 or more" in told
        assert f"got {k!r}. Pass k=10" in told


def test_k_may_be_an_integer_of_numpy():
    assert len(top_k(frame([[1, 2]]), np.int64(1))) == 2


def test_a_ranking_refers_to_items_by_column_in_the_order_of_its_frame():
    ranking = rank(frame([[3, 9, -5], [1, 2, 3]]), 2)
    assert (ranking.names, ranking.items, ranking.k) == (["n0", "n1"], ["i0", "i1", "i2"], 2)
    assert ranking.columns.tolist() == [[1, 0, 2, 0], [2, 1, 0, 1]]
    assert ranking.values.tolist() == [[9, 3, -5, 3], [3, 2, 1, 2]]
    assert ranking.values.dtype == np.float32
    assert ranking.frame()["value"].tolist() == ranking.values.ravel().tolist()


# RankingAnalysis

NEURONS = directions([[1, 0], [0, -1]], "n", normalization="LN")
FEATURES = Directions([[1.0, 5], [20, 0], [-3, -3]], ["a", "b", "c"], normalization="LN")


def test_the_columns_of_a_frame_are_ranked():
    ranking = rank(congruence(NEURONS, FEATURES), 1)
    assert ranking.values.tolist() == [[20, -3], [3, -5]]
    assert ranking.frame()["item"].tolist() == ["b", "c", "c", "a"]
    assert ranking.names == ["n0", "n1"]
    assert ranking.items == ["a", "b", "c"]


def test_congruences_with_the_layer_normed_embedding_are_ranked():
    ranking = rank(congruence(NEURONS, FEATURES.layer_normed()), 3)
    normed = reference.layer_normed(FEATURES.vectors.astype(float))
    expected = {"n0": sorted(normed[:, 0]), "n1": sorted(-normed[:, 1])}
    for name, listed in ranking.frame().groupby("name"):
        top, bottom = listed.iloc[:3], listed.iloc[3:]
        np.testing.assert_allclose(bottom["value"], expected[name], atol=1e-5)
        np.testing.assert_allclose(top["value"], expected[name][::-1], atol=1e-5)


def test_the_analysis_lists_10_items_unless_told_otherwise():
    assert RankingAnalysis().k == 10


def test_all_items_are_listed_where_there_are_fewer_than_k():
    assert rank(congruence(NEURONS, FEATURES), 50).k == 3


def test_the_analysis_ranks_by_what_neurons_read_unless_told_otherwise():
    analysis = RankingAnalysis()
    assert analysis.ranked_by == "in congruence"
    assert list(analysis.param.ranked_by.objects) == [
        "in congruence",
        "out × embedding",
        "out congruence",
    ]


@pytest.mark.parametrize("k", [0, 51, 2.5])
def test_the_analysis_takes_no_k_beyond_its_bounds(k):
    with pytest.raises(ValueError, match="k"):
        RankingAnalysis(k=k)


def check_both_ends(ranking, expected: np.ndarray) -> None:
    """Compare with a sort of all values, and each item with the value it is listed with."""
    ordered = np.sort(expected, axis=1)
    ends = np.hstack([ordered[:, ::-1][:, :10], ordered[:, :10]])
    reference.agree(ranking.values, ends)
    listed = np.take_along_axis(expected, ranking.columns, axis=1)
    reference.agree(listed, ends)
    for end in (ranking.columns[:, :10], ranking.columns[:, 10:]):
        # No item is listed twice at one end.
        assert (np.diff(np.sort(end, axis=1), axis=1) > 0).all()


@pytest.mark.parametrize(("layer", "layer_norm"), [(1, True), (1, False), ("all", True)])
def test_real_top_k(real, layer, layer_norm):
    model, raw = real
    features = reference.embedding(raw)
    if layer_norm:
        features = reference.layer_normed(features)
    embedding = model.embedding.layer_normed() if layer_norm else model.embedding
    for side in model.sides:
        ranking = rank(congruence(model.neurons(layer, side), embedding), 10)
        check_both_ends(ranking, reference.neurons(raw, layer, side) @ features.T)
        assert ranking.items == model.embedding.names
        assert ranking.names == model.neurons(layer, side).names


@pytest.mark.parametrize("layer", [1, "all"])
def test_real_top_k_of_what_neurons_write(real, layer):
    model, raw = real
    out = reference.unit(reference.neurons(raw, layer, "out"))
    ranking = rank(across(model, "out × embedding", layer), 10)
    check_both_ends(ranking, out @ reference.unit(reference.embedding(raw)).T)
