"""The architectures that TransformerLens knows and transformers can make: each is right or refused.

`docs/architectures.md` lists what comes of them; the long form writes it, and fails where it was
otherwise; the short form compares one architecture of each kind with its row.
"""

import contextlib
from collections.abc import Iterator
from pathlib import Path

import pytest
import transformers
from transformer_lens.factories.architecture_adapter_factory import SUPPORTED_ARCHITECTURES

from dtviz.checkpoints.verification.verify import Verified, verified
from dtviz.errors import BadCheckpoint

PAGE = Path(__file__).parents[2] / "docs" / "architectures.md"
INTRODUCTION = """# Architectures

What comes of the architectures that TransformerLens lists and transformers can make small on a CPU.
Of each a small copy of random weights was made; what dtviz shows of it was compared with what the
copy computes. Those marked *refused* do not open, and the reason is reported.

| architecture | opens | what is shown | what is said |
| --- | --- | --- | --- |
"""
# They take no text: images or sounds alone.
NO_TEXT = ("ASTFor", "DeiT", "Hubert", "ViT", "Wav2Vec2")
LAYERS = 4
# What published configurations say, and where defaults are none with which a model could be made.
GIVEN = {
    "DeepseekV2ForCausalLM": {"num_hidden_layers": LAYERS, "num_experts_per_tok": 6},
    "Glm4vForConditionalGeneration": {
        "text_config": {
            "num_hidden_layers": LAYERS,
            "rope_parameters": {
                "rope_type": "default",
                "rope_theta": 1e4,
                "partial_rotary_factor": 0.5,
                "mrope_section": [8, 12, 12],
            },
        }
    },
    "Lfm2MoeForCausalLM": {
        "num_hidden_layers": LAYERS,
        "layer_types": ["conv", "conv", "full_attention", "conv"],
    },
    "Qwen2_5_VLForConditionalGeneration": {
        "text_config": {
            "num_hidden_layers": LAYERS,
            "rope_parameters": {
                "rope_type": "default",
                "rope_theta": 1e6,
                "mrope_section": [16, 24, 24],
            },
        }
    },
    "HunYuanDenseV1ForCausalLM": {"head_dim": 8},
    "NemotronForCausalLM": {"num_key_value_heads": 4},
}


def architectures() -> Iterator[str]:
    for name in sorted(SUPPORTED_ARCHITECTURES):
        if hasattr(transformers, name) and not name.startswith(NO_TEXT):
            yield name


def config_of(name: str) -> transformers.PretrainedConfig:
    """Its default configuration, with few layers where that can be asked for."""
    kind = getattr(transformers, name).config_class
    if name in GIVEN:
        return kind(**GIVEN[name])
    for few in ({"text_config": {"num_hidden_layers": LAYERS}}, {"num_hidden_layers": LAYERS}):
        if "text_config" in few and "text_config" not in kind.sub_configs:
            continue
        # Some check what they are given against lists of as many as by default.
        with contextlib.suppress(Exception):
            return kind(**few)
    return kind()


def said_of(found: Verified) -> str:
    """What is shown of a model, in words."""
    layers = found.anatomy.layers.values()
    kinds = []
    if any(not mlp.are_experts for mlps in layers for mlp in mlps):
        kinds.append("MLPs")
    if any(mlp.are_experts for mlps in layers for mlp in mlps):
        kinds.append("experts")
    sides = [side for side in ("in", "gate", "out") if side in found.report.compared]
    items = [item for item in ("embedding", "unembedding") if item in found.report.compared]
    return f"{' and '.join(kinds)} ({', '.join(sides)}); {', '.join(items)}"


def row(name: str) -> str:
    try:
        found = verified(getattr(transformers, name), config_of(name))
    except BadCheckpoint as error:
        why = str(error).partition(", got ")[2].split(". ")[0]
        return f"| {name} | refused | | {why} |"
    assert found.report.greatest_error < 1e-3
    return f"| {name} | yes | {said_of(found)} | {' '.join(found.report.notes)} |"


# One of each kind.
SAMPLE = (
    "BertForMaskedLM",  # norms after what is added
    "BloomForCausalLM",  # a norm after the embedding
    "CohereForCausalLM",  # parallel layers, logits scaled
    "DeepseekV3ForCausalLM",  # experts, some shared, after layers without
    "Gemma2ForCausalLM",  # norms after MLPs, an embedding scaled, a soft cap
    "GPT2LMHeadModel",  # plain
    "LlavaForConditionalGeneration",  # with images
    "MambaForCausalLM",  # without MLPs
    "NemotronHForCausalLM",  # layers of several kinds
    "T5ForConditionalGeneration",  # an encoder beside it
)


@pytest.fixture(scope="module")
def written() -> list[str]:
    """The rows of the page as it is."""
    return PAGE.read_text().partition("| --- |")[2].splitlines()[1:]


@pytest.mark.parametrize("name", SAMPLE)
def test_an_architecture_of_each_kind(name, written):
    assert row(name) in written


def test_every_architecture_is_right_or_refused(is_long, say, written):
    if not is_long:
        pytest.skip("only in the long form")
    rows = [row(name) for name in architectures()]
    PAGE.write_text(INTRODUCTION + "\n".join(rows) + "\n")
    opened = sum("| yes |" in each for each in rows)
    say(f"architectures that open and are verified: {opened} of {len(rows)}")
    assert opened >= 0.9 * len(rows)
    assert rows == written, f"{PAGE} was written anew: look at it, and commit it"
