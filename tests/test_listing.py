"""A study of a model with a vocabulary of tokens."""

import tracemalloc
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

import dtviz
from dtviz import tables
from dtviz.analyses.products import VOCABULARY
from dtviz.listing import MOST_LISTED
from dtviz.model import Model
from dtviz.study import Study

from .tokens import wordy

MODEL = wordy()


@pytest.fixture
def study():
    # A model of its own: else it would know what others found.
    return Study(replace(MODEL), layer=1)


def congruences(study, by):
    """All congruences at once, by the public functions."""
    model, layer = study.model, study.layer
    if by == "in congruence":
        return dtviz.congruence(model.neurons(layer, "in"), model.embedding.layer_normed())
    if by == "out × embedding":
        return dtviz.cosine_similarity(model.neurons(layer), model.embedding)
    return dtviz.congruence(model.neurons(layer).layer_normed(), model.unembedding)


WAYS = ["out congruence", "in congruence", "out × embedding"]


def test_tokens_that_are_written_are_ranked_unless_told_otherwise(study):
    assert len(MODEL.unembedding) > VOCABULARY
    assert study.ranking.ranked_by == "out congruence"
    assert study.reading_side == "out"
    assert study.items is MODEL.unembedding


@pytest.mark.parametrize("by", WAYS)
def test_before_a_survey_nothing_on_all_neurons_is_known(study, by):
    study.ranking.ranked_by = by
    assert study.why_nothing == ""
    assert study.has_vocabulary
    assert not study.is_surveyed
    for name in ("reading", "listed", "moments", "feature_moments", "moments_limits"):
        assert getattr(study, name) is None
    assert "mean_abs" not in study.neurons
    assert "mean_abs" not in study.limits


@pytest.mark.parametrize("by", WAYS)
def test_the_selected_are_listed_at_once(study, by):
    study.ranking.ranked_by = by
    found = study.ranking_of(["L1N7", "L1N2", "L0N0"])
    expected = dtviz.top_k(congruences(study, by).iloc[[2, 7]])
    assert found["neuron"].tolist() == [2] * 20 + [7] * 20
    assert found["item"].tolist() == expected["item"].tolist()
    np.testing.assert_allclose(found["value"], expected["value"], rtol=1e-4)
    assert study.ranking_of(["L1N2", "L1N7"]) is found
    assert study.ranking_of([]).empty
    pd.testing.assert_frame_equal(study.ranked_of(["L1N7", "L1N2"]), expected, rtol=1e-4)


def test_of_many_selected_those_of_greatest_difference_are_listed():
    study = Study(wordy(n=MOST_LISTED + 20), layer=0)
    listed = study.ranking_of(study.in_view.names)["neuron"].unique()
    assert len(listed) == MOST_LISTED
    difference = study.neurons["difference"].abs().to_numpy()
    assert difference[listed].min() >= np.delete(difference, listed).max()


@pytest.mark.parametrize("by", WAYS)
def test_after_a_survey_all_is_known(study, by):
    study.ranking.ranked_by = by
    study.survey_all()
    whole = congruences(study, by)
    assert study.is_surveyed
    pd.testing.assert_frame_equal(study.ranked, dtviz.top_k(whole), rtol=1e-4)
    pd.testing.assert_frame_equal(study.moments, dtviz.moments(whole), rtol=1e-4)
    of_items = dtviz.moments(whole.T).assign(norm=study.items.norms)
    pd.testing.assert_frame_equal(
        study.feature_moments, of_items, rtol=1e-3, atol=1e-4, check_names=False
    )
    assert study.neurons["std"].tolist() == study.moments["std"].tolist()
    assert len(study.ranking_of(["L1N2"])) == 20 * 24
    low, high = study.limits["std"]
    assert low < study.moments["std"].median() < high


def test_what_is_asked_for_in_python_is_found_at_once(study):
    whole = congruences(study, "out congruence")
    pd.testing.assert_frame_equal(study.ranked, dtviz.top_k(whole), rtol=1e-4)


def test_a_survey_that_is_stopped_leaves_nothing(study):
    steps = study.survey()
    assert next(steps) == 24
    steps.close()
    assert not study.is_surveyed
    assert study.moments is None


