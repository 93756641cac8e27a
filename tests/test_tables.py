import io
import re

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import dtviz
from dtviz import tables
from dtviz.directions import Directions
from dtviz.errors import BadArgument, FileProblem, UnknownName
from dtviz.model import Model
from dtviz.study import Study

from .analyses.reference import agree, layer_normed, unit
from .tabs.models import small

# Each table again, with pandas and float64, from the weights alone.


def rows_of(model, layer, side):
    layers = range(model.n_layers) if layer == "all" else [layer]
    weights = np.concatenate([model.weights[side][i] for i in layers]).astype(float)
    return pd.DataFrame(weights, [f"L{i}N{n}" for i in layers for n in range(model.d_mlp)])


def rows_named(directions):
    return pd.DataFrame(directions.vectors.astype(float), directions.names)


def cosines(a, b):
    return pd.DataFrame(unit(a.to_numpy()) @ unit(b.to_numpy()).T, a.index, b.index)


def norms(frame):
    return np.sqrt((frame**2).sum(axis=1))


def ln(frame):
    return pd.DataFrame(layer_normed(frame.to_numpy()), frame.index)


def long(frame):
    stacked = frame.rename_axis("name").rename_axis("item", axis=1).stack().rename("value")
    ordered = stacked.sort_values(ascending=False).reset_index()
    return ordered.assign(rank=range(1, len(ordered) + 1))


def read(model, layer):
    return rows_of(model, layer, "in") @ ln(rows_named(model.embedding)).T


def moments(frame):
    return pd.DataFrame(
        {
            "mean_abs": frame.abs().mean(axis=1),
            "std": frame.std(axis=1),
            "kurtosis": frame.kurt(axis=1),
        }
    )


def same(found, expected, tolerance=2e-5):
    """The columns of one are those of the other, up to rounding; where values tie, in any order."""
    assert list(found) == list(expected)
    for column in expected:
        if pd.api.types.is_float_dtype(expected[column]):
            agree(found[column].to_numpy(float), expected[column].to_numpy(), tolerance)
        else:
            assert found[column].astype(str).tolist() == expected[column].astype(str).tolist()


@pytest.fixture(scope="module", params=["small", "demo"])
def study(request):
    if request.param == "small":
        return Study(small(), layer="all")
    return Study(request.getfixturevalue("demo"), layer=1)


def test_the_neuron_table(study):
    model, layer = study.model, study.layer
    out = rows_of(model, layer, "out")
    compared = ln(out) @ rows_named(model.unembedding).T
    rtg = rows_named(model.rtg).iloc[0]
    found = tables.table("neurons", study)
    expected = pd.DataFrame(
        {
            "name": out.index,
            "x": compared["left"],
            "y": compared["right"],
            "difference": compared["right"] - compared["left"],
            "norm": norms(out),
            **moments(read(model, layer)),
            "rtg_in": rows_of(model, layer, "in") @ rtg,
            "rtg_out": out @ rtg,
        }
    )
    assert list(found.drop(columns=["leaf", "cluster"])) == list(expected)
    same(found[list(expected)].drop(columns="kurtosis"), expected.drop(columns="kurtosis"))
    agree(found["kurtosis"], expected["kurtosis"], 1e-3)
    assert sorted(found["leaf"]) == list(range(len(out)))
    assert found["cluster"].nunique() == 6


def test_pairs(study):
    out = rows_of(study.model, study.layer, "out")
    every = cosines(out, out).to_numpy()
    first, second = np.triu_indices(len(out), 1)
    cosine = every[first, second]
    kept = np.abs(cosine) > 0.05
    found = tables.table("pairs", study)
    pairs = dict(zip(zip(first[kept], second[kept], strict=True), cosine[kept], strict=True))
    place = {name: row for row, name in enumerate(out.index)}
    listed = list(zip(found["name_1"].map(place), found["name_2"].map(place), strict=True))
    assert abs(len(listed) - len(pairs)) <= 2  # some are at the threshold, up to rounding
    agree(found["cosine"], np.array([every[pair] for pair in listed]))
    assert found["cosine"].abs().is_monotonic_decreasing
    assert len(set(listed)) == len(listed)
    assert all(i < j for i, j in listed)
    agree(found["norm_1"], norms(out)[found["name_1"].astype(str)].to_numpy())
    agree(found["norm_2"], norms(out)[found["name_2"].astype(str)].to_numpy())


