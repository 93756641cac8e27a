"""The explorer in a real JupyterLab: shown by a cell, brushed, read and set by the next cells."""

import json
import os
import queue
import re
import subprocess
import sys
import threading
from collections.abc import Callable
from pathlib import Path

import nbformat
import pytest
from playwright.sync_api import Locator, Page, expect

import dtviz
from tests.browser.gestures import PATIENCE

CELLS = [
    "import dtviz\nexplorer = dtviz.Explorer(dtviz.load('demo'))\nexplorer",
    "print(sorted(explorer.selection.names))",
    "explorer.selection.names = ['L2N1', 'L2N132']",
    "explorer.scatter",
]


@pytest.fixture
def lab(tmp_path):
    """A JupyterLab of its own: a function from a notebook's cells to its address."""
    folder = tmp_path / "work"
    folder.mkdir()

    def write(cells: list[str]) -> None:
        notebook = nbformat.v4.new_notebook(
            cells=[nbformat.v4.new_code_cell(cell) for cell in cells],
            metadata={
                "kernelspec": {
                    "name": "python3",
                    "display_name": "Python 3",
                    "language": "python",
                }
            },
        )
        nbformat.write(notebook, folder / "brush.ipynb")

    settings = tmp_path / "settings" / "@jupyterlab" / "apputils-extension"
    settings.mkdir(parents=True)
    quiet = {"fetchNews": "false", "checkForUpdates": False, "doNotDisturbMode": True}
    (settings / "notification.jupyterlab-settings").write_text(json.dumps(quiet))
    places = {
        "JUPYTER_CONFIG_DIR": "config",
        "JUPYTER_DATA_DIR": "data",
        "JUPYTER_RUNTIME_DIR": "runtime",
        "JUPYTERLAB_SETTINGS_DIR": "settings",
        "IPYTHONDIR": "ipython",
    }
    with subprocess.Popen(
        [
            *(sys.executable, "-m", "jupyterlab", "--no-browser", "--allow-root", "--port=0"),
            *("--IdentityProvider.token=token", f"--ServerApp.root_dir={folder}"),
            "--LabApp.extension_manager=readonly",
        ],
        env={
            **os.environ,
            **{name: str(tmp_path / place) for name, place in places.items()},
            "PYTHONPATH": str(Path(__file__).parents[2]),  # cells may import the tests
        },
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    ) as process:
        said: queue.Queue[str] = queue.Queue()
        # Read to the end, else the server waits for its reader.
        reader = threading.Thread(target=lambda: [said.put(line) for line in process.stdout])
        reader.start()
        try:
            while not (port := re.search(r"http://localhost:(\d+)/", said.get(timeout=PATIENCE))):
                pass

            def open_notebook(page: Page, cells: list[str]) -> Callable[[int], Locator]:
                """Open a notebook; returns what runs one of its cells."""
                write(cells)
                page.goto(f"http://localhost:{port[1]}/doc/tree/brush.ipynb?token=token")
                places = page.locator(".jp-CodeCell")
                expect(places).to_have_count(len(cells))
                idle = page.get_by_text("Python 3 (ipykernel) | Idle")
                expect(idle).to_be_visible()

                def run(cell: int) -> Locator:
                    places.nth(cell).locator(".cm-content").click()
                    page.keyboard.press("Shift+Enter")
                    prompt = places.nth(cell).locator(".jp-InputPrompt")
                    expect(prompt).to_have_text(re.compile(r"\[\d+\]"))
                    return places.nth(cell)

                return run

            yield open_notebook
        finally:
            process.terminate()
            reader.join()


def test_brushed_in_one_cell_read_and_set_in_the_next(lab, gestures):
    page = gestures.page
    run = lab(page, CELLS)
    run(0)
    gestures.wait_until_drawn()
    page.locator(".bk-Figure").first.scroll_into_view_if_needed()
    gestures.wait_until_drawn()
    gestures.box("congruence", -3.2, 1.5, -1, 3.5)
    chosen = gestures.selected()
    assert len(chosen) > 5
    expect(run(1).locator(".jp-OutputArea-output")).to_have_text(str(sorted(chosen)))
    run(2)
    gestures.wait_for_selected({"L2N1", "L2N132"})
    assert set(gestures.data("top_k")["name"]) == {"L2N1", "L2N132"}

    # A view of its own, in a cell of its own, shares the selection.
    run(3)
    alone = "Bokeh.documents.findLast((page) => page.get_model_by_name('congruence') != null)"
    page.wait_for_function(
        f"""() => {{
          const page = {alone}
          const {{indices}} = page.get_model_by_name("neurons").selected
          return page !== explorerPage() && indices.length === 2
        }}"""
    )
    page.evaluate(f"() => {{ {alone}.get_model_by_name('neurons').selected.indices = [7, 9] }}")
    gestures.wait_for_selected({"L2N7", "L2N9"})


