"""Features: which items of the embedding to compare with, by the length and the name of each."""

import re
from collections.abc import Sequence

import numpy as np
import pandas as pd
import param

from dtviz.directions import Directions
from dtviz.errors import BadArgument, shortened

# No norm is greater: it is a float32.
_LONGEST = float(np.finfo(np.float32).max)


def restricted(
    embedding: Directions, norm_above: float | None = 0.8, named: str | None = None
) -> Directions:
    """Return the rows that are long enough and whose name fits; there may be none.

    Args:
        embedding: features or tokens.
        norm_above: rows whose L2 norm exceeds it stay; None keeps all.
        named: a regular expression that is found in the names that stay; see `Directions.subset`.

    Raises:
        BadArgument: if ``norm_above`` is not a number, or the expression cannot be used.
    """
    if norm_above is not None:
        is_number = isinstance(norm_above, int | float | np.integer | np.floating)
        if isinstance(norm_above, bool) or not is_number or norm_above != norm_above:
            raise BadArgument(
                expected="a norm as a number, or None",
                got=shortened(norm_above),
                do="Pass norm_above=0.8, for instance.",
            )
        embedding = embedding.subset(embedding.norms > min(norm_above, _LONGEST))
    return embedding if named is None else embedding.subset(named)


def places(names: Sequence[str]) -> pd.DataFrame | None:
    """Return where in an observation each feature is; None if a name says no place.

    Args:
        names: of features, as in "key, (1,2)": channel, (x,y).

    Returns:
        Columns item (the name), channel, x and y, in the order of the names.
    """
    found = [re.fullmatch(r"(.*), \((\d+),(\d+)\)", name, re.DOTALL) for name in names]
    if not names or not all(found):
        return None
    rows = [(match[0], match[1], int(match[2]), int(match[3])) for match in found if match]
    return pd.DataFrame(rows, columns=["item", "channel", "x", "y"])


class FeatureFilter(param.Parameterized):
    """Which input features (or tokens) to compare neurons with."""

    norm_above = param.Number(
        default=0,
        bounds=(0, None),
        label="Items longer than",
        doc="Only input features (or tokens) whose vector has a norm above this are compared with: "
        "many features are never seen in training, and their embedding stays near zero.",
    )
    named = param.String(
        default="",
        label="Items named",
        doc="Only input features (or tokens) whose name contains this: a channel (key), a "
        "position (1,6), or any regular expression.",
    )

    def __call__(self, embedding: Directions) -> Directions:
        """Return the features that pass; there may be none.

        Raises:
            BadArgument: if the expression does not compile.
        """
        # A norm of 0 keeps rows of zeros, too: nothing was asked for.
        return restricted(embedding, self.norm_above or None, self.named or None)
