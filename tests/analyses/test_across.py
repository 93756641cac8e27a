import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import array_shapes, arrays

import dtviz
from dtviz.analyses.across import CROSSINGS, across, ranked
from dtviz.analyses.features import restricted
from dtviz.directions import Directions
from dtviz.errors import BadArgument, UnknownName
from dtviz.model import Model

from . import reference
from .reference import directions

pytestmark = pytest.mark.filterwarnings("error::RuntimeWarning")

RNG = np.random.default_rng(0)
OUT, IN = RNG.normal(size=(2, 4, 3))
ACTIONS = directions(RNG.normal(size=(2, 3)), "a")
FEATURES = directions(RNG.normal(size=(5, 3)), "f")
RTG = Directions([[1.0, 0, 2]], ["RTG"])


def made(*sides, **parts) -> Model:
    weights = {"out": [OUT, 2 * OUT], "in": [IN, 3 * IN]}
    return Model(name="toy", weights={side: weights[side] for side in sides}, **parts)


WHOLE = made("out", "in", unembedding=ACTIONS, embedding=FEATURES, rtg=RTG)


def test_the_public_names():
    assert dtviz.across is across
    assert dtviz.ranked is ranked


# across


def test_features_are_compared_with_actions_by_dot_products():
    for layer in (0, 1, "all"):
        frame = across(WHOLE, "embedding × unembedding", layer)
        assert (frame.index.tolist(), frame.columns.tolist()) == (FEATURES.names, ACTIONS.names)
        for i, feature in enumerate(FEATURES.vectors):
            for j, action in enumerate(ACTIONS.vectors):
                assert frame.iloc[i, j] == pytest.approx(sum(feature * action), abs=1e-6)


@pytest.mark.parametrize(
    ("crossing", "rows", "columns"),
    [("in × unembedding", IN, ACTIONS), ("out × embedding", OUT, FEATURES)],
)
def test_neurons_are_compared_by_cosines(crossing, rows, columns):
    expected = reference.cosines(rows, columns.vectors.astype(float))
    for layer in (0, 1):
        frame = across(WHOLE, crossing, layer)
        np.testing.assert_allclose(frame, expected, atol=1e-6)
        assert frame.index.tolist() == [f"L{layer}N{i}" for i in range(4)]
        assert frame.columns.tolist() == columns.names
    np.testing.assert_allclose(across(WHOLE, crossing), np.vstack([expected] * 2), atol=1e-6)


def test_neurons_are_compared_with_the_return_to_go_by_dot_products():
    frame = across(WHOLE, "RTG", 1)
    assert frame.columns.tolist() == ["in", "out"]
    expected = np.stack([3 * (IN[:, 0] + 2 * IN[:, 2]), 2 * (OUT[:, 0] + 2 * OUT[:, 2])], axis=1)
    np.testing.assert_allclose(frame, expected, rtol=1e-5)
    assert (frame.dtypes == np.float32).all()
    assert len(across(WHOLE, "RTG")) == 8


def test_without_a_side_in_the_return_to_go_is_compared_with_what_neurons_write():
    frame = across(made("out", rtg=RTG), "RTG", 0)
    assert frame.columns.tolist() == ["out"]
    np.testing.assert_allclose(frame["out"], OUT[:, 0] + 2 * OUT[:, 2], rtol=1e-5)


def test_nothing_is_layer_normed():
    normed = made(
        "out",
        "in",
        normalization="LN",
        **{
            name: Directions(part.vectors, part.names, normalization="LN")
            for name, part in (("unembedding", ACTIONS), ("embedding", FEATURES), ("rtg", RTG))
        },
    )
    for crossing in CROSSINGS:
        pd.testing.assert_frame_equal(across(normed, crossing), across(WHOLE, crossing))


@pytest.mark.parametrize("crossing", ["embedding × unembedding", "out × embedding"])
def test_other_features_can_be_compared_with(crossing):
    some = FEATURES.subset(["f3", "f1"])
    frame, whole = across(WHOLE, crossing, embedding=some), across(WHOLE, crossing)
    expected = whole.loc[some.names] if "un" in crossing else whole[some.names]
    pd.testing.assert_frame_equal(frame, expected)


@pytest.mark.parametrize(
    ("model", "crossing", "lacks"),
    [
        (made("out", "in", unembedding=ACTIONS), "embedding × unembedding", "a linear embedding"),
        (made("out", "in", embedding=FEATURES), "embedding × unembedding", "a linear unembedding"),
        (made("out", "in", embedding=FEATURES), "in × unembedding", "a linear unembedding"),
        (made("out", unembedding=ACTIONS), "in × unembedding", "neurons have a side 'in'"),
        (made("out", "in", unembedding=ACTIONS), "out × embedding", "a linear embedding"),
        (made("out", "in"), "RTG", "a linear return-to-go embedding"),
    ],
)
def test_what_a_model_lacks_is_told(model, crossing, lacks):
    with pytest.raises(BadArgument, match=rf"{lacks}, got toy, which has .*Choose another compar"):
        across(model, crossing)


@pytest.mark.parametrize("crossing", ["embedding × unembedding", "out × embedding"])
def test_no_features_leave_nothing_to_compare_with(crossing):
    with pytest.raises(BadArgument, match=r"some input features .*got none that pass .*Lower"):
        across(WHOLE, crossing, embedding=restricted(FEATURES, 99))


