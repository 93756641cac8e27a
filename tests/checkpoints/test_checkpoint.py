import pytest
import torch

from dtviz.checkpoints import load_bytes
from dtviz.checkpoints.checkpoint import Checkpoint
from dtviz.errors import BadCheckpoint

from .published import pt, published


def tiny():
    return published(layer_norm="none", layers=1)


@pytest.mark.parametrize("key", ["model_state_dict", "model_config", "environment_config"])
def test_missing_keys_are_named(key):
    content = tiny().content()
    del content[key]
    with pytest.raises(BadCheckpoint, match=f"holds '{key}', got one that holds '"):
        Checkpoint.from_bytes(pt(content), "x.pt")


def test_a_bare_state_dict_or_nothing():
    with pytest.raises(BadCheckpoint, match=r"'model_config'.* got one that holds 'action_embed"):
        Checkpoint.from_bytes(pt(tiny().state), "x.pt")
    with pytest.raises(BadCheckpoint, match="got one that holds nothing"):
        Checkpoint.from_bytes(pt({}), "x.pt")


@pytest.mark.parametrize("key", ["model_config", "environment_config"])
@pytest.mark.parametrize(
    "config", ["", "{", "[]", "null", "3", "d_model=8", {"d_model": 8}, None, 5, b"{}", "[" * 99999]
)
def test_configs_that_are_not_json_objects(key, config):
    with pytest.raises(BadCheckpoint, match=f"'{key}' as a JSON object in a string") as raised:
        Checkpoint.from_bytes(pt(tiny().content() | {key: config}), "x.pt")
    assert len(str(raised.value)) < 300


@pytest.mark.parametrize("state", [None, [], "weights", torch.ones(3), torch.Size([3])])
def test_a_state_dict_that_is_none(state):
    with pytest.raises(BadCheckpoint, match="'model_state_dict' as tensors by name"):
        Checkpoint.from_bytes(pt(tiny().content() | {"model_state_dict": state}), "x.pt")


def test_weights_that_have_no_names_are_none():
    content = tiny().content() | {"model_state_dict": {3: torch.ones(3)}}
    with pytest.raises(BadCheckpoint, match="got only an empty state dict"):
        load_bytes(pt(content), "x.pt")


@pytest.mark.parametrize(
    "value",
    [
        None,
        "a text",
        [1.0, 2.0],
        torch.eye(3).to_sparse(),
        torch.ones(3, device="meta"),
        torch.zeros(1).expand(10**6, 10**6),
    ],
    ids=["none", "text", "list", "sparse", "meta", "claims more than the file holds"],
)
def test_entries_that_are_not_plain_tensors(value):
    content = tiny().content()
    content["model_state_dict"]["extra"] = value
    with pytest.raises(BadCheckpoint, match="'extra' in model_state_dict as a dense tensor"):
        Checkpoint.from_bytes(pt(content), "x.pt")


@pytest.mark.parametrize("number", [torch.nan, torch.inf, -torch.inf])
@pytest.mark.parametrize("dtype", [torch.float32, torch.float16])
@pytest.mark.parametrize(
    "key",
    ["transformer.blocks.0.mlp.W_in", "transformer.blocks.0.attn.W_Q", "state_predictor.bias"],
)
def test_numbers_that_are_not_finite(number, dtype, key):
    content = tiny().content()
    weight = content["model_state_dict"][key].to(dtype)
    weight.view(-1)[3] = number
    content["model_state_dict"][key] = weight
    message = f"finite numbers in '{key}', got 1 of {weight.numel()} that are NaN or infinite"
    with pytest.raises(BadCheckpoint, match=message):
        Checkpoint.from_bytes(pt(content), "x.pt")


def test_numbers_too_large_for_float32():
    content = tiny().content()
    content["model_state_dict"]["wide"] = torch.tensor([1e300], dtype=torch.float64)
    with pytest.raises(BadCheckpoint, match="finite numbers in 'wide'"):
        Checkpoint.from_bytes(pt(content), "x.pt")


def test_buffers_of_the_attention_may_be_anything():
    checkpoint = Checkpoint.from_bytes(tiny().pt(), "x.pt")
    assert checkpoint.weights["transformer.blocks.0.attn.IGNORE"] == -torch.inf
    assert checkpoint.weights["transformer.blocks.0.attn.mask"].dtype == torch.bool
