import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

import dtviz
from dtviz.analyses.congruence import (
    CongruenceAnalysis,
    angle_between,
    congruence,
    contrast,
    usual_pair,
)
from dtviz.analyses.vocabulary import Vocabulary
from dtviz.directions import Directions
from dtviz.errors import BadArgument, UnknownName

from . import reference
from .reference import directions

SEEDS = st.integers(0, 2**32 - 1)
ACTIONS = Directions([[3.0, 0, 0], [1, 1, 0], [0, 0, 2], [0, 0, 0]], ["left", "right", "up", "nil"])


def options(**chosen) -> CongruenceAnalysis:
    """The analysis, offered the actions above."""
    analysis = CongruenceAnalysis()
    for axis in "xy":
        analysis.param[axis].objects = [*ACTIONS.names, "forward"]
    analysis.param.update(**chosen)
    return analysis


# congruence


def test_the_public_names():
    assert dtviz.congruence is congruence
    assert dtviz.contrast is contrast


@given(SEEDS, st.integers(1, 5), st.integers(1, 5), st.integers(1, 6))
def test_congruence_is_the_dot_product_of_each_pair(seed, rows, columns, width):
    rng = np.random.default_rng(seed)
    a = directions(rng.normal(size=(rows, width)), "a")
    b = directions(rng.normal(size=(columns, width)), "b")
    frame = congruence(a, b)
    assert frame.index.tolist() == a.names
    assert frame.columns.tolist() == b.names
    assert (frame.dtypes == np.float32).all()
    for i in range(rows):
        for j in range(columns):
            pairs = zip(a.vectors[i].tolist(), b.vectors[j].tolist(), strict=True)
            expected = sum(x * y for x, y in pairs)
            assert frame.loc[f"a{i}", f"b{j}"] == pytest.approx(expected, abs=1e-5)


def test_congruence_normalizes_nothing():
    long = directions([[2, 4]], normalization="LN")
    assert congruence(long, long).to_numpy().tolist() == [[20]]


def test_congruence_with_no_rows_is_empty():
    some = directions(np.eye(3))
    assert congruence(some, some.subset([])).shape == (3, 0)


def test_vectors_of_another_width_are_told():
    other = Directions(np.eye(3), list("abc"), "W_E")
    message = r"one residual stream, 2 wide, got W_E, 3 wide\. Compare directions of the same model"
    with pytest.raises(BadArgument, match=message):
        congruence(directions(np.eye(2)), other)


# contrast and angle


def test_a_contrast_has_two_named_rows():
    made = contrast(ACTIONS, "left", "up")
    assert made.names == ["left not up", "up not left"]
    assert made.label == "contrast of left and up"
    assert contrast(directions(np.eye(2), normalization="LN"), "r0", "r1").normalization == "LN"


def test_a_contrast_takes_away_the_whole_projection_whatever_the_lengths():
    # left is three times as long as what right has of it. With the notebook's
    # r - cos(r, l) l, "right not left" would be (-1.12, 1, 0).
    made = contrast(ACTIONS, "right", "left")
    assert made.vector("right not left").tolist() == [0, 1, 0]
    assert made.vector("left not right").tolist() == [1.5, -1.5, 0]


@given(SEEDS, st.floats(0.01, 100))
def test_a_contrast_is_the_residual_of_least_squares(seed, length):
    a, b = np.random.default_rng(seed).normal(size=(2, 8))
    made = contrast(directions([a, length * b]), "r0", "r1").vectors
    for residual, of, without in ((made[0], a, length * b), (made[1], length * b, a)):
        (coefficient,), *_ = np.linalg.lstsq(without[:, None], of, rcond=None)
        scale = np.abs(of).max()
        np.testing.assert_allclose(residual, of - coefficient * without, atol=1e-5 * scale)


@given(SEEDS)
def test_a_contrast_is_orthogonal_to_what_is_taken_away(seed):
    a, b = np.random.default_rng(seed).normal(size=(2, 8))
    assume(abs(np.corrcoef(a, b)[0, 1]) < 0.99)
    two = directions([a, 10 * b])
    a_not_b, b_not_a = contrast(two, "r0", "r1").vectors
    assert angle_between(a_not_b, b) == pytest.approx(90, abs=1e-3)
    assert angle_between(b_not_a, a) == pytest.approx(90, abs=1e-3)


def test_orthogonal_actions_are_their_own_contrast():
    assert contrast(ACTIONS, "left", "up").vectors.tolist() == [[3, 0, 0], [0, 0, 2]]


@pytest.mark.filterwarnings("error")
def test_an_action_of_length_0_takes_nothing_away():
    assert contrast(ACTIONS, "left", "nil").vectors.tolist() == [[3, 0, 0], [0, 0, 0]]


@pytest.mark.parametrize(("a", "b"), [("left", "jump"), ("jump", "left"), ("jump", "jump")])
def test_an_action_that_is_not_there_cannot_be_contrasted(a, b):
    with pytest.raises(UnknownName, match="got 'jump'"):
        contrast(ACTIONS, a, b)


