import errno
import os
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

import dtviz
from dtviz import cache, listing, output
from dtviz.analyses.blocks import Blocks
from dtviz.analyses.clustering import ClusterAnalysis, Clustering
from dtviz.analyses.products import gram_root
from dtviz.study import Study

from .analyses.reference import directions
from .tabs.models import small
from .tokens import wordy

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


def test_an_option_that_does_nothing_finds_no_other_tree(monkeypatch):
    monkeypatch.setattr("dtviz.analyses.clustering.MOST_ORDERED", 3)
    cache.clustered(ROWS, Counted(), "abc")
    again = Counted(optimal_order=True, exact_up_to=2_048)
    assert same(cache.clustered(ROWS, again, "abc"), dtviz.cluster(ROWS))
    assert not hasattr(again, "calls")


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
    made = []
    for sha256 in "abc":
        cache.clustered(ROWS, ClusterAnalysis(), sha256)
        made += [path for path in files(folder) if path not in made]
    for age, path in enumerate(made):
        os.utime(path, (age, age))
    cache.clustered(ROWS, ClusterAnalysis(), "a")  # used again
    size = files(folder)[0].stat().st_size
    monkeypatch.setattr(cache, "MOST_BYTES", 3 * size)
    cache.clustered(ROWS, ClusterAnalysis(), "d")
    left = files(folder)
    assert len(left) == 3
    assert set(left) & set(made) == {made[0], made[2]}


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
    assert output.cache_folder() == tmp_path / "cache"
    monkeypatch.setenv("DTVIZ_CACHE", "")
    assert output.cache_folder() is None
    monkeypatch.delenv("DTVIZ_CACHE")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "caches"))
    assert output.cache_folder() == tmp_path / "caches" / "dtviz"
    monkeypatch.delenv("XDG_CACHE_HOME")
    monkeypatch.setenv("HOME", str(tmp_path))
    assert output.cache_folder() == tmp_path / ".cache" / "dtviz"
    monkeypatch.setenv("HOME", str(tmp_path / "missing"))
    assert output.cache_folder() is None


