"""The neuron table: one row per neuron, joined from the analyses."""

from collections.abc import Mapping
from typing import Any, Literal

import numpy as np
import numpy.typing as npt
import pandas as pd

from dtviz.analyses.clustering import Clustering
from dtviz.directions import Directions
from dtviz.errors import BadArgument, UnknownName, listed, shortened
from dtviz.model import Model


def neuron_table(
    neurons: Directions,
    congruence: pd.DataFrame,
    clustering: Clustering,
    clusters: npt.NDArray[np.intp],
    moments: pd.DataFrame | None = None,
    rtg: pd.DataFrame | None = None,
    experts: npt.NDArray[np.int32] | None = None,
) -> pd.DataFrame:
    """Join what the analyses say of each neuron.

    Args:
        neurons: n directions.
        congruence: columns x, y, difference, in the order of the neurons.
        clustering: of the same neurons.
        clusters: the cluster of each, (n,).
        moments: columns mean_abs, std, kurtosis, where there is anything to compare with.
        rtg: the congruence of each side ("in", "out") with the return-to-go, where there is one.
        experts: as from `experts_of`.

    Returns:
        n rows, indexed by name, with the columns name, x, y, difference, norm (L2 norm of the
        neuron's vector), leaf (its place from 0 in the clustering's leaf order), cluster, and
        where they are known mean_abs, std, kurtosis, rtg_in, rtg_out and expert.
    """
    table = pd.DataFrame(
        {
            "name": neurons.names,
            "x": congruence["x"].to_numpy(),
            "y": congruence["y"].to_numpy(),
            "difference": congruence["difference"].to_numpy(),
            "norm": neurons.norms,
            "leaf": clustering.leaf,
            "cluster": clusters,
        },
        index=pd.Index(neurons.names),
    )
    known = [
        moments,
        None if rtg is None else rtg.add_prefix("rtg_"),
        None if experts is None else pd.DataFrame({"expert": experts}),
    ]
    # The parts are in the order of the neurons: no look-up by name is needed.
    return pd.concat(
        [table, *(part.set_axis(table.index) for part in known if part is not None)], axis=1
    )


def experts_of(model: Model, layer: int | Literal["all"]) -> npt.NDArray[np.int32] | None:
    """Return the expert of each neuron in view, (n,): -1 of an MLP that all tokens go through.

    Args:
        model: whose neurons they are.
        layer: a layer's number or "all".

    Returns:
        None if none belongs to an expert.
    """
    places = range(model.n_layers) if layer == "all" else [model.layers.index(layer)]
    groups = [group for place in places for group in model.groups[place]]
    numbers = [int(label[1:]) if label.startswith("E") else -1 for label, _ in groups]
    if max(numbers) < 0:
        return None
    return np.repeat(np.array(numbers, dtype=np.int32), [count for _, count in groups])


def filtered(table: pd.DataFrame, wanted: Mapping[str, Any]) -> list[str]:
    """Return the names of the neurons whose numbers are those that are wanted.

    Args:
        table: the neuron table.
        wanted: by its columns, a range as a tuple (low, high), both included, None where it is
            open; or the values, in a list.

    Raises:
        UnknownName: if the table has no such column.
        BadArgument: if what is wanted is neither.
    """
    mask = np.ones(len(table), dtype=bool)
    for name, given in wanted.items():
        columns = [str(column) for column in table]
        if name not in columns:
            raise UnknownName(
                expected=f"a column of the neuron table among {listed(columns, len(columns))}",
                got=shortened(name),
                do="Choose one of these.",
            )
        try:
            match given:
                case (low, high) if isinstance(given, tuple):
                    mask &= True if low is None else (table[name] >= low).to_numpy()
                    mask &= True if high is None else (table[name] <= high).to_numpy()
                case list():
                    mask &= table[name].isin(given).to_numpy()
                case _:
                    raise TypeError("neither a range nor values")
        except TypeError as error:
            raise BadArgument(
                expected=f"a range (low, high) or a list of values of {name}",
                got=shortened(given),
                do="Pass norm=(0.5, None), or cluster=[2, 3], for instance.",
            ) from error
    return table["name"][mask].tolist()
