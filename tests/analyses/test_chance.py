import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import integrate, stats

import dtviz
from dtviz.analyses.chance import (
    congruence_ellipse,
    congruence_limit,
    cosine_cdf,
    cosine_limit,
    dimensions,
    random_like,
)
from dtviz.analyses.similarity import cosine_similarity
from dtviz.directions import Directions
from dtviz.errors import BadArgument

from .reference import directions

pytestmark = pytest.mark.filterwarnings("error::RuntimeWarning")

DRAWN = 20_000
# Shares of so many draws are within this of the truth but for once in 16,000 times.
ERROR = 4 * (0.25 / DRAWN) ** 0.5
# The same for a share of 95%.
ERROR_95 = 4 * (0.95 * 0.05 / DRAWN) ** 0.5
D = [5, 16, 64, 256]


def random_rows(width: int, rows: int = DRAWN, seed: int = 0, *, centred: bool = False):
    """Unit vectors in every direction, or in every direction orthogonal to (1, 1, …)."""
    vectors = np.random.default_rng(seed).normal(size=(rows, width))
    if centred:
        vectors -= vectors.mean(axis=1, keepdims=True)
    return vectors / np.linalg.norm(vectors, axis=1, keepdims=True)


def unequal(width: int, *, centred: bool = False) -> Directions:
    """Rows of very different lengths."""
    norms = np.random.default_rng(1).lognormal(size=(400, 1))
    return directions(norms * random_rows(width, 400, 2, centred=centred))


def drawn_like(a: Directions, *, centred: bool = False) -> np.ndarray:
    """Random directions with the norms of ``a``, made without dtviz's own way of drawing."""
    norms = np.resize(a.norms.astype(float), DRAWN)[:, None]
    return norms * random_rows(a.vectors.shape[1], centred=centred)


def test_the_public_name():
    assert dtviz.random_like is random_like


# Cosines


@pytest.mark.parametrize("d", [2, 3, *D])
def test_the_share_of_random_directions_up_to_a_cosine_is_the_integral_of_the_density(d):
    def density(c):
        return (1 - c * c) ** ((d - 3) / 2)

    whole = integrate.quad(density, -1, 1)[0]
    for cosine in (-0.9, -0.3, -0.05, 0, 0.1, 0.5):
        share = integrate.quad(density, -1, cosine)[0] / whole
        assert cosine_cdf(cosine, d) == pytest.approx(share, abs=1e-7)
    np.testing.assert_array_equal(cosine_cdf([-1, 1], d), [0, 1])


@pytest.mark.parametrize("d", D)
def test_the_share_of_random_directions_up_to_a_cosine_is_that_of_drawn_ones(d):
    rows, fixed = random_rows(d), random_rows(d, 1, seed=3)[0]
    cosines = rows @ fixed
    at = np.linspace(-1, 1, 81)
    shares = (cosines[:, None] <= at).mean(axis=0)
    np.testing.assert_allclose(cosine_cdf(at, d), shares, atol=ERROR)
    assert stats.kstest(cosines, lambda c: cosine_cdf(c, d)).pvalue > 0.01


@pytest.mark.parametrize("d", D)
@pytest.mark.parametrize("share", [0.5, 0.95, 0.99])
def test_a_share_of_drawn_directions_has_a_cosine_within_the_limit(d, share):
    cosines = random_rows(d) @ random_rows(d, 1, seed=3)[0]
    limit = cosine_limit(d, share)
    assert (np.abs(cosines) <= limit).mean() == pytest.approx(share, abs=ERROR)
    assert cosine_cdf(limit, d) - cosine_cdf(-limit, d) == pytest.approx(share)


def test_the_limit_is_that_of_95_percent_unless_told_otherwise():
    assert cosine_limit(64) == cosine_limit(64, 0.95)
    # In three dimensions cosines are spread evenly.
    assert cosine_limit(3) == pytest.approx(0.95)


def test_in_one_dimension_all_cosines_are_1_or_its_opposite():
    assert cosine_limit(1) == 1
    assert cosine_limit(0) == 1


# What random directions are like


@given(st.integers(2, 40), st.integers(1, 9), st.integers(0, 2**32 - 1))
def test_centred_rows_lie_in_one_dimension_less(width, rows, seed):
    vectors = np.random.default_rng(seed).normal(size=(rows, width))
    vectors -= vectors.mean(axis=1, keepdims=True)
    assert dimensions(directions(vectors)) == width - 1
    assert dimensions(directions(vectors + np.eye(1, width))) == width


@pytest.mark.parametrize("vectors", [np.zeros((3, 4)), np.zeros((0, 4)), np.ones((3, 4))])
def test_rows_that_are_not_centred_lie_in_as_many_dimensions_as_they_have(vectors):
    assert dimensions(directions(vectors)) == 4
    assert dimensions(directions(vectors[:, :1])) == 1


def test_rows_of_zeros_are_centred_if_the_others_are():
    assert dimensions(directions([[1, -1, 0], [0, 0, 0]])) == 2
    assert dimensions(directions([[1, -1, 1], [0, 0, 0]])) == 3