def test_every_tab_is_shown_by_a_cell_of_its_own(lab, gestures):
    names = {
        "counts": "How often each item",
        "channel_map": "mean of the 2 selected",
        "selected_heatmap": "2 selected",
        "alike": "Cosine with the 2 selected",
        "strips": "kurtosis",
        "distributions": "1 selected",
        "crossings": "embedding × unembedding",
        "vectors": "Norms (blue) and bias (orange)",
    }
    setup = (
        "import dtviz\nexplorer = dtviz.Explorer(dtviz.load('demo'))\n"
        "explorer.selection.names = ['L2N1', 'L2N132']"
    )
    run = lab(gestures.page, [setup, *(f"explorer.{name}" for name in names), "explorer.tables"])
    run(0)
    for cell, text in enumerate(names.values(), start=1):
        run(cell)
        gestures.page.wait_for_function(
            """(text) => Bokeh.documents.some((page) => [...page.all_models].some((model) =>
              model.title?.text?.includes(text) && Bokeh.index.find_one(model) != null &&
              !model.properties.inner_width.is_unset && model.inner_width > 0))""",
            arg=text,
        )
    table = run(len(names) + 1)
    expect(table.locator(".tabulator-row").first).to_be_visible()


# What the scatter of each cell shows: title, axes, points, chance and names.
_SCATTERS = """() => Bokeh.documents
  .map((page) => page.get_model_by_name("congruence"))
  .filter((figure) => figure != null && Bokeh.index.find_one(figure) != null)
  .map((figure) => {
    const data = figure.renderers.filter(({glyph}) => glyph != null).map(
      ({glyph, data_source}) => [glyph.type, data_source.data])
    const of = (type) => data.find(([kind]) => kind === type)[1]
    const {x, y, name} = of("Scatter")
    const corners = [...(of("MultiPolygons").xs[0][0][0])]
    return {
      title: figure.title.text,
      axes: [figure.below[0].axis_label, figure.left[0].axis_label],
      points: [...name].map((name, i) => [name, x[i].toFixed(3), y[i].toFixed(3)].join()),
      chance: Math.max(...corners).toFixed(3),
      named: [...of("Text").name],
    }
  })"""


def test_a_view_in_a_later_cell_shows_what_was_chosen_between(lab, gestures, demo):
    begin = "import dtviz\nexplorer = dtviz.Explorer(dtviz.load('demo'))\nexplorer.scatter"
    together = "explorer.layer = 0\nexplorer.scatter"
    cells = [begin, "explorer.congruence.contrast = True", "explorer.scatter", together]
    run = lab(gestures.page, cells)
    for cell, views in enumerate([1, 1, 2, 3]):
        run(cell)
        expected = dtviz.Explorer(demo, layer=0 if cell == 3 else 2, contrast=cell > 0)
        x, y = expected.axes
        # The cells before show it, too.
        gestures.page.wait_for_function(
            f"([n, title]) => {{ const all = ({_SCATTERS})(); "
            "return all.length === n && all.every((one) => one.title.includes(title)) }",
            arg=[views, f"{y} against {x} · layer {expected.layer}"],
        )
        drawn, neurons = expected.scatter.object[()], expected.neurons
        points = list(zip(neurons["name"], neurons["x"], neurons["y"], strict=True))
        for shown in gestures.page.evaluate(_SCATTERS):
            assert shown["axes"] == [x, y]
            assert shown["points"] == [f"{name},{a:.3f},{b:.3f}" for name, a, b in points]
            assert shown["chance"] == f"{expected.ellipse[:, 0].max():.3f}"
            assert shown["named"] == list(drawn.Labels.I.dimension_values("name"))
