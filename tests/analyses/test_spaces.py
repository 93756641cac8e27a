import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import dtviz
from dtviz.analyses.congruence import congruence
from dtviz.analyses.features import restricted
from dtviz.analyses.similarity import cosine_similarity
from dtviz.analyses.spaces import (
    SPACES,
    condensed,
    projected,
    side_of,
    space,
    spaces_of,
    targets_of,
)
from dtviz.errors import BadArgument, UnknownName
from dtviz.model import Model

from ..tokens import wordy
from . import reference
from .reference import directions

pytestmark = pytest.mark.filterwarnings("error::RuntimeWarning")

RNG = np.random.default_rng(0)
WEIGHTS = [RNG.normal(size=(4, 3)) for _ in range(6)]
ACTIONS = directions(RNG.normal(size=(2, 3)), "a")
FEATURES = directions(RNG.normal(size=(5, 3)), "f")


def made(**parts) -> Model:
    return Model.from_arrays(WEIGHTS[:2], **parts)


WHOLE = made(
    in_=WEIGHTS[2:4],
    gate=WEIGHTS[4:],
    unembedding=ACTIONS,
    embedding=FEATURES,
    normalization="LN",
)


def test_the_public_name():
    assert dtviz.space is space


@pytest.mark.parametrize(
    ("parts", "expected"),
    [
        ({}, ["out"]),
        ({"in_": WEIGHTS[2:4]}, ["out", "in"]),
        ({"unembedding": ACTIONS}, ["out", "out congruence"]),
        ({"embedding": FEATURES}, ["out"]),
        ({"in_": WEIGHTS[2:4], "embedding": FEATURES}, ["out", "in", "in congruence"]),
        ({"gate": WEIGHTS[4:], "embedding": FEATURES}, ["out", "gate"]),
    ],
)
def test_a_model_has_the_spaces_that_it_has_the_parts_for(parts, expected):
    model = made(**parts)
    assert spaces_of(model) == expected
    for name in SPACES:
        if name in expected:
            assert space(model, name).names == model.neurons().names
        else:
            with pytest.raises(UnknownName) as caught:
                space(model, name)
            assert "a space of arrays among 'out'" in str(caught.value)
            assert f"got {name!r}. Choose one of these." in str(caught.value)


def test_a_model_with_every_part_has_every_space():
    assert spaces_of(WHOLE) == list(SPACES)


@pytest.mark.parametrize("name", ["weights", "", None, 3, ["out"], "OUT"])
def test_a_space_that_is_none_is_told(name):
    with pytest.raises(UnknownName, match=r"a space of arrays among 'out', 'in', .*got"):
        space(WHOLE, name)


@pytest.mark.parametrize("layer", [2, -1, "1", None, 0.5, True])
@pytest.mark.parametrize("name", SPACES)
def test_a_layer_that_is_none_is_told(name, layer):
    with pytest.raises(UnknownName, match=r"a layer of arrays: 0 to 1, or 'all', got"):
        space(WHOLE, name, layer)


@pytest.mark.parametrize("side", ["out", "in", "gate"])
def test_weights_stand_for_themselves(side):
    for layer in (0, 1, "all"):
        rows = space(WHOLE, side, layer)
        np.testing.assert_array_equal(rows.vectors, WHOLE.neurons(layer, side).vectors)
        assert rows.label == WHOLE.neurons(layer, side).label


def test_all_layers_are_taken_together_unless_told_otherwise():
    assert len(space(WHOLE, "in congruence")) == 8


@pytest.mark.parametrize("layer_norm", [True, False])
def test_a_congruence_is_a_dot_product_with_the_other_side_layer_normed(layer_norm):
    norm = reference.layer_normed if layer_norm else lambda x: x
    out, reads = WEIGHTS[1], WEIGHTS[3]
    written = space(WHOLE, "out congruence", 1, layer_norm=layer_norm).vectors
    reference.agree(written, norm(out) @ ACTIONS.vectors.astype(float).T)
    read = space(WHOLE, "in congruence", 1, layer_norm=layer_norm).vectors
    reference.agree(read, reads @ norm(FEATURES.vectors.astype(float)).T)


def test_layer_norm_changes_nothing_where_the_model_has_none():
    plain = made(in_=WEIGHTS[2:4], unembedding=ACTIONS, embedding=FEATURES)
    for name in spaces_of(plain):
        with_norm, without = (space(plain, name, layer_norm=norm) for norm in (True, False))
        np.testing.assert_array_equal(with_norm.vectors, without.vectors)


