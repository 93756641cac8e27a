import json
import re

import pytest

import dtviz
from dtviz import snapshot
from dtviz.errors import BadArgument, FileProblem, UnknownName

from .tabs.models import small
from .tokens import wordy


@pytest.fixture(scope="module")
def explorer(demo):
    explorer = dtviz.Explorer(demo, layer=1, x="forward", contrast=True, method="ward", k=3)
    explorer.selection.names = ["L1N3", "L0N200"]
    return explorer


@pytest.fixture(scope="module")
def saved(explorer, tmp_path_factory):
    path = tmp_path_factory.mktemp("snapshot") / "a.html"
    explorer.save(path)
    return path


def test_it_says_what_was_in_view(explorer, saved):
    about = snapshot.read(saved)
    assert about["model"] == explorer.model.name
    assert about["sha256"] == explorer.model.sha256
    assert about["selected"] == ["L0N200", "L1N3"]
    assert about["dtviz"] == dtviz.__version__
    assert 'data-label="layer 1, out"' in saved.read_text()
    again = dtviz.Explorer(explorer.model, **about["options"])
    assert again.options == explorer.options
    assert again.options["k"] == 3


def test_it_is_small_and_names_no_other_place(saved):
    page = saved.read_text()
    assert len(page.encode()) < 5e6
    # What Bokeh's own scripts could fetch, the page's policy forbids.
    assert "default-src 'none'" in page
    assert "script-src &#39;sha256-" in page
    assert "unsafe-inline" not in page[: page.index("style-src")]
    own = page[: page.index("<script>")]
    assert "http" not in own.replace("http-equiv", "")


@pytest.mark.parametrize(
    ("layers", "labels"),
    [
        ([1, 0], ["layer 1, in", "layer 0, in"]),
        ("all", ["layer 0, in", "layer 1, in"]),
        (["all"], ["all layers, in"]),
    ],
)
def test_the_layers_in_it_and_the_explorer_itself_stays_as_it_was(tmp_path, layers, labels):
    explorer = dtviz.Explorer(small(), side="in", k=2)
    explorer.selection.names = ["L1N3", "L0N2"]
    before = explorer.options
    explorer.save(tmp_path / "a.html", layers=layers)
    page = (tmp_path / "a.html").read_text()
    assert page.count('class="board"') == len(labels)
    assert all(f'data-label="{label}"' in page for label in labels)
    assert explorer.options == before
    assert explorer.selection.names == ["L0N2", "L1N3"]
    assert not explorer._hub._models


def test_a_layer_that_does_not_exist_leaves_the_old_file(explorer, tmp_path):
    (tmp_path / "a.html").write_text("old")
    with pytest.raises(UnknownName):
        explorer.save(tmp_path / "a.html", layers=[7])
    assert (tmp_path / "a.html").read_text() == "old"


def test_what_is_no_snapshot_is_refused(tmp_path):
    with pytest.raises(FileProblem, match="can be read"):
        snapshot.read(tmp_path / "missing.html")
    with pytest.raises(FileProblem, match="can be read"):
        snapshot.read("a\0b.html")
    start = '<script type="application/json" id="about">'
    for text in (
        "",
        "<p>a page</p>",
        f"{start}{{</script>",
        f"{start}[]</script>",
        f"{start}{{}}</script>",
        start + "[" * 100_000 + "</script>",
        start + json.dumps({"options": 1}) + "</script>",
    ):
        (tmp_path / "a.html").write_text(text)
        with pytest.raises(FileProblem, match="HTML file that dtviz wrote"):
            snapshot.read(tmp_path / "a.html")


@pytest.mark.parametrize("layers", [[], 1])
def test_layers_that_are_none_are_told(explorer, tmp_path, layers):
    with pytest.raises(BadArgument, match="layers"):
        explorer.save(tmp_path / "a.html", layers=layers)


def test_it_has_the_names_of_all_neurons_and_the_sets(tmp_path):
    explorer = dtviz.Explorer(small(), layer=0)
    explorer.sets.save("</script><b>", ["L0N3", "L1N2"], note="seen & noted")
    explorer.save(tmp_path / "a.html", layers="all")
    about = snapshot.read(tmp_path / "a.html")
    assert about["names"] == explorer.model.neurons("all").names
    again = dtviz.Explorer(explorer.model)
    assert again.sets.read(about["sets"].encode(), explorer.model) == ""
    assert again.sets.items == explorer.sets.items
    page = (tmp_path / "a.html").read_text()
    boards = re.findall(r'<script[^>]*class="board"[^>]*>(.*?)</script>', page, re.DOTALL)
    assert len(boards) == 2
    for board in boards:
        # Shown in each layer, before anything is clicked.
        assert "seen & noted" in json.dumps(json.loads(board), ensure_ascii=False)


def test_its_selection_may_be_of_layers_that_are_not_in_it(tmp_path):
    explorer = dtviz.Explorer(small(), layer=1)
    explorer.selection.names = ["L0N3", "L1N2"]
    explorer.save(tmp_path / "a.html")
    about = snapshot.read(tmp_path / "a.html")
    assert about["selected"] == ["L0N3", "L1N2"]
    assert set(about["selected"]) <= set(about["names"])


def listed(path):
    """What a snapshot says of how many neurons it lists items for."""
    return re.search(r"10 items at either end[^<]*", path.read_text())[0]


def test_of_a_vocabulary_it_lists_the_selected_or_all_if_they_are_known(tmp_path):
    explorer = dtviz.Explorer(wordy(), layer=1, x=["he", " him"])
    explorer.selection.names = ["L1N3", "L1N5", "L0N2"]
    path = tmp_path / "a.html"
    explorer.save(path)
    assert listed(path).endswith("of the 2 of 24 that were selected")
    assert snapshot.read(path)["options"]["x"] == "he,␣him"
    again = dtviz.Explorer(explorer.model, **snapshot.read(path)["options"])
    assert again.options == explorer.options
    few = path.stat().st_size
    explorer.survey_all()
    explorer.save(path)
    assert listed(path).endswith("for at most 12 selected neurons")
    # All neurons' items, and not those 5,000 tokens whatever they are.
    assert 0 < path.stat().st_size - few < 100_000
