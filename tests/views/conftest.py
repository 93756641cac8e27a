import pytest

from .elements import neurons


@pytest.fixture
def table():
    """The neuron table of thirty random neurons."""
    return neurons(30)
