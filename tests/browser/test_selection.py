"""Selecting: what each gesture and key makes of the selection, in the browser and in Python."""

import random
import re
import time
from operator import and_, or_, sub, xor

import numpy as np
import pytest
from playwright.sync_api import Error, expect
from scipy.cluster import hierarchy

from tests.browser.conftest import Chosen

MODES = {
    "replace": lambda _, given: given,
    "add": or_,
    "remove": sub,
    "intersect": and_,
    "toggle": xor,
}
# Keys ask for a mode, whatever the bar says.
KEYS = {"Shift": "add", "Control": "toggle", "Meta": "toggle", "Alt": "remove"}
HOWS = [*((mode, None) for mode in MODES), *(("intersect", key) for key in KEYS)]


def between(table, column, low, high):
    return set(table.index[table[column].between(low, high)])


def at_leaves(table, leaves):
    return set(table.index[table["leaf"].isin(list(leaves))])


def tree_branch(explorer):
    """A branch of a dozen neurons or more, and a place on the line that holds it."""
    linkage = explorer.clustered.linkage
    root, nodes = hierarchy.to_tree(linkage, rd=True)
    n = len(explorer.neurons)
    heights = [node.dist for node in nodes]
    node = max(
        (node for node in nodes[n:] if 12 <= node.count <= 60 and node is not root),
        key=lambda node: heights[node.id] - max(node.left.dist, node.right.dist),
    )
    leaf = explorer.neurons["leaf"].to_numpy()

    def column(part):
        if part.is_leaf():
            return leaf[part.id] + 0.5
        return (column(part.left) + column(part.right)) / 2

    names = set(explorer.neurons.index[node.pre_order()])
    return names, (float(column(node)), float(node.dist))


def act_and_compare(gestures, chosen, start, acts, hows=HOWS):
    """Act in each mode and with each key, from the same selection."""
    for mode, key in hows:
        gestures.use_mode(mode)
        for what, act in acts.items():
            gestures.select(start)
            assert_chosen(gestures, chosen, start, f"before {what}, {mode}, {key}")
            with gestures.holding(*([key] if key else [])):
                given = act()
            combine = MODES[KEYS[key] if key else mode]
            assert_chosen(gestures, chosen, combine(start, given), f"{what}, {mode}, {key}")


def assert_chosen(gestures, chosen, names, what):
    """Wait until these are selected; else tell after what they were not."""
    try:
        chosen.expect(names)
    except (Error, AssertionError) as error:
        now = set(gestures.selected())
        said = f"{what}: {sorted(now - set(names))} too, not {sorted(set(names) - now)}"
        raise AssertionError(said) from error


def test_each_gesture_of_the_main_views_in_each_mode(gestures, home, explorer, chosen, table):
    home.show(explorer)
    start = between(table, "difference", -2, 0.5)
    branch, on_line = tree_branch(explorer)
    clusters = explorer.clusters
    most = np.bincount(clusters).argmax()
    of_cluster = table.loc[clusters == most]
    beneath = gestures.corners("dendrogram", [(0, 0.06)])[0][1]
    outermost = table.loc[(table["x"] ** 2 + table["y"] ** 2).idxmax()]

    def box(figure, corners, given):
        gestures.box(figure, *corners)
        return given

    def tap(figure, place, given):
        gestures.tap(figure, *place)
        return given

    acts = {
        "box on the scatter": lambda: box(
            "congruence",
            (-1, -1.5, 2, 1),
            between(table, "x", -1, 2) & between(table, "y", -1.5, 1),
        ),
        "tap on a point": lambda: tap(
            "congruence", (outermost["x"], outermost["y"]), {outermost.name}
        ),
        "box on the strip": lambda: box(
            "difference", (-1, -0.1, 4, 1.1), between(table, "difference", -1, 4)
        ),
        "box on the heatmap": lambda: box(
            "similarity",
            (20.5, 60.5, 49.5, 84.5),
            at_leaves(table, [*range(20, 50), *range(60, 85)]),
        ),
        "tap on the heatmap": lambda: tap("similarity", (100.5, 7.5), at_leaves(table, [100, 7])),
        "tap on the dendrogram": lambda: tap("dendrogram", on_line, branch),
        "tap on a cluster": lambda: tap(
            "dendrogram", (of_cluster["leaf"].mean() + 0.5, beneath), set(of_cluster.index)
        ),
    }
    act_and_compare(gestures, chosen, start, acts)


