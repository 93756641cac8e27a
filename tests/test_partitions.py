"""Every layer as Parquet: each column against the whole matrices, on this machine and on Dask."""

import contextlib
import io
import json
import os
import pickle
import signal
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

import dtviz
from dtviz import cli, errors, partitions
from dtviz.checkpoints.partitioned import ABOUT
from dtviz.errors import BadArgument, BadCheckpoint, FileProblem
from dtviz.sources import choices

from .analyses.reference import layer_normed, unit
from .conftest import GATED


@pytest.fixture
def executor():
    with ThreadPoolExecutor(1) as executor:
        yield executor


@pytest.fixture(scope="module")
def written(tmp_path_factory):
    """The demo in blocks of 100 neurons, which do not fill a layer evenly."""
    with pytest.MonkeyPatch.context() as patch, ThreadPoolExecutor(1) as executor:
        patch.setattr(partitions, "BLOCK", 100)
        folder = tmp_path_factory.mktemp("layers") / "demo"
        partitions.write(dtviz.load("demo"), folder, executor)
        yield folder


def everything_in(folder: Path) -> dict[str, bytes]:
    return {
        str(path.relative_to(folder)): path.read_bytes()
        for path in folder.rglob("*")
        if path.is_file()
    }


def table_in(folder: Path) -> pd.DataFrame:
    return pd.read_parquet(folder / "neurons").set_index("name")


def test_each_neuron_has_its_vectors_norms_and_congruences(demo, written):
    table = table_in(written)
    assert list(table.index) == demo.neurons("all").names
    assert list(table["neuron"]) == [*range(256)] * 3
    assert list(table["layer"].astype(int)) == np.repeat(range(3), 256).tolist()
    for side in demo.sides:
        vectors = np.concatenate(demo.weights[side])
        assert np.array_equal(np.stack(table[side]), vectors)
        norms = np.sqrt((vectors.astype(float) ** 2).sum(axis=1))
        assert np.allclose(table[f"norm_{side}"], norms, rtol=1e-6)
    compared = json.loads((written / ABOUT).read_text())
    assert (compared["x"], compared["y"]) == ("left", "right")
    out = layer_normed(np.stack(table["out"]).astype(float))
    actions = dict(zip(demo.unembedding.names, demo.unembedding.vectors, strict=True))
    for column, action in (("x", "left"), ("y", "right")):
        assert np.allclose(table[column], out @ actions[action], atol=1e-4)
    assert np.allclose(table["difference"], table["y"] - table["x"], atol=1e-5)


@pytest.mark.parametrize(
    ("what", "side", "items"), [("writes", "out", "unembedding"), ("reads", "in", "embedding")]
)
def test_each_neuron_has_its_items_at_either_end(demo, written, what, side, items):
    table = table_in(written)
    neurons = np.concatenate(demo.weights[side]).astype(float)
    targets = getattr(demo, items)
    if side == "out":
        whole = layer_normed(neurons) @ targets.vectors.astype(float).T
    else:
        whole = neurons @ layer_normed(targets.vectors.astype(float)).T
    whole = pd.DataFrame(whole, table.index, targets.names)
    for end, sign in (("most", -1), ("least", 1)):
        values = np.stack(table[f"{what}_{end}_value"])
        assert values.shape[1] == min(10, len(targets))
        best = sign * np.sort(sign * whole.to_numpy(), axis=1)[:, : values.shape[1]]
        assert np.allclose(values, best, atol=1e-4)
        for name in table.index[::50]:
            listed = whole.loc[name, list(table.loc[name, f"{what}_{end}"])]
            assert np.allclose(listed, table.loc[name, f"{what}_{end}_value"], atol=1e-4)


def test_neighbours_are_those_of_all_layers(demo, written):
    table = table_in(written)
    cosines = unit(np.concatenate(demo.weights["out"]).astype(float))
    cosines = pd.DataFrame(cosines @ cosines.T, table.index, table.index)
    others = np.abs(cosines.to_numpy()) - 2 * np.eye(len(cosines))
    best = -np.sort(-others, axis=1)[:, :10]
    assert np.allclose(np.abs(np.stack(table["neighbours_cosine"])), best, atol=1e-5)
    for name in table.index[::50]:
        names = list(table.loc[name, "neighbours"])
        assert name not in names
        assert np.allclose(
            cosines.loc[name, names], table.loc[name, "neighbours_cosine"], atol=1e-5
        )