def test_rows_are_not_layer_normed_again():
    for name in ("out congruence", "in congruence"):
        rows = space(WHOLE, name)
        assert rows.normalization is None
        assert rows.label.startswith(f"{name}, ")
        assert WHOLE.neurons(side=side_of(name)).label in rows.label


def test_other_features_can_be_compared_with():
    some = FEATURES.subset(["f3", "f1"])
    rows = space(WHOLE, "in congruence", embedding=some).vectors
    whole = space(WHOLE, "in congruence", layer_norm=False).vectors
    np.testing.assert_allclose(rows, whole[:, [3, 1]], rtol=1e-5)
    for name in ("out", "out congruence"):
        given_some = space(WHOLE, name, embedding=some).vectors
        np.testing.assert_array_equal(given_some, space(WHOLE, name).vectors)


def test_no_features_leave_nothing_to_compare_with():
    nothing = restricted(FEATURES, 99)
    with pytest.raises(BadArgument, match=r"to compare with, for the in congruence, got no feat"):
        space(WHOLE, "in congruence", embedding=nothing)
    with pytest.raises(BadArgument, match=r"got arrays, which has none\. Choose another space"):
        targets_of(made(), "out congruence")


@given(st.sampled_from(SPACES), st.integers(1, 5), st.integers(0, 2**32 - 1))
def test_any_rows_can_be_sent_through_the_steps_of_a_space(name, rows, seed):
    weights = np.random.default_rng(seed).normal(size=(rows, 3))
    model = Model.from_arrays(
        weights,
        in_=weights,
        gate=weights,
        unembedding=ACTIONS,
        embedding=FEATURES,
        normalization="LN",
    )
    neurons = model.neurons(0, side_of(name))
    np.testing.assert_array_equal(
        projected(neurons, name, targets_of(WHOLE, name)).vectors, space(model, name, 0).vectors
    )


# With a vocabulary


@pytest.mark.parametrize("layer_norm", [True, False])
@pytest.mark.parametrize("name", ["in congruence", "out congruence"])
def test_with_a_vocabulary_norms_and_cosines_are_those_of_the_whole_congruences(name, layer_norm):
    model = wordy(5_000, n=9)
    found = space(model, name, 0, layer_norm=layer_norm)
    assert found.vectors.shape == (9, model.d_model)
    weights, targets = model.neurons(0, side_of(name)), model.unembedding
    if name == "in congruence":
        targets = model.embedding.layer_normed() if layer_norm else model.embedding
    elif layer_norm:
        weights = weights.layer_normed()
    whole = directions(congruence(weights, targets).to_numpy())
    np.testing.assert_allclose(found.norms, whole.norms, rtol=1e-5)
    np.testing.assert_allclose(cosine_similarity(found), cosine_similarity(whole), atol=1e-5)
    # Its distribution, and the limit by chance, are made of the same rows.
    given = "embedding" if name == "in congruence" else "unembedding"
    before = condensed(targets_of(model, name, layer_norm=layer_norm), layer_norm=layer_norm)
    again = space(model, name, 0, layer_norm=layer_norm, **{given: before})
    np.testing.assert_array_equal(again.vectors, found.vectors)


# Real checkpoints, against NumPy on their raw weights


@pytest.mark.parametrize("layer", [1, "all"])
def test_real_spaces(real, layer):
    model, raw = real
    for name in spaces_of(model):
        rows = space(model, name, layer)
        expected = reference.space(raw, name, layer)
        reference.agree(rows.vectors, expected)
        unit = reference.unit(expected)
        np.testing.assert_allclose(cosine_similarity(rows), unit @ unit.T, atol=1e-5)


def test_real_spaces_without_layer_norm(real):
    model, raw = real
    out, reads = (reference.neurons(raw, "all", side) for side in ("out", "in"))
    written = space(model, "out congruence", layer_norm=False).vectors
    reference.agree(written, out @ reference.unembedding(raw).T)
    read = space(model, "in congruence", layer_norm=False).vectors
    reference.agree(read, reads @ reference.embedding(raw).T)


def test_real_in_congruence_with_a_restricted_embedding(real):
    model, raw = real
    embedding = reference.embedding(raw)
    long = embedding[np.linalg.norm(embedding, axis=1) > 0.8]
    rows = space(model, "in congruence", embedding=restricted(model.embedding))
    reference.agree(
        rows.vectors, reference.neurons(raw, "all", "in") @ reference.layer_normed(long).T
    )