def test_top_k(study):
    values = read(study.model, study.layer)
    found = tables.table("top-k", study)
    assert len(found) == len(values) * 20
    assert list(found) == ["name", "end", "rank", "item", "value"]
    for name in (values.index[0], values.index[-1]):
        for end, ascending in (("top", False), ("bottom", True)):
            rows = found[(found["name"] == name) & (found["end"] == end)]
            expected = values.loc[name].sort_values(ascending=ascending).head(10)
            assert rows["rank"].tolist() == list(range(1, 11))
            assert rows["item"].tolist() == expected.index.tolist()
            agree(rows["value"], expected.to_numpy())


def test_clusters(study):
    from scipy.cluster import hierarchy
    from scipy.spatial.distance import squareform

    out = rows_of(study.model, study.layer, "out")
    distances = 1 - cosines(out, out).to_numpy()
    tree = hierarchy.average(squareform(distances, checks=False))
    found = tables.table("clusters", study)
    assert list(found) == ["name", "leaf", "cluster"]
    assert found["name"].tolist() == list(out.index)
    expected = hierarchy.fcluster(tree, 6, "maxclust")
    both = pd.crosstab(found["cluster"].to_numpy(), expected)
    assert ((both > 0).sum() == 1).all()
    assert ((both > 0).sum(axis=1) == 1).all()
    assert found["leaf"].tolist() == np.argsort(hierarchy.leaves_list(tree)).tolist()


def test_the_summary(study):
    model, layer = study.model, study.layer
    spaces = {
        "in": rows_of(model, layer, "in"),
        "out": rows_of(model, layer, "out"),
        "in congruence": read(model, layer),
        "out congruence": ln(rows_of(model, layer, "out")) @ rows_named(model.unembedding).T,
    }
    above = np.triu_indices(len(study.in_view), 1)
    described = pd.DataFrame(
        {
            name: pd.Series(cosines(rows, rows).to_numpy()[above]).abs().describe()
            for name, rows in spaces.items()
        }
    )
    found = tables.table("summary", study)
    same(found, described.rename_axis("statistic").reset_index(), 1e-4)


def test_features(study):
    values = read(study.model, study.layer).T
    found = tables.table("features", study)
    expected = moments(values).assign(norm=norms(rows_named(study.model.embedding)))
    assert list(found) == ["feature", *expected]
    assert found["feature"].tolist() == list(values.index)
    same(found[["mean_abs", "std", "norm"]], expected[["mean_abs", "std", "norm"]])
    known = expected["kurtosis"].notna().to_numpy()  # that of features of length 0 is not
    assert found["kurtosis"].notna().tolist() == known.tolist()
    agree(found["kurtosis"][known], expected["kurtosis"].to_numpy()[known], 1e-3)


def test_actions(study):
    actions = rows_named(study.model.unembedding)
    found = tables.table("actions", study)
    bias = study.model.unembedding_bias
    expected = pd.DataFrame({"name": actions.index, "norm": norms(actions).to_numpy()})
    if bias is not None:
        expected = expected.assign(bias=bias.astype(float))
    for name, column in cosines(actions, actions).items():
        expected[f"cosine with {name}"] = column.to_numpy()
    same(found, expected)