def test_a_small_model_has_fewer_neighbours():
    rows = np.eye(3)[:, :2] + 0.1
    model = dtviz.Model.from_arrays([rows[:2], rows[1:]])
    places, cosines = partitions.neighbours(model, 0, range(2))
    assert places.shape == cosines.shape == (2, 3)
    assert [sorted(row) for row in places.tolist()] == [[1, 2, 3], [0, 2, 3]]
    assert cosines[1, 0] == pytest.approx(1)  # the same row, of the other layer
    assert places[1, 0] == 2


def test_the_folder_opens_like_the_checkpoint(demo, written, tmp_path, capsys):
    model = dtviz.load(written)
    for name in ("name", "processing", "normalization", "epsilon", "sha256", "agent", "notes"):
        assert getattr(model, name) == getattr(demo, name), name
    assert model.sides == demo.sides
    for side in demo.sides:
        for layer in (0, 2, "all"):
            ours, theirs = model.neurons(layer, side), demo.neurons(layer, side)
            assert ours.names == theirs.names
            assert np.array_equal(ours.vectors, theirs.vectors)
    for name in ("unembedding", "embedding", "rtg", "action_embedding", "time_embedding"):
        ours, theirs = getattr(model, name), getattr(demo, name)
        assert (ours is None) == (theirs is None)
        if ours is not None:
            assert (ours.names, ours.label) == (theirs.names, theirs.label)
            assert np.array_equal(ours.vectors, theirs.vectors)
    assert np.array_equal(model.unembedding_bias, demo.unembedding_bias)
    # Its name is one that the app gives to the bundled model.
    assert choices(str(written)) == {str(written): str(written), "demo": "demo"}
    assert choices(str(written.parent)) == {str(written): written, "demo": "demo"}
    out = tmp_path / "pairs.csv"
    assert cli.main(["table", "neurons", str(written), "--out", str(out)]) == 0
    assert list(pd.read_csv(out)["name"]) == demo.neurons(2).names


def test_a_gated_model_opens_again(gated, executor, tmp_path):
    partitions.write(gated, tmp_path / "gated", executor)
    model = dtviz.load(tmp_path / "gated")
    assert model.sides == ("out", "in", "gate")
    assert np.array_equal(model.neurons(0, "gate").vectors, gated.neurons(0, "gate").vectors)


def test_only_the_layer_asked_for_is_read(written, tmp_path):
    copy = tmp_path / "copy"
    for name, data in everything_in(written).items():
        path = copy / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)
    (copy / "neurons" / "layer=1" / "part-00001.parquet").write_bytes(b"damaged")
    model = dtviz.load(copy)
    assert len(model.neurons(2).vectors) == 256
    with pytest.raises(BadCheckpoint, match="layer=1"):
        _ = model.neurons(1).vectors
    (copy / "neurons" / "layer=0" / "part-00002.parquet").unlink()
    with pytest.raises(BadCheckpoint, match="200 rows"):
        _ = model.neurons(0).vectors


@pytest.mark.parametrize(
    "said",
    [
        "[",
        "[]",
        "{}",
        '{"format": "dtviz layers 2"}',
        {"n_layers": "many"},
        {"n_layers": 0},
        {"d_model": 3},
        {"labels": 7},
        {"labels": ["unembedding"]},
        {"n_layers": 10**9},
        {"agent": [1]},
        {"normalization": "sometimes"},
        {"sides": 1},
        {"notes": None},
    ],
)
def test_what_the_folder_says_of_itself_is_checked(written, tmp_path, said):
    copy = tmp_path / "copy"
    for name, data in everything_in(written).items():
        path = copy / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)
    about = copy / ABOUT
    if isinstance(said, dict):
        said = json.dumps(json.loads(about.read_text()) | said)
    about.write_text(said)
    with pytest.raises(errors.DtvizError):
        _ = dtviz.load(copy).neurons(0).vectors


def test_other_processes_write_the_same(written, tmp_path, monkeypatch):
    monkeypatch.setattr(partitions, "BLOCK", 100)
    done = []
    with partitions.workers(None) as executor:
        partitions.write(
            dtviz.load("demo"), tmp_path / "demo", executor, lambda *told: done.append(told)
        )
    assert everything_in(tmp_path / "demo") == everything_in(written)
    assert done == [(i, 9) for i in range(1, 10)]


