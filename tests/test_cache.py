import errno
import os
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

import dtviz
from dtviz import cache
from dtviz.analyses.clustering import ClusterAnalysis, Clustering
from dtviz.study import Study

from .analyses.reference import directions
from .tabs.models import small

ROWS = directions(np.random.default_rng(0).normal(size=(40, 5)))


@pytest.fixture(autouse=True)
def folder(tmp_path, monkeypatch) -> Path:
    """An empty cache, for trees of few rows, too."""
    monkeypatch.setenv("DTVIZ_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr(cache, "LEAST_ROWS", 10)
    return tmp_path / "cache"


class Counted(ClusterAnalysis):
    """An analysis that counts how often it is asked."""

    def __call__(self, rows):
        self.calls = getattr(self, "calls", 0) + 1
        return super().__call__(rows)


def files(folder: Path) -> list[Path]:
    return sorted(folder.iterdir()) if folder.exists() else []


def same(a: Clustering, b: Clustering) -> bool:
    return a.names == b.names and np.array_equal(a.linkage, b.linkage) and a.groups == b.groups


def test_a_tree_is_found_once(folder):
    first, second = Counted(), Counted()
    found = cache.clustered(ROWS, first, "abc")
    again = cache.clustered(ROWS, second, "abc")
    assert same(found, again)
    assert same(again, dtviz.cluster(ROWS))
    assert first.calls == 1
    assert not hasattr(second, "calls")
    assert len(files(folder)) == 1


def test_an_approximate_tree_stays_one():
    rows = directions(np.random.default_rng(0).normal(size=(1_100, 3)))
    analysis = Counted(exact_up_to=1_024)
    found, again = (cache.clustered(rows, analysis, "abc") for _ in range(2))
    assert same(found, again)
    assert again.groups is not None
    assert analysis.calls == 1


def test_other_rows_options_and_models_have_trees_of_their_own(folder):
    asked = [
        (ROWS, {}, "abc"),
        (ROWS, {"method": "single"}, "abc"),
        (ROWS, {"distance": "absolute"}, "abc"),
        (ROWS, {"optimal_order": True}, "abc"),
        (ROWS, {}, "abd"),
        (ROWS.subset(range(39)), {}, "abc"),
    ]
    for rows, options, sha256 in asked:
        analysis = ClusterAnalysis(**options)
        assert same(cache.clustered(rows, analysis, sha256), analysis(rows))
    assert len(files(folder)) == len(asked)
    # What has no part in it: into how many clusters the tree is cut.
    cache.clustered(ROWS, ClusterAnalysis(clusters=3), "abc")
    assert len(files(folder)) == len(asked)


@pytest.mark.parametrize("rows", [ROWS.subset(range(9)), ROWS])
def test_small_trees_and_models_without_a_file_are_not_kept(folder, rows):
    cache.clustered(rows, ClusterAnalysis(), "abc" if len(rows) < 10 else None)
    assert files(folder) == []


@pytest.mark.parametrize(
    "damage",
    [
        lambda path, good: path.write_bytes(b""),
        lambda path, good: path.write_bytes(b"no archive at all"),
        lambda path, good: path.write_bytes(good[: len(good) // 2]),
        lambda path, good: path.write_bytes(good[:100] + b"\xff" * 400 + good[500:]),
        lambda path, good: np.savez(path, linkage=np.zeros((39, 4))),
        lambda path, good: np.savez(path, linkage=np.zeros((39, 4)), groups=0),
        lambda path, good: np.savez(path, linkage=np.full((39, 4), np.nan), groups=0),
        lambda path, good: np.savez(path, linkage=np.zeros((3, 4)), groups=0),
        lambda path, good: np.savez(path, linkage=np.array([{}], dtype=object), groups=0),
        lambda path, good: np.savez(path, linkage=np.zeros((39, 4), np.float32), groups=0),
    ],
)
def test_a_damaged_file_is_made_anew(folder, damage):
    expected = cache.clustered(ROWS, ClusterAnalysis(), "abc")
    [path] = files(folder)
    good = path.read_bytes()
    damage(path, good)
    analysis = Counted()
    assert same(cache.clustered(ROWS, analysis, "abc"), expected)
    assert analysis.calls == 1
    assert same(cache.clustered(ROWS, analysis, "abc"), expected)
    assert analysis.calls == 1


def test_the_files_that_were_not_used_for_longest_go_first(folder, monkeypatch):
    for sha256 in "abc":
        cache.clustered(ROWS, ClusterAnalysis(), sha256)
    by_age = {sha256: cache._key(ROWS, ClusterAnalysis(), sha256) for sha256 in "abc"}
    for age, sha256 in enumerate("abc"):
        os.utime(folder / f"clustering-{by_age[sha256]}.npz", (age, age))
    cache.clustered(ROWS, ClusterAnalysis(), "a")  # used again
    size = files(folder)[0].stat().st_size
    monkeypatch.setattr(cache, "MOST_BYTES", 3 * size)
    cache.clustered(ROWS, ClusterAnalysis(), "d")
    left = {path.name.removeprefix("clustering-").removesuffix(".npz") for path in files(folder)}
    assert left == {by_age["a"], by_age["c"], cache._key(ROWS, ClusterAnalysis(), "d")}


def test_a_full_disk_is_warned_of_and_no_more(folder, monkeypatch):
    def full(descriptor):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.warns(UserWarning, match="cannot keep what it found in .*: set DTVIZ_CACHE"):
        found = cache.clustered(ROWS, ClusterAnalysis(), "abc")
    assert same(found, dtviz.cluster(ROWS))
    assert files(folder) == []


def test_a_folder_that_cannot_be_made_is_warned_of(tmp_path, monkeypatch):
    (tmp_path / "file").touch()
    monkeypatch.setenv("DTVIZ_CACHE", str(tmp_path / "file" / "cache"))
    with pytest.warns(UserWarning, match="cannot keep"):
        assert same(cache.clustered(ROWS, ClusterAnalysis(), "abc"), dtviz.cluster(ROWS))


def test_several_at_once_do_not_disturb_each_other(folder):
    def find(_: int) -> Clustering:
        return cache.clustered(ROWS, ClusterAnalysis(), "abc")

    with ThreadPoolExecutor(8) as pool:
        found = list(pool.map(find, range(40)))
    assert all(same(one, dtviz.cluster(ROWS)) for one in found)
    assert len(files(folder)) == 1


def test_where_it_is(monkeypatch, tmp_path):
    assert cache.folder() == tmp_path / "cache"
    monkeypatch.setenv("DTVIZ_CACHE", "")
    assert cache.folder() is None
    monkeypatch.delenv("DTVIZ_CACHE")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "caches"))
    assert cache.folder() == tmp_path / "caches" / "dtviz"
    monkeypatch.delenv("XDG_CACHE_HOME")
    monkeypatch.setenv("HOME", str(tmp_path))
    assert cache.folder() == tmp_path / ".cache" / "dtviz"


def test_a_study_opens_what_another_one_found(folder, monkeypatch):
    model = replace(small(n=30, layers=1), sha256="abc")
    expected = Study(model).clustered
    assert len(files(folder)) == 1
    monkeypatch.setattr(ClusterAnalysis, "__call__", None)
    again = Study(model)
    assert same(again.clustered, expected)
    assert again.similarity.cells == 30
