"""Tables: what `dtviz table` and the download buttons write, as CSV or Parquet."""

import io
import os
from collections.abc import Callable
from pathlib import Path
from typing import Literal

import pandas as pd

from dtviz.analyses.clustering import cluster
from dtviz.analyses.congruence import CongruenceAnalysis, congruence, usual_pair
from dtviz.analyses.ranking import top_k
from dtviz.analyses.similarity import similar_pairs
from dtviz.errors import BadArgument, UnknownName, listed, shortened
from dtviz.model import Model
from dtviz.neurons import neuron_table
from dtviz.output import write_whole

Layer = int | Literal["all"]
FORMATS = (".csv", ".parquet")
# How many clusters the table of clusters tells apart.
_CLUSTERS = 10


def table(kind: str, model: Model, layer: Layer | None = None) -> pd.DataFrame:
    """Return a table of a layer's neurons.

    Args:
        kind: one of `KINDS`.
        model: which has what the table is about.
        layer: a layer's number or "all"; the last by default.

    Raises:
        UnknownName: if there is no such table or layer.
        BadArgument: if the model lacks what the table is about.
    """
    if kind not in KINDS:
        raise UnknownName(
            expected=f"a table among {listed(list(KINDS))}",
            got=shortened(kind),
            do="Choose one of these.",
        )
    return KINDS[kind](model, model.n_layers - 1 if layer is None else layer)


def _neurons(model: Model, layer: Layer) -> pd.DataFrame:
    if model.unembedding is None:
        raise BadArgument(
            expected="a model with an unembedding: actions or tokens to compare",
            got=f"{model.name}, which has none",
            do="Choose another table.",
        )
    neurons = model.neurons(layer)
    x, y = usual_pair(model.unembedding.names)
    compare = CongruenceAnalysis()
    compare.param.x.objects = compare.param.y.objects = model.unembedding.names
    compare.param.update(x=x, y=y)
    return neuron_table(neurons, compare(neurons, "out", model.unembedding), cluster(neurons))


def _pairs(model: Model, layer: Layer) -> pd.DataFrame:
    return similar_pairs(model.neurons(layer))


def _top_k(model: Model, layer: Layer) -> pd.DataFrame:
    if model.embedding is None or "in" not in model.sides:
        raise BadArgument(
            expected="a model whose neurons read named features or tokens",
            got=f"{model.name}, which has no embedding or no side 'in'",
            do="Choose another table.",
        )
    return top_k(congruence(model.neurons(layer, "in"), model.embedding.layer_normed()))


def _clusters(model: Model, layer: Layer) -> pd.DataFrame:
    clustering = cluster(model.neurons(layer))
    clusters = clustering.cut(min(_CLUSTERS, len(clustering.names)))
    return pd.DataFrame({"name": clustering.names, "leaf": clustering.leaf, "cluster": clusters})


KINDS: dict[str, Callable[[Model, Layer], pd.DataFrame]] = {
    "neurons": _neurons,
    "pairs": _pairs,
    "top-k": _top_k,
    "clusters": _clusters,
}


def encoded(frame: pd.DataFrame, kind: str, model: Model) -> bytes:
    """Return a table as the bytes of a file, stamped with what its numbers were made from.

    Args:
        frame: the table; the last column of the file, ``source``, is the stamp.
        kind: ".csv" or ".parquet".
        model: whose numbers they are.
    """
    stamp = f"{model.name} · {(model.sha256 or 'arrays')[:12]} · {model.processing}"
    stamped = frame.assign(source=pd.Categorical([stamp] * len(frame)))
    buffer = io.BytesIO()
    if kind == ".csv":
        stamped.to_csv(buffer, index=False)
    else:
        stamped.to_parquet(buffer, index=False)
    return buffer.getvalue()


def save(frame: pd.DataFrame, path: str | os.PathLike[str], model: Model) -> None:
    """Write a table as CSV or Parquet; a file that exists is kept until the new one is complete.

    Raises:
        BadArgument: if the path ends otherwise.
        FileProblem: if it cannot be written.
    """
    kind = Path(path).suffix.lower()
    if kind not in FORMATS:
        raise BadArgument(
            expected=f"a file that ends in {' or '.join(FORMATS)}",
            got=shortened(str(path)),
            do="Name the file so.",
        )
    write_whole(path, encoded(frame, kind, model))
