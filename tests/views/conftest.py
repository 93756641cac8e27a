import numpy as np
import pytest

from dtviz.analyses.clustering import cluster
from dtviz.analyses.congruence import CongruenceAnalysis
from dtviz.directions import Directions
from dtviz.neurons import neuron_table


@pytest.fixture
def table():
    """The neuron table of thirty random neurons."""
    random = np.random.default_rng(0)
    neurons = Directions(random.normal(size=(30, 8)), [f"L0N{i}" for i in range(30)])
    actions = Directions(random.normal(size=(2, 8)), ["left", "right"])
    return neuron_table(neurons, CongruenceAnalysis()(neurons, "out", actions), cluster(neurons))
