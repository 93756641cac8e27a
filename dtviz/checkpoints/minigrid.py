"""Names of what MiniGrid agents see and do."""

from collections.abc import Mapping
from dataclasses import dataclass
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

# Cells of a side that agents see, unless ViewSizeWrapper says another number.
_VIEW = 7
# Pixels of a side of a cell, unless RGBImgPartialObsWrapper says another number.
_TILE = 8
# Columns and rows of the grids that are not square, by what their environments' names begin with.
_GRIDS = {
    "MiniGrid-BlockedUnlockPickup-": (11, 6),
    "MiniGrid-DistShift": (9, 7),
    "MiniGrid-KeyCorridorS3R1-": (7, 3),
    "MiniGrid-KeyCorridorS3R2-": (7, 5),
    "MiniGrid-ObstructedMaze-1Dl": (11, 6),
    "MiniGrid-RedBlueDoors-6x6-": (12, 6),
    "MiniGrid-RedBlueDoors-8x8-": (16, 8),
    "MiniGrid-Unlock-": (11, 6),
    "MiniGrid-UnlockPickup-": (11, 6),
}


def is_minigrid(environment: Mapping[str, object]) -> bool:
    """Tell whether an environment_config is of a MiniGrid environment, as far as it says."""
    name = environment.get("env_id")
    return not isinstance(name, str) or name.startswith(("MiniGrid", "BabyAI"))


def action_names(count: int, environment: Mapping[str, object]) -> list[str]:
    """Return the names of ``count`` actions; those that MiniGrid has not are "action 7"…"""
    known = ACTION_NAMES[:count] if is_minigrid(environment) else ()
    return [*known, *(f"action {i}" for i in range(len(known), count))]


@dataclass(frozen=True, kw_only=True)
class Layout:
    """How an observation becomes a list of features, channel first.

    Args:
        channels: their names.
        columns, rows: of cells, or of pixels.
        by_rows: whether a row's neighbours are next to each other, as in images, which have shape
            (rows, columns, channels); MiniGrid's grids have shape (columns, rows, channels).
        agent: the cell (x, y) at which the agent stands, looking up; None where it can be anywhere.
    """

    channels: tuple[str, ...]
    columns: int
    rows: int
    by_rows: bool = False
    agent: tuple[int, int] | None = None

    @property
    def count(self) -> int:
        """How many features there are."""
        return len(self.channels) * self.columns * self.rows

    @property
    def names(self) -> list[str]:
        """The name of each feature: "key, (1,2)" is channel, (x,y)."""
        columns, rows = range(self.columns), range(self.rows)
        cells = (
            [(x, y) for y in rows for x in columns]
            if self.by_rows
            else [(x, y) for x in columns for y in rows]
        )
        return [f"{channel}, ({x},{y})" for channel in self.channels for x, y in cells]


def layout(count: int, environment: Mapping[str, object]) -> Layout:
    """Return how observations are laid out, as the wrappers that make them do it.

    FullyObsWrapper, OneHotPartialObsWrapper or RGBImgPartialObsWrapper come first, if any. Where
    the view has another size than 7, ViewSizeWrapper comes after FullyObsWrapper and
    RGBImgPartialObsWrapper, and makes a view in integers of what they made.

    Args:
        count: how many features the model reads.
        environment: the checkpoint's environment_config: ``fully_observed``, ``one_hot_obs``,
            ``img_obs`` and ``view_size`` say which wrappers there are, ``env_id`` the size of the
            grid. Where it is silent, ``count`` decides.

    Raises:
        BadCheckpoint: if there is no layout of so many features.
    """
    layouts = _layouts(count, environment)
    for one in layouts:
        if one.count == count > 0:
            return one
    keys = ("env_id", "fully_observed", "one_hot_obs", "img_obs", "view_size")
    stated = {key: environment[key] for key in keys if key in environment}
    wanted = (f"{len(one.channels)} channels x {one.columns} x {one.rows}" for one in layouts)
    raise BadCheckpoint(
        expected=f"'state_embedding.weight' of shape (d_model, {' or '.join(wanted)})",
        got=f"{count} features, with {shortened(stated)} in environment_config",
        do="Correct environment_config so that it agrees with the weights.",
    )


def _layouts(count: int, environment: Mapping[str, object]) -> list[Layout]:
    """Return the layouts that there may be, the first that fits is the right one."""
    stated = environment.get("view_size")
    view = stated if isinstance(stated, int) and stated > 0 else _VIEW
    resized = stated is not None and view != _VIEW
    if environment.get("fully_observed"):
        if resized:
            return [_view(INTEGER_CHANNELS, view)]
        columns, rows = _grid(count, environment)
        return [Layout(channels=INTEGER_CHANNELS, columns=columns, rows=rows)]
    one_hot = environment.get("one_hot_obs")
    if environment.get("img_obs") and not one_hot:
        pixels = isqrt(count // len(PIXEL_CHANNELS))
        if resized and pixels <= view:
            return [_view(INTEGER_CHANNELS, view)]
        pixels = pixels if pixels > view else view * _TILE
        return [Layout(channels=PIXEL_CHANNELS, columns=pixels, rows=pixels, by_rows=True)]
    kinds = [ONE_HOT_CHANNELS, INTEGER_CHANNELS]
    if one_hot is not None:
        kinds = [ONE_HOT_CHANNELS if one_hot else INTEGER_CHANNELS]
    return [
        _view(channels, isqrt(count // len(channels)) if stated is None else view)
        for channels in kinds
    ]


def _view(channels: tuple[str, ...], size: int) -> Layout:
    """Return the layout of what an agent sees before it: it stands in the middle below."""
    return Layout(channels=channels, columns=size, rows=size, agent=(size // 2, size - 1))


def _grid(count: int, environment: Mapping[str, object]) -> tuple[int, int]:
    """Return the columns and rows of the whole grid; one that is not known is square."""
    name = str(environment.get("env_id"))
    for begins, size in _GRIDS.items():
        if name.startswith(begins):
            return size
    side = isqrt(count // len(INTEGER_CHANNELS))
    return side, side
