"""Decision transformers against the forward pass of their layout, on their own weights."""

from unittest.mock import patch

import pytest
import torch

import dtviz
from dtviz.errors import BadCheckpoint

from ..published import SHARED, published

EMBEDDINGS = {"embedding", "return-to-go", "action embedding", "time embedding"}


@pytest.mark.parametrize(
    "source",
    [
        "demo",
        pytest.param(
            SHARED,
            marks=pytest.mark.skipif(not SHARED.exists(), reason=f"needs {SHARED.name} in shared"),
        ),
    ],
)
def test_a_trained_model(source):
    report = dtviz.verify(source)
    assert set(report.compared) - {"gate"} == {"in", "out", "unembedding", *EMBEDDINGS}
    assert 0 < report.greatest_error < 1e-5
    assert report.copied.startswith("Compared in a forward pass of the model itself")


@pytest.mark.parametrize("layer_norm", ["LN", "LNPre", "none"])
@pytest.mark.parametrize(
    "activation", ["relu", "gelu", "gelu_new", "silu", "solu", "solu_ln", None]
)
@pytest.mark.parametrize("gated", [False, True])
def test_layouts(layer_norm, activation, gated):
    if gated and activation == "solu_ln":
        pytest.skip("refused: a gate is not used with it")
    tiny = published(layers=2, d_mlp=12, layer_norm=layer_norm, gated=gated)
    tiny.model_config["activation_fn"] = activation
    if activation == "solu_ln" and layer_norm == "LN":
        for layer in range(2):
            inner = f"transformer.blocks.{layer}.mlp.ln"
            tiny.state |= {f"{inner}.w": 1 + torch.randn(12) / 2, f"{inner}.b": torch.randn(12)}
    report = tiny.model().verified
    expected = {"in", "out", "unembedding", *EMBEDDINGS, *(["gate"] if gated else [])}
    assert set(report.compared) == expected
    assert (report.compared["in"], report.compared["out"]) == (2, 2)


def test_a_linear_time_embedding():
    tiny = published()
    tiny.model_config["time_embedding_type"] = "linear"
    tiny.state["time_embedding.weight"] = torch.randn(8, 1)
    tiny.state["time_embedding.bias"] = torch.randn(8)
    assert tiny.model().verified.compared["time embedding"] == 1


@pytest.mark.parametrize("missing", ["transformer.blocks.1.attn.W_Q", "reward_embedding.0.weight"])
def test_a_file_of_which_the_whole_pass_cannot_be_run_says_so(missing):
    tiny = published()
    del tiny.state[missing]
    model = tiny.model()
    assert set(model.verified.compared) == {"in", "out", "unembedding"}
    assert "MLPs alone" in model.verified.copied
    assert missing in model.verified.copied


@pytest.mark.parametrize("wrong", [None, torch.zeros(()), torch.zeros(2, 3)])
@pytest.mark.parametrize(
    "name", ["transformer.blocks.0.mlp.b_out", "transformer.pos_embed.W_pos", "action_embedding.x"]
)
def test_what_no_pass_can_be_run_with_opens_all_the_same(name, wrong):
    tiny = published()
    tiny.state.pop(name, None)
    if wrong is not None:
        tiny.state[name] = wrong
    report = tiny.model().verified
    assert report.compared or report.notes[0].startswith("Not compared with a forward pass")


def test_numbers_that_are_too_large_are_said_to_be_compared_with_nothing():
    tiny = published(layer_norm="none")
    tiny.state["transformer.blocks.0.mlp.W_out"] *= 1e30
    tiny.state["transformer.blocks.1.mlp.W_in"] *= 1e30
    model = tiny.model()
    assert model.verified.compared == {}
    assert model.notes[-1].startswith("Not compared with a forward pass")


@pytest.mark.parametrize(
    ("what", "wrong"),
    [
        ("folded_readers", lambda readers: readers),
        ("folded_unembedding", lambda weight, bias, *_: (weight, bias)),
    ],
)
def test_vectors_that_differ_from_the_pass_are_refused(what, wrong):
    with (
        patch(f"dtviz.checkpoints.decision_transformer.{what}", wrong),
        pytest.raises(BadCheckpoint, match=r"in the model as in its own .*got different by"),
    ):
        published().model()
