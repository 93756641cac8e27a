"""Selecting: what each gesture and key makes of the selection, in the browser and in Python."""

import random
from operator import and_, or_, sub, xor

import numpy as np
import pytest
from playwright.sync_api import Error, expect
from scipy.cluster import hierarchy

from tests.browser.conftest import Chosen, between

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

    def box(figure, columns, corners):
        x0, y0, x1, y1 = gestures.box(figure, *corners)
        ends = zip(columns, [(x0, x1), (y0, y1)], strict=False)
        return set.intersection(*(between(table, column, *low_high) for column, low_high in ends))

    def block(rows, columns):
        edges = (columns[0] + 0.5, rows[0] + 0.5, columns[-1] + 0.5, rows[-1] + 0.5)
        gestures.box("similarity", *edges)
        return at_leaves(table, [*rows, *columns])

    def tap(figure, place, given):
        gestures.tap(figure, *place)
        return given

    acts = {
        "box on the scatter": lambda: box("congruence", ("x", "y"), (-1, -1.5, 2, 1)),
        "tap on a point": lambda: tap(
            "congruence", (outermost["x"], outermost["y"]), {outermost.name}
        ),
        "box on the strip": lambda: box("difference", ("difference",), (-1, -0.1, 4, 1.1)),
        "box on the heatmap": lambda: block(range(60, 85), range(20, 50)),
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
        _, y0, _, y1 = gestures.box("strip of kurtosis", -0.15, low, 1.15, top + 0.2)
        return between(table, "kurtosis", y0, y1)

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

    def box():
        _, low, _, high = gestures.box("across", -0.55, value, 6.55, max(points["value"]) + 0.01)
        return {name for name, v in pairs if low <= v <= high}

    start |= set(sorted(name for name, v in pairs if v > value)[:2])
    act_and_compare(gestures, chosen, start, {"points": box})


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
    # Once more, the same; and after another step.
    gestures.bar("[data-ask=recipe]").click()
    expect(recipe.locator("pre")).to_have_text(explorer.recipe())
    gestures.page.keyboard.press("Escape")
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
    gestures.expect_text("No neuron in view is selected")
    low, _, high, _ = gestures.box("difference", 4, -0.1, 12, 1.1)
    names = between(table, "difference", low, high)
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
        low, _, high, _ = gestures.box("difference", low, -0.1, high, 1.1)
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
