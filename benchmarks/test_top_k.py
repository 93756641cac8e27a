"""Top tokens of a whole layer, and of a selection, against the bare products with a vocabulary."""

from dataclasses import replace

import numpy as np
import pytest

from dtviz.analyses.products import congruences, slices
from dtviz.analyses.ranking import rank_products
from dtviz.analyses.survey import survey
from dtviz.directions import Directions
from dtviz.model import Model
from dtviz.study import Study

# A layer of GPT-2, and its tokens.
N, D_MODEL, TOKENS = 3_072, 768, 50_257
K = 10


@pytest.fixture(scope="module")
def neurons() -> Directions:
    random = np.random.default_rng(0)
    vectors = random.standard_normal((N, D_MODEL), dtype=np.float32)
    return Directions(vectors, [f"L0N{i}" for i in range(N)])


@pytest.fixture(scope="module")
def tokens() -> Directions:
    random = np.random.default_rng(1)
    vectors = random.standard_normal((TOKENS, D_MODEL), dtype=np.float32)
    return Directions(vectors, [f"token {i}" for i in range(TOKENS)], "W_E", "LN")


def bare(neurons: Directions, tokens: Directions) -> None:
    """The products alone, in blocks of the same size."""
    for rows in slices(len(neurons), 512):
        for columns in slices(len(tokens), 4_096):
            neurons.vectors[rows] @ tokens.vectors[columns].T


def top_k(neurons: Directions, tokens: Directions) -> None:
    rank_products(congruences(neurons, tokens, layer_norm=True), K)


def surveyed(neurons: Directions, tokens: Directions) -> None:
    for _ in survey(congruences(neurons, tokens, layer_norm=True), K):
        pass


def opened_again(neurons: Directions, tokens: Directions) -> None:
    """A model with these, whose layer was surveyed when it was opened before."""
    model = Model.from_arrays(neurons.vectors, unembedding=tokens)
    Study(replace(model, sha256="random")).survey_all()


@pytest.mark.parametrize("way", [bare, top_k, surveyed, opened_again])
def test_whole_layer(benchmark, neurons, tokens, way):
    benchmark.group = f"top {K} of {TOKENS:,} tokens, {N:,} neurons"
    benchmark.pedantic(way, args=(neurons, tokens), rounds=3, warmup_rounds=1)


@pytest.mark.parametrize("way", [bare, top_k])
def test_ten_neurons(benchmark, neurons, tokens, way):
    benchmark.group = f"top {K} of {TOKENS:,} tokens, 10 neurons"
    ten = neurons.subset(list(range(10)))
    benchmark.pedantic(way, args=(ten, tokens), rounds=10, warmup_rounds=1)


@pytest.mark.parametrize("n", [50_257, 250_000])
def test_search(benchmark, n):
    from dtviz.analyses.vocabulary import Vocabulary

    benchmark.group = "names that contain a text"
    vocabulary = Vocabulary([f"␣token {i}" for i in range(n)])
    benchmark.pedantic(vocabulary.search, args=("ken 12",), rounds=10, warmup_rounds=1)
