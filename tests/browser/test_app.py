"""The app as a user meets it: served by a command, with other checkpoints to open."""

import shutil
import subprocess
import sys
from pathlib import Path

import pandas as pd
import pytest

import dtviz
from dtviz import snapshot
from dtviz.app import App
from tests.conftest import GATED

APP = Path(__file__).parents[2] / "apps" / "explore.py"


@pytest.fixture(params=["dtviz explore", "panel serve"])
def command(request, gated_path):
    """A server in a process of its own; its address, and the process."""
    if request.param == "dtviz explore":
        words = ["dtviz.cli", "explore", str(gated_path), "--port", "0", "--no-browser"]
    else:
        words = ["panel", "serve", str(APP), "--port", "0", "--args", str(gated_path)]
    with subprocess.Popen(
        [sys.executable, "-m", *words],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    ) as process:
        for line in process.stdout:
            if "http://" in line:
                address = "http://" + line.split("http://")[1].split()[0]
                break
        else:
            pytest.fail("the server ended before it listened")
        yield address, process
        process.kill()


def test_brushing_goes_on_when_the_server_is_gone(gestures, command, gated):
    address, process = command
    gestures.open(address if address.endswith("/explore") else f"{address}/explore")
    process.kill()
    process.wait()
    x0, y0, x1, y1 = gestures.box("congruence", 2, -5, 6, -1)
    data = gestures.data("neurons")
    expected = {
        name
        for name, x, y in zip(data["name"], data["x"], data["y"], strict=True)
        if x0 <= x <= x1 and y0 <= y <= y1
    }
    assert expected
    gestures.wait_for_selected(expected)
    leaves = {
        leaf for name, leaf in zip(data["name"], data["leaf"], strict=True) if name in expected
    }
    assert gestures.lit() == (leaves, leaves)
    assert set(gestures.data("top_k")["name"]) == expected
    gestures.box("similarity", 20.5, 20.5, 29.5, 29.5)
    block = {name for name, leaf in zip(data["name"], data["leaf"], strict=True) if 20 <= leaf < 30}
    gestures.wait_for_selected(block)
    assert set(gestures.data("top_k")["name"]) == block
    gestures.errors.clear()  # of the connection that was lost


def test_another_checkpoint_is_picked_from_the_folder(gestures, serve, gated_path, tmp_path):
    shutil.copy(gated_path, tmp_path / "a.pt")
    (tmp_path / "b.pt").write_bytes(b"not a checkpoint")
    app = App(str(tmp_path))
    gestures.open(serve(app))
    gestures.choose("Model", "demo")
    gestures.expect_text("memory DT (demo)")
    gestures.choose("Layer", "2")
    gestures.page.wait_for_function(f"{gestures.HUB}.data.name[0] === 'L2N0'")
    gestures.choose("Model", "b.pt")
    gestures.expect_text("Expected")
    assert app.explorer.model.name == "memory DT (demo)"
    gestures.box("difference", 0, -0.1, 12, 1.1)
    assert gestures.selected()


def test_a_checkpoint_is_uploaded_and_a_bad_one_refused(gestures, serve, gated_path, tmp_path):
    app = App("demo")
    gestures.open(serve(app))
    bad = tmp_path / "<b>bad.pt"
    bad.write_bytes(b"<script>alert(1)</script>")
    upload = gestures.page.locator("input[type=file][accept*='.pt']")
    upload.set_input_files(bad)
    gestures.expect_text("Expected")
    gestures.expect_text("Uploaded")  # until then, another upload is not heeded
    assert app.explorer.model.name == "memory DT (demo)"
    upload.set_input_files(gated_path)
    gestures.page.wait_for_function(f"{gestures.HUB}.data.name[0] === 'L1N0'")
    gestures.expect_text(GATED.stem)
    assert app.problem == ""


@pytest.mark.parametrize(
    ("choice", "name"),
    [
        ("linked page (HTML)", "snapshot.html"),
        ("neuron table (csv)", "neurons.csv"),
        ("top items of the selected (parquet)", "top-k.parquet"),
    ],
)
def test_what_is_in_view_can_be_taken_away(gestures, serve, demo, choice, name):
    explorer = dtviz.Explorer(demo)
    explorer.selection.names = ["L2N1", "L2N132"]
    gestures.open(serve(explorer))
    if name != "snapshot.html":
        gestures.choose("Take away", choice)
    path = gestures.download(gestures.page.get_by_text(f"Download {name}").click)
    assert path.name == name
    if name == "snapshot.html":
        assert snapshot.read(path)["selected"] == ["L2N1", "L2N132"]
    elif name == "neurons.csv":
        table = pd.read_csv(path)
        assert table.loc[table["selected"], "name"].tolist() == ["L2N1", "L2N132"]
        assert len(table) == 256
    else:
        assert set(pd.read_parquet(path)["name"]) == {"L2N1", "L2N132"}


def test_each_file_bears_its_own_name_however_many_are_taken_away(gestures, serve, demo):
    gestures.open(serve(dtviz.Explorer(demo)))
    files = {
        "linked page (HTML)": ("snapshot.html", b"<!DOCTYPE html>"),
        "neuron table (csv)": ("neurons.csv", b'"name",'),
        "top items of the selected (parquet)": ("top-k.parquet", b"PAR1"),
    }
    for choice in [*files, "neuron table (csv)", "linked page (HTML)"]:
        name, start = files[choice]
        gestures.choose("Take away", choice)
        for _ in range(2):  # the same again, too
            path = gestures.download(gestures.page.get_by_text(f"Download {name}").click)
            assert path.name == name
            assert path.read_bytes().startswith(start)
