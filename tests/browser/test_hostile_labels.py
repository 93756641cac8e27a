"""Names come from files that nobody vouches for: they are shown as text, and none of them runs."""

import re
import threading
from itertools import cycle
from urllib.parse import quote

import pytest
from playwright.sync_api import expect

from dtviz.app import App
from dtviz.demo import CHECKPOINT
from dtviz.explorer import Explorer
from tests.browser import hostile
from tests.browser.gestures import FIGURES
from tests.browser.hostile import FILES, Watch
from tests.browser.test_notebook import lab

__all__ = ["lab"]
ACTIONS = hostile.names("action")
CHOSEN = ["L0N3", "L1N1", "L1N5"]
# Of a tab, the option that shows other names by each of its choices.
CHOICES = {"Tables": "kind", "Unembedding": "which", "Across spaces": "crossing"}
UPLOAD = "input[type=file][accept*='.pt']"

# Of a tab, the figures that tell of what is under the pointer.
TELLING = {"Counts": 1, "Channel map": 1, "Selected": 1, "Moments": 3}
TELLING |= {"Distributions": 2, "Across spaces": 2, "Unembedding": 2, "Against the rest": 1}

# Where, of some figures in sight, there is something to tell of: once so many rest in their places.
_PLACES = """([others, n]) => {
  const places = [...explorerPage().all_models].flatMap((figure) => {
    const view = figure.type === "Figure" ? Bokeh.index.find_one(figure) : null
    const hover = figure.toolbar?.tools.find(({type}) => type === "HoverTool")
    if (view == null || hover == null || others.includes(figure.name) ||
        !view.el.checkVisibility({visibilityProperty: true})) {
      return []
    }
    const {left, top} = view.canvas_view.el.getBoundingClientRect()
    const {bbox} = view.frame
    const middles = (glyph) => glyph.model.type === "Image" ? [[bbox.hcenter, bbox.vcenter]]
      : [...Array(glyph.data_size ?? 0).keys()].map((i) => glyph.scenterxy(i, NaN, NaN))
    return hover.renderers.flatMap((one) => view.renderer_views.get(one)?.glyph ?? [])
      .flatMap(middles).filter(([x, y]) => bbox.contains(x, y))
      .map(([x, y]) => [left + x, top + y]).filter(([, y]) => y < innerHeight - 10).slice(0, 1)
  })
  const seen = JSON.stringify(places)
  window.steady = seen === window.seen ? window.steady + 1 : 0
  window.seen = seen
  return places.length === n && window.steady >= 10 ? places : null
}"""


@pytest.fixture
def watch(gestures):
    """Sees a name run, or become an element, from before the page is opened until its end."""
    watch = Watch(gestures.page)
    yield watch
    watch.assert_nothing()


def titled(gestures, x, y):
    """Wait until the scatter is titled by what it compares."""
    gestures.page.wait_for_function(
        """(text) => explorerPage().get_model_by_name("congruence")
          .title.text.replaceAll("\u2060", "").startsWith(text)""",
        arg=f"{y} against {x}",
    )


def tooltip(gestures):
    return gestures.page.locator(".bk-tooltip-content").filter(visible=True).first


def assert_told(gestures, explorer, x, y):
    """The axes are called as they are where the pointer rests on a neuron."""
    place = explorer.neurons.loc["L1N5"]
    gestures.hover("congruence", place["x"], place["y"])
    for expected in ("L1N5", x, y, f"{place['x']:.3f}", f"{place['y']:.3f}"):
        expect(tooltip(gestures)).to_contain_text(expected)


def hover(gestures, n, *others):
    """Let the pointer rest on the n figures in sight, but for some: each tells of something."""
    places = gestures.page.wait_for_function(_PLACES, arg=[others, n]).json_value()
    for place in places:
        gestures.page.mouse.move(*place)
        expect(tooltip(gestures)).to_be_visible()


def settle(gestures, explorer):
    """Wait until all that Python has said is in the page."""
    mode = "add" if explorer.selection.mode == "replace" else "replace"
    explorer.selection.mode = mode
    expect(gestures.bar(f"[data-mode={mode}]")).to_have_attribute("aria-pressed", "true")
    gestures.wait_until_drawn()


def draw_anew(gestures):
    """Let Bokeh draw what scripts have written, as when style sheets change."""
    gestures.page.evaluate(
        """() => [...explorerPage().all_models].filter(({type}) => type === "Div")
          .forEach((one) => Bokeh.index.find_one(one)?.rerender())"""
    )


