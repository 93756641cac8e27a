"""Directions: named vectors in the residual stream, frozen float32, checked when they are made."""

import hashlib
import re
import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any, Literal, TypeGuard, cast, get_args

import numpy as np
import numpy.typing as npt
import regex

from dtviz.errors import BadArgument, UnknownName, listed, shortened
from dtviz.later import Later, Postponed

Normalization = Literal["LN", "RMS"]
"""LayerNorm; RMSNorm, which does not subtract the mean."""
NORMALIZATIONS: dict[Normalization, str] = {"LN": "LayerNorm", "RMS": "RMSNorm"}
"""Their names in full."""
SHORT: dict[Normalization | None, str] = {"LN": "LN", "RMS": "RMSNorm", None: "LN"}
"""Their names in titles, where also what is not applied is named."""
Float32 = npt.NDArray[np.float32]
Selector = Sequence[str] | Sequence[int] | npt.NDArray[np.generic] | str | re.Pattern[str]

LAYER_NORM_EPSILON = 1e-5
# Bytes that a name may take until it is shown: in lists, tables and where names are looked up.
_A_NAME = 600
# Names may take so many bytes, or as often as much as the vectors that they are of.
_MOST_OF_NAMES, _TIMES_THE_VECTORS = 2**28, 4
# Seconds that a regular expression may take over all names, and over one: some would take years
# over one, or fill a gigabyte in a second.
_PATIENCE, _PATIENCE_FOR_ONE = 1.0, 0.1
# Characters of a regular expression, and of one whose repetitions are written out: each takes a
# microsecond and 150 bytes to compile, which nothing can stop.
_MOST_CHARACTERS, _MOST_WRITTEN_OUT = 1_000, 100_000


def items(values: Any, what: str) -> list[Any]:
    """Return what a collection holds."""
    try:
        return list(values)
    except TypeError as error:
        raise BadArgument(
            expected=f"{what} in a list", got=shortened(values), do="Pass a list, even of one."
        ) from error


def check_normalization(normalization: object) -> None:
    """Refuse what is no normalization."""
    if normalization not in (None, *get_args(Normalization)):
        raise BadArgument(
            expected="a normalization, 'LN', 'RMS' or None",
            got=shortened(normalization),
            do="Pass the one that the residual stream goes through before it is read.",
        )


def check_rows(rows: int, width: int, what: str) -> None:
    """Refuse rows so many and so narrow that their names would take far more than the vectors.

    Args:
        rows, width: of the vectors; known before there are any names.
        what: they are, for the message.

    Raises:
        BadArgument: if names would take more than 256 MiB, and four times the vectors.
    """
    most = max(_MOST_OF_NAMES, _TIMES_THE_VECTORS * 4 * rows * width)
    if _A_NAME * rows > most:
        raise BadArgument(
            expected=f"at most {most // _A_NAME:,} rows of {what} that are {width} wide: their "
            f"names may take {most / 2**20:,.0f} MiB",
            got=f"{rows:,}",
            do="Look at fewer of them at a time.",
        )


def matrix_of(values: npt.ArrayLike, what: str) -> Float32:
    """Return ``values`` as a read-only, finite float32 matrix; the same one if it is that.

    Args:
        values: an array, a tensor, a data frame, or numbers in lists.
        what: they are, for messages.

    Raises:
        BadArgument: if they are no finite numbers in rows and columns.
    """
    try:
        given = _detached(values)
        matrix = given if _is_frozen(given) else np.array(given, dtype=np.float32, order="C")
    except (TypeError, ValueError) as error:
        raise BadArgument(
            expected=f"{what} as numbers in rows and columns",
            got=f"values that make no array ({error})",
            do="Pass a 2-dimensional array of floats.",
        ) from error
    if matrix.ndim != 2:
        raise BadArgument(
            expected=f"{what} with 2 dimensions (rows, d_model)",
            got=f"shape {matrix.shape}",
            do="Reshape it so that each row is one vector.",
        )
    if not np.isfinite(matrix).all():
        raise BadArgument(
            expected=f"finite numbers in {what}",
            got=f"{np.count_nonzero(~np.isfinite(matrix))} that are NaN or infinite",
            do="Check that training did not diverge and that the file is whole.",
        )
    matrix.flags.writeable = False
    return matrix


def _detached(values: Any) -> npt.ArrayLike:
    """Return values that NumPy takes: tensors may have gradients, be elsewhere, or bfloat16."""
    if not hasattr(values, "detach"):
        return cast(npt.ArrayLike, values)
    return cast(npt.ArrayLike, values.detach().cpu().float().numpy())


def _frozen(made: Float32) -> Float32:
    """Return an array that was made here, read-only: it need not be copied."""
    made.flags.writeable = False
    return made


def _squared_norms(rows: Float32) -> npt.NDArray[np.float64]:
    """Return them in float64, where no square of a float32 overflows or vanishes."""
    squared: npt.NDArray[np.float64] = np.einsum("ij,ij->i", rows, rows, dtype=np.float64)
    return squared


