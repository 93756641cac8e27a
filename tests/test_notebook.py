"""The notebook in apps: stored executed, executed afresh here."""

import io
import re
from pathlib import Path

import nbclient
import nbformat
import numpy as np
import pandas as pd
import pytest

from dtviz import cli

NOTEBOOK = Path(__file__).parents[1] / "apps" / "explore.ipynb"
NUMBER = re.compile(r"-?\d+\.\d+")


def results(notebook):
    """What each code cell shows as its result, as text."""
    return [
        output["data"]["text/plain"]
        for cell in notebook["cells"]
        if cell["cell_type"] == "code"
        for output in cell["outputs"]
        if output["output_type"] == "execute_result"
    ]


@pytest.fixture(scope="module")
def stored():
    return nbformat.read(NOTEBOOK, as_version=4)


@pytest.fixture(scope="module")
def fresh():
    notebook = nbformat.read(NOTEBOOK, as_version=4)
    client = nbclient.NotebookClient(notebook, timeout=300, kernel_name="python3")
    return client.execute(cwd=str(NOTEBOOK.parent))


def test_it_says_the_same_when_it_is_executed_afresh(stored, fresh):
    cells = [cell for cell in stored["cells"] if cell["cell_type"] == "code"]
    assert len(results(stored)) == len(cells)
    for old, new in zip(results(stored), results(fresh), strict=True):
        # Another processor may round a last digit, and so its sign, otherwise.
        numbers = [[float(number) for number in NUMBER.findall(text)] for text in (old, new)]
        np.testing.assert_allclose(*numbers, atol=0.101)
        assert NUMBER.sub("", old).split() == NUMBER.sub("", new).split()


def test_the_explorer_shows_itself(fresh):
    [cell] = [cell for cell in fresh["cells"] if cell["source"].endswith("\nexplorer")]
    [shown] = [o for o in cell["outputs"] if o["output_type"] == "execute_result"]
    assert "application/vnd.holoviews_exec.v0+json" in shown["data"]


def test_its_numbers_are_those_of_the_command_line(fresh, tmp_path):
    assert cli.main(["table", "neurons", "--layer", "2", "--out", str(tmp_path / "n.csv")]) == 0
    table = pd.read_csv(tmp_path / "n.csv", index_col="name")
    shown = pd.read_csv(io.StringIO(results(fresh)[-1]), sep=r"\s+")
    assert len(shown) == 6
    np.testing.assert_array_equal(shown, table.loc[shown.index, list(shown)].round(3))
    assert cli.main(["table", "top-k", "--layer", "2", "--out", str(tmp_path / "k.csv")]) == 0
    ranked = pd.read_csv(tmp_path / "k.csv")
    first = ranked[(ranked["end"] == "top") & (ranked["rank"] == 1)].set_index("name")["item"]
    [driven] = [text for text in results(fresh) if text.startswith("name ")]
    names = re.findall(r"L2N\d+", driven)
    assert names == shown.sort_values("difference", ascending=False).index.tolist()
    # pandas breaks a wide table into parts, each with its first line.
    line = " ".join(re.findall(r"^1 +(.*)$", driven, flags=re.MULTILINE))
    assert re.findall(r"\w+, \(\d,\d\)", line) == first[names].tolist()


def test_it_is_small_and_tells_nothing_of_the_machine_it_ran_on():
    text = NOTEBOOK.read_text(encoding="utf-8")
    assert len(text) < 300_000
    assert not re.search(r"/(home|root|work|tmp|Users)/", text)
