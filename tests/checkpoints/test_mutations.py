"""Whatever happens to a checkpoint, loading ends with a Model or with an error of dtviz."""

import json

import hypothesis.strategies as st
import numpy as np
import torch
from hypothesis import given, settings

from dtviz.checkpoints import load_bytes
from dtviz.errors import DtvizError
from dtviz.model import Model

from .published import pt, published

TINY = {
    name: published(layers=2, d_model=4, d_mlp=4, view=1, layer_norm=name, gated=True)
    for name in ("LN", "LNPre", "none")
}
KINDS = st.sampled_from(sorted(TINY))
FILES = [
    TINY["none"].pt(),
    TINY["LN"].pt(),
    TINY["LN"].pt(_use_new_zipfile_serialization=False),
    TINY["LN"].safetensors(),
]
SPOILT = st.one_of(
    st.none(),
    st.text(max_size=3),
    st.lists(st.integers(0, 5), max_size=3).map(torch.ones),
    st.lists(st.integers(0, 5), max_size=3).map(lambda shape: torch.ones(shape).int()),
    st.sampled_from([torch.tensor(torch.nan), torch.full((4, 4), 3e38), torch.ones(4, 4).bool()]),
)
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(st.text(max_size=3), inner),
    max_leaves=3,
)
CONFIG_KEYS = ["d_model", "d_mlp", "n_layers", "layer_norm", "gated_mlp", "state_embedding_type"]
ENVIRONMENT_KEYS = ["one_hot_obs", "view_size", "img_obs", "fully_observed"]


def opened(data: bytes) -> bool:
    """Load it; tell whether that made a model. Another error than ours fails the test."""
    try:
        model = load_bytes(data, "mutated.pt")
    except DtvizError as error:
        message = str(error)
        assert message.startswith("Expected ")
        assert "\n" not in message
        assert len(message) < 500
        return False
    assert isinstance(model, Model)
    for side in model.sides:
        assert np.isfinite(model.neurons("all", side).vectors).all()
    assert np.isfinite(model.unembedding_bias).all()
    return True


def test_they_open_as_they_are():
    assert all(map(opened, FILES))


@settings(deadline=None, max_examples=150)
@given(st.sampled_from(FILES), st.data())
def test_truncated(file, data):
    length = data.draw(st.integers(0, len(file) - 1))
    assert not opened(file[:length])


@settings(deadline=None, max_examples=300)
@given(st.sampled_from(FILES), st.data())
def test_flipped_bits(file, data):
    spoilt = bytearray(file)
    # Structure lies at either end; in between are mostly numbers.
    places = st.one_of(
        st.integers(0, len(file) - 1),
        st.integers(0, 2000),
        st.integers(len(file) - 2000, len(file) - 1),
    )
    for place in data.draw(st.lists(places, min_size=1, max_size=8)):
        spoilt[place] ^= 1 << data.draw(st.integers(0, 7))
    opened(bytes(spoilt))


@settings(deadline=None, max_examples=150)
@given(KINDS, st.data())
def test_entries_deleted_or_replaced(kind, data):
    tiny = TINY[kind]
    content = tiny.content()
    content["model_state_dict"] = state = dict(tiny.state)
    for key in data.draw(st.sets(st.sampled_from(sorted(state)), min_size=1, max_size=3)):
        if data.draw(st.booleans()):
            del state[key]
        else:
            state[key] = data.draw(SPOILT)
    opened(pt(content))


@settings(deadline=None, max_examples=150)
@given(
    KINDS,
    st.dictionaries(st.sampled_from(CONFIG_KEYS), JSON),
    st.dictionaries(st.sampled_from(ENVIRONMENT_KEYS), JSON),
)
def test_configs_that_say_anything(kind, config, environment):
    tiny = TINY[kind]
    opened(
        pt(
            tiny.content()
            | {
                "model_config": json.dumps(tiny.model_config | config),
                "environment_config": json.dumps(tiny.environment_config | environment),
            }
        )
    )


@settings(deadline=None, max_examples=100)
@given(st.binary(max_size=200), st.sampled_from([b"", b"PK\x03\x04", b"\x80\x02", b"\x80\x04"]))
def test_any_bytes(data, start):
    assert not opened(start + data)
