"""Cosine similarity of directions: whole, or averaged over blocks of a given order."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Literal, get_args

import numpy as np
import numpy.typing as npt
import pandas as pd
import param

from dtviz.accelerator import product
from dtviz.analyses.blocks import Blocks
from dtviz.analyses.congruence import congruence
from dtviz.directions import Directions, Float32, items
from dtviz.errors import BadArgument, is_whole, shortened

# What rows are compared with, of several exemplars: their mean direction, or whichever is nearest.
To = Literal["mean", "any"]

# Rows of the similarity matrix that are held at a time.
_BLOCK = 512
# Pairs that a table holds: more would be hundreds of megabytes.
MOST_PAIRS = 1_000_000


def cosine_similarity(a: Directions, b: Directions | None = None) -> pd.DataFrame:
    """Return the cosine of each row of ``a`` with each row of ``b`` (of ``a`` itself without b).

    A row of zeros has cosine 0 with everything, itself included.

    Returns:
        float32 frame, a.names x b.names, within [-1, 1].

    Raises:
        BadArgument: if the two live in residual streams of different widths.
    """
    return congruence(a.unit(), (a if b is None else b).unit()).clip(-1, 1)


@dataclass(frozen=True, eq=False)
class Pairs:
    """Pairs of rows that resemble each other.

    Args:
        frame: those that are listed, as from `similar_pairs`.
        total: how many there are, listed or not.
    """

    frame: pd.DataFrame
    total: int


def similar_pairs(
    a: Directions, threshold: float = 0.05, *, most: int | None = None
) -> pd.DataFrame:
    """Return the pairs of rows whose cosine exceeds a threshold, each pair once.

    Args:
        a: at least one row.
        threshold: pairs with |cosine| above it are listed.
        most: how many are listed at most, those of greatest |cosine|; None for all, which of
            36,864 rows can be 680 million.

    Returns:
        Columns name_1, name_2 (in the order of the rows), cosine, norm_1, norm_2; the greatest
        |cosine| first.

    Raises:
        BadArgument: if the threshold is not a number from 0 to 1, or ``most`` no whole number
            from 1.
    """
    return counted_pairs(a, threshold, most).frame


def counted_pairs(a: Directions, threshold: float, most: int | None) -> Pairs:
    """Return the same pairs, and how many there are beyond the threshold; see `similar_pairs`."""
    _check_threshold(threshold)
    _check_count(most, "most")
    unit = a.unit().vectors
    # The fewer bytes a pair has, the sooner it is sorted.
    row_type = np.min_scalar_type(-len(a))
    total, held, limit = 0, 0, threshold
    found: list[_Cells] = []
    # In blocks of rows: neither the whole matrix nor n² pairs of integers are ever held.
    for start in range(0, max(len(unit), 1), _BLOCK):
        block = product(unit[start : start + _BLOCK], unit[start:])
        np.clip(block, -1, 1, out=block)
        absolute = np.abs(block)
        is_beyond = np.triu(absolute > threshold, 1)
        total += int(np.count_nonzero(is_beyond))
        if limit > threshold:
            is_beyond &= absolute > limit
        cells = np.flatnonzero(is_beyond)
        row, column = np.divmod(cells.astype(np.int32), np.int32(block.shape[1]))
        row, column = ((of + start).astype(row_type) for of in (row, column))
        found.append((row, column, block.take(cells)))
        held += len(cells)
        if most is not None and held > 2 * most:
            found = [_strongest(found, most)]
            held, limit = most, float(np.abs(found[0][2]).min())
    first, second, cosine = _strongest(found, most)
    return Pairs(_ranked_pairs(a, first, second, cosine), total)


_Cells = tuple[npt.NDArray[np.signedinteger], npt.NDArray[np.signedinteger], Float32]


def _strongest(found: Sequence[_Cells], most: int | None) -> _Cells:
    """Return so many pairs of greatest |cosine|, in their order; of equal ones the first."""
    first, second, cosine = (np.concatenate(parts) for parts in zip(*found, strict=True))
    if most is None or len(cosine) <= most:
        return first, second, cosine
    kept = np.sort(np.argsort(-np.abs(cosine), kind="stable")[:most])
    return first[kept], second[kept], cosine[kept]


def _ranked_pairs(
    a: Directions,
    first: npt.NDArray[np.signedinteger],
    second: npt.NDArray[np.signedinteger],
    cosine: Float32,
) -> pd.DataFrame:
    # The bits of a positive number grow with it. NumPy sorts 16 of them at a time by radix.
    bits = ~np.abs(cosine).view(np.uint32)
    order = np.lexsort((bits.astype(np.uint16), (bits >> 16).astype(np.uint16)))
    first, second = first.take(order), second.take(order)
    # Names are many times repeated: as categories each is held once.
    name = pd.Index(a.names)
    return pd.DataFrame(
        {
            "name_1": pd.Categorical.from_codes(first, name),
            "name_2": pd.Categorical.from_codes(second, name),
            "cosine": cosine.take(order),
            "norm_1": a.norms.take(first),
            "norm_2": a.norms.take(second),
        },
        copy=False,
    )


def exemplar_cluster(
    a: Directions,
    exemplar: str | Sequence[str],
    threshold: float = 0.5,
    *,
    to: To = "mean",
    count: int | None = None,
) -> pd.DataFrame:
    """Return the rows that resemble one of them, or its opposite.

    Args:
        a: the rows to look among.
        exemplar: the name of one of them, or several names.
        threshold: rows with |cosine| to the exemplar above it are listed.
        to: what several exemplars are compared by; see `cosines_with`.
        count: list instead as many rows, those of greatest |cosine|, besides the exemplars.

    Returns:
        Columns name and cosine: first the exemplars, whatever the threshold, then the others from
        the greatest cosine to the least.

    Raises:
        UnknownName: if no row is called so.
        BadArgument: if the threshold is not a number from 0 to 1, the count is not a whole number
            from 1, ``to`` is neither "mean" nor "any", or no exemplar is named.
    """
    _check_threshold(threshold)
    _check_count(count, "count")
    names = [a.names[row] for row in _rows(a, exemplar)]
    return _nearest(cosines_with(a, exemplar, to), names, threshold, count)


def _nearest(
    cosines: pd.Series, exemplars: Sequence[str], threshold: float, count: int | None
) -> pd.DataFrame:
    """Return the exemplars and those of greatest cosine with them; see `exemplar_cluster`."""
    first, cosine = cosines.index.get_indexer(pd.Index(exemplars)), cosines.to_numpy()
    others = np.setdiff1d(np.arange(len(cosine)), first)
    if count is None:
        others = others[np.abs(cosine[others]) > threshold]
    else:
        others = others[np.argsort(-np.abs(cosine[others]), kind="stable")[:count]]
    rows = [*first, *others[np.argsort(-cosine[others], kind="stable")]]
    return pd.DataFrame({"name": cosines.index[rows], "cosine": cosine[rows]})


def cosines_with(a: Directions, exemplar: str | Sequence[str], to: To = "mean") -> pd.Series:
    """Return the cosine of each row with an exemplar.

    Args:
        a: the rows.
        exemplar: the name of one of them, or several names.
        to: of several exemplars, "mean" for the cosine with the mean of their unit vectors; "any"
            for the cosine with the one for which it is greatest in absolute value.

    Raises:
        UnknownName: if no row is called so.
        BadArgument: if no exemplar is named, or ``to`` is neither "mean" nor "any".
    """
    if to not in get_args(To):
        raise BadArgument(
            expected="to='mean' or to='any'", got=shortened(to), do="Choose one of these."
        )
    first = _rows(a, exemplar)
    if not first:
        raise BadArgument(
            expected="the name of a row to resemble", got="none", do="Name one, or several."
        )
    unit = a.unit()
    members = unit.vectors[first]
    if to == "mean":
        mean = replace(unit, vectors=members.mean(axis=0)[None], names=["mean"])
        return cosine_similarity(a, mean)["mean"]
    # In blocks of rows: there may be as many exemplars as rows.
    starts = range(0, len(unit), _BLOCK)
    blocks = [_furthest(product(unit.vectors[start : start + _BLOCK], members)) for start in starts]
    return pd.Series(np.clip(np.concatenate(blocks), -1, 1), a.names, name="any")


def _furthest(values: Float32) -> Float32:
    """Return of each row the value that is furthest from zero, with its sign."""
    highest, lowest = values.max(axis=1), values.min(axis=1)
    furthest: Float32 = np.where(-lowest > highest, lowest, highest)
    return furthest


def _rows(a: Directions, exemplar: str | Sequence[str]) -> list[int]:
    names = [exemplar] if isinstance(exemplar, str) else items(exemplar, "names of exemplars")
    return list(dict.fromkeys(a.row(name) for name in names))


def _check_threshold(threshold: object) -> None:
    is_number = isinstance(threshold, int | float | np.number) and not isinstance(threshold, bool)
    if not (is_number and 0 <= threshold <= 1):  # type: ignore[operator]
        raise BadArgument(
            expected="a threshold from 0 to 1",
            got=shortened(threshold),
            do="Pass threshold=0.05, for instance.",
        )


def _check_count(count: object, what: str) -> None:
    if not (count is None or is_whole(count, 1)):
        raise BadArgument(
            expected=f"{what} as a whole number from 1, or None",
            got=shortened(count),
            do=f"Pass {what}=10, for instance.",
        )


def averaged_similarity(
    directions: Directions, order: Sequence[int] | np.ndarray, most: int
) -> tuple[Float32, np.ndarray]:
    """Return the cosine similarity of all rows in ``order``, averaged to at most ``most`` squared.

    Returns:
        The matrix (m, m), float32, and the m + 1 bounds: cell i covers the rows
        ``order[bounds[i]:bounds[i + 1]]``. With at most ``most`` rows each cell is one row.
    """
    blocks = Blocks(directions.unit().vectors[np.asarray(order, dtype=int)], most)
    return blocks.values, blocks.bounds


class ExemplarAnalysis(param.Parameterized):
    """Which neurons resemble one of them, or several."""

    threshold = param.Number(
        default=0.5,
        bounds=(0, 1),
        step=0.01,
        label="|cosine| above",
        doc="Neurons whose cosine with the exemplar is above this, or below its opposite, "
        "belong to its cluster.",
    )

    alike_to = param.Selector(
        objects={"the mean of them": "mean", "any of them": "any"},
        default="mean",
        label="Of several exemplars, alike to",
        doc="Compare neurons with the mean direction of the exemplars, or with whichever of them "
        "is nearest.",
    )
    alike_by = param.Selector(
        objects=["threshold", "count"],
        default="threshold",
        label="Choose by",
        doc="Choose all neurons beyond a threshold, or a number of them, the nearest.",
    )
    alike_count = param.Integer(
        default=10,
        bounds=(1, 100),
        label="Nearest",
        doc="How many neurons to choose besides the exemplars: those of greatest |cosine|.",
    )

    def cosines(self, neurons: Directions, exemplars: Sequence[str]) -> pd.Series:
        """Return the cosine of each neuron with the exemplars, as from `cosines_with`."""
        return cosines_with(neurons, exemplars, self.alike_to)

    def __call__(self, cosines: pd.Series, exemplars: Sequence[str]) -> pd.DataFrame:
        """Return the cluster of the exemplars, as from `exemplar_cluster`.

        Args:
            cosines: of all neurons with the exemplars, as from `cosines`.
            exemplars: names of some of the neurons, each once.
        """
        count = self.alike_count if self.alike_by == "count" else None
        return _nearest(cosines, exemplars, self.threshold, count)


class PairsAnalysis(param.Parameterized):
    """Which pairs of neurons resemble each other."""

    pairs_above = param.Number(
        default=0.05,
        bounds=(0, 1),
        step=0.01,
        label="Pairs above",
        doc="The table of pairs lists those whose cosine exceeds this, whatever its sign; of more "
        f"than {MOST_PAIRS:,} those of greatest |cosine|.",
    )

    def __call__(self, neurons: Directions) -> Pairs:
        """Return the pairs, as from `similar_pairs`, and how many there are."""
        return counted_pairs(neurons, self.pairs_above, MOST_PAIRS)
