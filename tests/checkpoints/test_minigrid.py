"""Names of features and actions, compared with what MiniGrid's own wrappers make."""

import warnings
from collections.abc import Iterator

import numpy as np
import pytest

from dtviz.checkpoints.minigrid import ONE_HOT_CHANNELS, action_names, is_minigrid, layout
from dtviz.errors import BadCheckpoint


def test_actions_are_minigrids_and_then_numbered():
    assert action_names(3, {}) == ["left", "right", "forward"]
    assert action_names(7, {"env_id": "MiniGrid-X"})[3:] == ["pickup", "drop", "toggle", "done"]
    assert action_names(9, {"env_id": "BabyAI-X"})[6:] == ["done", "action 7", "action 8"]


def test_actions_of_other_environments_have_numbers():
    assert action_names(2, {"env_id": "CartPole-v1"}) == ["action 0", "action 1"]
    assert not is_minigrid({"env_id": "CartPole-v1"})


def test_one_hot_features_are_named_by_channel_and_cell():
    names = layout(980, {"one_hot_obs": True, "view_size": 7}).names
    assert len(names) == len(set(names)) == 980
    assert names[:2] == ["unseen, (0,0)", "unseen, (0,1)"]
    channel, x, y = ONE_HOT_CHANNELS.index("key"), 1, 2
    assert names[(channel * 7 + x) * 7 + y] == "key, (1,2)"
    assert names[-1] == "locked, (6,6)"
    assert len(ONE_HOT_CHANNELS) == 20


def test_other_observations_have_three_channels():
    names = layout(147, {"one_hot_obs": False}).names
    assert [names[0], names[49], names[98]] == ["Object, (0,0)", "Color, (0,0)", "State, (0,0)"]


@pytest.mark.parametrize(("count", "first"), [(180, "unseen, (0,0)"), (27, "Object, (0,0)")])
def test_channels_come_from_the_count_where_the_config_is_silent(count, first):
    assert layout(count, {}).names[0] == first
    assert layout(count, {}).agent == (1, 2)
    assert layout(count, {"one_hot_obs": None, "view_size": 3}).names[0] == first


@pytest.mark.parametrize(
    ("count", "config"),
    [
        (147, {"one_hot_obs": True}),
        (980, {"one_hot_obs": False}),
        (981, {}),
        (0, {}),
        (20, {"one_hot_obs": True, "view_size": 7}),
        (980, {"one_hot_obs": True, "view_size": 5}),
        (981, {"one_hot_obs": True, "view_size": "seven"}),
        (147, {"img_obs": True, "view_size": 7}),  # not drawn: a cell has several pixels
        (3 * 56 * 55, {"img_obs": True, "view_size": 7}),
        (3 * 64, {"fully_observed": True, "view_size": 5}),
        (20 * 64, {"fully_observed": True, "one_hot_obs": True}),
        (3 * 8 * 7, {"fully_observed": True, "env_id": "MiniGrid-Empty-8x8-v0"}),
        (3 * 64, {"fully_observed": True, "env_id": "MiniGrid-Unlock-v0"}),
    ],
)
def test_counts_that_no_observation_has(count, config):
    with pytest.raises(
        BadCheckpoint, match=rf"channels x \d+ x \d+.*got {count} features.*environment_config"
    ):
        layout(count, config)


# --- against MiniGrid itself ----------------------------------------------------------------------


@pytest.fixture(scope="module")
def gym():
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        pytest.importorskip("minigrid")  # it registers its environments
        yield pytest.importorskip("gymnasium")


def wrapped(gym, config: dict):
    """Return an environment in the wrappers that a configuration stands for."""
    from minigrid import wrappers

    env = gym.make(config["env_id"]).unwrapped
    if config.get("fully_observed"):
        env = wrappers.FullyObsWrapper(env)
    elif config.get("img_obs"):
        env = wrappers.RGBImgPartialObsWrapper(env)
    if config.get("view_size", 7) != 7:
        env = wrappers.ViewSizeWrapper(env, config["view_size"])
    if config.get("one_hot_obs"):
        env = wrappers.OneHotPartialObsWrapper(env)
    return env


