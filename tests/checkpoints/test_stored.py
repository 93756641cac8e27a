"""Weights that are read when they are asked for."""

import pytest
import torch

from dtviz.checkpoints.stored import Stored
from dtviz.errors import BadCheckpoint


def test_a_weight_is_read_when_it_is_asked_for():
    read = []

    def tensor():
        read.append(1)
        return torch.arange(8, dtype=torch.bfloat16).reshape(4, 2)

    stored = Stored("w", (4, 2), tensor)
    assert (stored.transposed.shape, stored.part(1, 2).shape) == ((2, 4), (2, 2))
    assert read == []
    assert stored().dtype == torch.float32
    assert stored.transposed().tolist() == [[0, 2, 4, 6], [1, 3, 5, 7]]
    assert stored.part(0, 2)().tolist() == [[0, 1], [2, 3]]
    assert stored.part(1, 2, interleaved=True)().tolist() == [[2, 3], [6, 7]]
    assert len(read) == 4
    both = Stored.stacked("both", [stored, stored.part(0, 1)])
    assert (both.shape, both().shape, both.at(1)().tolist()) == (
        (2, 4, 2),
        (2, 4, 2),
        stored().tolist(),
    )
    joined = Stored.joined("joined", [stored, stored])
    assert (joined.shape, joined.part(1, 2)().tolist()) == ((8, 2), stored().tolist())
    assert stored.part(1, 2)().tolist() == [[4, 5], [6, 7]]


def test_a_weight_in_memory_is_what_it_is_when_it_is_read():
    parameter = torch.nn.Parameter(torch.zeros(2))
    stored = Stored.of("w", parameter)
    with torch.no_grad():
        parameter += 1
    assert stored().tolist() == [1, 1]
    assert not stored().requires_grad


@pytest.mark.parametrize("bad", [torch.nan, torch.inf])
def test_numbers_that_are_not_finite(bad):
    with pytest.raises(BadCheckpoint, match="finite numbers in 'w', got 1 of 2"):
        Stored.of("w", torch.tensor([1, bad]))()
