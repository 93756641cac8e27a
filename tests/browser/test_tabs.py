"""Each tab as a user meets it: opened, brushed in, its options changed."""

import re
from collections import Counter

import numpy as np
import pandas as pd
import pytest
from playwright.sync_api import expect

import dtviz
from dtviz import tables
from dtviz.study import Study
from dtviz.views.bars import MOST_BARS
from tests.browser.conftest import between


@pytest.fixture
def explorer(demo):
    return dtviz.Explorer(demo, layer=2)


@pytest.fixture
def right(explorer):
    """The ten neurons that favour right most."""
    return list(explorer.neurons.nlargest(10, "difference")["name"])


@pytest.fixture
def served(explorer, gestures, serve):
    gestures.open(serve(explorer))
    return gestures


def option(gestures, label):
    """A plain widget of the tab in sight."""
    return gestures.page.get_by_label(label, exact=True).filter(visible=True).last


def test_counts_are_those_of_the_top_k_tables(explorer, gestures, home, right):
    home.show(explorer)
    gestures.select(right)
    gestures.open_tab("Counts", "counts")
    gestures.wait_for_title("counts", "for the 10 selected")
    listed = explorer.ranked[explorer.ranked["name"].isin(right)]
    expected = Counter(zip(listed["item"], listed["end"], strict=True))
    totals = Counter(listed["item"])
    bars = gestures.drawn("counts")
    shown = {
        (item, end): count
        for item, end, count in zip(
            bars["item"],
            [{"most": "top", "least": "bottom"}[e] for e in bars["end"]],
            bars["count"],
            strict=True,
        )
    }
    assert shown.items() <= expected.items()
    items = {item for item, _ in shown}
    assert len(items) == min(MOST_BARS, len(totals))
    assert min(totals[item] for item in items) >= max(
        (count for item, count in totals.items() if item not in items), default=0
    )
    assert f"{len(items)} of {len(totals)} items" in gestures.title("counts")


def test_the_map_is_the_mean_congruence_of_the_selected(explorer, gestures, home, right):
    home.show(explorer)
    gestures.open_tab("Channel map", "map")
    gestures.wait_for_title("map", "mean of all 256 neurons")
    gestures.select(right)
    gestures.wait_for_title("map", "mean of the 10 selected")
    neurons = explorer.model.neurons(2, "in").subset(right)
    expected = dtviz.congruence(neurons, explorer.model.embedding.layer_normed()).mean()
    cells = gestures.drawn("map")
    shown = pd.Series(cells["value"], cells["item"])
    np.testing.assert_allclose(shown, expected[shown.index], atol=1e-5)
    assert "▲ the agent, looking up" in gestures.title("map")


def test_a_cell_of_the_map_names_who_answers_to_it(explorer, gestures, home):
    home.show(explorer)
    gestures.open_tab("Channel map", "map")
    cells = gestures.drawn("map")
    at = cells["item"].index("wall, (3,2)")
    middle = [(cells[a][at] + cells[b][at]) / 2 for a, b in (("left", "right"), ("bottom", "top"))]
    gestures.tap("map", *middle)
    note = """() => explorerPage().get_model_by_name("map").below.map(({text}) => text).join()"""
    gestures.page.wait_for_function(f"({note})().includes('wall, (3,2)')")
    reading = dtviz.congruence(
        explorer.model.neurons(2, "in"), explorer.model.embedding.layer_normed()
    )["wall, (3,2)"].sort_values(ascending=False)
    text = gestures.page.evaluate(note)
    assert f"most: {reading.index[0]} {reading.iloc[0]:.2f}, {reading.index[1]}" in text
    assert f"least: {reading.index[-1]} {reading.iloc[-1]:.2f}" in text


def test_a_box_on_a_strip_of_moments_selects(explorer, gestures, home):
    home.show(explorer)
    gestures.open_tab("Moments", "strip of kurtosis")
    high = explorer.neurons["kurtosis"].quantile(0.9)
    top = explorer.neurons["kurtosis"].max()
    _, low, _, high = gestures.box("strip of kurtosis", -0.15, high, 1.15, top + 0.2)
    expected = between(explorer.neurons, "kurtosis", low, high)
    gestures.wait_for_selected(expected)
    leaves = set(explorer.neurons.loc[list(expected), "leaf"])
    assert gestures.lit() == (leaves, leaves)