def test_an_action_cannot_be_contrasted_with_itself():
    with pytest.raises(BadArgument, match=r"two names to contrast, got 'left' twice\. Choose"):
        contrast(ACTIONS, "left", "left")


@pytest.mark.parametrize(
    ("vectors", "degrees"),
    [
        ([[1, 0], [5, 0]], 0),
        ([[1, 0], [1, 1]], 45),
        ([[1, 0], [0, 2]], 90),
        ([[3, 0], [-1, 3**0.5]], 120),
        ([[1, 0], [-2, 0]], 180),
        ([[0, 0], [1, 0]], 90),
    ],
)
def test_the_angle_between_two_actions(vectors, degrees):
    two = directions(vectors)
    assert angle_between(*two.vectors) == pytest.approx(degrees, abs=0.05)
    assert angle_between(*two.vectors[::-1]) == pytest.approx(degrees, abs=0.05)


# CongruenceAnalysis


NEURONS = Directions([[1.0, 2, 6], [0, 0, 0], [-3, 1, 2]], ["L0N0", "L0N1", "L0N2"])
NORMED = Directions(NEURONS.vectors, NEURONS.names, normalization="LN")


def test_the_analysis_compares_left_with_right_after_layer_norm_by_default():
    analysis = CongruenceAnalysis()
    assert (analysis.x, analysis.y) == ("left", "right")
    assert (analysis.layer_norm, analysis.contrast) == (True, False)


def test_the_analysis_gives_x_y_and_their_difference_for_each_neuron():
    frame = options(x="left", y="right")(NEURONS, "out", ACTIONS)
    assert frame.columns.tolist() == ["x", "y", "difference"]
    assert frame.index.tolist() == NEURONS.names
    assert frame["x"].tolist() == [3, 0, -9]
    assert frame["y"].tolist() == [3, 0, -2]
    assert frame["difference"].tolist() == [0, 0, 7]
    swapped = options(x="right", y="left")(NEURONS, "out", ACTIONS)
    assert swapped["difference"].tolist() == [0, 0, -7]


def test_layer_norm_is_applied_to_what_neurons_write():
    frame = options(x="left", y="up")(NORMED, "out", ACTIONS)
    normed = reference.layer_normed(NEURONS.vectors.astype(float))
    np.testing.assert_allclose(frame["x"], 3 * normed[:, 0], atol=1e-5)
    np.testing.assert_allclose(frame["y"], 2 * normed[:, 2], atol=1e-5)


@pytest.mark.parametrize(
    ("neurons", "side", "chosen"),
    [
        (NORMED, "in", {}),
        (NORMED, "gate", {}),
        (NORMED, "out", {"layer_norm": False}),
        (NEURONS, "out", {}),
    ],
)
def test_layer_norm_is_applied_to_nothing_else(neurons, side, chosen):
    analysis = options(x="left", y="right", **chosen)
    assert analysis(neurons, side, ACTIONS)["x"].tolist() == [3, 0, -9]
    assert not analysis.applies_layer_norm(neurons, side)


@pytest.mark.parametrize("layer_norm", [True, False])
def test_a_contrast_is_compared_without_layer_norm(layer_norm):
    analysis = options(x="left", y="right", contrast=True, layer_norm=layer_norm)
    frame = analysis(NORMED, "out", ACTIONS)
    assert frame["x"].tolist() == [-1.5, 0, -6]
    assert frame["y"].tolist() == [2, 0, 1]
    assert frame["difference"].tolist() == [3.5, 0, 7]
    assert not analysis.applies_layer_norm(NORMED, "out")


def test_the_analysis_says_that_it_applies_layer_norm():
    assert options().applies_layer_norm(NORMED, "out")


def test_an_action_can_be_compared_with_itself():
    frame = options(x="left", y="left")(NEURONS, "out", ACTIONS)
    assert frame["x"].tolist() == frame["y"].tolist() == [3, 0, -9]
    assert frame["difference"].tolist() == [0, 0, 0]


def test_nothing_of_an_action_is_not_in_itself():
    frame = options(x="right", y="right", contrast=True)(NEURONS, "out", ACTIONS)
    assert (frame == 0).all(axis=None)


@pytest.mark.parametrize("contrasted", [True, False])
def test_an_action_that_the_unembedding_lacks_is_told(contrasted):
    with pytest.raises(UnknownName, match="got 'forward'"):
        options(x="left", y="forward", contrast=contrasted)(NEURONS, "out", ACTIONS)


# Sets of tokens


def chosen(**sets) -> CongruenceAnalysis:
    """The analysis, with a vocabulary."""
    analysis = CongruenceAnalysis()
    for axis in "xy":
        analysis.param[axis].vocabulary = Vocabulary(ACTIONS.names)
    analysis.param.update(**sets)
    return analysis


