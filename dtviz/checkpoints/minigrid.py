"""Names of what MiniGrid agents see and do."""

from collections.abc import Mapping, Sequence
from math import isqrt

from dtviz.errors import BadCheckpoint, shortened

ACTION_NAMES = ("left", "right", "forward", "pickup", "drop", "toggle", "done")

# fmt: off
ONE_HOT_CHANNELS = (
    "unseen", "empty", "wall", "floor", "door", "key", "ball", "box", "goal", "lava", "agent",
    "red", "green", "blue", "purple", "yellow", "grey",
    "open", "closed", "locked",
)
# fmt: on
INTEGER_CHANNELS = ("Object", "Color", "State")
PIXEL_CHANNELS = ("Red", "Green", "Blue")


def action_names(count: int) -> list[str]:
    """Return the names of the first ``count`` actions; beyond MiniGrid's seven, "action 7"…"""
    return [*ACTION_NAMES[:count], *(f"action {i}" for i in range(len(ACTION_NAMES), count))]


def feature_names(count: int, environment: Mapping[str, object]) -> list[str]:
    """Return the name of each observation feature: "key, (1,2)" is channel, (x,y).

    Observations are square and flattened channel first: index = (channel * S + x) * S + y.

    Args:
        count: how many features the model reads, C * S * S.
        environment: the checkpoint's environment_config. ``one_hot_obs`` or ``img_obs`` tell the
            channels (where neither is there, ``count`` does); ``view_size`` must agree with S,
            unless the agent sees the whole grid or pixels.

    Raises:
        BadCheckpoint: if ``count`` is not C * S * S, or S is not the view size.
    """
    kinds = _channels(environment)
    for channels in kinds:
        size = isqrt(count // len(channels))
        if size > 0 and len(channels) * size * size == count and _fits(size, environment):
            return [
                f"{channel}, ({x},{y})"
                for channel in channels
                for x in range(size)
                for y in range(size)
            ]
    stated = {
        key: environment[key]
        for key in ("one_hot_obs", "view_size", "img_obs")
        if key in environment
    }
    raise BadCheckpoint(
        expected="'state_embedding.weight' of shape (d_model, C x S x S), C being "
        f"{' or '.join(str(len(channels)) for channels in kinds)} channels and S the view size",
        got=f"{count} features, with {shortened(stated)} in environment_config",
        do="Correct environment_config so that it agrees with the weights.",
    )


def agent_place(environment: Mapping[str, object]) -> tuple[int, int] | None:
    """Return the cell at which the agent stands, looking up: the middle of the lowest row.

    None where observations are no such view: of the whole grid, or of pixels.
    """
    size = environment.get("view_size", 7)
    if environment.get("img_obs") or environment.get("fully_observed") or not isinstance(size, int):
        return None
    return size // 2, size - 1


def _channels(environment: Mapping[str, object]) -> Sequence[tuple[str, ...]]:
    """Return the channels that observations may have."""
    if environment.get("img_obs"):
        return [PIXEL_CHANNELS]
    one_hot = environment.get("one_hot_obs")
    if one_hot is None:
        return [ONE_HOT_CHANNELS, INTEGER_CHANNELS]
    return [ONE_HOT_CHANNELS if one_hot else INTEGER_CHANNELS]


def _fits(size: int, environment: Mapping[str, object]) -> bool:
    """Tell whether an observation's width is what the configuration says."""
    view_size = environment.get("view_size")
    free = environment.get("img_obs") or environment.get("fully_observed") or view_size is None
    return bool(free) or size == view_size
