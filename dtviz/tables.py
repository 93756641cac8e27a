"""Tables: what `dtviz table` and the page's tables hold, as CSV or Parquet.

A spreadsheet computes a CSV cell that begins with =, +, -, @, a tab or a carriage return, behind
spaces and quotes, too; it may split cells at semicolons, tabs and line ends. In a CSV file of dtviz
each such place of a name has an apostrophe before it: "=1+1" is written "'=1+1". `read_table` takes
them away again. Numbers and Parquet are written as they are.
"""

import csv
import io
import os
import re
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd

from dtviz.analyses.across import Crossing, ranked
from dtviz.analyses.products import cosines, is_vocabulary
from dtviz.analyses.similarity import cosine_similarity
from dtviz.directions import Directions
from dtviz.errors import BadArgument, FileProblem, UnknownName, listed, shortened
from dtviz.model import Model
from dtviz.output import write_whole
from dtviz.study import Study

FORMATS = (".csv", ".parquet")
# Columns of names, and so of text even if all of them are digits.
_TEXTS = ("name", "name_1", "name_2", "item", "end", "feature", "statistic", "source")
# At the start of what a spreadsheet may take for a cell: what makes it compute that. The last four
# are the wide forms of the first.
_CELL = r"(?:^|(?<=[;\t\r\n]))"
_COMPUTED = r"""(?=['"\s]*[=+\-@\t\r\uff1d\uff0b\uff0d\uff20])"""


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


# Those on all neurons in view, which of a vocabulary takes a survey.
SURVEYED = ("neurons", "top-k", "features")


def cut(kind: str, study: Study) -> str:
    """Return what of a vocabulary, or of many pairs, a table holds; empty if it is all."""
    if kind == "pairs":
        pairs = study.similar_pairs
        n, of = len(pairs.frame), pairs.total
        return f"{n:,} of {of:,} pairs: those of greatest |cosine|" if n < of else ""
    if kind in _CROSSINGS:
        return study.crossing_cut(_CROSSINGS[kind])
    if kind == "actions" and is_vocabulary(study.model.unembedding):
        return "cosines with the two on the axes only"
    return ""


def _neurons(study: Study) -> pd.DataFrame:
    return study.neurons


def _pairs(study: Study) -> pd.DataFrame:
    # Others may have the same pairs.
    return study.similar_pairs.frame.copy()


def _top_k(study: Study) -> pd.DataFrame:
    return _known(study, study.ranked)


def _features(study: Study) -> pd.DataFrame:
    study.survey_all()
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
    if is_vocabulary(unembedding):
        pair = Directions(np.stack(study.congruence.directions(unembedding)), ["x", "y"])
        with_pair = cosines(pair, unembedding).frame()
        found = pd.DataFrame({study.congruence.called(axis): with_pair.loc[axis] for axis in "xy"})
    else:
        found = cosine_similarity(unembedding)
    found = found.add_prefix("cosine with ").reset_index(drop=True)
    return pd.concat([pd.DataFrame({**norms, **bias}), found], axis=1)


def _crossing(name: Crossing) -> Callable[[Study], pd.DataFrame]:
    return lambda study: ranked(study.crossing(name))


_CROSSINGS: dict[str, Crossing] = {
    "embedding-unembedding": "embedding × unembedding",
    "in-unembedding": "in × unembedding",
    "out-embedding": "out × embedding",
}

KINDS: dict[str, Callable[[Study], pd.DataFrame]] = {
    "neurons": _neurons,
    "pairs": _pairs,
    "top-k": _top_k,
    "clusters": _clusters,
    "summary": _summary,
    "features": _features,
    "actions": _actions,
    **{kind: _crossing(name) for kind, name in _CROSSINGS.items()},
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
        # Text in quotes: else a carriage return in a name would end its row.
        _each_text(stamped, _defused).to_csv(
            buffer, index=False, quoting=csv.QUOTE_NONNUMERIC, lineterminator="\n"
        )
    else:
        stamped.to_parquet(buffer, index=False)
    return buffer.getvalue()


def _each_text(frame: pd.DataFrame, change: Callable[[str], str]) -> pd.DataFrame:
    """Return a table with its texts changed, those at the head of its columns, too."""
    changed = frame.copy()
    for name in frame:
        if not pd.api.types.is_numeric_dtype(frame[name]):
            changed[name] = frame[name].map(change, na_action="ignore")
    return changed.rename(columns=change)


def _defused(text: str) -> str:
    return re.sub(_CELL + _COMPUTED, "'", text)


def _as_named(text: str) -> str:
    return re.sub(_CELL + "'" + _COMPUTED, "", text)


def read_table(path: str | os.PathLike[str]) -> pd.DataFrame:
    """Return the table in a CSV or Parquet file that dtviz wrote, its names as they were.

    ``pandas.read_csv`` reads it, too, but takes names such as "nan" or "12" for numbers, and those
    that a spreadsheet would compute have an apostrophe before them: "'=1+1".

    Args:
        path: of the file.

    Raises:
        BadArgument: if the path ends in neither .csv nor .parquet.
        FileProblem: if it cannot be read, or is no table.
    """
    kind = _format(path)
    try:
        if kind == ".parquet":
            return pd.read_parquet(path)
        head = pd.read_csv(path, nrows=0)
        found = pd.read_csv(
            path,
            dtype=dict.fromkeys(_TEXTS, "str"),
            keep_default_na=False,
            na_values={str(name): [""] for name in head if name not in _TEXTS},
        )
    except (OSError, ValueError) as error:  # ValueErrors of pandas and of Arrow
        raise FileProblem(
            expected="a table that dtviz wrote",
            got=f"{shortened(str(path))}: {shortened(getattr(error, 'strerror', None) or error)}",
            do="Check the path, or write the table again.",
        ) from error
    return _each_text(found, _as_named)


def _format(path: str | os.PathLike[str]) -> str:
    kind = Path(path).suffix.lower()
    if kind not in FORMATS:
        raise BadArgument(
            expected=f"a file that ends in {' or '.join(FORMATS)}",
            got=shortened(str(path)),
            do="Name the file so.",
        )
    return kind


def save(frame: pd.DataFrame, path: str | os.PathLike[str], model: Model) -> None:
    """Write a table as CSV or Parquet; a file that exists is kept until the new one is complete.

    Raises:
        BadArgument: if the path ends otherwise.
        FileProblem: if it cannot be written.
    """
    kind = _format(path)
    write_whole(path, encoded(frame, kind, model))
