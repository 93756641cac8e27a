import numpy as np
import pandas as pd
import pytest

import dtviz
from dtviz import tables
from dtviz.errors import BadArgument, FileProblem, UnknownName


def test_the_neuron_table_is_the_explorers(demo):
    pd.testing.assert_frame_equal(tables.table("neurons", demo), dtviz.Explorer(demo).neurons)
    every = tables.table("neurons", demo, "all")
    assert every["name"].tolist() == demo.neurons("all").names


def test_the_other_tables_are_those_of_the_functions(demo):
    neurons = demo.neurons(0)
    pd.testing.assert_frame_equal(tables.table("pairs", demo, 0), dtviz.similar_pairs(neurons))
    reading = dtviz.congruence(demo.neurons(0, "in"), demo.embedding.layer_normed())
    pd.testing.assert_frame_equal(tables.table("top-k", demo, 0), dtviz.top_k(reading))
    clustering = dtviz.cluster(neurons)
    clusters = tables.table("clusters", demo, 0)
    assert clusters["name"].iloc[clustering.order].tolist() == (
        clusters.sort_values("leaf")["name"].tolist()
    )
    np.testing.assert_array_equal(clusters["cluster"], clustering.cut(10))


def test_a_table_or_layer_that_does_not_exist(demo):
    with pytest.raises(UnknownName, match="neurons"):
        tables.table("moments?", demo)
    with pytest.raises(UnknownName, match="from 0 to 2"):
        tables.table("pairs", demo, 3)


def test_what_the_model_lacks_is_told():
    bare = dtviz.Model.from_arrays(np.eye(4))
    assert len(tables.table("clusters", bare)) == 4
    with pytest.raises(BadArgument, match="unembedding"):
        tables.table("neurons", bare)
    with pytest.raises(BadArgument, match="embedding"):
        tables.table("top-k", bare)


@pytest.mark.parametrize("kind", tables.KINDS)
@pytest.mark.parametrize("suffix", tables.FORMATS)
def test_a_file_holds_the_table_and_what_it_was_made_from(demo, tmp_path, kind, suffix):
    frame = tables.table(kind, demo)
    path = tmp_path / f"table{suffix}"
    tables.save(frame, path, demo)
    read = pd.read_csv(path) if suffix == ".csv" else pd.read_parquet(path)
    [source] = read.pop("source").unique()
    assert source == f"{demo.name} · {demo.sha256[:12]} · {demo.processing}"
    assert list(read) == list(frame)
    for column in frame:
        if pd.api.types.is_numeric_dtype(frame[column]):
            np.testing.assert_allclose(read[column], frame[column], rtol=1e-6)
        else:
            assert read[column].astype(str).tolist() == frame[column].astype(str).tolist()


def test_a_file_of_another_kind_is_refused(demo, tmp_path):
    with pytest.raises(BadArgument, match="ends in"):
        tables.save(pd.DataFrame(), tmp_path / "table.xlsx", demo)
    with pytest.raises(FileProblem):
        tables.save(pd.DataFrame(), tmp_path / "missing" / "table.csv", demo)
