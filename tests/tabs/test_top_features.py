from bokeh.models import ColumnDataSource

from .models import small
from .shown import drawing, shown


def test_the_heading_says_what_is_compared_with_how_many_of_how_many(explorer):
    tab = shown(explorer.top_k)
    assert tab.heading == "layer 1, in · LN(embedding) · 18 features · 10 at either end"
    explorer.features.named = "key"
    explorer.ranking.k = 3
    assert tab.heading == "layer 1, in · LN(embedding) · 9 of 18 features · 3 at either end"
    explorer.ranking.ranked_by = "out × embedding"
    explorer.layer = "all"
    assert tab.heading == (
        "all layers, out · cosine with the embedding · 9 of 18 features · 3 at either end"
    )


def test_without_layer_norm_the_heading_says_so(explorer):
    explorer.congruence.layer_norm = False
    assert "· embedding, no LN ·" in shown(explorer.top_k).heading
    explorer.congruence.layer_norm = True
    explorer.model = small(normalization=None)
    assert "· embedding, no LN ·" in explorer.top_k.heading


def sources(root, name):
    return [source for source in root.select({"name": name}) if type(source) is ColumnDataSource]


def test_the_ranking_of_all_neurons_is_on_the_page(explorer):
    explorer.selection.names = ["L1N3"]
    root = drawing(explorer.top_k)
    [ranking] = sources(root, "ranking")
    assert list(ranking.data["item"]) == explorer.ranked["item"].tolist()
    assert list(ranking.data["value"]) == explorer.ranked["value"].tolist()
    assert len(sources(root, "top_k")) == 1
    assert sources(root, "neurons")[0].selected.indices == [3]
    explorer.ranking.k = 2
    assert list(ranking.data["item"]) == explorer.ranked["item"].tolist()


def test_without_features_the_ranking_is_empty_and_a_message_says_why(explorer):
    root = drawing(explorer.top_k)
    explorer.features.named = "nothing"
    [ranking] = sources(root, "ranking")
    assert list(ranking.data["item"]) == []
    assert explorer.top_k.message == explorer.why_nothing
    explorer.features.named = ""
    assert list(ranking.data["item"]) == explorer.ranked["item"].tolist()
    assert explorer.top_k.message == ""