def test_each_gesture_of_the_tabs_in_each_mode(gestures, home, explorer, chosen, table):
    home.show(explorer)
    start = set(table.nlargest(10, "difference").index)
    ranked = explorer.ranked

    def listing(item, end):
        return set(ranked.loc[(ranked["item"] == item) & (ranked["end"] == end), "name"])

    def click(locator, given):
        locator.click()
        return given

    greatest = table.loc[list(start), "difference"].abs().idxmax()
    card = gestures.page.locator(".card").filter(has_text=greatest)
    cells = ranked[ranked["name"] == greatest].set_index(["end", "rank"])["item"]
    acts = {
        "caption": lambda: click(card.locator("caption"), {greatest}),
        "most": lambda: click(
            card.locator("tbody tr").nth(1).locator("td").nth(0),
            listing(cells["top", 2], "top"),
        ),
        "least": lambda: click(
            card.locator("tbody tr").nth(0).locator("td").nth(2),
            listing(cells["bottom", 1], "bottom"),
        ),
    }
    act_and_compare(gestures, chosen, start, acts)

    gestures.open_tab("Counts", "counts")

    def bar(wanted):
        gestures.wait_for_title("counts", "for the 10 selected")
        drawn = gestures.drawn("counts")
        at = drawn["end"].index(wanted)
        gestures.tap(
            "counts",
            (drawn["left"][at] + drawn["right"][at]) / 2,
            (drawn["bottom"][at] + drawn["top"][at]) / 2,
        )
        return listing(drawn["item"][at], {"most": "top", "least": "bottom"}[wanted])

    acts = {end: lambda end=end: bar(end) for end in ("most", "least")}
    act_and_compare(gestures, chosen, start, acts)

    gestures.open_tab("Moments", "strip of kurtosis")
    low, top = table["kurtosis"].nlargest(51).iloc[-2:].mean(), table["kurtosis"].max()

    def strip():
        gestures.box("strip of kurtosis", -0.15, low, 1.15, top + 0.2)
        return between(table, "kurtosis", low, top)

    gestures.use_mode("replace")
    gestures.open_tab("Sets")
    gestures.select(start | {"L2N7"})
    gestures.save_set("some")

    def search():
        gestures.find("L2N3 10-19, N200:210")
        gestures.bar("input").press("Enter")
        gestures.bar("input").blur()
        return {f"L2N{i}" for i in (3, *range(10, 20), *range(200, 211))}

    acts = {
        "row of a set": lambda: click(gestures.of_set("some").locator(".name"), start | {"L2N7"}),
        "search": search,
    }
    act_and_compare(gestures, chosen, start, acts)
    gestures.open_tab("Moments", "strip of kurtosis")
    act_and_compare(gestures, chosen, start, {"box on a strip of moments": strip})


def test_rows_of_tables_and_points_across_spaces_in_each_mode(gestures, serve, explorer, table):
    class Served:
        has_python = True

    chosen = Chosen(gestures, Served(), explorer)
    gestures.open(serve(explorer))
    gestures.open_tab("Tables")
    start = {"L2N0", "L2N2", "L2N200"}

    def row():
        gestures.page.locator('.tabulator-row [tabulator-field="name"]').nth(2).click()
        return {"L2N2"}

    act_and_compare(gestures, chosen, start, {"row": row})
    # Sorted and filtered, a row is still that of its neuron.
    gestures.use_mode("replace")
    gestures.page.locator(
        '.tabulator-col[tabulator-field="difference"] .tabulator-col-title'
    ).click()
    lowest = table["difference"].idxmin()
    cell = gestures.page.locator('.tabulator-row [tabulator-field="name"]').first
    expect(cell).to_have_text(lowest)
    cell.click()
    chosen.expect({lowest})
    filters = gestures.page.locator(".tabulator-header-filter input")
    filters.first.fill("L2N13")
    filters.first.press("Enter")
    found = table.loc[table.index.str.contains("L2N13"), "difference"].idxmin()
    expect(cell).to_have_text(found)
    cell.click()
    chosen.expect({found})

    gestures.open_tab("Across spaces", "across")
    gestures.page.get_by_label("Compare", exact=True).filter(visible=True).last.select_option(
        "in × unembedding"
    )
    gestures.wait_for_title("across", "in × unembedding · layer 2 · 1,792 values")
    gestures.wait_until_drawn("across")
    points = gestures.drawn("across")
    value = sorted(points["value"])[-9]
    pairs = list(zip(points["name"], points["value"], strict=True))
    given = {name for name, v in pairs if v >= value - 1e-4}

    def box():
        gestures.box("across", -0.55, value - 1e-4, 6.55, max(points["value"]) + 0.01)
        return given

    act_and_compare(gestures, chosen, start | set(list(given)[:2]), {"points": box})