def named(env, config: dict, **options) -> dict[str, int]:
    """Return an observation's features by name, flattened as decision transformers do it."""
    image = env.reset(**options)[0]["image"]
    flat = np.transpose(image, (2, 0, 1)).ravel()
    assert image.shape == env.observation_space["image"].shape
    return dict(zip(layout(flat.size, config).names, flat.tolist(), strict=True))


def environments(gym) -> Iterator[str]:
    """Return the names of all, but for those that need a further package."""
    return (name for name in gym.registry if name.startswith("MiniGrid") and "-WFC" not in name)


def test_the_whole_grid_of_every_environment(gym):
    """The agent is where the environment says, in grids that are square and in others."""
    from minigrid.core.constants import OBJECT_TO_IDX

    shapes = set()
    for name in environments(gym):
        config = {"env_id": name, "fully_observed": True}
        env = wrapped(gym, config)
        features = named(env, config, seed=3)
        found = layout(len(features), config)
        assert (found.columns, found.rows) == (env.unwrapped.width, env.unwrapped.height), name
        assert found.agent is None
        at = [
            key
            for key, value in features.items()
            if key.startswith("Object") and value == OBJECT_TO_IDX["agent"]
        ]
        x, y = map(int, env.unwrapped.agent_pos)
        assert at == [f"Object, ({x},{y})"], name
        shapes.add((found.columns, found.rows))
    assert len({shape for shape in shapes if shape[0] != shape[1]}) >= 6


@pytest.mark.parametrize("view", [3, 5, 7, 9])
@pytest.mark.parametrize("kind", ["one_hot_obs", "integers"])
def test_what_is_in_front_of_the_agent_is_above_it(gym, view, kind):
    """Walls in a corner: to the left of the agent, and two cells before it."""
    from minigrid.core.constants import OBJECT_TO_IDX

    config = {"env_id": "MiniGrid-Empty-5x5-v0", "view_size": view, kind: True}
    env = wrapped(gym, config)
    features = named(env, config, seed=0)
    x, y = layout(len(features), config).agent
    wall = OBJECT_TO_IDX["wall"]

    def is_wall(x, y) -> bool:
        if kind == "one_hot_obs":
            return features[f"wall, ({x},{y})"] == 1
        return features[f"Object, ({x},{y})"] == wall

    # It stands in the upper left corner, (1,1) of 5 x 5, and faces right.
    assert is_wall(x - 1, y)
    assert not is_wall(x + 1, y)
    assert not is_wall(x, y - 2)
    assert view == 3 or is_wall(x, y - 3)


def test_pixels_are_rows_first(gym):
    """The agent is drawn in red, in the middle of the lowest cells, the grey wall to its left."""
    config = {"env_id": "MiniGrid-Empty-8x8-v0", "img_obs": True, "view_size": 7}
    features = named(wrapped(gym, config), config, seed=0)
    assert layout(len(features), config).agent is None
    x, y = 3 * 8 + 4, 6 * 8 + 4
    colours = ("Red", "Green", "Blue")
    red, green, blue = (features[f"{colour}, ({x},{y})"] for colour in colours)
    assert red > 200 > 100 > max(green, blue)
    left = [features[f"{colour}, ({x - 8},{y})"] for colour in colours]
    assert len(set(left)) == 1
    assert left[0] > 100
    assert [*features][1] == "Red, (1,0)"


@pytest.mark.parametrize("first", ["fully_observed", "img_obs"])
def test_a_view_of_another_size_takes_the_place_of_what_was_wrapped_before(gym, first):
    """Published models wrap in this order: what is read is a view again, in integers."""
    config = {"env_id": "MiniGrid-Empty-8x8-v0", first: True, "view_size": 5}
    env = wrapped(gym, config)
    features = named(env, config, seed=0)
    assert (len(features), layout(len(features), config).agent) == (75, (2, 4))
    assert features["Object, (1,4)"] == 2  # a wall


def test_pixels_of_another_view_are_not_taken_for_cells():
    found = layout(3 * 40 * 40, {"img_obs": True, "view_size": 5})
    assert (found.columns, found.by_rows, found.agent) == (40, True, None)