def offered(gestures, label):
    """What a list of choices offers."""
    page = gestures.page
    page.get_by_role("combobox", name=re.compile(f"^{label} ")).click()
    page.get_by_role("menuitem").first.wait_for()
    texts = [
        text.replace("\u2060", "") for text in page.get_by_role("menuitem").all_text_contents()
    ]
    page.get_by_role("menuitem").first.click()
    expect(page.locator(".MuiBackdrop-root")).to_have_count(0)
    return [text.replace("\u2060", "") for text in texts]


def compare(gestures, x, y):
    """Choose what the axes are, as a user does: Python changes a page in its own session."""
    for label, name in (("Across", x), ("Up", y)):
        gestures.choose(label, name.replace(":material/", ":material\u2060/"))


def select(gestures, tab, choice, option):
    """Choose an option of the tab that is open, and wait until Python has heard of it."""
    if getattr(tab, choice) == option:
        return
    heard = threading.Event()
    watcher = tab.param.watch(lambda _: heard.set(), choice)
    lists = gestures.page.get_by_label(tab.param[choice].label, exact=True).filter(visible=True)
    lists.and_(gestures.page.locator("select")).last.select_option(str(option))
    assert heard.wait(60)
    tab.param.unwatch(watcher)


def assert_tabulated(gestures, tab):
    """The table is that of the tab: titles, what is told of them, and cells are as they are."""
    table = gestures.page.locator(".tabulator").filter(visible=True)
    titles = table.locator(".tabulator-col[tabulator-field] .tabulator-col-title")
    texts = [str(name) for name in tab.frame]
    expect(titles.filter(visible=True)).to_have_text(texts)
    for column, name in enumerate(tab.frame):
        cell = str(tab.frame[name].iloc[0])
        if isinstance(tab.frame[name].iloc[0], str):
            cells = table.locator(".tabulator-row").first.locator(".tabulator-cell")
            expect(cells.filter(visible=True).nth(column)).to_have_text(cell)
    hostile_ones = [column for column, name in enumerate(texts) if "ran(1)" in name]
    for column in hostile_ones[:1]:
        titles.filter(visible=True).nth(column).hover()
        expect(gestures.page.locator(".tabulator-tooltip")).to_have_text(texts[column])


@pytest.fixture
def app(tmp_path):
    """An app of a folder in which all is hostile: what files are called, and what is in them."""
    hostile.write(tmp_path / FILES[0])
    for name in FILES[1:]:
        (tmp_path / f"{name}.pt").write_bytes(b"")
    app = App(str(tmp_path))
    assert app.explorer.model.name == hostile.one("model")
    app.explorer.selection.names = CHOSEN
    return app


def test_nothing_runs_on_a_served_page(gestures, serve, watch, app):
    explorer = app.explorer
    explorer.sets.items = hostile.sets(explorer.model).items
    gestures.open(serve(app))
    gestures.expect_text(explorer.model.name)
    gestures.expect_text(explorer.model.processing)

    assert set(offered(gestures, "Model")) == {
        *(FILES[0], "demo"),
        *(f"{name}.pt" for name in FILES[1:]),
    }
    assert offered(gestures, "Across") == explorer.model.unembedding.names
    icon = next(name for name in ACTIONS if ":material/" in name)
    gestures.choose("Across", icon.replace(":material/", ":material\u2060/"))
    titled(gestures, icon, explorer.axes[1])
    assert explorer.congruence.x == icon
    expect(gestures.page.locator("[class*=material-icons]").get_by_text("home")).to_have_count(0)
    hover(gestures, 3)

    # Each tab, with all names that it can show, beside each name on an axis.
    pairs = cycle(zip(ACTIONS[::2], ACTIONS[1::2], strict=True))
    for tab in explorer.tabs:
        gestures.open_tab(tab.title)
        choice = CHOICES.get(tab.title)
        for one in tab.param[choice].objects if choice else [None]:
            if choice:
                select(gestures, tab, choice, one)
            else:
                x, y = next(pairs)
                compare(gestures, x, y)
                titled(gestures, x, y)
                assert_told(gestures, explorer, x, y)
            settle(gestures, explorer)
            assert tab.message == ""
            if tab.title in TELLING:
                hover(gestures, TELLING[tab.title], *FIGURES)
            if tab.title == "Tables":
                assert_tabulated(gestures, tab)
            watch.assert_nothing()
    draw_anew(gestures)
    gestures.toggle_theme()
    gestures.wait_until_drawn()

    compare(gestures, ACTIONS[0], ACTIONS[1])
    titled(gestures, ACTIONS[0], ACTIONS[1])
    gestures.bar("[data-ask=recipe]").click()
    expect(gestures.bar("dialog.recipe pre")).to_contain_text("ran(1)")
    gestures.page.keyboard.press("Escape")