def test_a_click_on_empty_ground_clears_where_it_replaces(gestures, home, explorer, chosen):
    home.show(explorer)
    start = {"L2N1", "L2N132"}
    places = {
        "congruence": gestures.corners("congruence", [(0.01, 0.99)])[0],
        "difference": gestures.corners("difference", [(0.005, 0.95)])[0],
    }
    for mode, kept in (("replace", set()), ("add", start), ("remove", start), ("toggle", start)):
        gestures.use_mode(mode)
        for figure, place in places.items():
            gestures.select(start)
            chosen.expect(start)
            gestures.tap(figure, *place)
            assert_chosen(gestures, chosen, kept, f"{figure}, {mode}")


def test_keys_step_extend_grow_shrink_and_clear(gestures, home, explorer, chosen, table):
    home.show(explorer)
    press = gestures.page.keyboard.press
    for column, forth, back in (
        ("leaf", "ArrowRight", "ArrowLeft"),
        ("difference", "ArrowUp", "ArrowDown"),
    ):
        order = table[column].sort_values().index.tolist()
        press("Escape")
        chosen.expect(set())
        press(forth)
        chosen.expect({order[0]})
        press(back)  # there is none before the first
        press(forth)
        chosen.expect({order[1]})
        press(f"Shift+{forth}")
        press(f"Shift+{forth}")
        chosen.expect(set(order[1:4]))
        press(f"Shift+{back}")
        chosen.expect(set(order[:4]))
        press(forth)
        chosen.expect({order[4]})
        press("Escape")
        press(back)
        chosen.expect({order[-1]})
        press(back)
        chosen.expect({order[-2]})
    # Keys mean the same whatever the mode; the branch around grows until it is all there is.
    gestures.use_mode("intersect")
    press("ArrowRight")
    linkage = explorer.clustered.linkage
    _, nodes = hierarchy.to_tree(linkage, rd=True)
    branches = [frozenset(table.index[node.pre_order()]) for node in nodes]
    start = {table["leaf"].idxmin()}
    gestures.select(start)
    now, path = start, []
    while len(now) < len(table):
        path.append(now)
        now = min((one for one in branches if one > now), key=len)
        press("+")
        chosen.expect(now)
    press("+")
    chosen.expect(now)
    sizes = []
    for _ in range(4):
        press("-")
        now = max((one for one in branches if one < now), key=len)
        gestures.page.wait_for_function(
            f"(n) => {gestures.HUB}.selected.indices.length === n", arg=len(now)
        )
        now = frozenset(gestures.selected())
        assert now in branches
        chosen.expect(now)
        sizes.append(len(now))
    assert sizes == sorted(sizes, reverse=True)
    # Not a branch: the smallest around it.
    gestures.select({"L2N1", "L2N132"})
    press("=")
    chosen.expect(min((one for one in branches if one >= {"L2N1", "L2N132"}), key=len))


def test_help_and_search_take_their_own_keys(gestures, home, explorer, chosen):
    explorer.selection.names = ["L2N1", "L2N132"]
    home.show(explorer)
    press = gestures.page.keyboard.press
    help_ = gestures.page.get_by_role("dialog", name="Help")
    press("?")
    expect(help_).to_be_visible()
    press("ArrowRight")
    press("Escape")
    expect(help_).not_to_be_visible()
    chosen.expect({"L2N1", "L2N132"})
    press("/")
    expect(gestures.bar("input")).to_be_focused()
    gestures.page.keyboard.type("N1+-?/")
    expect(gestures.bar("input")).to_have_value("N1+-?/")
    expect(help_).not_to_be_visible()
    press("Escape")
    chosen.expect({"L2N1", "L2N132"})
    press("Escape")
    chosen.expect(set())