@pytest.mark.parametrize("crossing", ["out x embedding", "rtg", "", None, ["RTG"], 0])
def test_a_crossing_that_is_none_is_told(crossing):
    with pytest.raises(UnknownName, match=r"a crossing among 'embedding × unembedding', .*got"):
        across(WHOLE, crossing)


@pytest.mark.parametrize("crossing", ["in × unembedding", "out × embedding", "RTG"])
@pytest.mark.parametrize("layer", [2, -1, None, "0"])
def test_a_layer_that_is_none_is_told(crossing, layer):
    with pytest.raises(UnknownName, match="a layer of toy: 0 to 1, or 'all', got"):
        across(WHOLE, crossing, layer)


def test_features_of_another_width_are_told():
    for crossing in ("embedding × unembedding", "out × embedding"):
        with pytest.raises(BadArgument, match="one residual stream"):
            across(WHOLE, crossing, embedding=directions(np.eye(2)))


# ranked


@given(
    arrays(
        np.float32,
        array_shapes(min_dims=2, max_dims=2, min_side=0, max_side=6),
        elements=st.integers(-3, 3),
    )
)
def test_a_ranking_is_sorted_and_has_every_entry_once_ties_in_their_order(values):
    rows, columns = values.shape
    frame = pd.DataFrame(
        values, [f"n{i}" for i in range(rows)], [f"i{j}" for j in range(columns)], dtype=np.float32
    )
    long = ranked(frame)
    assert long.columns.tolist() == ["rank", "name", "item", "value"]
    assert long["rank"].tolist() == list(range(1, rows * columns + 1))
    assert columns == 0 or long["value"].dtype == np.float32
    entries = [(f"n{i}", f"i{j}", values[i, j]) for i in range(rows) for j in range(columns)]
    # sorted() keeps the order of what is equal.
    expected = sorted(entries, key=lambda entry: -entry[2])
    assert list(zip(long["name"], long["item"], long["value"], strict=True)) == expected


def test_names_and_items_are_held_once():
    long = ranked(pd.DataFrame([[1.0, 2]], ["n"], ["a", "b"]))
    assert long["name"].cat.categories.tolist() == ["n"]
    assert long["item"].cat.categories.tolist() == ["a", "b"]


# Real checkpoints, against NumPy and pandas on their raw weights


def check_ranked(frame: pd.DataFrame, expected: np.ndarray) -> None:
    long = ranked(frame)
    table = pd.DataFrame(expected, frame.index, frame.columns)
    melted = table.stack().sort_values(ascending=False)
    reference.agree(long["value"], melted.to_numpy())
    values = table.stack()[pd.MultiIndex.from_frame(long[["name", "item"]].astype(str))]
    reference.agree(long["value"], values.to_numpy())
    assert not long.duplicated(["name", "item"]).any()
    assert len(long) == expected.size


def test_real_embedding_with_unembedding(real):
    model, raw = real
    embedding = reference.embedding(raw)
    long = np.linalg.norm(embedding, axis=1) > 0.8
    actions = reference.unembedding(raw)
    reference.agree(across(model, "embedding × unembedding"), embedding @ actions.T)
    frame = across(model, "embedding × unembedding", embedding=restricted(model.embedding, 0.8))
    reference.agree(frame, embedding[long] @ actions.T)
    assert frame.index.tolist() == np.array(model.embedding.names)[long].tolist()
    assert frame.columns.tolist() == model.unembedding.names
    check_ranked(frame, embedding[long] @ actions.T)


@pytest.mark.parametrize("layer", [1, "all"])
def test_real_out_with_embedding(real, layer):
    model, raw = real
    embedding = reference.embedding(raw)
    out = reference.unit(reference.neurons(raw, layer, "out"))
    for norm in (None, 0.8):
        kept = embedding if norm is None else embedding[np.linalg.norm(embedding, axis=1) > norm]
        frame = across(model, "out × embedding", layer, embedding=restricted(model.embedding, norm))
        np.testing.assert_allclose(frame, out @ reference.unit(kept).T, atol=2e-6)
    pd.testing.assert_frame_equal(
        across(model, "out × embedding", layer)[frame.columns], frame, atol=1e-6
    )


@pytest.mark.parametrize("layer", [1, "all"])
def test_real_in_with_unembedding(real, layer):
    model, raw = real
    reads = reference.unit(reference.neurons(raw, layer, "in"))
    expected = reads @ reference.unit(reference.unembedding(raw)).T
    frame = across(model, "in × unembedding", layer)
    np.testing.assert_allclose(frame, expected, atol=2e-6)
    assert frame.index.tolist() == model.neurons(layer).names
    check_ranked(frame, expected)


@pytest.mark.parametrize("layer", [1, "all"])
def test_real_neurons_with_the_return_to_go(real, layer):
    model, raw = real
    frame = across(model, "RTG", layer)
    assert frame.columns.tolist() == ["in", "out"]
    for side in frame.columns:
        expected = reference.neurons(raw, layer, side) @ reference.rtg(raw)[0]
        reference.agree(frame[side], expected)