def test_the_unembedding_is_shown(explorer, gestures, home):
    home.show(explorer)
    gestures.open_tab("Unembedding", "vectors")
    assert "unembedding · 7 rows" in gestures.title("vectors")
    shown = gestures.page.evaluate(
        """() => {
          const [renderer] = explorerPage().get_model_by_name("vectors").renderers
          return [...renderer.data_source.data.image[0]]
        }"""
    )
    cosines = dtviz.cosine_similarity(explorer.model.unembedding).to_numpy()
    flat = np.array(shown).reshape(7, 7)
    assert any(np.allclose(turned, cosines, atol=1e-6) for turned in (flat, flat[::-1]))


def test_the_selected_alone_are_clustered_in_a_space_of_choice(explorer, served, right):
    served.open_tab("Selected")
    served.expect_text("No neuron in view is selected")
    served.select(right)
    served.wait_until_drawn("selected")
    assert "layer 2, out · 10 selected" in served.title("selected")
    option(served, "Resemblance of").select_option("in congruence")
    served.wait_for_title("selected", "layer 2, in congruence · 10 selected")
    rows = dtviz.space(explorer.model, "in congruence", 2).subset(explorer.selection.names)
    tree = dtviz.cluster(rows)
    labels = served.page.evaluate(
        """() => {
          const [axis] = explorerPage().get_model_by_name("selected").below
          return [...axis.major_label_overrides.values()]
        }"""
    )
    assert labels == [tree.names[row] for row in tree.order]


def test_an_exemplars_cluster_is_seen_before_it_is_selected(explorer, served, right):
    served.open_tab("Alike")
    served.expect_text("Name a neuron as the exemplar")
    exemplar = right[0]
    field = option(served, "Exemplar (empty: the selected)")
    field.fill("L2N999")
    field.press("Enter")
    served.expect_text("Expected a name of W_out, layer 2")
    field.fill(exemplar)
    field.press("Enter")
    served.wait_until_drawn("alike")
    for threshold in (0.5, 0.3):
        explorer.exemplar.threshold = threshold
        found = dtviz.exemplar_cluster(explorer.model.neurons(2), exemplar, threshold)
        served.expect_text(f"{len(found)} of 256")
    assert len(found) > 1
    assert served.selected() == []
    served.page.get_by_role("button", name="Select these").click()
    served.wait_for_selected(set(found["name"]))
    assert set(explorer.selection.names) == set(found["name"])


def test_the_threshold_follows_its_slider(explorer, served, right):
    explorer.selection.names = right
    served.open_tab("Alike", "alike")
    handle = served.page.locator(".noUi-handle").filter(visible=True).last
    handle.press("ArrowRight")
    found = dtviz.exemplar_cluster(explorer.model.neurons(2), right, 0.51)
    served.expect_text(f"{len(found)} of 256")
    assert explorer.exemplar.threshold == pytest.approx(0.51)


def test_a_distribution_says_how_many_pairs_are_selected(explorer, served, right):
    served.open_tab("Distributions")
    served.expect_text("|cosine| of all pairs")
    titles = """() => [...explorerPage().all_models]
      .filter(({title}) => title?.text).map(({title}) => title.text)"""
    served.page.wait_for_function(f"({titles})().includes('ECDF · 32,640 pairs, 0 selected')")
    served.select(right)
    served.page.wait_for_function(f"({titles})().includes('ECDF · 32,640 pairs, 45 selected')")
    summary = dtviz.summary(explorer.model, 2)
    served.expect_text(f"{summary.loc['mean', 'out congruence']:.3f}")