def test_buttons_are_reached_by_tab_and_counts_are_announced(gestures, home, explorer, chosen):
    explorer.selection.names = ["L2N1", "L2N132"]
    home.show(explorer)
    press = gestures.page.keyboard.press
    said = gestures.bar("[aria-live=polite]")
    expect(said).to_have_text("2 selected")
    gestures.bar("[data-mode=replace]").focus()
    focused = []
    for _ in range(11):
        focused.append(
            gestures.page.evaluate(
                """() => {
                  let element = document.activeElement
                  while (element?.shadowRoot?.activeElement != null) {
                    element = element.shadowRoot.activeElement
                  }
                  return element.dataset.mode ?? element.dataset.ask ?? element.dataset.do ??
                    element.localName
                }"""
            )
        )
        press("Tab")
    there = [*MODES, "input", "clear", "link", "help"]
    assert [one for one in focused if one in there] == there
    gestures.bar("[data-do=clear]").focus()
    press("Enter")
    chosen.expect(set())
    expect(said).to_have_text("0 selected")
    expect(gestures.bar("[data-ask=undo]")).to_be_enabled()
    gestures.bar("[data-ask=undo]").focus()
    press("Space")
    chosen.expect({"L2N1", "L2N132"})
    expect(said).to_have_text("2 selected")
    press("Escape")
    chosen.expect(set())


def test_a_key_on_a_button_does_not_take_the_keys_of_the_last_click(
    gestures, home, explorer, chosen
):
    home.show(explorer)
    gestures.open_tab("Sets")
    gestures.select({"L2N1"})
    gestures.save_set("one")
    with gestures.holding("Shift"):
        gestures.tap("similarity", 100.5, 7.5)
    gestures.of_set("one").get_by_role("button", name="select").focus()
    gestures.page.keyboard.press("Enter")
    chosen.expect({"L2N1"})


def test_steps_are_undone_and_taken_again(gestures, home, explorer, chosen, table):
    home.show(explorer)
    press = gestures.page.keyboard.press
    undo, redo = (gestures.bar(f"[data-ask={what}]") for what in ("undo", "redo"))
    expect(undo).to_be_disabled()
    expect(redo).to_be_disabled()
    steps = [set()]
    for i, low in enumerate((0, 2, 4), start=1):
        gestures.box("difference", low, -0.1, 20, 1.1)
        steps.append(between(table, "difference", low, 20))
        chosen.expect(steps[i])
    for step in (2, 1, 0):
        undo.click()
        chosen.expect(steps[step])
    expect(undo).to_be_disabled()
    for step, key in ((1, "Control+Shift+z"), (2, "Control+y"), (3, "Control+Shift+z")):
        press(key)
        chosen.expect(steps[step])
    expect(redo).to_be_disabled()
    before, keys = explorer.steps, ("z", "z", "z", "y", "z", "y", "y")
    for key in keys:  # as fast as one can: none is lost
        press(f"Control+{key}")
    # On the way, too, just these are selected.
    chosen.expect_in_python(lambda: explorer.steps == before + len(keys))
    chosen.expect(steps[2])
    press("ArrowRight")  # another way
    expect(redo).to_be_disabled()
    press("Control+z")
    chosen.expect(steps[2])


def test_options_are_undone_between_selections(gestures, serve, explorer, table):
    gestures.open(serve(explorer))
    gestures.box("difference", 4, -0.1, 20, 1.1)
    names = between(table, "difference", 4, 20)
    gestures.wait_for_selected(names)
    gestures.choose("Layer", "1")
    first = f"{gestures.HUB}.data.name[0]"
    gestures.page.wait_for_function(f"{first} === 'L1N0'")
    expect(gestures.bar("[aria-live=polite]")).to_have_text(
        f"0 selected here, {len(names)} in layers not in view"
    )
    gestures.find("N5")
    gestures.bar("input").press("Enter")  # replaces what is in view, and elsewhere stays
    gestures.wait_for_selected({"L1N5"})
    gestures.bar("input").blur()
    undo = gestures.bar("[data-ask=undo]")
    undo.click()
    gestures.wait_for_selected(set())
    undo.click()
    gestures.page.wait_for_function(f"{first} === 'L2N0'")
    gestures.wait_for_selected(names)
    expect(gestures.page.get_by_role("combobox", name=re.compile("^Layer "))).to_have_text("2")
    undo.click()
    gestures.wait_for_selected(set())
    expect(undo).to_be_disabled()
    for _ in range(3):
        gestures.bar("[data-ask=redo]").click()
    gestures.page.wait_for_function(f"{first} === 'L1N0'")
    gestures.wait_for_selected({"L1N5"})
    assert set(explorer.selection.names) == names | {"L1N5"}
    assert explorer.layer == 1