def test_layer_normed_rows_lie_in_one_dimension_less():
    rows = directions(random_rows(16, 9), normalization="LN")
    assert dimensions(rows.layer_normed()) == 15


def test_real_weights_that_are_read_after_layer_norm_lie_in_one_dimension_less(real):
    model, _ = real
    for side in model.sides:
        expected = model.d_model if side == "out" else model.d_model - 1
        assert dimensions(model.neurons("all", side)) == expected


@pytest.mark.parametrize("centred", [False, True])
def test_random_directions_have_the_norms_of_the_others_and_are_centred_like_them(centred):
    a = unequal(16, centred=centred)
    drawn = random_like(a, DRAWN, 0)
    assert drawn.vectors.shape == (DRAWN, 16)
    assert len(set(drawn.names)) == DRAWN
    assert dimensions(drawn) == dimensions(a) == (15 if centred else 16)
    places = np.searchsorted(np.sort(a.norms), drawn.norms * (1 - 1e-5))
    np.testing.assert_allclose(np.sort(a.norms)[places], drawn.norms, rtol=2e-5)
    assert stats.ks_2samp(drawn.norms, a.norms).pvalue > 0.01


@pytest.mark.parametrize("centred", [False, True])
@pytest.mark.parametrize("d", D)
def test_random_directions_point_everywhere(d, centred):
    drawn = random_like(unequal(d, centred=centred), DRAWN, 4)
    fixed = directions(random_rows(d, 1, seed=3, centred=centred))
    cosines = cosine_similarity(drawn, fixed)["r0"]
    assert stats.kstest(cosines, lambda c: cosine_cdf(c, dimensions(drawn))).pvalue > 0.01
    mean = drawn.unit().vectors.mean(axis=0)
    assert np.abs(mean).max() < 5 / (DRAWN * d) ** 0.5


def test_random_directions_are_the_same_for_the_same_seed():
    a = unequal(5)
    same, again, other = (random_like(a, 10, seed).vectors for seed in (0, 0, 1))
    np.testing.assert_array_equal(same, again)
    assert not np.isclose(same, other).any(axis=1).any()


def test_random_directions_are_layer_normed_where_the_others_are():
    a = directions(np.eye(3), normalization="LN")
    assert random_like(a, 2, 0).normalization == "LN"
    a = directions(np.eye(3), normalization="RMS", epsilon=0.5)
    drawn = random_like(a, 2, 0)
    assert (drawn.normalization, drawn.epsilon) == ("RMS", 0.5)
    assert random_like(directions(np.eye(3)), 2, 0).normalization is None


@pytest.mark.filterwarnings("error")
def test_random_directions_like_zeros_are_zeros():
    assert not random_like(directions(np.zeros((2, 5))), 3, 0).vectors.any()


def test_no_random_directions_can_be_drawn():
    assert random_like(unequal(5), 0, 0).vectors.shape == (0, 5)
    assert len(random_like(unequal(5).subset([]), 0, 0)) == 0


def test_random_directions_like_none_are_told():
    with pytest.raises(BadArgument, match=r"at least one row, .*got none\. Choose some rows"):
        random_like(unequal(5).subset([]), 3, 0)


@pytest.mark.parametrize("value", [-1, 2.5, "3", None, True])
def test_a_number_to_draw_or_a_seed_that_is_none_is_told(value):
    for draw in (
        lambda: random_like(unequal(5), value, 0),
        lambda: random_like(unequal(5), 1, value),
    ):
        with pytest.raises(BadArgument) as caught:
            draw()
        assert f"as an integer of 0 or more, got {value!r}. Pass" in str(caught.value)


# Congruences


@pytest.mark.parametrize("centred", [False, True])
@pytest.mark.parametrize("d", D)
def test_95_percent_of_random_directions_have_a_congruence_within_the_limit(d, centred):
    a = unequal(d, centred=centred)
    target = 3 * random_rows(d, 1, seed=3)[0].astype(np.float32) + np.float32(0.2)
    found = np.abs(drawn_like(a, centred=centred) @ target)
    assert (found <= congruence_limit(a, target)).mean() == pytest.approx(0.95, abs=ERROR_95)
    assert (found <= congruence_limit(a, target, 0.5)).mean() == pytest.approx(0.5, abs=ERROR)


@pytest.mark.parametrize("centred", [False, True])
@pytest.mark.parametrize("d", D)
def test_95_percent_of_random_directions_have_two_congruences_within_the_ellipse(d, centred):
    a = unequal(d, centred=centred)
    first, second = random_rows(d, 2, seed=3)
    targets = np.stack([first + 0.2, 2 * second - first]).astype(np.float32)
    found = drawn_like(a, centred=centred) @ targets.T
    ellipse = congruence_ellipse(a, targets)
    assert is_inside(found, ellipse).mean() == pytest.approx(0.95, abs=ERROR_95)
    half = congruence_ellipse(a, targets, 0.5, points=200)
    assert half.shape == (201, 2)
    assert is_inside(found, half).mean() == pytest.approx(0.5, abs=ERROR)


