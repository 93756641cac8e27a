"""Clustering against linkage on the rows of the similarity matrix, as the notebook does it."""

import pytest
from scipy.cluster.hierarchy import linkage

import dtviz

N = 3072


@pytest.fixture(scope="module")
def neurons(model_of):
    return model_of(N).neurons(0)


@pytest.mark.benchmark(group=f"clustering, n = {N:,}")
def test_cluster(benchmark, neurons):
    benchmark.pedantic(dtviz.cluster, args=(neurons,), rounds=5, warmup_rounds=1)


@pytest.mark.benchmark(group=f"clustering, n = {N:,}")
def test_linkage_on_similarity_rows(benchmark, neurons):
    similarity = dtviz.cosine_similarity(neurons).to_numpy()
    benchmark.pedantic(linkage, args=(similarity,), rounds=2)
