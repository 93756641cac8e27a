"""Model and Directions: frozen, labelled float32 arrays, checked when they are made."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from types import MappingProxyType
from typing import Any, Literal, get_args

import numpy as np
import numpy.typing as npt

from dtviz.errors import BadArgument, UnknownName, listed, shortened

Side = Literal["out", "in", "gate"]
SIDES: tuple[Side, ...] = get_args(Side)
Normalization = Literal["LN"]
Float32 = npt.NDArray[np.float32]
Selector = Sequence[str] | Sequence[int] | npt.NDArray[np.generic] | str | re.Pattern[str]

LAYER_NORM_EPSILON = 1e-5


def _items(values: Any, what: str) -> list[Any]:
    """Return what a collection holds."""
    try:
        return list(values)
    except TypeError as error:
        raise BadArgument(
            expected=f"{what} in a list", got=shortened(values), do="Pass a list, even of one."
        ) from error


def _check_normalization(normalization: object) -> None:
    if normalization not in (None, *get_args(Normalization)):
        raise BadArgument(
            expected="a normalization, 'LN' or None",
            got=shortened(normalization),
            do="Pass 'LN' if the residual stream is LayerNormed before it is read.",
        )


def _matrix(values: npt.ArrayLike, what: str) -> Float32:
    """Return ``values`` as a read-only, finite float32 matrix."""
    try:
        matrix = np.array(values, dtype=np.float32, order="C")
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


@dataclass(frozen=True, eq=False)
class Directions:
    """Named vectors in the residual stream.

    Args:
        vectors: float32 (rows, d_model); kept as a read-only copy.
        names: one unique name a row.
        label: what the vectors are, for titles: "W_out, layer 2".
        normalization: the normalization that the model applies before it reads the residual
            stream, "LN" or None.

    Raises:
        BadArgument: if shapes and names disagree, names repeat or numbers are not finite.
    """

    vectors: Float32
    names: list[str]
    label: str = "vectors"
    normalization: Normalization | None = None

    def __post_init__(self) -> None:
        object.__setattr__(self, "vectors", _matrix(self.vectors, self.label))
        names = _items(self.names, f"the names of {self.label}")
        object.__setattr__(self, "names", [str(name) for name in names])
        _check_normalization(self.normalization)
        if len(self.names) != len(self.vectors):
            raise BadArgument(
                expected=f"one name for each of the {len(self.vectors)} rows of {self.label}",
                got=f"{len(self.names)} names",
                do="Pass as many names as there are rows.",
            )
        if len(self._rows) != len(self.names):
            repeated = next(name for i, name in enumerate(self.names) if self._rows[name] != i)
            raise BadArgument(
                expected=f"names of {self.label} that are all different",
                got=f"{shortened(repeated)} more than once",
                do="Tell the rows apart, for instance by adding their number.",
            )

    @cached_property
    def _rows(self) -> dict[str, int]:
        return {name: row for row, name in enumerate(self.names)}

    def __len__(self) -> int:
        return len(self.vectors)

    def __repr__(self) -> str:
        rows, d_model = self.vectors.shape
        return f"Directions({self.label}: {rows} x {d_model}, {listed(self.names, 3)})"

    @cached_property
    def norms(self) -> Float32:
        """L2 norm of each row, shape (rows,)."""
        # In float64, where no square of a float32 overflows or vanishes.
        squared = np.einsum("ij,ij->i", self.vectors, self.vectors, dtype=np.float64)
        norms: Float32 = np.sqrt(squared).astype(np.float32)
        norms.flags.writeable = False
        return norms

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
                pattern: the regular expression that ``re.search`` finds in the names wanted.

        Raises:
            UnknownName: for a name that no row bears.
            BadArgument: for a mask of another length, a row that does not exist, or a regular
                expression that does not compile.
        """
        rows = self._selected(which)
        return replace(self, vectors=self.vectors[rows], names=[self.names[row] for row in rows])

    def _selected(self, which: Selector) -> list[int]:
        if isinstance(which, str | re.Pattern):
            try:
                pattern = re.compile(which)
            except re.error as error:
                raise BadArgument(
                    expected="a regular expression",
                    got=f"{shortened(which)} ({error})",
                    do="Mend the expression, or pass a list of names.",
                ) from error
            return [row for row, name in enumerate(self.names) if pattern.search(name)]
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
        return replace(self, vectors=unit, label=f"unit {self.label}")

    def layer_normed(self) -> "Directions":
        """Return LN(x) of each row; the rows themselves where the model has no LayerNorm.

        LN(x) = (x - mean(x)) / sqrt(mean((x - mean(x))²) + 1e-5), without parameters: those of
        the checkpoint are folded into the weights that read its result.
        """
        if self.normalization is None:
            return self
        centred = self.vectors - self.vectors.mean(axis=1, keepdims=True)
        scale = np.sqrt((centred**2).mean(axis=1, keepdims=True) + LAYER_NORM_EPSILON)
        return replace(self, vectors=centred / scale, label=f"LN({self.label})")