@pytest.mark.parametrize(
    ("owner", "option", "value"),
    [("ranking", "ranked_by", "in congruence"), ("self", "layer", 0), ("features", "named", "wo")],
)
def test_a_survey_is_of_the_options_in_force(study, owner, option, value):
    study.survey_all()
    setattr(study if owner == "self" else getattr(study, owner), option, value)
    assert not study.is_surveyed
    assert study.moments is None


def test_more_items_need_another_survey_though_the_moments_are_known(study):
    study.survey_all()
    study.ranking.k = 3
    assert not study.is_surveyed
    assert study.moments is not None
    assert study.ranked.shape == (24 * 6, 5)


def test_what_one_study_surveyed_others_of_the_model_know(study):
    study.survey_all()
    other = Study(study.model, layer=1)
    assert other.is_surveyed
    pd.testing.assert_frame_equal(other.ranked, study.ranked)
    pd.testing.assert_frame_equal(other.moments, study.moments)
    pd.testing.assert_frame_equal(other.feature_moments, study.feature_moments)


def test_the_filter_leaves_tokens_that_are_few_enough_for_all_at_once(study):
    study.features.named = "he"
    assert {"␣he", "she"} < set(study.items.names)
    assert study.is_surveyed
    assert set(study.ranked["item"]) <= set(study.items.names)


def test_a_filter_that_leaves_no_token_is_told(study):
    study.features.named = "nothing"
    assert study.why_nothing.startswith("None of the 5,000 actions or tokens passes the filter")


def test_where_nothing_can_be_ranked_there_is_nothing_to_survey():
    model = wordy()
    study = Study(Model.from_arrays(model.weights["out"], embedding=model.embedding))
    assert study.ranking.ranked_by == "in congruence"
    assert "no side 'in'" in study.why_nothing
    assert study.is_surveyed
    assert list(study.survey()) == []
    assert study.ranked.empty


# What no weights connect, and sets of vectors


def test_of_a_vocabulary_the_compared_and_the_longest_are_short_enough(study):
    study.congruence.x, study.congruence.y = "she", ["he", "him"]
    found = study.shortlist(MODEL.unembedding, 10)
    assert found.names[:3] == ["she", "he", "him"]
    longest = set(np.argsort(-MODEL.unembedding.norms)[:10])
    assert longest <= {MODEL.unembedding.row(name) for name in found.names}
    assert len(found) <= 13
    few = MODEL.unembedding.subset(["he", "she"])
    assert study.shortlist(few, 1) is few


@pytest.mark.parametrize("kind", ["embedding-unembedding", "in-unembedding", "out-embedding"])
def test_a_table_of_a_vocabulary_is_of_a_part_and_says_of_which(study, kind):
    found = tables.table(kind, study)
    said = tables.cut(kind, study)
    assert " of 5,000 of the " in said
    assert said.endswith(": the compared and the longest")
    assert len(found) <= 1_010 * 1_010
    assert not tables.cut("neurons", study)


def test_the_table_of_tokens_has_their_cosines_with_those_compared(study):
    study.congruence.x, study.congruence.y = "she", ["he", "him"]
    found = tables.table("actions", study)
    assert list(found) == ["name", "norm", "cosine with she", "cosine with he, him (mean of 2)"]
    assert found["name"].tolist() == MODEL.unembedding.names
    expected = dtviz.cosine_similarity(MODEL.unembedding, MODEL.unembedding.subset(["she"]))
    np.testing.assert_allclose(found["cosine with she"], expected["she"], atol=1e-5)
    assert "two on the axes" in tables.cut("actions", study)


@pytest.mark.parametrize("kind", tables.KINDS)
def test_every_table_can_be_made(study, kind):
    assert len(tables.table(kind, study)) > 0


# Memory


def test_the_congruences_with_a_vocabulary_are_never_held_at_once():
    study = Study(wordy(50_257, n=1_024, d=16, layers=1), space="out congruence")
    whole = 1_024 * 50_257 * 4
    tracemalloc.start()
    try:
        _ = study.neurons, study.similarity_limit
        study.distribution("in congruence")
        study.ranking_of(study.in_view.names[:50])
        study.survey_all()
        _ = study.moments_limits
        for name in ("embedding × unembedding", "in × unembedding", "out × embedding"):
            study.crossing(name)
        assert tracemalloc.get_traced_memory()[1] < whole / 2
    finally:
        tracemalloc.stop()