def test_a_cluster_writes_the_same_though_a_worker_is_killed(written, tmp_path, monkeypatch):
    distributed = pytest.importorskip("distributed")
    monkeypatch.setattr(partitions, "BLOCK", 100)
    killed = []
    with distributed.LocalCluster(
        n_workers=2, threads_per_worker=1, dashboard_address=None
    ) as cluster:
        workers = [nanny.pid for nanny in cluster.workers.values()]

        def kill(done: int, total: int) -> None:
            if done == 1:
                os.kill(workers[0], signal.SIGKILL)
                killed.append((done, total))

        with partitions.workers(cluster.scheduler_address) as executor:
            partitions.write(dtviz.load("demo"), tmp_path / "demo", executor, kill)
        assert workers[0] not in [nanny.pid for nanny in cluster.workers.values()]
    assert killed == [(1, 9)]
    made, expected = everything_in(tmp_path / "demo"), everything_in(written)
    assert made.keys() == expected.keys()
    # Another process may round the last digit of a product differently.
    for name in made:
        if made[name] != expected[name]:
            pd.testing.assert_frame_equal(
                pd.read_parquet(io.BytesIO(made[name])),
                pd.read_parquet(io.BytesIO(expected[name])),
                rtol=1e-5,
                atol=1e-6,
            )


def test_no_cluster_is_told(capsys, tmp_path):
    pytest.importorskip("distributed")
    words = ["table", "layers", "--out", str(tmp_path / "a"), "--dask", "tcp://127.0.0.1:1"]
    assert cli.main(words) == 2
    said = capsys.readouterr().err
    assert said.startswith("dtviz: Expected a Dask scheduler")
    assert said.count("\n") == 1


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["layers", "--layer", "1"], "no --layer"),
        (["neurons", "--dask", "tcp://127.0.0.1:1"], "--dask with the table 'layers'"),
    ],
)
def test_options_that_do_not_fit_are_told(capsys, tmp_path, words, said):
    assert cli.main(["table", *words, "--out", str(tmp_path / "a.csv")]) == 2
    assert said in capsys.readouterr().err
    assert not list(tmp_path.iterdir())


def test_nothing_is_left_of_what_fails(demo, written, executor, tmp_path, monkeypatch):
    folder = tmp_path / "demo"
    partitions.write(demo, folder, executor)
    before = everything_in(folder)

    def fail(done: int, total: int) -> None:
        raise KeyboardInterrupt

    with contextlib.suppress(KeyboardInterrupt):
        partitions.write(demo, folder, executor, fail)
    assert everything_in(folder) == before
    assert [path.name for path in tmp_path.iterdir()] == ["demo"]
    monkeypatch.setattr(partitions, "BLOCK", 100)
    partitions.write(demo, folder, executor)  # one written before is replaced
    assert everything_in(folder) == everything_in(written)


def test_what_is_no_such_folder_stays(demo, executor, tmp_path):
    (tmp_path / "mine.txt").write_text("mine")
    with pytest.raises(BadArgument, match="something else"):
        partitions.write(demo, tmp_path, executor)
    with pytest.raises(FileProblem):
        partitions.write(demo, tmp_path / "missing" / "demo", executor)
    assert [path.name for path in tmp_path.iterdir()] == ["mine.txt"]


def test_a_model_of_arrays_cannot_be_opened_elsewhere(executor, tmp_path):
    model = dtviz.Model.from_arrays(np.eye(3))
    with pytest.raises(BadArgument, match="made of arrays"):
        partitions.write(model, tmp_path / "a", executor)


def test_another_model_on_a_worker_is_told(executor, tmp_path):
    if not GATED.exists():
        pytest.skip("needs ../shared beside the repository")
    path = tmp_path / "model.pt"
    path.write_bytes(GATED.read_bytes())
    model = dtviz.load(path)
    path.write_bytes((Path(dtviz.__file__).parent / "demo" / "demo.pt").read_bytes())
    with pytest.raises(BadCheckpoint, match="the same model on each worker"):
        partitions.write(model, tmp_path / "layers", executor)


def test_an_error_comes_whole_from_another_process():
    error = BadCheckpoint(expected="a", got="b", do="C.")
    again = pickle.loads(pickle.dumps(error))
    assert (type(again), str(again)) == (BadCheckpoint, "Expected a, got b. C.")