def test_points_across_spaces_select_their_neurons(explorer, served, right):
    served.open_tab("Across spaces", "across")
    option(served, "Compare").select_option("in × unembedding")
    served.wait_for_title("across", "in × unembedding · layer 2 · 1,792 values")
    served.select(right)
    served.page.wait_for_function(
        """() => explorerPage().get_model_by_name("across").renderers.some(
          ({data_source}) => data_source?.selected.indices.length === 70)"""
    )
    points = served.drawn("across")
    assert {points["name"][i] for i in points["selected"]} == set(right)
    value = sorted(points["value"])[-5]
    served.wait_until_drawn("across")
    _, low, _, high = served.box("across", -0.55, value, 6.55, max(points["value"]) + 0.01)
    pairs = zip(points["name"], points["value"], strict=True)
    served.wait_for_selected({name for name, v in pairs if low <= v <= high})


def test_a_table_is_filtered_and_taken_away(explorer, served, right):
    served.open_tab("Tables")
    served.expect_text("256 rows")
    served.select(right)
    served.page.locator(".bk-knob").filter(visible=True).click()
    served.expect_text("10 of 256 rows")
    csv = served.page.get_by_text("CSV")
    frame = pd.read_csv(served.download(csv.click))
    assert set(frame["name"]) == set(right)
    button = csv.element_handle()
    option(served, "Table").select_option("in-unembedding")
    served.expect_text("70 of 1,792 rows")
    # Another table has buttons of its own, which come after its rows.
    served.page.wait_for_function("button => !button.isConnected", arg=button)
    served.page.locator(".bk-knob").filter(visible=True).click()
    served.expect_text("1,792 rows")
    file = served.download(csv.click)
    assert file.name == "in-unembedding.csv"
    table = tables.table("in-unembedding", Study(explorer.model, layer=2))
    expected = tables.encoded(table, ".csv", explorer.model)
    assert file.read_bytes() == expected
    assert served.download(csv.click).read_bytes() == expected  # the same again


def test_a_column_of_a_table_is_filtered_by_what_is_typed(served):
    served.open_tab("Tables")
    filters = served.page.locator(".tabulator-header-filter input")
    filters.first.fill("L2N13")
    filters.first.press("Enter")
    names = served.page.locator('.tabulator-row [tabulator-field="name"]')
    expect(names.first).to_have_text("L2N13")
    expect(names.nth(1)).to_have_text("L2N130")


def test_a_tab_out_of_sight_costs_nothing_and_is_right_when_seen_again(explorer, served, right):
    served.select(right[:3])
    served.open_tab("Selected", "selected")
    served.wait_for_title("selected", "3 selected")
    served.open_tab("Top items")
    similar = explorer.selected_heatmap._similarity
    served.select(right)
    served.page.wait_for_function("true")
    served.wait_for_selected(set(right))
    served.open_tab("Counts", "counts")
    served.wait_for_title("counts", "for the 10 selected")
    assert explorer.selected_heatmap._similarity is similar
    served.open_tab("Selected", "selected")
    served.wait_for_title("selected", "10 selected")


def test_tabs_follow_the_layer(explorer, served):
    served.open_tab("Moments", "strip of std")
    served.choose("Layer", "1")
    served.page.wait_for_function(f"{served.HUB}.data.name[0] === 'L1N0'")
    served.open_tab("Unembedding", "vectors")
    served.open_tab("Moments", "strip of std")
    expected = dtviz.moments(
        dtviz.congruence(explorer.model.neurons(1, "in"), explorer.model.embedding.layer_normed())
    )
    np.testing.assert_allclose(served.data("neurons")["std"], expected["std"], rtol=1e-5)
    low, high = served.corners("strip of std", [(0, 0), (0, 1)])
    assert low[1] < expected["std"].min()
    assert high[1] > expected["std"].max()


def test_a_filter_that_fits_nothing_says_so_in_each_tab(served):
    filtered = served.page.get_by_role("textbox", name=re.compile("^Items named"))
    for named, message in (
        ("(", "Expected a regular expression"),
        ("nowhere", "None of the 980 input features"),
    ):
        served.type(filtered, named)
        filtered.press("Enter")
        for title in ("Top items", "Counts", "Channel map", "Moments"):
            served.open_tab(title)
            expect(served.page.get_by_text(message).filter(visible=True).first).to_be_visible()
    served.type(filtered, "wall")
    filtered.press("Enter")
    served.open_tab("Channel map", "map")
    assert "49 of 980 features" in served.title("map")