def test_for_a_user_without_a_name_and_a_home_nothing_is_kept(monkeypatch):
    for name in ("DTVIZ_CACHE", "XDG_CACHE_HOME", "HOME"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr("pwd.getpwuid", lambda _: {}["nobody"])
    assert output.cache_folder() is None


def test_a_study_opens_what_another_one_found(folder, monkeypatch):
    model = replace(small(n=30, layers=1), sha256="abc")
    expected = Study(model).clustered
    assert len(files(folder)) == 1
    monkeypatch.setattr(ClusterAnalysis, "__call__", None)
    again = Study(replace(model))
    assert same(again.clustered, expected)
    assert again.similarity.cells == 30


# The greatest cosines in blocks.

UNIT = ROWS.unit().vectors


def computed(monkeypatch, owner, name) -> list[object]:
    """What a function was called with since."""
    calls = []
    before = getattr(owner, name)

    def counted(*given):
        calls.append(given)
        return before(*given)

    monkeypatch.setattr(owner, name, counted)
    return calls


def test_the_greatest_cosines_in_blocks_are_found_once(folder, monkeypatch):
    expected = Blocks(UNIT, 6, "greatest").values
    calls = computed(monkeypatch, Blocks, "within")
    for _ in range(2):
        found = cache.kept(Blocks(UNIT, 6, "greatest"), "abc")
        np.testing.assert_array_equal(found.values, expected)
        assert found.values is found.values
    assert len(calls) == 1
    assert len(files(folder)) == 1
    # A part is made anew, as it is for one page.
    np.testing.assert_array_equal(
        found.within((0, 10), (2, 9)), Blocks(UNIT, 6, "greatest").within((0, 10), (2, 9))
    )


def test_other_blocks_have_files_of_their_own(folder):
    asked = [(UNIT, 6, "abc"), (UNIT, 7, "abc"), (UNIT[::-1], 6, "abc"), (UNIT, 6, "abd")]
    for unit, most, sha256 in asked:
        found = cache.kept(Blocks(unit, most, "greatest"), sha256).values
        np.testing.assert_array_equal(found, Blocks(unit, most, "greatest").values)
    assert len(files(folder)) == len(asked)


@pytest.mark.parametrize(
    ("unit", "value", "sha256"),
    [(UNIT, "mean", "abc"), (UNIT[:9], "greatest", "abc"), (UNIT, "greatest", None)],
)
def test_what_is_made_quickly_is_not_kept(folder, unit, value, sha256):
    assert cache.kept(Blocks(unit, 6, value), sha256).values.shape == (6, 6)
    assert files(folder) == []


def test_a_study_opens_the_blocks_that_another_one_found(monkeypatch):
    monkeypatch.setattr("dtviz.study.MOST_CELLS", 8)
    model = replace(small(n=30, layers=1), sha256="abc")
    expected = Study(model, block_value="greatest").similarity.values
    monkeypatch.setattr(Blocks, "within", None)
    again = Study(replace(model), block_value="greatest").similarity.values
    np.testing.assert_array_equal(again, expected)


# What a survey tells.


@pytest.fixture
def surveyed(folder) -> Study:
    """A study of a model with a vocabulary, surveyed and kept."""
    study = Study(replace(wordy(n=12), sha256="abc"), layer=1)
    study.survey_all()
    return study


def again(study: Study, **options) -> Study:
    """A study of the model when it is opened again."""
    return Study(replace(study.model), layer=1, **options)


def test_a_survey_is_made_once(folder, surveyed, monkeypatch):
    assert [path.name[:7] for path in files(folder)] == ["survey-"]
    calls = computed(monkeypatch, listing, "survey")
    opened = again(surveyed)
    assert opened.is_surveyed
    pd.testing.assert_frame_equal(opened.ranked, surveyed.ranked)
    pd.testing.assert_frame_equal(opened.moments, surveyed.moments)
    pd.testing.assert_frame_equal(opened.feature_moments, surveyed.feature_moments)
    assert "kurtosis" in opened.neurons
    assert opened.listed.columns.dtype == surveyed.listed.columns.dtype
    assert list(opened.survey()) == []
    assert calls == []


@pytest.mark.parametrize(
    "options",
    [
        {"k": 3},
        {"ranked_by": "in congruence"},
        {"ranked_by": "out × embedding"},
        {"layer_norm": False},
        {"norm_above": 1.5},
    ],
    ids=str,
)
def test_another_survey_is_made_anew(folder, surveyed, options):
    opened = again(surveyed, **options)
    assert opened.has_vocabulary
    assert not opened.is_surveyed
    opened.survey_all()
    assert len(files(folder)) == 2
    expected = Study(wordy(n=12), layer=1, **options)
    pd.testing.assert_frame_equal(opened.ranked, expected.ranked)
    pd.testing.assert_frame_equal(again(surveyed, **options).ranked, expected.ranked)


def test_of_another_vocabulary_of_the_same_norms_nothing_is_known(surveyed):
    """A folder of Parquet can claim any hash."""
    model = surveyed.model
    turned = {
        name: replace(items, vectors=-items.vectors)
        for name, items in (("embedding", model.embedding), ("unembedding", model.unembedding))
    }
    claimed = Study(replace(model, sha256="abc", **turned), layer=1)
    assert not claimed.is_surveyed


def test_of_another_model_nothing_is_known(surveyed):
    assert not Study(replace(surveyed.model, sha256="abd"), layer=1).is_surveyed
    assert not Study(replace(surveyed.model), layer=0).is_surveyed
    assert not Study(replace(surveyed.model, sha256=None), layer=1).is_surveyed


def whole(path) -> dict[str, np.ndarray]:
    with np.load(path) as held:
        return dict(held)


@pytest.mark.parametrize(
    "damage",
    [
        lambda path: path.write_bytes(path.read_bytes()[:-500]),
        lambda path: np.savez(path, columns=np.zeros((12, 20), np.int32)),
        lambda path: np.savez(path, **{**whole(path), "columns": np.zeros((12, 20))}),
        lambda path: np.savez(path, **{**whole(path), "columns": np.zeros((12, 6), np.int32)}),
        lambda path: np.savez(
            path, **{**whole(path), "columns": np.full((12, 20), 5_000, np.int32)}
        ),
        lambda path: np.savez(path, **{**whole(path), "values": np.zeros((11, 20), np.float32)}),
        lambda path: np.savez(path, **{**whole(path), "neurons": np.zeros((11, 3))}),
        lambda path: np.savez(path, **{**whole(path), "items": np.zeros((12, 3), np.float32)}),
    ],
)
def test_a_damaged_survey_is_made_anew(folder, surveyed, damage):
    [path] = files(folder)
    damage(path)
    opened = again(surveyed)
    assert not opened.is_surveyed
    opened.survey_all()
    pd.testing.assert_frame_equal(opened.ranked, surveyed.ranked)
    assert again(surveyed).is_surveyed


def test_a_survey_that_a_full_disk_has_no_room_for_is_known_nevertheless(monkeypatch):
    def full(descriptor):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    study = Study(replace(wordy(n=12), sha256="abc"))
    with pytest.warns(UserWarning, match="cannot keep what it found"):
        study.survey_all()
    assert study.is_surveyed


# What stands for a vocabulary.


def roots(folder: Path) -> list[Path]:
    return [path for path in files(folder) if path.name.startswith("root-")]


def test_what_stands_for_a_vocabulary_is_found_once(folder, monkeypatch):
    model = replace(wordy(n=12), sha256="abc")
    expected = Study(model).summary
    assert len(roots(folder)) == 2  # of what is written, and of what is read
    monkeypatch.setattr("dtviz.analyses.spaces.gram_root", None)
    opened = Study(replace(model))
    pd.testing.assert_frame_equal(opened.summary, expected)
    assert opened.rows("in congruence").names == model.neurons(1).names


@pytest.mark.parametrize(
    "root", [np.zeros((7, 8), np.float32), np.zeros((8, 8)), np.full((8, 8), np.nan, np.float32)]
)
def test_a_damaged_root_is_made_anew(folder, root):
    model = replace(wordy(n=12), sha256="abc")
    expected = Study(model).summary
    for path in roots(folder):
        np.savez(path, root=root)
    pd.testing.assert_frame_equal(Study(replace(model)).summary, expected)
    pd.testing.assert_frame_equal(Study(replace(model)).summary, expected)


def test_another_root_has_a_file_of_its_own(folder):
    tokens = wordy().embedding
    turned = replace(tokens, vectors=tokens.vectors * [1, -1, *[1] * (tokens.shape[1] - 2)])
    asked = [(tokens, True), (tokens, False), (tokens.subset(range(4_500)), False), (turned, True)]
    for targets, layer_norm in asked:
        found = cache.condensed(targets, layer_norm=layer_norm, sha256="abc")
        expected = gram_root(targets, layer_norm=layer_norm)
        np.testing.assert_array_equal(found.vectors, expected.vectors)
    assert len(roots(folder)) == 4
    few = tokens.subset(range(9))
    assert cache.condensed(few, layer_norm=False, sha256="abc") is few
    assert len(files(folder)) == 4


# The room that all of them have.


def test_of_other_files_in_the_folder_none_is_deleted(folder, monkeypatch):
    folder.mkdir()
    others = ["notes.txt", "my-clustering-of-2024.npz", "survey-2024.npz", "clustering.npz"]
    for name in others:
        (folder / name).write_bytes(b"x" * 1_000)
    unfinished = folder / f".greatest-{'0' * 39}.x1y2"
    unfinished.write_bytes(b"x" * 1_000)
    os.utime(unfinished, (0, 0))
    monkeypatch.setattr(cache, "MOST_BYTES", 1)
    cache.clustered(ROWS, ClusterAnalysis(), "abc")
    assert [path.name for path in files(folder)] == sorted(others)