def _is_frozen(values: npt.ArrayLike) -> TypeGuard[Float32]:
    """Return whether values are a float32 array of its own memory that is read-only."""
    return (
        type(values) is np.ndarray
        and values.dtype == np.float32
        and values.flags.c_contiguous
        and values.flags.owndata
        and not values.flags.writeable
    )


@dataclass(frozen=True, eq=False)
class Directions(Postponed):
    """Named vectors in the residual stream.

    Args:
        vectors: float32 (rows, d_model); kept as a read-only copy, or as they are if they own what
            they hold and are read-only. What is `Later` is read when it is first asked for, and
            then checked.
        names: one unique name a row.
        label: what the vectors are, for titles: "W_out, layer 2".
        normalization: the normalization that the model applies before it reads the residual
            stream: "LN", "RMS" or None.
        epsilon: what it adds to the mean square that it divides by the root of.

    Raises:
        BadArgument: if shapes and names disagree, names repeat, numbers are not finite, or the
            names would take far more memory than the vectors, see `check_rows`.
    """

    vectors: Float32
    names: list[str]
    label: str = "vectors"
    normalization: Normalization | None = None
    epsilon: float = LAYER_NORM_EPSILON
    # Known before the vectors are read.
    shape: tuple[int, ...] = field(init=False)

    def __post_init__(self) -> None:
        given, label = cast(object, self.vectors), self.label
        if isinstance(given, Later):
            # Knowing no self: what nobody holds any more goes at once.
            self._postpone("vectors", lambda: matrix_of(given.read(), label))
            shape = given.shape
        else:
            object.__setattr__(self, "vectors", matrix_of(self.vectors, self.label))
            shape = self.vectors.shape
        object.__setattr__(self, "shape", shape)
        check_rows(shape[0], shape[1], self.label)
        names = items(self.names, f"the names of {self.label}")
        object.__setattr__(self, "names", [str(name) for name in names])
        check_normalization(self.normalization)
        if len(self.names) != len(self):
            raise BadArgument(
                expected=f"one name for each of the {len(self)} rows of {self.label}",
                got=f"{len(self.names)} names",
                do="Pass as many names as there are rows.",
            )
        if len(set(self.names)) != len(self.names):
            repeated = Counter(self.names).most_common(1)[0][0]
            raise BadArgument(
                expected=f"names of {self.label} that are all different",
                got=f"{shortened(repeated)} more than once",
                do="Tell the rows apart, for instance by adding their number.",
            )

    @cached_property
    def _rows(self) -> dict[str, int]:
        return {name: row for row, name in enumerate(self.names)}

    def __len__(self) -> int:
        return self.shape[0]

    def __repr__(self) -> str:
        rows, d_model = self.shape
        return f"Directions({self.label}: {rows} x {d_model}, {listed(self.names, 3)})"

    @cached_property
    def norms(self) -> Float32:
        """L2 norm of each row, shape (rows,).

        Raises:
            BadArgument: if one is larger than any float32.
        """
        with np.errstate(over="ignore"):
            norms: Float32 = np.sqrt(_squared_norms(self.vectors)).astype(np.float32)
        if (is_larger := np.isinf(norms)).any():
            raise BadArgument(
                expected=f"norms of {self.label} that float32 can hold",
                got=f"{np.count_nonzero(is_larger)} that are larger",
                do="Check that training did not diverge and that the file is whole.",
            )
        norms.flags.writeable = False
        return norms

    @cached_property
    def digest(self) -> str:
        """A hash of all numbers: SHA-256."""
        return hashlib.sha256(np.ascontiguousarray(self.vectors).data).hexdigest()

    def row(self, name: str) -> int:
        """Return the row that bears ``name``.

        Raises:
            UnknownName: if none does.
        """
        try:
            return self._rows[name]
        except (KeyError, TypeError):
            raise UnknownName(
                expected=f"a name of {self.label}",
                got=shortened(name),
                do=f"Choose one of {listed(self.names)}.",
            ) from None

    def vector(self, name: str) -> Float32:
        """Return the vector called ``name``, shape (d_model,)."""
        vector: Float32 = self.vectors[self.row(name)]
        return vector

    def subset(self, which: Selector) -> "Directions":
        """Return some of the rows.

        Args:
            which: names, a boolean mask of shape (rows,), integers, or one string or compiled
                pattern: a regular expression, as the package regex reads it, that is found in
                the names wanted.

        Raises:
            UnknownName: for a name that no row bears.
            BadArgument: for a mask of another length, a row that does not exist, or a regular
                expression that does not compile, takes more than a second, or more than a tenth
                for one name, or is too long with its repetitions written out.
        """
        rows = self._selected(which)
        names = [self.names[row] for row in rows]
        return replace(self, vectors=_frozen(self.vectors[rows]), names=names)

    def _selected(self, which: Selector) -> list[int]:
        if isinstance(which, str | re.Pattern):
            return _found(which, self.names)
        try:
            values = list(which)
            if all(isinstance(value, str) for value in values):
                return [self.row(str(name)) for name in values]
            array = np.asarray(values)
        except (TypeError, ValueError):  # no collection, or a ragged one
            array = np.empty(0)
        if array.dtype == bool and array.shape == (len(self),):
            return [int(row) for row in np.flatnonzero(array)]
        in_range = (
            np.issubdtype(array.dtype, np.integer)
            and array.ndim == 1
            and bool(((array >= -len(self)) & (array < len(self))).all())
        )
        if not in_range:
            raise BadArgument(
                expected=f"names, integers from 0 to {len(self) - 1}, or a mask of {len(self)}",
                got=shortened(which),
                do=f"Choose among the {len(self)} rows of {self.label}.",
            )
        return [int(row) % len(self) for row in array]

    def unit(self) -> "Directions":
        """Return the rows scaled to length 1; a row of zeros stays zeros."""
        norms = self.norms[:, None]
        unit = np.divide(self.vectors, norms, out=np.zeros_like(self.vectors), where=norms > 0)
        return replace(self, vectors=_frozen(unit), label=f"unit {self.label}")

    def layer_normed(self) -> "Directions":
        """Return LN(x) or RMSNorm(x) of each row; the rows themselves where the model has neither.

        LN(x) = RMSNorm(x - mean(x)) and RMSNorm(x) = x / sqrt(mean(x²) + epsilon), without
        parameters: those of the checkpoint are folded into the weights that read the result.

        Raises:
            BadArgument: if a row's norm is larger than any float32; what is centred is not longer.
        """
        if self.normalization is None:
            return self
        rows, _ = self.vectors, self.norms  # which are checked
        if self.normalization == "LN":
            mean = rows.mean(axis=1, keepdims=True, dtype=np.float64)
            rows = rows - mean.astype(np.float32)
        scale = np.sqrt(_squared_norms(rows) / rows.shape[1] + self.epsilon).astype(np.float32)
        label = f"{SHORT[self.normalization]}({self.label})"
        return replace(self, vectors=_frozen(rows / scale[:, None]), label=label)


