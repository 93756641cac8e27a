"""SmallCopy: a language model of random weights, made of a shrunk configuration."""

import math
from collections.abc import Mapping
from typing import Any

import torch
import transformers
from torch import Tensor, nn

from dtviz.checkpoints.verification.shrunk import WIDTH, shrunk
from dtviz.errors import BadCheckpoint

_TOKENS = 64
# Of tokens that no configuration gives a meaning: those of images, of padding are below or above.
_FIRST, _LAST = 8, 92
# Copies have a few hundred thousand parameters a layer.
_MOST_PARAMETERS = 50_000_000


class SmallCopy:
    """A small model of the same kind as another, on the CPU, in float32, ready to run.

    Args:
        made_by: the model's class.
        config: the other model's.
        width: d_model of the copy.

    Raises:
        BadCheckpoint: if it would not be small.
    """

    def __init__(
        self,
        made_by: type[transformers.PreTrainedModel],
        config: transformers.PretrainedConfig,
        width: int = WIDTH,
    ) -> None:
        self._made_by = made_by
        self._config = type(config).from_dict(shrunk(config.to_dict(), width))
        self._check_size()
        self.width = int(self._config.get_text_config(decoder=True).hidden_size)
        self.model = self._made().float().eval()
        randomize(self.model)

    def _made(self) -> Any:
        config = self._config
        config._attn_implementation = "eager"
        config._experts_implementation = "eager"
        return self._made_by._from_config(config, dtype=torch.float32)

    def _check_size(self) -> None:
        with torch.device("meta"):
            numbers = sum(each.numel() for each in self._made().parameters())
        if numbers > _MOST_PARAMETERS:
            raise BadCheckpoint(
                expected="a configuration of which a small copy can be made, to be verified",
                got=f"one whose copy has {numbers:,} parameters",
                do="Correct config.json.",
            )

    @property
    def inputs(self) -> Mapping[str, Any]:
        """Random tokens, as the model takes them."""
        random = torch.Generator().manual_seed(1)
        given: dict[str, Any] = {"input_ids": tokens(random)}
        if self.model.config.is_encoder_decoder:
            return {**given, "decoder_input_ids": tokens(random)}
        return {**given, "use_cache": False}


def tokens(random: torch.Generator) -> Tensor:
    """Return random tokens, (1, tokens), each once: rows of experts are told apart by them."""
    return (_FIRST + torch.randperm(_LAST - _FIRST, generator=random)[:_TOKENS])[None]


def randomize(model: nn.Module) -> None:
    """Give a model weights that all do something, norms' and single numbers among them."""
    random = torch.Generator().manual_seed(0)
    kept = model.state_dict()
    with torch.no_grad():
        for parameter in model.parameters():
            noise = torch.randn(parameter.shape, generator=random)
            if parameter.ndim < 2:
                parameter.add_(0.3 * noise)
            else:
                parameter.copy_(noise / math.sqrt(parameter.shape[-1]))
        for name, buffer in model.named_buffers():
            if name in kept and buffer.numel() == 1 and buffer.is_floating_point():
                buffer.add_(0.3 * torch.randn(buffer.shape, generator=random))
