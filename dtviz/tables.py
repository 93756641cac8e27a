"""Tables: what `dtviz table` and the page's tables hold, as CSV or Parquet."""

import io
import os
from collections.abc import Callable
from pathlib import Path

import pandas as pd

from dtviz.analyses.across import across, ranked
from dtviz.analyses.similarity import cosine_similarity
from dtviz.errors import BadArgument, UnknownName, listed, shortened
from dtviz.model import Model
from dtviz.output import write_whole
from dtviz.study import Study

FORMATS = (".csv", ".parquet")


def table(kind: str, study: Study) -> pd.DataFrame:
    """Return a table of the neurons in view, under the options in force.

    Args:
        kind: one of `KINDS`.
        study: of a model which has what the table is about.

    Raises:
        UnknownName: if there is no such table.
        BadArgument: if the model lacks what the table is about.
    """
    if kind not in KINDS:
        raise UnknownName(
            expected=f"a table among {listed(list(KINDS), len(KINDS))}",
            got=shortened(kind),
            do="Choose one of these.",
        )
    return KINDS[kind](study)


def _neurons(study: Study) -> pd.DataFrame:
    return study.neurons


def _pairs(study: Study) -> pd.DataFrame:
    return study.pairs(study.rows(study.space))


def _top_k(study: Study) -> pd.DataFrame:
    return _known(study, study.ranked)


def _features(study: Study) -> pd.DataFrame:
    moments = _known(study, study.feature_moments)
    return moments.rename_axis("feature").reset_index()


def _known(study: Study, frame: pd.DataFrame | None) -> pd.DataFrame:
    if study.why_nothing or frame is None:
        raise BadArgument(
            expected="neurons and input features to compare",
            got="none",
            do=study.why_nothing,
        )
    return frame


def _clusters(study: Study) -> pd.DataFrame:
    tree = study.clustered
    return pd.DataFrame({"name": tree.names, "leaf": tree.leaf, "cluster": study.clusters})


def _summary(study: Study) -> pd.DataFrame:
    return study.summary.rename_axis("statistic").reset_index()


def _actions(study: Study) -> pd.DataFrame:
    unembedding = study.model.unembedding
    if unembedding is None:
        raise BadArgument(
            expected="a model with an unembedding: actions or tokens",
            got=f"{study.model.name}, which has none",
            do="Choose another table.",
        )
    norms = {"name": unembedding.names, "norm": unembedding.norms}
    bias = {} if study.model.unembedding_bias is None else {"bias": study.model.unembedding_bias}
    cosines = cosine_similarity(unembedding).add_prefix("cosine with ").reset_index(drop=True)
    return pd.concat([pd.DataFrame({**norms, **bias}), cosines], axis=1)


def _embedding_unembedding(study: Study) -> pd.DataFrame:
    return ranked(
        across(study.model, "embedding × unembedding", study.layer, embedding=study.embedding)
    )


def _in_unembedding(study: Study) -> pd.DataFrame:
    return ranked(across(study.model, "in × unembedding", study.layer))


def _out_embedding(study: Study) -> pd.DataFrame:
    return ranked(across(study.model, "out × embedding", study.layer, embedding=study.embedding))


KINDS: dict[str, Callable[[Study], pd.DataFrame]] = {
    "neurons": _neurons,
    "pairs": _pairs,
    "top-k": _top_k,
    "clusters": _clusters,
    "summary": _summary,
    "features": _features,
    "actions": _actions,
    "embedding-unembedding": _embedding_unembedding,
    "in-unembedding": _in_unembedding,
    "out-embedding": _out_embedding,
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