def _found(expression: str | re.Pattern[str], names: list[str]) -> list[int]:
    """Return the places of the names in which a regular expression is found."""
    try:
        return _searched(_compiled(expression), names)
    except TimeoutError as error:
        raise BadArgument(
            expected=f"a regular expression that takes at most {_PATIENCE:g} second",
            got=f"{shortened(expression)}, which takes longer",
            do="Write it without repetitions within repetitions, or pass a list of names.",
        ) from error
    # The last three are of a repetition, a nesting and a pattern of bytes that cannot be.
    except (regex.error, OverflowError, RecursionError, TypeError) as error:
        raise BadArgument(
            expected="a regular expression",
            got=f"{shortened(expression)} ({error})",
            do="Correct the expression, or pass a list of names.",
        ) from error


def _compiled(expression: str | re.Pattern[str]) -> Any:
    """Return a pattern of regex, whose search can be stopped, unlike that of re."""
    text, flags = (
        (expression.pattern, re.RegexFlag(expression.flags))
        if isinstance(expression, re.Pattern)
        else (expression, re.NOFLAG)
    )
    if len(text) > _MOST_CHARACTERS or _written_out(text) > _MOST_WRITTEN_OUT:
        raise BadArgument(
            expected=f"a regular expression of at most {_MOST_CHARACTERS:,} characters, "
            f"{_MOST_WRITTEN_OUT:,} with its repetitions written out",
            got=f"{shortened(expression)}, which has more",
            do="Shorten it, let it repeat less, or pass a list of names.",
        )
    # The numbers of flags are others in regex than in re. Its cache would hold the last 500.
    numbers = sum(getattr(regex, str(flag.name)) for flag in flags)
    return regex.compile(text, numbers, cache_pattern=False)


def _written_out(text: str) -> int:
    """Return how long a regular expression becomes when regex compiles it, or more.

    What must be there is written out: (ab){9,} as ten copies, a+ as two; repetitions within
    repetitions multiply. In verbose expressions, spaces and comments can part a number.
    """
    length = len(text)
    for counted in re.findall(r"\{((?:[0-9]|\s|#.*\n)*)", text):
        length *= 1 + int("0" + re.sub(r"#.*|\s", "", counted))
    return length << text.count("+")


def _searched(pattern: Any, names: list[str]) -> list[int]:
    found = []
    end = time.monotonic() + _PATIENCE
    for place, name in enumerate(names):
        left = end - time.monotonic()
        if left <= 0:
            raise TimeoutError
        if pattern.search(name, timeout=min(left, _PATIENCE_FOR_ONE)):
            found.append(place)
    return found