def test_each_crossing_is_drawn_and_what_is_left_out_is_said(served):
    served.open_tab("Across spaces", "across")
    for crossing, values in {
        "out × embedding": "4,000 of 250,880 values",
        "RTG": "512 values",
        "embedding × unembedding": "4,000 of 6,860 values",
    }.items():
        option(served, "Compare").select_option(crossing)
        served.wait_for_title("across", crossing)
        served.wait_for_title("across", values)


def test_strips_of_lengths_and_of_features(explorer, served):
    served.open_tab("Moments", "strip of kurtosis")
    option(served, "Strips").select_option("lengths and sides of neurons")
    served.wait_until_drawn("strip of norm", "strip of x", "strip of rtg_in", "strip of rtg_out")
    low, high = explorer.limits["rtg_in"]
    bands = served.page.evaluate(
        """() => explorerPage().get_model_by_name("strip of rtg_in").renderers
          .filter(({type}) => type === "HSpan" || type === "BoxAnnotation")
          .map(({bottom, top}) => [bottom, top])"""
    )
    annotations = served.page.evaluate(
        """() => explorerPage().get_model_by_name("strip of rtg_in").center
          .filter(({type}) => type === "BoxAnnotation").map(({bottom, top}) => [bottom, top])"""
    )
    assert any(np.allclose(band, (low, high)) for band in bands + annotations)
    option(served, "Strips").select_option("moments of features")
    served.page.wait_for_function(
        """() => [...explorerPage().all_models].some(
          ({data}) => data?.name?.length === 980 && data.kurtosis != null)"""
    )


def test_each_table_is_listed(explorer, served):
    served.open_tab("Tables")
    study = Study(explorer.model, layer=2)
    for kind in ("pairs", "top-k", "clusters", "summary", "features", "actions", "out-embedding"):
        option(served, "Table").select_option(kind)
        served.expect_text(f"{len(tables.table(kind, study)):,} rows")
        expect(served.page.locator(".tabulator-row").first).to_be_visible()


def test_each_set_of_vectors_is_shown(explorer, served):
    served.open_tab("Unembedding", "vectors")
    for which in ("embedding", "return-to-go", "time embedding", "neurons, in"):
        option(served, "Vectors").select_option(which)
        vectors = explorer.vector_sets[which]
        served.wait_for_title("vectors", f"{vectors.label} · {len(vectors):,} rows")


def test_the_heatmap_is_clustered_in_another_space(explorer, served):
    for space in ("in congruence", "out congruence"):
        served.choose("Resemblance of", space)
        served.wait_for_title("similarity", f"layer 2, {space} · 256 neurons")
        tree = dtviz.cluster(dtviz.space(explorer.model, space, 2))
        served.page.wait_for_function(
            f"(leaf) => leaf.every((place, i) => {served.HUB}.data.leaf[i] === place)",
            arg=tree.leaf.tolist(),
        )


def test_features_can_be_those_that_neurons_write_to(explorer, served, right):
    served.choose("Items by", "what they write")
    served.select(right[:1])
    cosines = dtviz.cosine_similarity(
        explorer.model.neurons(2).subset(right[:1]), explorer.model.embedding
    )
    best = cosines.iloc[0].nlargest(3)
    served.page.wait_for_function(
        """(item) => explorerPage().get_model_by_name("top_k").data.item[0] === item""",
        arg=best.index[0],
    )
    np.testing.assert_allclose(served.data("top_k")["value"][:3], best, atol=1e-6)
    served.expect_text("cosine with the embedding")


def test_views_and_tabs_do_not_cover_each_other(explorer, gestures, home):
    home.show(explorer)
    gestures.open_tab("Moments", "strip of kurtosis")
    ends = """(name) => {
      const figure = explorerPage().get_model_by_name(name)
      const {top, bottom} = Bokeh.index.find_one(figure).el.getBoundingClientRect()
      return [top, bottom]
    }"""
    titles = gestures.page.locator(".bk-tab").first.bounding_box()
    for name in ("difference", "similarity"):
        assert gestures.page.evaluate(ends, name)[1] <= titles["y"]
    top, bottom = gestures.page.evaluate(ends, "strip of kurtosis")
    assert titles["y"] + titles["height"] <= top < bottom <= 900
