import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from dtviz.analyses import products
from dtviz.analyses.congruence import congruence
from dtviz.analyses.moments import moments, moments_of_items, moments_of_products
from dtviz.analyses.products import (
    VOCABULARY,
    Products,
    congruences,
    cosines,
    gram_root,
    is_vocabulary,
    slices,
)
from dtviz.analyses.ranking import rank, rank_products
from dtviz.analyses.similarity import cosine_similarity
from dtviz.analyses.survey import survey
from dtviz.errors import BadArgument

from .reference import directions

pytestmark = pytest.mark.filterwarnings("error::RuntimeWarning")

RNG = np.random.default_rng(0)
NEURONS = directions(RNG.normal(size=(11, 6)) + 1, "n")


@pytest.fixture(
    params=[("few", "LN"), ("a vocabulary", "LN"), ("few", "RMS"), ("a vocabulary", "RMS")],
    ids=" ".join,
)
def items(request, monkeypatch):
    """Items, one of them of zeros, with a norm; in several blocks if they are a vocabulary."""
    many, normalization = request.param
    vectors = RNG.normal(size=(37, 6)) + 2
    vectors[5] = 0
    if many == "a vocabulary":
        small_blocks(monkeypatch)
    # Not the usual epsilon: the model's own counts.
    return directions(vectors, "i", normalization=normalization, epsilon=0.1)


def small_blocks(monkeypatch):
    monkeypatch.setattr(products, "VOCABULARY", 20)
    monkeypatch.setattr(products, "_COLUMNS", 7)
    monkeypatch.setattr(products, "_ROWS", 3)


def whole(made: Products) -> np.ndarray:
    """All products, put together from their blocks."""
    return np.concatenate(
        [np.concatenate([block for _, block in made.blocks(rows)], axis=1) for rows in made.rows()]
    )


def test_a_vocabulary_is_what_has_more_than_4096_items():
    assert VOCABULARY == 4096
    assert not is_vocabulary(None)
    assert not is_vocabulary(directions(np.ones((VOCABULARY, 1)), "i"))
    assert is_vocabulary(directions(np.ones((VOCABULARY + 1, 1)), "i"))


@pytest.mark.parametrize("layer_norm", [True, False])
def test_congruences_are_those_with_the_layer_normed_items(items, layer_norm):
    made = congruences(NEURONS, items, layer_norm=layer_norm)
    expected = congruence(NEURONS, items.layer_normed() if layer_norm else items)
    np.testing.assert_allclose(whole(made), expected, rtol=1e-5, atol=1e-5)
    np.testing.assert_allclose(made.frame(), expected, rtol=1e-5, atol=1e-5)
    assert (made.frame().index == expected.index).all()
    assert (made.frame().columns == expected.columns).all()
    assert made.shape == (11, 37)


def test_cosines_are_the_cosine_similarity(items):
    made = cosines(NEURONS, items)
    np.testing.assert_allclose(whole(made), cosine_similarity(NEURONS, items), atol=1e-6)
    assert (whole(made)[:, 5] == 0).all()


def test_cosines_never_leave_their_bounds(items):
    assert np.abs(whole(cosines(items, items))).max() <= 1


def test_a_model_without_layer_norm_has_none(items):
    bare = directions(items.vectors, "i")
    made = congruences(NEURONS, bare, layer_norm=True)
    np.testing.assert_allclose(whole(made), congruence(NEURONS, bare), rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("make", [cosines, lambda a, b: congruences(a, b, layer_norm=True)])
def test_other_widths_are_refused(items, make):
    with pytest.raises(BadArgument, match="one residual stream"):
        make(directions(np.ones((2, 5)), "n"), items)


def test_some_neurons_have_the_products_of_these(items):
    made = congruences(NEURONS, items, layer_norm=True)
    np.testing.assert_allclose(whole(made.of([7, 2])), whole(made)[[7, 2]], rtol=1e-5, atol=1e-6)
    assert made.of([7, 2]).neurons.names == ["n7", "n2"]


@pytest.mark.parametrize(
    ("n", "expected"), [(0, [(0, 0)]), (3, [(0, 3)]), (4, [(0, 4)]), (9, [(0, 4), (4, 8), (8, 9)])]
)
def test_slices_cover_all_in_order(n, expected):
    assert [(part.start, part.stop) for part in slices(n, 4)] == expected


# Against what is computed from the whole matrix.


@pytest.mark.parametrize("k", [1, 3, 7, 8, 37, 50])
def test_the_ends_of_products_are_those_of_the_whole_matrix(items, k):
    made = congruences(NEURONS, items, layer_norm=True)
    found, expected = rank_products(made, k), rank(made.frame(), k)
    assert found.names == expected.names
    assert found.items == expected.items
    np.testing.assert_array_equal(found.columns, expected.columns)
    np.testing.assert_allclose(found.values, expected.values, rtol=1e-5, atol=1e-6)


@given(st.integers(0, 2**32 - 1), st.integers(1, 9), st.integers(1, 30), st.integers(1, 6))
def test_ties_are_in_column_order_across_blocks(seed, columns, items, k):
    random = np.random.default_rng(seed)
    made = Products(
        directions(random.integers(-1, 2, size=(3, 2)), "n"),
        directions(random.integers(-1, 2, size=(items, 2)), "i"),
    )
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(products, "_COLUMNS", columns)
        found = rank_products(made, k)
    matrix = made.frame().to_numpy()
    expected = [np.argsort(sign * matrix, axis=1, kind="stable")[:, :k] for sign in (-1, 1)]
    np.testing.assert_array_equal(found.columns, np.concatenate(expected, axis=1))


def test_moments_of_products_are_those_of_the_whole_matrix(items):
    made = congruences(NEURONS, items, layer_norm=True)
    frame = made.frame()
    np.testing.assert_allclose(moments_of_products(made), moments(frame), rtol=1e-5)
    np.testing.assert_allclose(
        moments_of_items(made).drop("i5"), moments(frame.T).drop("i5"), rtol=1e-4
    )
    assert moments_of_items(made).loc["i5", ["mean_abs", "std"]].tolist() == [0, 0]


def test_a_survey_tells_the_same_and_how_far_it_is(items, monkeypatch):
    monkeypatch.setattr("dtviz.analyses.survey._STEP", 4)
    made = congruences(NEURONS, items, layer_norm=True)
    steps, done = survey(made, 3), []
    while True:
        try:
            done.append(next(steps))
        except StopIteration as end:
            found = end.value
            break
    assert done == [4, 8, 11]
    expected = rank_products(made, 3)
    np.testing.assert_array_equal(found.ranking.columns, expected.columns)
    np.testing.assert_allclose(found.ranking.values, expected.values, rtol=1e-5)
    np.testing.assert_allclose(found.of_neurons, moments_of_products(made), rtol=1e-6)
    np.testing.assert_allclose(found.of_items, moments_of_items(made), rtol=1e-6)


# Fewer rows in place of a vocabulary.


@pytest.mark.parametrize("layer_norm", [True, False])
def test_the_root_of_the_gram_matrix_keeps_all_dot_products(items, layer_norm):
    root = gram_root(items, layer_norm=layer_norm)
    assert root.vectors.shape == (6, 6)
    assert root.normalization is None
    read = (items.layer_normed() if layer_norm else items).vectors.astype(np.float64)
    w = NEURONS.vectors.astype(np.float64)
    turned = w @ root.vectors.T
    expected = (w @ read.T) @ (w @ read.T).T
    limit = 1e-5 * np.abs(expected).max()
    np.testing.assert_allclose(turned @ turned.T, expected, atol=limit)
