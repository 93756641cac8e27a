import numpy as np
import pytest
from hypothesis import given
from hypothesis.extra.numpy import array_shapes, arrays
from hypothesis.strategies import floats

from dtviz.analyses.similarity import cosine_similarity

from . import reference
from .reference import directions

pytestmark = pytest.mark.filterwarnings("error::RuntimeWarning")

MATRICES = arrays(
    np.float32, array_shapes(min_dims=2, max_dims=2, max_side=6), elements=floats(-9, 9, width=32)
)


@given(MATRICES)
def test_a_norm_is_the_root_of_the_sum_of_squares(matrix):
    expected = [sum(value**2 for value in row) ** 0.5 for row in matrix.tolist()]
    # The least float32 above zero are coarse.
    np.testing.assert_allclose(directions(matrix).norms, expected, rtol=1e-6, atol=1e-43)


@pytest.mark.parametrize("layer", [0, 1, "all"])
def test_real_norms_of_neurons(real, layer):
    model, raw = real
    for side in model.sides:
        expected = np.linalg.norm(reference.neurons(raw, layer, side), axis=1)
        np.testing.assert_allclose(model.neurons(layer, side).norms, expected, rtol=1e-5)


def test_real_norms_of_every_other_set(real):
    model, raw = real
    sets = {
        "unembedding": reference.unembedding(raw),
        "embedding": reference.embedding(raw),
        "rtg": reference.rtg(raw),
        "action_embedding": raw["action_embedding.0.weight"],
        "time_embedding": raw["time_embedding.weight"],
    }
    for name, vectors in sets.items():
        expected = np.linalg.norm(vectors, axis=1)
        np.testing.assert_allclose(getattr(model, name).norms, expected, rtol=1e-5, atol=1e-8)


def test_real_unembedding_bias(real):
    model, raw = real
    reference.agree(model.unembedding_bias, reference.unembedding_bias(raw))


def test_real_cosines_of_every_other_set(real):
    model, raw = real
    sets = {
        "unembedding": reference.unembedding(raw),
        "action_embedding": raw["action_embedding.0.weight"],
        "embedding": reference.embedding(raw),
    }
    for name, vectors in sets.items():
        frame = cosine_similarity(getattr(model, name))
        unit = reference.unit(vectors)
        np.testing.assert_allclose(frame, unit @ unit.T, atol=2e-6)
        assert frame.index.tolist() == frame.columns.tolist() == getattr(model, name).names
    actions = cosine_similarity(model.unembedding)
    by_hand = reference.cosines(*2 * [sets["unembedding"]])
    np.testing.assert_allclose(actions, by_hand, atol=2e-6)
    assert actions.columns[:2].tolist() == ["left", "right"]