@pytest.mark.parametrize("with_contrast", [False, True])
def test_a_set_is_compared_by_the_mean_of_its_vectors(with_contrast):
    analysis = chosen(x=["left", "up"], y="right", contrast=with_contrast)
    mean = np.array([[1.5, 0, 1], [1, 1, 0]])
    pair = Directions(mean, ["x", "y"])
    expected = contrast(pair, "x", "y").vectors if with_contrast else mean
    np.testing.assert_allclose(analysis.targets(ACTIONS), expected, rtol=1e-6)
    assert analysis.members("x") == ["left", "up"]
    assert analysis.called("x") == "left, up (mean of 2)"
    assert analysis.called("y") == "right"


def test_of_a_large_set_a_title_names_three():
    assert chosen(x=ACTIONS.names, y="up").called("x") == ("left, right, up and 1 more (mean of 4)")


@pytest.mark.parametrize(
    ("words", "pair"),
    [
        (["␣the", "␣and"], ("␣the", "␣and")),
        (["␣of", "left", "␣the", "right", "␣1000", "␣and"], ("␣the", "␣and")),
        (["left", "right"], ("left", "right")),
        ([], ("token 0", "token 199")),
    ],
)
def test_of_many_tokens_the_first_two_words_are_compared(words, pair):
    tokens = [f"token {i}" for i in range(200)]
    assert usual_pair([tokens[0], *words, *tokens[1:]]) == pair


# Real checkpoints, against NumPy on their raw weights


def test_real_out_congruence(real):
    model, raw = real
    for layer in range(model.n_layers):
        neurons = model.neurons(layer).layer_normed()
        expected = reference.layer_normed(reference.neurons(raw, layer, "out"))
        expected = expected @ reference.unembedding(raw).T
        reference.agree(congruence(neurons, model.unembedding), expected, 3e-6)


def test_real_in_congruence(real):
    model, raw = real
    features = reference.layer_normed(reference.embedding(raw))
    for layer in range(model.n_layers):
        for side in model.sides[1:]:
            frame = congruence(model.neurons(layer, side), model.embedding.layer_normed())
            expected = reference.neurons(raw, layer, side) @ features.T
            reference.agree(frame, expected, 3e-6)


@pytest.mark.parametrize("layer_norm", [True, False])
def test_real_analysis_of_the_out_side(real, layer_norm):
    model, raw = real
    out = reference.neurons(raw, 1, "out")
    if layer_norm:
        out = reference.layer_normed(out)
    left, right = reference.unembedding(raw)[:2]
    frame = options(layer_norm=layer_norm)(model.neurons(1), "out", model.unembedding)
    expected = np.stack([out @ left, out @ right, out @ right - out @ left], axis=1)
    reference.agree(frame, expected, 3e-6)


def test_real_contrast(real):
    model, raw = real
    out = reference.neurons(raw, 1, "out")
    left, right = reference.unembedding(raw)[:2]
    x = out @ (left - left @ right / (right @ right) * right)
    y = out @ (right - right @ left / (left @ left) * left)
    frame = options(contrast=True)(model.neurons(1), "out", model.unembedding)
    reference.agree(frame, np.stack([x, y, y - x], axis=1), 3e-6)


@pytest.mark.parametrize("contrasted", [False, True])
@pytest.mark.parametrize("layer", [0, "all"])
def test_real_analysis_of_every_side(real, layer, contrasted):
    model, raw = real
    actions = reference.unembedding(raw)
    names = model.unembedding.names
    analysis = CongruenceAnalysis()
    for axis in "xy":
        analysis.param[axis].objects = names
    for x, y in (("left", "right"), ("toggle", "forward")):
        analysis.param.update(x=x, y=y, contrast=contrasted)
        a, b = actions[names.index(x)], actions[names.index(y)]
        if contrasted:
            a, b = a - (a @ b) / (b @ b) * b, b - (a @ b) / (a @ a) * a
        for side in model.sides:
            neurons = reference.neurons(raw, layer, side)
            if side == "out" and not contrasted:
                neurons = reference.layer_normed(neurons)
            frame = analysis(model.neurons(layer, side), side, model.unembedding)
            expected = np.stack([neurons @ a, neurons @ b, neurons @ b - neurons @ a], axis=1)
            reference.agree(frame, expected, 3e-6)
            assert frame.index.tolist() == model.neurons(layer, side).names


def test_real_contrasts_and_angles_of_all_pairs_of_actions(real):
    model, raw = real
    actions = reference.unembedding(raw)
    for i, a in enumerate(model.unembedding.names):
        for j, b in enumerate(model.unembedding.names):
            if a == b:
                continue
            made = contrast(model.unembedding, a, b)
            (coefficient,), *_ = np.linalg.lstsq(actions[j][:, None], actions[i], rcond=None)
            reference.agree(made.vector(f"{a} not {b}"), actions[i] - coefficient * actions[j])
            lengths = np.linalg.norm(actions[i]) * np.linalg.norm(actions[j])
            degrees = np.degrees(np.arccos(actions[i] @ actions[j] / lengths))
            assert angle_between(
                model.unembedding.vector(a), model.unembedding.vector(b)
            ) == pytest.approx(degrees, abs=1e-3)
