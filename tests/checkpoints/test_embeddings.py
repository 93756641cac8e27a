import numpy as np
import pytest
import torch

from dtviz.errors import BadCheckpoint

from .published import published

NO_LN = {"layer_norm": "none", "layers": 1}


def test_each_embedding_is_as_stored_and_named():
    tiny = published(**NO_LN, d_mlp=16)
    model = tiny.model()
    np.testing.assert_allclose(model.embedding.vectors.T, tiny.array("state_embedding.weight"))
    np.testing.assert_allclose(model.rtg.vectors.T, tiny.array("reward_embedding.0.weight"))
    np.testing.assert_allclose(model.time_embedding.vectors, tiny.array("time_embedding.weight"))
    np.testing.assert_allclose(
        model.action_embedding.vectors, tiny.array("action_embedding.0.weight")
    )
    assert model.embedding.names[:2] == ["unseen, (0,0)", "unseen, (0,1)"]
    assert model.rtg.names == ["RTG"]
    assert model.time_embedding.names[:2] == ["t=0", "t=1"]
    assert model.action_embedding.names == [*model.unembedding.names, "padding"]
    assert model.notes == ()


def test_a_clone_has_no_return_to_go():
    tiny = published(**NO_LN)
    for key in [key for key in tiny.state if key.startswith("reward_")]:
        del tiny.state[key]
    assert tiny.model().rtg is None


@pytest.mark.parametrize("kind", ["CNN", "cnn", "ViT", None])
def test_a_state_embedding_that_is_not_linear_is_left_out_and_told(kind):
    tiny = published(**NO_LN)
    del tiny.state["state_embedding.weight"]
    tiny.state["state_embedding.conv.0.weight"] = torch.ones(16, 3, 2, 2)
    tiny.model_config["state_embedding_type"] = kind
    model = tiny.model()
    assert model.embedding is None
    assert len(model.notes) == 1
    assert "no linear features" in model.notes[0]


def test_a_linear_time_embedding_has_no_steps():
    tiny = published(**NO_LN)
    tiny.state["time_embedding.weight"] = torch.ones(8, 1)
    tiny.model_config["time_embedding_type"] = "linear"
    assert tiny.model().time_embedding is None


def test_embeddings_that_no_analysis_needs_may_be_missing():
    tiny = published(**NO_LN)
    del tiny.state["time_embedding.weight"], tiny.state["action_embedding.0.weight"]
    model = tiny.model()
    assert model.time_embedding is None
    assert model.action_embedding is None


@pytest.mark.parametrize(
    ("key", "shape"),
    [
        ("state_embedding.weight", (9, 180)),
        ("state_embedding.weight", (8, 181)),
        ("reward_embedding.0.weight", (8, 2)),
        ("action_embedding.0.weight", (7, 8)),
        ("time_embedding.weight", (11, 9)),
        ("time_embedding.weight", (0, 8)),
    ],
)
def test_shapes_that_disagree_are_named(key, shape):
    tiny = published(**NO_LN)
    tiny.state[key] = torch.ones(shape)
    with pytest.raises(BadCheckpoint, match=f"Expected '{key}' of shape"):
        tiny.model()
