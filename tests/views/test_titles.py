import numpy as np
import pytest

from dtviz.analyses.blocks import Blocks
from dtviz.model import Model
from dtviz.verification_report import VerificationReport
from dtviz.views import titles


@pytest.mark.parametrize(
    ("layer", "expected"), [(2, "layer 2, out"), (0, "layer 0, out"), ("all", "all layers, out")]
)
def test_a_layer_and_its_side(layer, expected):
    assert titles.of_layer(layer, "out") == expected
    assert titles.of_layer(layer) == expected.removesuffix(", out")


def test_a_model_has_its_size_and_how_it_was_processed():
    model = Model(name="a model", weights={"out": [[[1.0, 0]] * 1200] * 3}, processing="folded")
    assert titles.of_model(model) == "a model · 3 layers × 1,200 neurons · folded"


def test_what_is_known_of_a_model_stands_in_lines():
    report = VerificationReport({"in": 2}, {"in": 1e-6}, {"logits": 0.5}, ("A note.",))
    given = {"name": "a model", "weights": {"out": [[[1.0, 0]]]}, "notes": ("A factor.",)}
    assert titles.known_of(Model(**given)) == "A factor."
    verified = Model(**given, verified=report)
    assert titles.of_model(verified).endswith(" · verified")
    lines = titles.known_of(verified).splitlines()
    assert lines[:2] == ["A factor.", "in: 2 compared, greatest difference 1.0e-06"]
    assert "factor left out: logits 0.5" in lines


def test_a_comparison_says_whether_layer_norm_was_applied():
    what, where, chance = "right against left", "layer 2, out", "grey: 95% of chance"
    assert titles.of_comparison(what, where, layer_norm=True) == f"{what} · {where}, LN · {chance}"
    assert titles.of_comparison(what, where, layer_norm=False) == (
        f"{what} · {where}, no LN · {chance}"
    )
    for applied, said in ((True, "RMSNorm"), (False, "no RMSNorm")):
        title = titles.of_comparison(what, where, layer_norm=applied, norm="RMSNorm")
        assert title == f"{what} · {where}, {said} · {chance}"
    for applied, said in ((True, "RMSNorm(embedding)"), (False, "embedding, no RMSNorm")):
        title = titles.of_features(where, "in", 3, 3, layer_norm=applied, norm="RMSNorm")
        assert title == f"{where} · {said} · 3 features"


def test_a_contrast_says_how_far_apart_the_actions_are():
    title = titles.of_comparison("a", "b", layer_norm=False, angle=164.4)
    assert title.endswith("actions 164° apart")


def test_averaging_and_chance_are_said():
    few, many = (Blocks(np.zeros((n, 2), np.float32), 1024) for n in (256, 3072))
    assert titles.of_similarity("layer 0, out", few, 0.1226) == (
        "Cosine similarity · layer 0, out · 256 neurons · chance ±0.12"
    )
    assert titles.of_similarity("layer 0, out", many, 0.1).split("\n") == [
        "Cosine similarity · layer 0, out · chance ±0.10",
        "3,072 × 3,072 averaged to 1,024 × 1,024",
    ]
    assert titles.of_similarity("layer 0, out", many, 0.1, 2048).endswith(
        "\napproximate tree: 2,048 groups first"
    )


def test_the_greatest_of_blocks_is_said_where_there_are_blocks():
    few, many = (Blocks(np.zeros((n, 2), np.float32), 1024, "greatest") for n in (256, 3072))
    assert titles.of_cells(few) == "256 neurons"
    assert titles.of_cells(many) == "3,072 × 3,072 greatest |cosine| in 1,024 × 1,024"


def test_a_selection_says_how_many_of_how_many_are_in_view_and_named():
    def title(*counts):
        return titles.of_selected("layer 0, out", *counts).removeprefix(
            "Cosine similarity · layer 0, out · "
        )

    assert title(3, 3, 3, 3) == "3 selected"
    assert title(3, 5, 3, 3) == "3 of 5 selected, those in view"
    assert title(40, 40, 40, 26) == "40 selected · 26 of 40 named"
    assert title(2000, 2000, 1024, 26) == (
        "2000 selected, averaged to 1,024 × 1,024 · 26 of 2000 named"
    )


@pytest.mark.parametrize(
    ("by", "layer_norm", "expected"),
    [
        ("in congruence", True, "layer 2, in · LN(embedding) · 10 of 980 features"),
        ("in congruence", False, "layer 2, in · embedding, no LN · 10 of 980 features"),
        ("out × embedding", True, "layer 2, in · cosine with the embedding · 10 of 980 features"),
    ],
)
def test_a_comparison_with_features_says_with_how_many_of_how_many(by, layer_norm, expected):
    assert titles.of_features("layer 2, in", by, 10, 980, layer_norm=layer_norm) == expected


def test_all_features_are_not_some_of_them():
    title = titles.of_features("layer 2, in", "in congruence", 50257, 50257, layer_norm=True)
    assert title.endswith("· 50,257 features")


@pytest.mark.parametrize(
    ("layer_norm", "expected"),
    [
        (True, "layer 2, out · LN(out) × unembedding · 9 of 50,257 tokens"),
        (False, "layer 2, out · out, no LN × unembedding · 9 of 50,257 tokens"),
    ],
)
def test_tokens_that_are_written_are_called_tokens(layer_norm, expected):
    title = titles.of_features(
        "layer 2, out", "out congruence", 9, 50257, layer_norm=layer_norm, noun="tokens"
    )
    assert title == expected


def test_rows_that_are_left_out_are_told():
    assert titles.of_rows(1200, None) == titles.of_rows(1200, 1200) == "1,200 rows"
    assert titles.of_rows(204, 50257) == "204 of 50,257 rows"
    assert "204 of 50,257 rows" in titles.of_vectors("W_U", 204, 204, 26, 50257)


def test_a_distribution_says_what_its_colours_mean():
    assert titles.of_distribution("layer 0, out") == (
        "layer 0, out: all (blue), selected (red), by chance (grey)"
    )
    assert titles.of_ecdf(32_640, 3) == "ECDF · 32,640 pairs, 3 selected"


def test_a_set_of_vectors_says_how_many_of_how_many_are_named():
    assert titles.of_vectors("unembedding", 7, 7, 7) == "Cosines · unembedding · 7 rows"
    assert titles.of_vectors("embedding", 980, 980, 26) == (
        "Cosines · embedding · 980 rows · 26 of 980 named"
    )
    assert titles.of_vectors("embedding", 50257, 1024, 26) == (
        "Cosines · embedding · 50,257 rows, averaged to 1,024 × 1,024 · 26 of 50,257 named"
    )
