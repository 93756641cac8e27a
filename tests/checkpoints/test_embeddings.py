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


@pytest.mark.parametrize("kind", ["vector", "GRU"])
def test_a_state_embedding_of_a_kind_that_is_not_known_is_left_out_and_named(kind):
    """Its weights have the shape of a grid's, whatever their order is."""
    tiny = published(**NO_LN)
    tiny.model_config["state_embedding_type"] = kind
    model = tiny.model()
    assert model.embedding is None
    assert model.agent is None
    assert f"of kind '{kind}'" in model.notes[0]


def test_observations_of_another_environment_have_no_names():
    tiny = published(**NO_LN)
    tiny.environment_config["env_id"] = "Acrobot-v1"
    model = tiny.model()
    assert model.embedding is None
    assert "those of 'Acrobot-v1'" in model.notes[0]
    assert model.unembedding.names[:2] == ["action 0", "action 1"]


def test_the_whole_grid_is_said_to_be_so():
    tiny = published(**NO_LN, one_hot=False)
    tiny.state["state_embedding.weight"] = torch.randn(8, 3 * 16 * 8)
    tiny.environment_config = {"env_id": "MiniGrid-RedBlueDoors-8x8-v0", "fully_observed": True}
    model = tiny.model()
    assert model.embedding.names[8] == "Object, (1,0)"
    assert model.embedding.names[-1] == "State, (15,7)"
    assert model.agent is None
    assert "whole grid, taken to have 16 columns and 8 rows" in model.notes[0]


@pytest.mark.parametrize("stated", ["linear", None])
def test_a_linear_time_embedding_has_one_direction(stated):
    tiny = published(**NO_LN)
    weight, bias = torch.randn(8, 1), torch.randn(8)
    tiny.state |= {"time_embedding.weight": weight, "time_embedding.bias": bias}
    tiny.model_config["time_embedding_type"] = stated
    times = tiny.model().time_embedding
    assert times.names == ["per time step"]
    layer = torch.nn.Linear(1, 8)
    layer.load_state_dict({"weight": weight, "bias": bias})
    step = (layer(torch.tensor([6.0])) - layer(torch.tensor([5.0]))).detach().numpy()
    np.testing.assert_allclose(times.vectors[0], step, atol=1e-5)


def test_a_time_embedding_of_another_kind_is_left_out_and_named():
    tiny = published(**NO_LN)
    tiny.model_config["time_embedding_type"] = "sine"
    model = tiny.model()
    assert model.time_embedding is None
    assert "'sine'" in model.notes[0]


@pytest.mark.parametrize("first", [8, 5])
def test_a_return_to_go_that_passes_several_layers_has_no_direction(first):
    """Also where the first of them has the width of the residual stream."""
    tiny = published(**NO_LN)
    tiny.state["reward_embedding.0.weight"] = torch.ones(first, 1)
    tiny.state["reward_embedding.2.weight"] = torch.ones(8, first)
    model = tiny.model()
    assert model.rtg is None
    assert "return-to-go passes several layers" in model.notes[0]
    assert "reward_embedding.2.weight" in model.notes[0]


def test_a_return_to_go_with_a_bias_has_the_direction_of_its_weight():
    tiny = published(**NO_LN)
    tiny.state["reward_embedding.0.bias"] = torch.ones(8)
    model = tiny.model()
    assert model.notes == ()
    np.testing.assert_allclose(model.rtg.vectors.T, tiny.array("reward_embedding.0.weight"))


@pytest.mark.parametrize("module", ["action_embedding", "time_embedding", "state_embedding"])
def test_an_embedding_of_several_layers_is_left_out_and_named(module):
    tiny = published(**NO_LN)
    tiny.state[f"{module}.2.weight"] = torch.ones(8, 8)
    model = tiny.model()
    assert getattr(model, module.replace("state_", "")) is None
    assert f"{module}.2.weight" in model.notes[0]


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
