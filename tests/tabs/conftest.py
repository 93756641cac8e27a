import pytest

import dtviz

from .models import small


@pytest.fixture
def explorer():
    """Of twelve neurons a layer, in the second layer."""
    return dtviz.Explorer(small())