def test_clearing_all_layers_is_one_step(gestures, home, explorer, chosen):
    explorer.selection.names = ["L0N3", "L2N1", "L2N132"]
    home.show(explorer)
    said = gestures.bar("[aria-live=polite]")
    expect(said).to_have_text("2 selected here, 1 in layers not in view")
    gestures.page.keyboard.press("Escape")
    chosen.expect(set())
    expect(said).to_have_text("0 selected")
    gestures.page.keyboard.press("Control+z")
    chosen.expect({"L2N1", "L2N132"}, {"L0N3"})
    expect(said).to_have_text("2 selected here, 1 in layers not in view")


SEARCHES = {
    "L2N14": ["L2N14"],
    "l2n14, N15;16": ["L2N14", "L2N15", "L2N16"],
    "N10-N12 250..260": [f"L2N{i}" for i in (10, 11, 12, *range(250, 256))],
    "12-10": ["L2N10", "L2N11", "L2N12"],
    "L2N1:L2N3": ["L2N1", "L2N2", "L2N3"],
    "N(7|8)$": ["L2N7", "L2N8"],
    "^L2N25\\d": [f"L2N{i}" for i in range(250, 256)],
}


def test_what_is_typed_is_found(gestures, home, explorer, chosen):
    home.show(explorer)
    found, problem = gestures.bar(".found"), gestures.bar(".problem")
    for text, names in SEARCHES.items():
        gestures.find(text)
        expect(found).to_have_text(f"{len(names)} of 256 match")
        gestures.bar("input").press("Enter")
        chosen.expect(names)
    last = names
    for text, said in {
        "N(7": "no regular expression",
        "N900": "not among the neurons in view: N900",
        "L2N14 L0N3 N999": "not among the neurons in view: L0N3, N999",
        ", ".join(f"N99{i}" for i in range(9)): "and 4 more",
    }.items():
        gestures.find(text)
        expect(problem).to_contain_text(said)
        expect(found).to_have_text("")
        gestures.bar("input").press("Enter")
        expect(problem).to_contain_text(said)
        chosen.expect(last)
    gestures.find("nothing$")
    expect(found).to_have_text("0 of 256 match")
    expect(problem).to_have_text("")
    gestures.bar("input").press("Enter")
    chosen.expect(last)
    gestures.bar("input").evaluate(  # a megabyte, pasted
        """(input) => {
          input.value = "N1, ".repeat(250_000)
          input.dispatchEvent(new InputEvent("input", {bubbles: true}))
        }"""
    )
    expect(problem).to_contain_text("more than 200,000 characters")
    gestures.find("")
    expect(problem).to_have_text("")


def test_an_expression_that_would_take_for_ever_is_stopped(gestures, home, explorer, chosen):
    explorer.selection.names = ["L2N3"]
    home.show(explorer)
    gestures.find(f"^{'(.*)' * 60}x$")
    began = time.monotonic()
    expect(gestures.bar(".problem")).to_contain_text("takes too long")
    assert time.monotonic() - began < 6  # a second, on a machine that has nothing else to do
    gestures.bar("input").press("Enter")
    gestures.find("N7$")
    expect(gestures.bar(".found")).to_have_text("1 of 256 match")
    chosen.expect({"L2N3"})
    gestures.bar("input").press("Enter")
    chosen.expect({"L2N7"})


