"""What norms do, whatever they are called."""

import numpy as np
import pytest
import torch
from torch import nn
from transformers.models.gemma.modeling_gemma import GemmaRMSNorm
from transformers.models.llama.modeling_llama import LlamaRMSNorm
from transformers.models.nemotron.modeling_nemotron import NemotronLayerNorm1P
from transformers.models.olmo.modeling_olmo import OlmoLayerNorm

from dtviz.checkpoints.norm import Norm, norm_of
from dtviz.checkpoints.stored import Stored
from dtviz.errors import BadCheckpoint


@pytest.mark.parametrize("device", ["cpu", "meta"])
@pytest.mark.parametrize(
    ("make", "kind", "epsilon", "offset"),
    [
        (lambda: nn.LayerNorm(16, eps=1e-4), "LN", 1e-4, 0),
        (lambda: nn.LayerNorm(16, bias=False), "LN", 1e-5, 0),
        (lambda: LlamaRMSNorm(16, eps=1e-3), "RMS", 1e-3, 0),
        (lambda: GemmaRMSNorm(16, eps=1e-6), "RMS", 1e-6, 1),
        (lambda: NemotronLayerNorm1P(16), "LN", 1e-5, 1),
        (lambda: OlmoLayerNorm(16), "LN", 1e-5, 0),
    ],
)
def test_norms_are_told_by_what_they_do(make, kind, epsilon, offset, device):
    with torch.device(device):
        module = make()
    assert norm_of(module, 16) == Norm(kind, epsilon, offset=offset)


def test_of_a_norm_nothing_changes():
    module = nn.LayerNorm(4)
    norm_of(module, 4)
    assert module.weight.tolist() == [1, 1, 1, 1]


@pytest.mark.parametrize(
    "module",
    [
        nn.Tanh(),
        nn.Linear(4, 4),
        nn.GroupNorm(2, 4),
        nn.BatchNorm1d(4),
        nn.LSTM(4, 4),
        nn.Bilinear(4, 4, 4),
    ],
)
def test_what_is_no_norm_is_refused(module):
    with pytest.raises(BadCheckpoint, match=f"a {type(module).__name__}, which is neither"):
        norm_of(module, 4)


def stored(*values):
    return Stored.of("w", torch.tensor(values))


ROWS = torch.tensor([[1.0, 2, 3], [4, 0, -1]])


@pytest.mark.parametrize(
    ("norm", "readers", "writers"),
    [
        (Norm("RMS", 0), [[1, 2, 3], [4, 0, -1]], [[1, 2, 3], [4, 0, -1]]),
        (Norm("RMS", 0, stored(1.0, 0, 2)), [[1, 0, 6], [4, 0, -2]], [[1, 0, 6], [4, 0, -2]]),
        (
            Norm("RMS", 0, stored(0.0, -1, 1), offset=1),
            [[1, 0, 6], [4, 0, -2]],
            [[1, 0, 6], [4, 0, -2]],
        ),
        (
            Norm("LN", 0, stored(1.0, 0, 2), stored(5.0, 5, 5)),
            [[-4 / 3, -7 / 3, 11 / 3], [10 / 3, -2 / 3, -8 / 3]],
            [[-1, 0, 2], [3, 0, -4]],
        ),
    ],
)
def test_folding(norm, readers, writers):
    np.testing.assert_allclose(norm.into_readers(ROWS), readers, rtol=1e-6, atol=1e-7)
    np.testing.assert_allclose(norm.into_writers(ROWS), writers, rtol=1e-6, atol=1e-7)
