"""What is read when it is asked for, by directions and models."""

from dataclasses import replace

import numpy as np
import pytest

from dtviz.directions import Directions
from dtviz.errors import BadArgument
from dtviz.later import Later
from dtviz.layers import Layers
from dtviz.model import Model


class Reader:
    """Counts how often each thing is read."""

    def __init__(self):
        self.read = []

    def later(self, what, values):
        values = np.asarray(values)

        def read():
            self.read.append(what)
            return values

        return Later(values.shape, read)


@pytest.fixture
def reader():
    return Reader()


def test_directions_are_read_once_when_they_are_asked_for(reader):
    rows = Directions(reader.later("rows", [[3, 4], [0, 1]]), ["a", "b"])
    assert (len(rows), rows.shape, rows.names, rows.row("b")) == (2, (2, 2), ["a", "b"], 1)
    assert repr(rows) == "Directions(vectors: 2 x 2, 'a', 'b')"
    assert reader.read == []
    assert rows.norms.tolist() == [5, 1]
    assert rows.vector("a").tolist() == [3, 4]
    assert rows.vectors.dtype == np.float32
    assert not rows.vectors.flags.writeable
    assert reader.read == ["rows"]
    assert replace(rows, label="others").vectors.tolist() == [[3, 4], [0, 1]]
    assert reader.read == ["rows"]


def test_directions_are_checked_when_they_are_read(reader):
    with pytest.raises(BadArgument, match="one name for each of the 2 rows"):
        Directions(reader.later("rows", np.eye(2)), ["a"])
    rows = Directions(reader.later("rows", [[np.nan, 1]]), ["a"], "far")
    for _ in range(2):
        with pytest.raises(BadArgument, match="finite numbers in far"):
            rows.vectors  # noqa: B018
    with pytest.raises(AttributeError, match="has no attribute 'vektors'"):
        rows.vektors  # noqa: B018


def model(reader, layers=3, **options):
    weights = [reader.later(layer, np.full((4, 2), layer)) for layer in range(layers)]
    return Model(name="lazy", weights={"out": weights}, **options)


def test_a_models_layers_are_read_when_they_are_asked_for(reader):
    lazy = model(reader)
    assert (lazy.n_layers, lazy.d_mlp, lazy.d_model) == (3, 4, 2)
    assert reader.read == []
    assert (lazy.neurons(1).vectors == 1).all()
    assert reader.read == [1]
    assert lazy.neurons().vectors[:, 0].tolist() == [0] * 4 + [1] * 4 + [2] * 4
    assert reader.read == [1, 0, 2]
    assert (lazy.neurons(2).vectors == 2).all()
    assert reader.read == [1, 0, 2]
    assert lazy.neurons("all").names[-1] == "L2N3"
    assert reader.read == [1, 0, 2]


def test_a_model_checks_shapes_without_reading(reader):
    weights = [reader.later(0, np.eye(2)), reader.later(1, np.eye(3))]
    with pytest.raises(BadArgument, match="of the same shapes"):
        Model(name="lazy", weights={"out": weights})
    far = Directions(reader.later("far", np.eye(3)), ["a", "b", "c"])
    with pytest.raises(BadArgument, match="d_model = 2"):
        model(reader, unembedding=far)
    assert reader.read == []


def test_a_layer_that_is_not_as_it_should_be(reader):
    lazy = Model(name="lazy", weights={"out": [reader.later(0, [[np.inf, 1]])]})
    with pytest.raises(BadArgument, match="finite numbers in side 'out', layer 0"):
        lazy.neurons(0).vectors  # noqa: B018


def test_a_bias_is_read_when_it_is_asked_for(reader):
    unembedding = Directions(np.eye(2), ["a", "b"])
    lazy = model(reader, unembedding=unembedding, unembedding_bias=reader.later("bias", [1, 2]))
    assert reader.read == []
    assert lazy.unembedding_bias.tolist() == [1, 2]
    assert lazy.unembedding_bias.dtype == np.float32
    assert reader.read == ["bias"]
    assert model(reader).unembedding_bias is None


def test_layers_are_a_sequence():
    read = []

    def layer(number):
        read.append(number)
        return number * 10

    layers = Layers([(1,)] * 4, layer, 2)
    assert (len(layers), layers[1], layers[-1]) == (4, 10, 30)
    assert layers[1:3] == [10, 20]
    assert list(layers) == [0, 10, 20, 30]
    assert read == [1, 3, 2, 0, 1, 2, 3]
    with pytest.raises(IndexError):
        layers[4]
