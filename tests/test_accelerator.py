"""Products on a GPU, which PyTorch's CPU stands for where there is none, against NumPy's."""

import numpy as np
import pytest
import torch

import dtviz
from dtviz import accelerator
from dtviz.accelerator import LEAST, product
from dtviz.analyses.products import congruences
from dtviz.analyses.ranking import rank_products


@pytest.fixture
def used(monkeypatch) -> list[str]:
    """Let there be an accelerator; return on which device each product was made."""
    device = torch.accelerator.current_accelerator(check_available=True) or torch.device("cpu")
    made = []
    tensor = torch.tensor

    def moved(rows, *, device):
        made.append(device.type)
        return tensor(rows, device=device)

    monkeypatch.setattr(torch, "tensor", moved)
    monkeypatch.setattr(accelerator, "_device", lambda: device)
    return made


def rows(n, width, dtype=np.float32, seed=0):
    return np.random.default_rng(seed).normal(size=(n, width)).astype(dtype)


def test_large_products_are_made_there(used):
    a, b = rows(1024, 512), rows(600, 512, seed=1)
    assert len(a) * b.size > LEAST
    found = product(a, b)
    assert used
    assert found.dtype == np.float32
    np.testing.assert_allclose(found, a.astype(np.float64) @ b.T.astype(np.float64), atol=2e-3)


@pytest.mark.parametrize(
    ("a", "b"),
    [
        (rows(8, 512), rows(600, 512)),
        (rows(1024, 512, np.float64), rows(600, 512, np.float64)),
        (rows(0, 512), rows(600, 512)),
    ],
    ids=["small", "float64", "empty"],
)
def test_others_are_made_by_numpy(used, a, b):
    np.testing.assert_array_equal(product(a, b), a @ b.T)
    assert not used


def test_what_does_not_fit_is_made_by_numpy(used, monkeypatch):
    def full(*_, **__):
        raise torch.OutOfMemoryError("CUDA out of memory")

    monkeypatch.setattr(torch, "tensor", full)
    a, b = rows(1024, 512), rows(600, 512)
    np.testing.assert_array_equal(product(a, b), a @ b.T)


def test_what_is_not_writable(used):
    a, b = rows(1024, 512), rows(600, 512)
    a.flags.writeable = False
    assert product(a, b).shape == (1024, 600)
    assert used


def test_the_same_tokens_rank_first(used, monkeypatch):
    names = [f"token {i}" for i in range(5000)]
    neurons = dtviz.Directions(rows(300, 256), [f"L0N{i}" for i in range(300)])
    products = congruences(neurons, dtviz.Directions(rows(5000, 256), names), layer_norm=False)
    there = rank_products(products, 5)
    assert used
    monkeypatch.setattr(accelerator, "_device", lambda: None)
    here = rank_products(products, 5)
    np.testing.assert_allclose(there.values, here.values, atol=2e-3)
    np.testing.assert_array_equal(there.columns, here.columns)


@pytest.mark.skipif(
    torch.accelerator.current_accelerator(check_available=True) is not None,
    reason="there is an accelerator",
)
def test_without_one_numpy_is_used():
    a, b = rows(1024, 512), rows(600, 512)
    np.testing.assert_array_equal(product(a, b), a @ b.T)
