import numpy as np
import pytest

from dtviz.analyses.blocks import Blocks
from dtviz.views.zoom import Detail


@pytest.fixture
def similarity():
    rows = np.random.default_rng(0).normal(size=(30, 3))
    return Blocks((rows / np.linalg.norm(rows, axis=1)[:, None]).astype(np.float32), 6)


@pytest.fixture
def detail(similarity):
    return Detail(lambda: similarity)


def test_the_cells_of_what_is_in_view_are_found(detail, similarity):
    detail.asked = [10, 16, 3, 24, 1_700_000_000_000]
    shown = detail.frame
    np.testing.assert_array_equal(shown["image"], similarity.within((10, 16), (3, 24)))
    assert shown["image"].shape == (6, 6)
    assert [shown[side] for side in ("x", "y", "dw", "dh")] == [3, 10, 21, 6]
    np.testing.assert_allclose(
        shown["image"][:, 0],
        (similarity.unit @ similarity.unit.T)[10:16, 3:6].mean(axis=1),
        atol=1e-6,
    )


def test_it_is_sent_to_the_page(detail):
    detail.asked = [10, 16, 3, 24]
    _, data = detail._get_data()
    assert {name: len(column) for name, column in data.items()} == dict.fromkeys(
        ("image", "x", "y", "dw", "dh"), 1
    )


def test_the_whole_has_no_detail_and_what_is_cleared_has_none(detail):
    for asked in ([10, 16, 3, 24], [0, 30, 0, 30]):
        detail.asked = asked
    assert (detail.frame["dw"], detail.frame["dh"]) == (0, 0)
    detail.asked = [10, 16, 3, 24, 1]
    detail.clear()
    assert (detail.frame["dw"], detail.frame["dh"]) == (0, 0)


@pytest.mark.parametrize(
    "asked",
    [
        [],
        [1, 2, 3],
        [5, 5, 0, 3],
        [0, 31, 0, 3],
        [-1, 4, 0, 3],
        [0, 3, 4, 2],
        [0, 3.5, 0, 3],
        ["0", 3, 0, 3],
        [None, 3, 0, 3],
        [[0], 3, 0, 3],
    ],
)
def test_what_is_no_part_is_passed_over(detail, asked):
    detail.asked = [1, 4, 2, 5]
    detail.asked = asked
    assert detail.frame["dw"] == 0
