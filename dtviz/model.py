"""Model: the weights of a model, frozen float32 arrays, checked when they are made."""

import re
from collections import deque
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import chain
from types import MappingProxyType
from typing import Any, Literal, cast, get_args
from weakref import WeakValueDictionary

import numpy as np
import numpy.typing as npt

from dtviz.dictionary import Dictionary
from dtviz.directions import (
    LAYER_NORM_EPSILON,
    Directions,
    Float32,
    Normalization,
    check_normalization,
    check_rows,
    items,
    matrix_of,
)
from dtviz.errors import BadArgument, UnknownName, is_whole, listed, shortened
from dtviz.later import Later, Postponed
from dtviz.layers import Layers, joined, layers_of, ranges
from dtviz.output import as_text
from dtviz.verification_report import VerificationReport

Side = Literal["out", "in", "gate"]
SIDES: tuple[Side, ...] = get_args(Side)
MATRICES: dict[Side, str] = {"out": "W_out", "in": "W_in", "gate": "W_gate"}

MOST_TREES = 32
# The labels of groups of neurons.
_GROUP = re.compile(r"([EM]\d{1,9})?")


@dataclass(frozen=True, eq=False, kw_only=True)
class Model(Postponed):
    """The weights of a model that dtviz looks at.

    What is given as `Later` is read, and then checked, when it is first asked for.

    Args:
        name: what to call the model in titles.
        weights: for each side that the MLPs have ("out", "in", "gate"), one float32 array
            (d_mlp, d_model) a layer: a row is the neuron's vector in the residual stream. Of
            layers that are `Later` the last two that were asked for stay in memory.
        layers: the number of each; without it they are counted from 0.
        groups: for each layer, the label and the number of the neurons of each of its MLPs, in the
            order of the rows: "" of an MLP, "E5" of an expert. Without it a layer is one MLP.
        unembedding: the actions or tokens that the model writes, (A, d_model).
        unembedding_bias: (A,).
        embedding: the features or tokens that the model reads, (F, d_model).
        rtg: the return-to-go direction, (1, d_model).
        action_embedding, time_embedding: as stored in the checkpoint.
        normalization: what the residual stream goes through before it is read.
        routers: by the number of a layer with experts, what chooses among them, a row each.
        epsilon: of that normalization, see `Directions`.
        processing: what was folded and centred.
        agent: for features that are places of a view, the cell (x, y) at which the agent stands,
            looking up.
        sha256: hash that tells the checkpoint from others: of the file; of a directory, of parts.
        source: what `dtviz.load` opened: a path, a name on the hub, or "demo".
        notes: what a user should know about this model, a sentence each.
        scales: factors that the vectors leave out, by name: a number, or one a layer.
        dictionary: of an SAE or a transcoder, where its latents read and write.
        verified: what was compared with the model's own forward pass; None if nothing was.

    Raises:
        BadArgument: if shapes disagree, or names would take far more memory than the weights.
    """

    name: str
    weights: Mapping[Side, Sequence[npt.ArrayLike | Later]]
    layers: Sequence[int] = ()
    groups: Sequence[Sequence[tuple[str, int]]] = ()
    unembedding: Directions | None = None
    # Made by a factory: a default would stand in the way of what is read later.
    unembedding_bias: Float32 | None = field(default_factory=lambda: None)
    embedding: Directions | None = None
    rtg: Directions | None = None
    action_embedding: Directions | None = None
    time_embedding: Directions | None = None
    normalization: Normalization | None = None
    epsilon: float = LAYER_NORM_EPSILON
    processing: str = "as given"
    agent: tuple[int, int] | None = None
    sha256: str | None = None
    source: str | None = None
    notes: tuple[str, ...] = field(default=())
    routers: Mapping[int, Directions] = field(default_factory=dict)
    scales: Mapping[str, float | tuple[float, ...]] = field(default_factory=dict)
    dictionary: Dictionary | None = None
    verified: VerificationReport | None = None
    # Of the widest layer, (d_mlp, d_model); known before one is read.
    shape: tuple[int, ...] = field(init=False)
    # What those who look at the model share: its neurons, and what was found of them, for as long
    # as anyone holds it.
    shared: WeakValueDictionary[tuple[Any, ...], Any] = field(
        init=False, repr=False, default_factory=WeakValueDictionary
    )
    # Of that, what stays when nobody looks: the trees found last, which are small and take long.
    trees: deque[Any] = field(
        init=False, repr=False, default_factory=lambda: deque(maxlen=MOST_TREES)
    )

    def __post_init__(self) -> None:
        # A file's name can be any bytes.
        object.__setattr__(self, "name", as_text(self.name))
        if "out" not in self.weights or not set(self.weights) <= set(SIDES):
            raise BadArgument(
                expected="weights of the side 'out', and perhaps 'in' and 'gate'",
                got=f"the sides {listed(list(self.weights))}",
                do="Name the sides so.",
            )
        layers = {
            side: layers_of(self.weights[side], side) for side in SIDES if side in self.weights
        }
        object.__setattr__(self, "weights", MappingProxyType(layers))
        shapes = layers["out"].shapes
        widths = {shape[1:] for shape in shapes}
        if len(widths) != 1 or any(found.shapes != shapes for found in layers.values()):
            raise BadArgument(
                expected="as many layers on each side, of the same shapes (d_mlp, d_model)",
                got=str({side: found.shapes for side, found in layers.items()}),
                do="Pass one array a layer.",
            )
        check_rows(
            sum(shape[0] for shape in shapes), next(iter(widths))[0], "neurons of all layers"
        )
        object.__setattr__(self, "shape", (max(shape[0] for shape in shapes), *widths.pop()))
        object.__setattr__(self, "layers", tuple(self.layers) or tuple(range(len(shapes))))
        groups = self.groups or [[("", shape[0])] for shape in shapes]
        object.__setattr__(self, "groups", tuple(tuple(each) for each in groups))
        if len(set(self.layers)) != len(shapes) or [
            sum(count for _, count in each) for each in self.groups
        ] != [shape[0] for shape in shapes]:
            raise BadArgument(
                expected="a number and the groups of its neurons for each layer",
                got=f"the layers {shortened(self.layers)} of {shortened(self.groups)} neurons",
                do="Leave them out, or pass as many as there are.",
            )
        for label, count in chain.from_iterable(self.groups):
            if not _GROUP.fullmatch(label) or count < 1:
                raise BadArgument(
                    expected="groups of neurons: '', 'M1' or 'E5', of at least one each",
                    got=f"{shortened(label)}, of {shortened(count)}",
                    do="Label MLPs M and experts E, with their number.",
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
            if directions.shape[1] != self.d_model:
                raise BadArgument(
                    expected=f"{what} vectors of d_model = {self.d_model} numbers",
                    got=f"{directions.shape[1]}",
                    do="Pass vectors of the same residual stream.",
                )
        # Its congruences are a column of the table of neurons: others would multiply it.
        if self.rtg is not None and len(self.rtg) != 1:
            raise BadArgument(
                expected="rtg as one vector, of the return-to-go",
                got=f"{len(self.rtg):,} rows",
                do="Pass Directions(array, ['RTG']) with an array of shape (1, d_model).",
            )
        check_normalization(self.normalization)
        given: object = self.unembedding_bias
        if isinstance(given, Later):
            self._postpone(
                "unembedding_bias",
                lambda: matrix_of(np.asarray(given.read())[None], "unembedding_bias")[0],
            )
        elif self.unembedding_bias is not None:
            bias = matrix_of(np.asarray(self.unembedding_bias)[None], "unembedding_bias")[0]
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
        out: npt.ArrayLike | Sequence[npt.ArrayLike],
        *,
        in_: npt.ArrayLike | Sequence[npt.ArrayLike] | None = None,
        gate: npt.ArrayLike | Sequence[npt.ArrayLike] | None = None,
        unembedding: Directions | None = None,
        embedding: Directions | None = None,
        normalization: Normalization | None = None,
        name: str = "arrays",
    ) -> "Model":
        """Return a model made of any labelled vectors, such as an SAE's decoder.

        Args:
            out: what the neurons write, (n, d_model), as an array, a tensor or a data frame; or one
                such thing a layer.
            in_, gate: what they read, of the same shape.
            unembedding: vectors to compare with, as actions are; ``Directions(array, names)``.
            embedding: vectors to compare with, as input features are.
            normalization: "LN" (or "RMS") if the residual stream goes through LayerNorm (or
                RMSNorm) before it is read.
            name: for titles.

        Raises:
            BadArgument: if shapes disagree or numbers are not finite.
        """
        given: dict[Side, Any] = {"out": out, "in": in_, "gate": gate}
        weights: dict[Side, Sequence[npt.ArrayLike]] = {}
        for side, arrays in given.items():
            if arrays is not None:
                one_layer = getattr(arrays, "ndim", None) == 2
                what = f"arrays of the side {side!r}"
                weights[side] = [arrays] if one_layer else items(arrays, what)

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
            f"Model({self.name}: {self.n_layers} layers x {self.size} neurons, "
            f"d_model {self.d_model}, {', '.join([*has, self.processing])})"
        )

    @property
    def n_layers(self) -> int:
        """Number of layers."""
        return len(self.weights["out"])

    @property
    def d_mlp(self) -> int:
        """Neurons a layer, of the layer that has most."""
        return self.shape[0]

    @property
    def d_model(self) -> int:
        """Width of the residual stream."""
        return self.shape[1]

    @property
    def size(self) -> str:
        """Neurons a layer, as text."""
        return f"{'' if len(set(self.widths)) == 1 else 'up to '}{self.d_mlp:,}"

    @property
    def widths(self) -> tuple[int, ...]:
        """Neurons of each layer."""
        return tuple(shape[0] for shape in cast(Layers, self.weights["out"]).shapes)

    @property
    def sides(self) -> tuple[Side, ...]:
        """The sides that the neurons of this model have."""
        return tuple(self.weights)

    def experts(self, layer: int) -> tuple[int, ...]:
        """Return the numbers of the experts of a layer, none of one without."""
        groups = self.groups[self._place(layer)]
        return tuple(int(label[1:]) for label, _ in groups if label.startswith("E"))

    def neurons(
        self, layer: int | Literal["all"] = "all", side: Side = "out", expert: int | None = None
    ) -> Directions:
        """Return the neurons' vectors, named "L2N13"; they are read when they are asked for.

        They are the same object for as long as anyone holds it. Those of experts are named
        "L3E5N7".

        Args:
            layer: one of `layers`, or "all" for those of every layer, in order.
            side: "out" (rows of W_out), "in" (columns of W_in), "gate" (columns of W_gate).
            expert: of a layer with experts, one alone.

        Raises:
            UnknownName: if the model has no such layer or side, or the layer no such expert.
        """
        if side not in self.sides:
            raise UnknownName(
                expected=f"a side of {self.name}",
                got=shortened(side),
                do=f"Choose one of {listed(list(self.sides))}.",
            )
        layer = "all" if layer == "all" else self.layers[self._place(layer)]
        if expert is not None and layer == "all":
            raise UnknownName(
                expected="the number of a layer whose expert is wanted",
                got="'all'",
                do="Choose the layer, too.",
            )
        key = ("neurons", layer, side, expert)
        found: Directions | None = self.shared.get(key)
        if found is None:
            of = self if expert is None else self.of_expert(int(layer), expert)
            found = self.shared.setdefault(key, of._neurons(layer, side))
        return found

    def of_expert(self, layer: int, expert: int) -> "Model":
        """Return the model with one expert alone: its neurons are read without the others.

        Raises:
            UnknownName: if the model has no such layer, or the layer no such expert.
        """
        place = self._place(layer)
        if not is_whole(expert, 0) or expert not in self.experts(layer):
            raise UnknownName(
                expected=f"an expert of layer {layer} of {self.name}",
                got=shortened(expert),
                do="Choose one of those that Model.experts(layer) returns.",
            )
        labels = [label for label, _ in self.groups[place]]
        at = labels.index(f"E{expert}")
        start, count = sum(count for _, count in self.groups[place][:at]), self.groups[place][at][1]
        return replace(
            self,
            weights={
                side: [cast(Layers, layers).part(place, start, count)]
                for side, layers in self.weights.items()
            },
            layers=[int(layer)],
            groups=[[(f"E{expert}", count)]],
            unembedding_bias=self.later_bias,
        )

    @property
    def later_bias(self) -> Any:
        """The bias of the unembedding for another Model, not read yet; None if there is none."""
        if not self.is_postponed("unembedding_bias") and self.unembedding_bias is None:
            return None
        size = cast(Directions, self.unembedding).shape[:1]
        return Later(size, lambda: cast(Float32, self.unembedding_bias))

    def _place(self, layer: object) -> int:
        """Return the place of a layer among those that have neurons."""
        if not is_whole(layer, 0) or int(layer) not in self.layers:
            raise UnknownName(
                expected=f"a layer of {self.name}: {ranges(self.layers)}, or 'all'",
                got=shortened(layer),
                do="Choose one of these.",
            )
        return self.layers.index(int(layer))

    def _neurons(self, layer: int | Literal["all"], side: Side) -> Directions:
        places = range(self.n_layers) if layer == "all" else [self._place(layer)]
        matrix = (MATRICES if self.dictionary is None else self.dictionary.matrices)[side]
        found = cast(Layers, self.weights[side])
        rows = sum(found.shapes[place][0] for place in places)
        vectors: Any = Later((rows, self.d_model), lambda: joined(found, places))
        which = "all layers" if layer == "all" else f"layer {layer}"
        groups = self.groups[places[0]]
        if layer != "all" and len(groups) == 1 and groups[0][0].startswith("E"):
            which = f"{which}, expert {groups[0][0][1:]}"
        return Directions(
            vectors,
            [
                f"L{self.layers[place]}{label}N{neuron}"
                for place in places
                for label, count in self.groups[place]
                for neuron in range(count)
            ],
            f"{matrix}, {which}",
            self.normalization,
            self.epsilon,
        )