@pytest.mark.parametrize(
    ("kind", "compare"),
    [
        (
            "embedding-unembedding",
            lambda model, layer: rows_named(model.embedding) @ rows_named(model.unembedding).T,
        ),
        (
            "in-unembedding",
            lambda model, layer: cosines(
                rows_of(model, layer, "in"), rows_named(model.unembedding)
            ),
        ),
        (
            "out-embedding",
            lambda model, layer: cosines(rows_of(model, layer, "out"), rows_named(model.embedding)),
        ),
    ],
)
def test_what_is_across_spaces_is_long_and_ranked(study, kind, compare):
    values = compare(study.model, study.layer)
    found, expected = tables.table(kind, study), long(values)
    assert list(found) == ["rank", "name", "item", "value"]
    assert found["rank"].tolist() == expected["rank"].tolist()
    assert found["value"].is_monotonic_decreasing
    agree(found["value"], expected["value"].to_numpy())
    rows = values.index.get_indexer(found["name"].astype(str))
    columns = values.columns.get_indexer(found["item"].astype(str))
    agree(found["value"], values.to_numpy()[rows, columns])
    assert len(set(zip(rows, columns, strict=True))) == values.size


# What is in view, under the options in force.


def test_tables_follow_the_options_in_force():
    model = small()
    study = Study(model, layer=0, side="in", x="forward", clusters=2, k=3, pairs_above=0.5)
    assert tables.table("neurons", study)["name"].tolist() == model.neurons(0, "in").names
    compared = dtviz.congruence(model.neurons(0, "in"), model.unembedding)
    np.testing.assert_allclose(tables.table("neurons", study)["x"], compared["forward"], rtol=1e-5)
    assert set(tables.table("clusters", study)["cluster"]) == {0, 1}
    assert tables.table("top-k", study)["rank"].max() == 3
    assert tables.table("pairs", study)["cosine"].abs().min() > 0.5
    study.clustering.space = "out congruence"
    rows = dtviz.space(model, "out congruence", 0)
    pd.testing.assert_frame_equal(
        tables.table("pairs", study), dtviz.similar_pairs(rows, 0.5), check_names=False
    )


def test_of_more_pairs_than_a_table_holds_it_says_how_many_there_are(monkeypatch):
    study = Study(small(), layer="all", pairs_above=0)
    assert tables.cut("pairs", study) == ""
    every = tables.table("pairs", study)
    monkeypatch.setattr("dtviz.analyses.similarity.MOST_PAIRS", 5)
    study = Study(small(), layer="all", pairs_above=0)
    assert tables.cut("pairs", study) == "5 of 276 pairs: those of greatest |cosine|"
    pd.testing.assert_frame_equal(tables.table("pairs", study), every.head(5))


@pytest.mark.parametrize(
    ("kind", "column"),
    [
        ("top-k", "item"),
        ("features", "feature"),
        ("embedding-unembedding", "name"),
        ("out-embedding", "item"),
    ],
)
def test_tables_of_features_list_those_that_pass(kind, column):
    study = Study(small(), named="key")
    listed = set(tables.table(kind, study)[column].astype(str))
    assert listed == {name for name in study.model.embedding.names if "key" in name}


def test_a_table_that_does_not_exist_is_told_with_those_that_do():
    with pytest.raises(UnknownName, match=r"'neurons'.*'out-embedding'.*got 'moments\?'"):
        tables.table("moments?", Study(small()))


LACKING = {
    "no unembedding": (
        {"actions": []},
        {"neurons", "actions", "embedding-unembedding", "in-unembedding"},
        "unembedding",
    ),
    "no embedding": (
        {"features": []},
        {"top-k", "features", "embedding-unembedding", "out-embedding"},
        "embedding|features",
    ),
    "no side in": ({"sides": ["out"]}, {"top-k", "features", "in-unembedding"}, "side 'in'"),
    "one neuron": ({"n": 1}, {"summary"}, "two neurons"),
    "no return-to-go": ({"rtg": False}, set(), ""),
}


@pytest.mark.parametrize("kind", tables.KINDS)
@pytest.mark.parametrize("lacking", LACKING)
def test_what_a_model_lacks_is_told_and_the_rest_is_listed(lacking, kind):
    options, refused, why = LACKING[lacking]
    study = Study(small(**options))
    if kind not in refused:
        frame = tables.table(kind, study)
        assert len(frame) > 0 or (kind, lacking) == ("pairs", "one neuron")
        return
    with pytest.raises(BadArgument, match=why) as caught:
        tables.table(kind, study)
    assert str(caught.value).startswith("Expected ")


