"""Whatever is done to a checkpoint, it ends in a model or in an error of dtviz, soon."""

import shutil
from collections import Counter
from pathlib import Path

import pytest

from .mutations import Files, forms, mutated
from .opener import Opener, Outcome

SHORT, LONG = 200, 10_000
# Checkpoints that one process opens, before another takes its place.
RECYCLED = 500
SECONDS, MEBIBYTES = 10, 256


@pytest.fixture(scope="module")
def whole(tmp_path_factory) -> dict[str, Files]:
    return forms(tmp_path_factory.mktemp("whole"))


def written(files: Files, folder: Path) -> None:
    for name, data in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(data)


def test_mutated_checkpoints(whole, tmp_path, is_long, say):
    opened_first = []
    for form, files in whole.items():
        written(files, tmp_path / form)
        opened_first.append(tmp_path / form / (next(iter(files)) if len(files) == 1 else "."))
    work = tmp_path / "work"
    work.mkdir()
    outcomes: list[tuple[str, str, Outcome]] = []
    opener = None
    try:
        for number in range(LONG if is_long else SHORT):
            if opener is None:
                opener = Opener(opened_first, work)
            case = mutated(whole, number)
            folder = work / "checkpoint"
            written(case.files, folder)
            outcome = opener.open(folder / case.opened, 6 * SECONDS)
            if outcome.seconds > SECONDS or outcome.mebibytes > MEBIBYTES:
                outcome = outcome._replace(kind="failed", what=f"too much: {outcome}")
            outcomes.append((case.form, f"{number}: {case.form}, {case.what}", outcome))
            shutil.rmtree(folder)
            if outcome.kind == "failed" or number % RECYCLED == RECYCLED - 1:
                opener.close()
                opener = None
            if outcome.kind == "failed":
                shutil.rmtree(work)
                work.mkdir()
    finally:
        if opener is not None:
            opener.close()
    kinds = Counter(outcome.kind for _, _, outcome in outcomes)
    slowest = max(outcome.seconds for *_, outcome in outcomes)
    say(
        f"{len(outcomes):,} mutated checkpoints, of which {kinds['opened']:,} opened, "
        f"{kinds['refused']:,} were refused and {kinds['failed']:,} failed; "
        f"the slowest took {slowest:.2f} s; processes grew by "
        f"{max(outcome.mebibytes for *_, outcome in outcomes):.0f} MiB at most",
    )
    for form in whole:
        of_form = Counter(outcome.kind for name, _, outcome in outcomes if name == form)
        say(f"  {form}: {of_form['opened']:,} opened, {of_form['refused']:,} refused")
    failed = [
        f"{what}\n{outcome.what}" for _, what, outcome in outcomes if outcome.kind == "failed"
    ]
    assert not failed, "\n\n".join(failed[:20])
    assert kinds["opened"] > 0 < kinds["refused"]
