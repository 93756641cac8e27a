"""Zoom: the cells of the part of a heatmap that is in view, where all together are of blocks."""

from collections.abc import Callable
from typing import Any

import numpy as np

from dtviz.analyses.blocks import Blocks
from dtviz.views.shared import Asked

_NONE = {"image": np.zeros((1, 1), np.float32), "x": 0, "y": 0, "dw": 0, "dh": 0}


class Detail(Asked):
    """The cells of what is in view, for the page to draw over those of the whole heatmap.

    The page asks for it when the view has been at rest for a while, see ``js/zoom.js``: between
    which leaves the rows are in view, and the columns.

    Args:
        similarity: returns what the heatmap shows.
    """

    def __init__(self, similarity: Callable[[], Blocks]) -> None:
        super().__init__("detail", _NONE)
        self._similarity = similarity
        self.param.watch(self._find, "asked")

    def clear(self, *_: object) -> None:
        """Leave the whole as it is."""
        self.frame = _NONE

    def _find(self, *_: object) -> None:
        self.frame = self._found(self.asked)

    def _found(self, asked: list[Any]) -> dict[str, Any]:
        similarity = self._similarity()
        n = len(similarity.unit)
        match asked:  # the page is not trusted, and may speak of the layer before
            case [int(top), int(bottom), int(left), int(right), *_] if (
                0 <= top < bottom <= n
                and 0 <= left < right <= n
                and (bottom - top, right - left) != (n, n)
            ):
                values = similarity.within((top, bottom), (left, right))
                size = {"dw": right - left, "dh": bottom - top}
                return {"image": values, "x": left, "y": top, **size}
        return _NONE