@pytest.mark.parametrize("named", ["nothing", "("])
@pytest.mark.parametrize("kind", ["top-k", "features", "embedding-unembedding", "out-embedding"])
def test_a_filter_that_leaves_nothing_is_told(kind, named):
    with pytest.raises(BadArgument, match=r"filter|regular expression"):
        tables.table(kind, Study(small(), named=named))


@pytest.mark.parametrize("options", [{"features": []}, {"sides": ["out"]}])
def test_what_is_told_reads_as_sentences(options):
    with pytest.raises(BadArgument) as caught:
        tables.table("top-k", Study(small(**options)))
    assert ".." not in str(caught.value)
    assert str(caught.value).count("Expected") == 1


def test_labelled_vectors_alone_have_clusters_and_pairs():
    bare = Study(Model.from_arrays(np.eye(4)))
    assert tables.table("clusters", bare)["name"].tolist() == ["L0N0", "L0N1", "L0N2", "L0N3"]
    assert tables.table("pairs", bare).empty
    assert tables.table("summary", bare)["out"].tolist()[1:] == [0] * 7


# Files.


@pytest.mark.parametrize("kind", tables.KINDS)
@pytest.mark.parametrize("suffix", tables.FORMATS)
def test_a_file_holds_the_table_and_what_it_was_made_from(demo, tmp_path, kind, suffix):
    study = Study(demo, layer=0, norm_above=0.9, k=3, pairs_above=0.15)
    frame = tables.table(kind, study)
    path = tmp_path / f"table{suffix}"
    tables.save(frame, path, demo)
    assert path.read_bytes() == tables.encoded(frame, suffix, demo)
    read = pd.read_csv(path) if suffix == ".csv" else pd.read_parquet(path)
    [source] = read.pop("source").unique()
    assert source == f"{demo.name} · {demo.sha256[:12]} · {demo.processing}"
    assert list(read) == list(frame)
    for column in frame:
        if pd.api.types.is_numeric_dtype(frame[column]):
            np.testing.assert_allclose(read[column], frame[column], rtol=1e-6)
        else:
            assert read[column].astype(str).tolist() == frame[column].astype(str).tolist()


@pytest.mark.parametrize("suffix", tables.FORMATS)
def test_names_of_any_kind_come_back_from_a_file(tmp_path, suffix):
    names = ['say "no"', "a,b", "two\nlines", "<b>", "é\u4e2d", " space "]
    model = Model.from_arrays(
        np.eye(6), unembedding=Directions(np.eye(6), names), name='a "model", so called'
    )
    frame = tables.table("actions", Study(model))
    tables.save(frame, tmp_path / f"table{suffix}", model)
    path = tmp_path / f"table{suffix}"
    read = pd.read_csv(path) if suffix == ".csv" else pd.read_parquet(path)
    assert read["name"].tolist() == names
    assert read["source"].unique().tolist() == ['a "model", so called · arrays · as given']


@pytest.mark.parametrize("suffix", tables.FORMATS)
def test_a_table_without_rows_is_a_file_with_its_columns(suffix):
    frame = tables.table("pairs", Study(small(n=1)))
    content = io.BytesIO(tables.encoded(frame, suffix, small()))
    read = pd.read_csv(content) if suffix == ".csv" else pd.read_parquet(content)
    assert read.empty
    assert list(read) == [*frame, "source"]


COMPUTED = [
    *("=1+1", "@SUM(A1)", "+1", "-1", "\t=1", "\r=1", "\tx", " =1", '"=1', "'=1", "\uff1d1"),
    *("a;=1", "a\t=1", "a\n=1", "a\r@x", ";;=1", "''=1", " '\"=1", "=a;-b"),
]
PLAIN = ["", "'s", "''", "a=1", "a - b", "nan", "None", "12", "\\=1", "\u2212", "\r", "\0"]


def as_spreadsheets_see(content: bytes) -> list[str]:
    """The cells, wherever a spreadsheet may split a row, behind spaces and quotes."""
    return [cell.strip('" ') for cell in re.split("[,;\t\r\n]", content.decode())]


