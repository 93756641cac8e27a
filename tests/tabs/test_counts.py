import dtviz

from .models import small
from .shown import drawing, shown


def test_the_ranking_is_shared_with_the_tables(explorer):
    explorer.selection.names = ["L1N3"]
    root = drawing(explorer.counts)
    figure = root.select_one({"name": "counts"})
    assert figure is not None
    ranking = root.select_one({"name": "ranking"})
    assert list(ranking.data["item"]) == explorer.ranked["item"].tolist()
    explorer.layer = 0
    assert list(ranking.data["item"]) == explorer.ranked["item"].tolist()


def test_the_ranking_is_sent_but_once_to_both(explorer):
    shown(explorer.top_k)
    held = explorer.counts._ranking
    assert held is explorer.top_k._ranking
    sent = []
    held.param.watch(sent.append, "frame")
    shown(explorer.counts)
    assert sent == []
    explorer.ranking.k = 2
    assert len(sent) == 1


def test_without_features_a_message_says_why():
    explorer = dtviz.Explorer(small(features=[]))
    assert shown(explorer.counts).message == "This model has no input features to list."
    assert explorer.counts.row.objects == []
