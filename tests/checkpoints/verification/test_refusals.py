"""Kinds of models that are refused, or shown in part, are so for what they are."""

import pytest
import transformers

from dtviz.checkpoints.verification.verify import verified
from dtviz.errors import BadCheckpoint

FEW = {"num_hidden_layers": 2}


def of(kind: str, architecture: str, **given: object):
    config = getattr(transformers, f"{kind}Config")(**given)
    return verified(getattr(transformers, architecture), config)


@pytest.mark.parametrize(
    ("kind", "architecture", "given", "said"),
    [
        ("DeepseekV4", "DeepseekV4ForCausalLM", FEW, "one with 4 residual streams"),
        ("IBert", "IBertForMaskedLM", FEW, "embedding passes what is neither a norm nor a factor"),
        ("InklingText", "InklingForCausalLM", FEW, "one with several sets of experts in a layer"),
        ("Mamba", "MambaForCausalLM", FEW, "can be shown: they have no MLP with a row of weights"),
        ("ProphetNet", "ProphetNetForCausalLM", {}, "one with 3 residual streams"),
        ("RoCBert", "RoCBertForCausalLM", FEW, r"embedding passes the map .*map_inputs_layer"),
        ("Rwkv", "RwkvForCausalLM", FEW, "what their MLPs read is not the residual stream"),
        ("Xmod", "XmodForCausalLM", FEW, "Input language unknown"),
        ("Zaya", "ZayaForCausalLM", FEW, "one that multiplies each channel"),
    ],
)
def test_what_is_not_supported_is_named(kind, architecture, given, said):
    with pytest.raises(BadCheckpoint, match=f"got .*{said}"):
        of(kind, architecture, **given)


def test_layers_of_a_model_that_are_not_shown_are_left_out_for_a_reason():
    report = of("AXK2", "AXK2ForCausalLM", num_hidden_layers=3).report
    (note,) = [note for note in report.notes if note.startswith("Left out")]
    assert note.startswith("Left out, for what their MLPs read is not the residual stream")
    assert note.endswith(": layers 1 to 2.")


@pytest.mark.parametrize(
    ("kind", "architecture", "layers"),
    [
        # Of a gate such as ReLU half of the neurons are shut.
        ("BitNet", "BitNetForCausalLM", 6),
        ("Esmc", "EsmcForMaskedLM", 2),
        ("NllbMoe", "NllbMoeForConditionalGeneration", 12),  # an expert is given a token twice
        ("xLSTM", "xLSTMForCausalLM", 2),
    ],
)
def test_all_layers_are_shown(kind, architecture, layers):
    given = {} if kind == "NllbMoe" else {"num_hidden_layers": layers}
    found = of(kind, architecture, **given)
    assert tuple(found.anatomy.layers) == tuple(range(layers))
    assert not [note for note in found.report.notes if note.startswith("Left out")]
    assert found.report.greatest_error < 1e-4