def in_a_table(names):
    """A table with these names in its cells and at the head of its columns."""
    rows = Directions(np.eye(len(names)) - 0.5, names)
    model = Model.from_arrays(np.eye(len(names)), unembedding=rows, name=names[0])
    frame = tables.table("actions", Study(model))
    return frame.rename(columns=lambda name: name.removeprefix("cosine with ")), model


def test_no_name_is_computed_by_a_spreadsheet():
    frame, model = in_a_table(COMPUTED)
    content = tables.encoded(frame.assign(x=-0.5), ".csv", model)
    numbers = re.compile(r"-?[\d.]+(e-?\d+)?")
    seen = [cell for cell in as_spreadsheets_see(content) if not numbers.fullmatch(cell)]
    assert not [cell for cell in seen if re.match("[=+@\uff1d-]", cell)]
    assert b",-0.5," in content  # a number stays one


@settings(max_examples=200)
@given(
    st.lists(
        st.sampled_from([*COMPUTED, *PLAIN])
        | st.text(st.sampled_from("=+-@\t\r\n'\" ;,a\uff1d"), max_size=6)
        | st.text(max_size=6),
        min_size=1,
        max_size=8,
        unique=True,
    )
)
def test_names_come_back_the_same_from_a_csv_file(tmp_path_factory, names):
    names = [name for name in names if not re.search("[\ud800-\udfff]", name)] or ["a"]
    frame, model = in_a_table(names)
    path = tmp_path_factory.mktemp("tables") / "a.csv"
    tables.save(frame, path, model)
    read = dtviz.read_table(path)
    assert read["name"].tolist() == names
    assert read["source"].unique().tolist() == [f"{names[0]} · arrays · as given"]
    assert read["norm"].dtype == float


def test_heads_of_columns_come_back_too(tmp_path):
    frame, model = in_a_table(COMPUTED)
    tables.save(frame, tmp_path / "a.csv", model)
    tables.save(frame, tmp_path / "a.parquet", model)
    for read in (dtviz.read_table(tmp_path / "a.csv"), pd.read_parquet(tmp_path / "a.parquet")):
        assert list(read) == [*frame, "source"]
        assert read["name"].tolist() == COMPUTED


@pytest.mark.parametrize("kind", tables.KINDS)
def test_a_table_is_read_as_it_was_written(demo, tmp_path, kind):
    frame = tables.table(kind, Study(demo, layer=0, norm_above=0.9, k=3, pairs_above=0.15))
    for suffix in tables.FORMATS:
        tables.save(frame, tmp_path / f"a{suffix}", demo)
        read = dtviz.read_table(tmp_path / f"a{suffix}").drop(columns="source")
        for column in frame.select_dtypes("category"):
            read[column] = read[column].astype("category")
        pd.testing.assert_frame_equal(
            read,
            frame.reset_index(drop=True),
            check_dtype=False,
            check_categorical=False,
            rtol=1e-6,
        )


@pytest.mark.parametrize("content", [b"", b"\xff\xfe"])
def test_what_is_no_table_is_not_read(tmp_path, content):
    for suffix in tables.FORMATS:
        (tmp_path / f"a{suffix}").write_bytes(content)
        with pytest.raises(FileProblem, match="a table that dtviz wrote"):
            dtviz.read_table(tmp_path / f"a{suffix}")
    with pytest.raises(FileProblem):
        dtviz.read_table(tmp_path / "missing.csv")
    with pytest.raises(BadArgument, match="ends in"):
        dtviz.read_table(tmp_path / "a.txt")


def test_an_ending_may_be_written_in_capitals(tmp_path):
    model = small()
    tables.save(tables.table("actions", Study(model)), tmp_path / "TABLE.CSV", model)
    assert len(pd.read_csv(tmp_path / "TABLE.CSV")) == 3


def test_a_file_of_another_kind_is_refused(demo, tmp_path):
    with pytest.raises(BadArgument, match="ends in"):
        tables.save(pd.DataFrame(), tmp_path / "table.xlsx", demo)
    with pytest.raises(FileProblem):
        tables.save(pd.DataFrame(), tmp_path / "missing" / "table.csv", demo)
    assert list(tmp_path.iterdir()) == []
