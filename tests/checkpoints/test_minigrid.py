import pytest

from dtviz.checkpoints.minigrid import ONE_HOT_CHANNELS, action_names, feature_names
from dtviz.errors import BadCheckpoint


def test_actions_are_minigrids_and_then_numbered():
    assert action_names(3) == ["left", "right", "forward"]
    assert action_names(7)[3:] == ["pickup", "drop", "toggle", "done"]
    assert action_names(9)[6:] == ["done", "action 7", "action 8"]


def test_one_hot_features_are_named_by_channel_and_cell():
    names = feature_names(980, {"one_hot_obs": True, "view_size": 7})
    assert len(names) == len(set(names)) == 980
    assert names[:2] == ["unseen, (0,0)", "unseen, (0,1)"]
    channel, x, y = ONE_HOT_CHANNELS.index("key"), 1, 2
    assert names[(channel * 7 + x) * 7 + y] == "key, (1,2)"
    assert names[-1] == "locked, (6,6)"
    assert len(ONE_HOT_CHANNELS) == 20


def test_other_observations_have_three_channels():
    names = feature_names(147, {"one_hot_obs": False})
    assert [names[0], names[49], names[98]] == ["Object, (0,0)", "Color, (0,0)", "State, (0,0)"]


@pytest.mark.parametrize(("count", "first"), [(180, "unseen, (0,0)"), (27, "Object, (0,0)")])
def test_channels_come_from_the_count_where_the_config_is_silent(count, first):
    assert feature_names(count, {})[0] == first
    assert feature_names(count, {"one_hot_obs": None, "view_size": 3})[0] == first


def test_pixels_are_not_called_objects():
    names = feature_names(3 * 56 * 56, {"img_obs": True, "one_hot_obs": False, "view_size": 7})
    assert names[0] == "Red, (0,0)"


def test_an_agent_that_sees_the_whole_grid_may_see_more_than_its_view():
    config = {"fully_observed": True, "one_hot_obs": False, "view_size": 7}
    assert len(feature_names(3 * 64, config)) == 192


@pytest.mark.parametrize(
    ("count", "config"),
    [
        (147, {"one_hot_obs": True}),
        (980, {"one_hot_obs": False}),
        (981, {}),
        (0, {}),
        (20, {"one_hot_obs": True, "view_size": 7}),
        (980, {"one_hot_obs": True, "view_size": 5}),
        (980, {"one_hot_obs": True, "view_size": "seven"}),
    ],
)
def test_counts_that_no_observation_has(count, config):
    with pytest.raises(
        BadCheckpoint, match=rf"C x S x S.*got {count} features.*environment_config"
    ):
        feature_names(count, config)
