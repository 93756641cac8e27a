"""Whatever is done to a file, it ends in what it holds or in an error of dtviz, soon."""

import gc
import shutil
import time
from collections import Counter
from pathlib import Path

import pytest

from .batch import memory_of
from .mutations import KINDS, Files, forms, mutated
from .opener import Opener, Outcome

# Of each kind.
SHORT, LONG = 40, 10_000
# Files that one child of the reader opens, before another takes its place.
RECYCLED = 500
SECONDS = 10
# By which this process, or a reader that has opened all of its files, may have grown.
MEBIBYTES = 128


@pytest.fixture(scope="module")
def whole(tmp_path_factory) -> dict[str, Files]:
    return forms(tmp_path_factory.mktemp("whole"))


@pytest.fixture
def folder(tmp_path, monkeypatch) -> Path:
    """An empty folder, which one works in: payloads would write there."""
    monkeypatch.chdir(tmp_path)
    return tmp_path


def opened(opener: Opener, folder: Path, kind: str, files: Files, name: str) -> Outcome:
    """Write files, and open one of them."""
    place = folder / "opened"
    for one, data in files.items():
        (place / one).parent.mkdir(parents=True, exist_ok=True)
        (place / one).write_bytes(data)
    outcome = opener.open(kind, place / name)
    there = {str(path.relative_to(place)) for path in place.rglob("*") if path.is_file()}
    if there != set(files) or len(list(folder.iterdir())) > 1:
        outcome = outcome._replace(kind="failed", what=f"written: {there}")
    if outcome.seconds > SECONDS:
        outcome = outcome._replace(kind="failed", what=f"too long: {outcome}")
    shutil.rmtree(place)
    return outcome


def opened_whole(opener: Opener, folder: Path, kind: str, whole: dict[str, Files]) -> float:
    """Open files as they are; return the mebibytes that what reads them has then."""
    for form in dict.fromkeys(KINDS[kind][1]):
        name = next(iter(whole[form])) if len(whole[form]) == 1 else "."
        outcome = opened(opener, folder, kind, whole[form], name)
        assert outcome.kind == "opened", outcome
    gc.collect()
    return opener.account.mebibytes if opener.account else memory_of("self")[0]


@pytest.mark.parametrize("kind", KINDS)
def test_mutated_files(kind, whole, folder, is_long, say):
    opener = Opener(folder)
    outcomes, failed, growth, slowest = [], [], [], (0.0, "")
    opened_whole(opener, folder, kind, whole)
    start, before = time.monotonic(), memory_of("self")[0]
    count = LONG if is_long else SHORT
    for first in range(0, count, RECYCLED):
        reader_before = opened_whole(opener, folder, kind, whole)
        for number in range(first, min(first + RECYCLED, count)):
            case = mutated(whole, kind, number)
            outcome = opened(opener, folder, kind, case.files, case.opened)
            outcomes.append(outcome)
            slowest = max(slowest, (outcome.seconds, f"number {number}: {case.form}, {case.what}"))
            if outcome.kind == "failed":
                failed.append(f"{kind} {number}: {case.form}, {case.what}\n{outcome.what}")
                print(failed[-1], flush=True)  # a long run is watched
        growth.append(opened_whole(opener, folder, kind, whole) - reader_before)
        opener.close()
    came = Counter(outcome.kind for outcome in outcomes)
    after = memory_of("self")[0]
    say(
        f"{count:,} mutated files of {kind}: {came['opened']:,} opened, {came['refused']:,} were "
        f"refused, {came['failed']:,} failed; the slowest took "
        f"{slowest[0]:.2f} s ({slowest[1]}), all "
        f"{time.monotonic() - start:,.0f} s; what read {min(count, RECYCLED)} of them grew by "
        f"{max(growth):.0f} MiB at most, this process from {before:.0f} to {after:.0f} MiB"
    )
    assert not failed, "\n\n".join(failed[:20])
    assert came["opened"] > 0 < came["refused"]
    assert max(growth) < MEBIBYTES
    assert after - before < MEBIBYTES
    assert not opener.strangers