def test_nothing_runs_in_a_snapshot(gestures, watch, tmp_path):
    explorer = Explorer(hostile.model(), x=ACTIONS[0], y=ACTIONS[1])
    explorer.selection.names = CHOSEN
    explorer.sets.items = hostile.sets(explorer.model).items
    explorer.save(tmp_path / "snapshot.html")
    gestures.open_file(tmp_path / "snapshot.html")
    gestures.expect_text(explorer.model.name)
    gestures.expect_text("2 selected here, 1 in layers not in view")
    titled(gestures, ACTIONS[0], ACTIONS[1])
    hover(gestures, 3)
    titles = gestures.page.locator(".bk-tab").all_inner_texts()
    assert {"Top items", "Counts", "Unembedding", "Sets"} <= set(titles)
    for title in titles:
        gestures.open_tab(title)
        gestures.wait_until_drawn()
        watch.assert_nothing()
    draw_anew(gestures)


def test_nothing_runs_in_a_notebook(lab, gestures):
    watch = Watch(gestures.page, ".jp-OutputArea")
    cells = [
        "import dtviz\n"
        "from tests.browser import hostile\n"
        f"explorer = dtviz.Explorer(hostile.model(), x={ACTIONS[0]!r}, y={ACTIONS[1]!r})\n"
        f"explorer.selection.names = {CHOSEN}\n"
        "explorer.sets.items = hostile.sets(explorer.model).items\n"
        "explorer",
        "explorer.model",
        "explorer.model.unembedding",
        "explorer.selected",
        "explorer.sets",
    ]
    run = lab(gestures.page, cells)
    run(0)
    gestures.wait_until_drawn()
    gestures.expect_text(hostile.one("model"))
    titled(gestures, ACTIONS[0], ACTIONS[1])
    hover(gestures, 1, *FIGURES[1:])
    for cell in range(1, len(cells)):
        expect(run(cell).locator(".jp-OutputArea-output").first).not_to_be_empty()
    watch.assert_nothing()


def test_nothing_runs_of_what_comes_to_a_served_page_later(gestures, serve, watch, app):
    page = gestures.page
    gestures.open(serve(app))
    alert = page.get_by_role("alert").filter(has_text="Expected").filter(visible=True)

    # Files: in the folder, and uploaded, of which only the last can be opened.
    gestures.choose("Model", f"{FILES[1]}.pt")
    expect(alert).to_contain_text("an empty file")
    called = f"{' '.join(FILES[1:])} :material/home:.pt"
    for data in (hostile.one("content").encode(), CHECKPOINT.read_bytes()):
        page.locator(UPLOAD).set_input_files({"name": called, "mimeType": "", "buffer": data})
        gestures.expect_text("Uploaded")
    gestures.expect_text("of 256 neurons selected")
    gestures.wait_until_drawn()
    assert called in offered(gestures, "Model")
    gestures.expect_text("of 40 neurons selected")
    gestures.wait_until_drawn()

    # A file of sets of another model, and what is typed.
    gestures.open_tab("Sets")
    sets = {"name": "sets.json", "mimeType": "", "buffer": hostile.sets_file()}
    page.locator("input[type=file][accept*='.json']").set_input_files(sets)
    expect(gestures.bar(".problem")).to_contain_text("ran(1)")
    for name in hostile.names("set in a file"):
        expect(gestures.of_set(name[:80].strip())).to_be_visible()
    gestures.open_tab("Alike")
    for name in hostile.names("search"):
        gestures.find(name)
        expect(gestures.bar(".problem, .found").first).not_to_be_empty()
    # Addresses: of models, names, neurons and options that there are none of, and of no sense.
    for form in ("model={}", "x={}", "select={}", "{}=1", "x=%22{}"):
        one = hostile.one(f"address {form}")
        page.evaluate("(hash) => { location.hash = hash }", form.format(quote(one, safe="")))
        expect(alert).to_contain_text(f"/planted/address {form}")
    watch.assert_nothing()