def test_a_recipe_makes_the_view_again(gestures, serve, explorer):
    explorer.selection.names = ["L2N1", "L2N132"]
    gestures.open(serve(explorer))
    gestures.bar("[data-ask=recipe]").click()
    recipe = gestures.page.get_by_role("dialog", name="Recipe")
    expect(recipe.locator("pre")).to_have_text(explorer.recipe())
    recipe.get_by_role("button", name="Copy").click()
    expect(gestures.bar(".found")).to_have_text("copied")
    assert gestures.page.evaluate("navigator.clipboard.readText()") == explorer.recipe()
    gestures.page.keyboard.press("Escape")
    expect(recipe).not_to_be_visible()
    assert gestures.selected() == ["L2N1", "L2N132"]
    # Once more, after another step.
    gestures.page.keyboard.press("ArrowRight")
    gestures.bar("[data-ask=recipe]").click()
    expect(recipe.locator("pre")).to_contain_text(gestures.selected()[0])
    expect(recipe.locator("pre")).to_have_text(explorer.recipe())


def test_a_snapshot_offers_no_recipe(gestures, explorer, tmp_path):
    explorer.save(tmp_path / "a.html")
    gestures.open_file(tmp_path / "a.html")
    expect(gestures.bar("[data-ask=recipe]")).to_be_hidden()


def test_the_selected_are_told_from_the_rest(gestures, serve, explorer, table):
    gestures.open(serve(explorer))
    gestures.open_tab("Against the rest")
    gestures.expect_text("Nothing is selected in this layer")
    gestures.box("difference", 4, -0.1, 20, 1.1)
    names = between(table, "difference", 4, 20)
    gestures.wait_for_selected(names)
    gestures.expect_text(f"{len(names)} of 256")
    gestures.expect_text(f"{table.loc[list(names), 'difference'].mean():.3f}")
    gestures.select(table.index)
    gestures.expect_text("there is no rest")


@pytest.mark.parametrize("seed", [0, 1])
def test_a_random_walk_ends_with_equal_selections(gestures, home, explorer, chosen, table, seed):
    walk = random.Random(seed)
    home.show(explorer)
    names = table.index.tolist()
    leaf = table["leaf"].to_dict()
    in_order = sorted(names, key=leaf.get)
    now, past, future = set(), [], []
    mode = "replace"

    def hub(given):
        gestures.select(given)
        return given

    def box():
        low = walk.uniform(-3, 3)
        high = low + walk.uniform(0.5, 3)
        gestures.box("difference", low, -0.1, high, 1.1)
        return MODES[mode](now, between(table, "difference", low, high))

    def block():
        x, y = walk.randrange(200), walk.randrange(200)
        gestures.box("similarity", x + 0.5, y + 0.5, x + 30.5, y + 20.5)
        return MODES[mode](now, {in_order[i] for i in (*range(x, x + 31), *range(y, y + 21))})

    def search():
        low = walk.randrange(200)
        gestures.find(f"{low}-{low + 40}")
        gestures.bar("input").press("Enter")
        gestures.bar("input").blur()
        return MODES[mode](now, {f"L2N{i}" for i in range(low, low + 41)})

    def key():
        places = sorted(leaf[name] for name in now)
        following = places[-1] + 1 if places else 0
        gestures.page.keyboard.press("Shift+ArrowRight")
        return now | ({in_order[following]} if following < len(names) else set())

    for _ in range(60):
        what = walk.choices(
            ["hub", "box", "block", "search", "key", "mode", "undo", "redo"],
            [8, 3, 3, 3, 4, 4, 3, 2],
        )[0]
        if what == "mode":
            mode = walk.choice(list(MODES))
            gestures.use_mode(mode)
            continue
        if what in ("undo", "redo"):
            source, target = (past, future) if what == "undo" else (future, past)
            if source:
                target.append(now)
                now = source.pop()
                gestures.bar(f"[data-ask={what}]").click()
                chosen.expect(now)
            continue
        after = {
            "hub": lambda: hub(set(walk.sample(names, walk.randrange(40)))),
            "box": box,
            "block": block,
            "search": search,
            "key": key,
        }[what]()
        if after != now:
            past.append(now)
            future.clear()
        now = after
        # To Python, what follows within the same instant is one step.
        chosen.expect(now)
    chosen.expect(now)
    if home.has_python:
        assert explorer.selection.names == sorted(now, key=names.index)