@dataclass(frozen=True, eq=False, kw_only=True)
class Model:
    """The weights of a model that dtviz looks at.

    Args:
        name: what to call the model in titles.
        weights: for each side that the MLPs have ("out", "in", "gate"), one float32 array
            (d_mlp, d_model) a layer: a row is the neuron's vector in the residual stream.
        unembedding: the actions or tokens that the model writes, (A, d_model).
        unembedding_bias: (A,).
        embedding: the features or tokens that the model reads, (F, d_model).
        rtg: the return-to-go direction, (1, d_model).
        action_embedding, time_embedding: as stored in the checkpoint.
        normalization: what the residual stream goes through before it is read.
        processing: what was folded and centred.
        sha256: hash of the checkpoint file.
        notes: what a user should know about this model, a sentence each.

    Raises:
        BadArgument: if shapes disagree.
    """

    name: str
    weights: Mapping[Side, Sequence[npt.ArrayLike]]
    unembedding: Directions | None = None
    unembedding_bias: Float32 | None = None
    embedding: Directions | None = None
    rtg: Directions | None = None
    action_embedding: Directions | None = None
    time_embedding: Directions | None = None
    normalization: Normalization | None = None
    processing: str = "as given"
    sha256: str | None = None
    notes: tuple[str, ...] = field(default=())

    def __post_init__(self) -> None:
        if "out" not in self.weights or not set(self.weights) <= set(SIDES):
            raise BadArgument(
                expected="weights of the side 'out', and perhaps 'in' and 'gate'",
                got=f"the sides {listed(list(self.weights))}",
                do="Name the sides so.",
            )
        arrays = {
            side: tuple(
                _matrix(layer, f"side {side!r}, layer {i}")
                for i, layer in enumerate(self.weights[side])
            )
            for side in SIDES
            if side in self.weights
        }
        object.__setattr__(self, "weights", MappingProxyType(arrays))
        shapes = {side: [layer.shape for layer in layers] for side, layers in arrays.items()}
        if not shapes["out"] or any(
            shape != shapes["out"][0] or len(layers) != self.n_layers
            for layers in shapes.values()
            for shape in layers
        ):
            raise BadArgument(
                expected="as many layers on each side, all of one shape (d_mlp, d_model)",
                got=str(shapes),
                do="Pass one array a layer.",
            )
        for what in ("unembedding", "embedding", "rtg", "action_embedding", "time_embedding"):
            directions = getattr(self, what)
            if directions is None:
                continue
            if not isinstance(directions, Directions):
                raise BadArgument(
                    expected=f"{what} as Directions",
                    got=f"an object of type {type(directions).__name__}",
                    do="Pass Directions(array, names).",
                )
            if directions.vectors.shape[1] != self.d_model:
                raise BadArgument(
                    expected=f"{what} vectors of d_model = {self.d_model} numbers",
                    got=f"{directions.vectors.shape[1]}",
                    do="Pass vectors of the same residual stream.",
                )
        _check_normalization(self.normalization)
        if self.unembedding_bias is not None:
            bias = _matrix([self.unembedding_bias], "unembedding_bias")[0]
            if self.unembedding is None or len(bias) != len(self.unembedding):
                raise BadArgument(
                    expected="one bias for each row of the unembedding",
                    got=f"{len(bias)} biases",
                    do="Pass as many as there are actions or tokens.",
                )
            object.__setattr__(self, "unembedding_bias", bias)

    @classmethod
    def from_arrays(
        cls,
        out: npt.NDArray[np.floating] | Sequence[npt.NDArray[np.floating]],
        *,
        in_: npt.NDArray[np.floating] | Sequence[npt.NDArray[np.floating]] | None = None,
        gate: npt.NDArray[np.floating] | Sequence[npt.NDArray[np.floating]] | None = None,
        unembedding: Directions | None = None,
        embedding: Directions | None = None,
        normalization: Normalization | None = None,
        name: str = "arrays",
    ) -> "Model":
        """Return a model made of any labelled vectors, such as an SAE's decoder.

        Args:
            out: what the neurons write, (n, d_model), or one such array a layer.
            in_, gate: what they read, of the same shape.
            unembedding: vectors to compare with, as actions are; ``Directions(array, names)``.
            embedding: vectors to compare with, as input features are.
            normalization: "LN" if the residual stream is LayerNormed before it is read.
            name: for titles.

        Raises:
            BadArgument: if shapes disagree or numbers are not finite.
        """
        given: dict[Side, npt.NDArray[np.floating] | Sequence[npt.NDArray[np.floating]] | None]
        given = {"out": out, "in": in_, "gate": gate}
        weights: dict[Side, Sequence[npt.ArrayLike]] = {}
        for side, arrays in given.items():
            if arrays is not None:
                one_layer = isinstance(arrays, np.ndarray) and arrays.ndim == 2
                what = f"arrays of the side {side!r}"
                weights[side] = [arrays] if one_layer else _items(arrays, what)

        def normalized(directions: Directions | None) -> Directions | None:
            if not isinstance(directions, Directions):
                return directions
            return replace(directions, normalization=normalization)

        return cls(
            name=name,
            weights=weights,
            unembedding=normalized(unembedding),
            embedding=normalized(embedding),
            normalization=normalization,
        )

    def __repr__(self) -> str:
        has = [
            f"{len(directions)} {what}"
            for what, directions in (
                ("actions or tokens", self.unembedding),
                ("input features", self.embedding),
            )
            if directions is not None
        ]
        return (
            f"Model({self.name}: {self.n_layers} layers x {self.d_mlp} neurons, "
            f"d_model {self.d_model}, {', '.join([*has, self.processing])})"
        )

    @property
    def n_layers(self) -> int:
        """Number of layers."""
        return len(self.weights["out"])

    @property
    def d_mlp(self) -> int:
        """Neurons a layer."""
        return int(np.shape(self.weights["out"][0])[0])

    @property
    def d_model(self) -> int:
        """Width of the residual stream."""
        return int(np.shape(self.weights["out"][0])[1])

    @property
    def sides(self) -> tuple[Side, ...]:
        """The sides that the neurons of this model have."""
        return tuple(self.weights)

    def neurons(self, layer: int | Literal["all"] = "all", side: Side = "out") -> Directions:
        """Return the neurons' vectors, named "L2N13".

        Args:
            layer: from 0 to n_layers - 1, or "all" for those of every layer, in order.
            side: "out" (rows of W_out), "in" (columns of W_in), "gate" (columns of W_gate).

        Raises:
            UnknownName: if the model has no such layer or side.
        """
        if side not in self.sides:
            raise UnknownName(
                expected=f"a side of {self.name}",
                got=shortened(side),
                do=f"Choose one of {listed(list(self.sides))}.",
            )
        is_layer = isinstance(layer, int | np.integer) and not isinstance(layer, bool)
        if layer != "all" and not (is_layer and 0 <= int(layer) < self.n_layers):
            raise UnknownName(
                expected=f"a layer of {self.name}, from 0 to {self.n_layers - 1}, or 'all'",
                got=shortened(layer),
                do="Choose one of these.",
            )
        layers = range(self.n_layers) if layer == "all" else [int(layer)]
        matrix = {"out": "W_out", "in": "W_in", "gate": "W_gate"}[side]
        return Directions(
            np.concatenate([self.weights[side][i] for i in layers]),
            [f"L{i}N{neuron}" for i in layers for neuron in range(self.d_mlp)],
            f"{matrix}, {'all layers' if layer == 'all' else f'layer {layer}'}",
            self.normalization,
        )