def is_inside(points: np.ndarray, corners: np.ndarray) -> np.ndarray:
    """Whether points are on the same side of every edge of a convex polygon."""
    sides = np.diff(corners, axis=0)
    side_of = [
        x * (points[:, 1] - corner[1]) - y * (points[:, 0] - corner[0])
        for corner, (x, y) in zip(corners, sides, strict=False)
    ]
    return (np.min(side_of, axis=0) >= 0) | (np.max(side_of, axis=0) <= 0)


def test_the_limit_of_equal_norms_is_that_of_cosines_times_the_lengths():
    a = directions(2 * random_rows(64, 50))
    target = np.zeros(64, dtype=np.float32)
    target[7] = 3
    assert congruence_limit(a, target) == pytest.approx(6 * cosine_limit(64), rel=1e-5)


def test_centred_directions_do_not_meet_the_mean_of_a_target():
    a = unequal(16, centred=True)
    target = random_rows(16, 1, seed=3)[0].astype(np.float32)
    assert congruence_limit(a, target + 5) == pytest.approx(congruence_limit(a, target), rel=1e-4)
    assert congruence_limit(a, np.ones(16, dtype=np.float32)) == 0


def test_the_ellipse_of_orthogonal_targets_is_as_wide_as_the_targets_are_long():
    a = directions(random_rows(8, 50))
    targets = np.float32([[2, 0, 0, 0, 0, 0, 0, 0], [0, 0, 0, 0, 1, 0, 0, 0]])
    ellipse = congruence_ellipse(a, targets, points=360)
    # The part within R of the origin is 1 - (1 - R²)³ of 95%.
    radius = (1 - 0.05 ** (1 / 3)) ** 0.5
    np.testing.assert_allclose(ellipse.max(axis=0), [2 * radius, radius], rtol=1e-5)
    np.testing.assert_allclose(ellipse.min(axis=0), [-2 * radius, -radius], rtol=1e-5)
    np.testing.assert_allclose(ellipse[0], ellipse[-1], atol=1e-12)


def test_an_ellipse_reaches_further_than_the_limit_of_one_congruence():
    a = unequal(16)
    targets = random_rows(16, 2, seed=3).astype(np.float32)
    ellipse = congruence_ellipse(a, targets, points=360)
    for axis in (0, 1):
        assert ellipse[:, axis].max() > congruence_limit(a, targets[axis])


@pytest.mark.parametrize("side", ["out", "in"])
def test_real_norms_are_those_that_random_directions_have(real, side):
    model, _ = real
    neurons = model.neurons("all", side)
    found = drawn_like(neurons, centred=side == "in")
    for target in (model.rtg.vectors[0], *model.unembedding.vectors[:2]):
        share = (np.abs(found @ target) <= congruence_limit(neurons, target)).mean()
        assert share == pytest.approx(0.95, abs=ERROR_95)
    targets = model.unembedding.vectors[:2]
    share = is_inside(found @ targets.T, congruence_ellipse(neurons, targets)).mean()
    assert share == pytest.approx(0.95, abs=ERROR_95)


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize(
    "vectors",
    [
        np.zeros((3, 4)),
        [[0, 0, 0, 0], [1, 2, 3, 4]],
        [[1, 2, 3, 4]],
        [[1, 2], [3, 4]],
        [[1, -1], [-2, 2]],
        [[1, -1, 0], [0, 2, -2]],
        [[1], [-2], [0]],
        [[1]],
    ],
)
def test_few_rows_or_dimensions_have_a_limit_and_an_ellipse_too(vectors):
    a = directions(vectors)
    width = a.vectors.shape[1]
    targets = np.float32(np.eye(width)[[0, -1]])
    longest = a.norms.max() * (1 + 1e-5)
    for target in (targets[0], 0 * targets[0]):
        limit = congruence_limit(a, target)
        assert isinstance(limit, float)
        assert 0 <= limit <= longest
    for pair in (targets, 0 * targets):
        ellipse = congruence_ellipse(a, pair, points=12)
        assert ellipse.shape == (13, 2)
        assert np.abs(ellipse).max() <= longest


def test_a_layer_of_zeros_has_a_limit_of_0():
    zeros, targets = directions(np.zeros((3, 4))), np.eye(4, dtype=np.float32)[:2]
    assert congruence_limit(zeros, targets[0]) == 0
    assert not congruence_ellipse(zeros, targets).any()


@pytest.mark.parametrize("width", [1, 2])
def test_where_there_is_but_one_dimension_the_limit_is_that_of_the_norms(width):
    lengths = np.linspace(1, 3, 201)
    rows = lengths[:, None] * [[1.0], [1.0, -1.0]][width - 1]
    norm = 1 if width == 1 else 2**0.5
    target = np.float32([[4], [2, -2]][width - 1])
    limit = congruence_limit(directions(rows), target)
    assert limit == pytest.approx(norm * 2.9 * np.linalg.norm(target), rel=1e-3)
