"""Refusals of kinds of language models: what of one is not supported, as far as it can be seen."""

from typing import TYPE_CHECKING

from dtviz.checkpoints.verification.names import layer_of
from dtviz.checkpoints.verification.run import Run
from dtviz.errors import BadCheckpoint

if TYPE_CHECKING:
    from dtviz.checkpoints.verification.discovery import Discovery

NO_MLP = "they have no MLP with a row of weights for each neuron"
NOT_THE_STREAM = "what their MLPs read is not the residual stream after a norm or as it is"
NOT_STEADY = "the activations of their MLPs depend on the token itself, too"
NOT_WRITTEN = "what their MLPs write does not reach the residual stream as it is"


def unsupported(got: str) -> BadCheckpoint:
    """Return the error that refuses a kind of model."""
    return BadCheckpoint(
        expected="a language model that dtviz supports",
        got=got,
        do="Open a model whose layers have MLPs, GPT-2 or Llama for instance.",
    )


def unread(discovery: "Discovery", moved: Run, last: int) -> BadCheckpoint:
    """Return why no layer reads the embedding, as it is or multiplied by one number.

    Args:
        discovery: of the copy.
        moved: a run in which the embedding was changed.
        last: the number of the use whose result was.
    """
    for number in range(last + 1, len(discovery.uses)):
        use = discovery.uses[number]
        if use.kind == "lookup":
            continue
        change = moved.uses[number].input - use.input
        if not change.abs().max() > 0:
            continue
        if use.kind == "linear" and layer_of(use.name) is None:
            return unsupported(f"one whose embedding passes the map {use.name} before the layers")
        streams, rest = divmod(change.numel(), discovery.tokens * discovery.width)
        if streams > 1 and not rest:
            return unsupported(f"one with {streams} residual streams")
        by_channel = change / discovery.noise if change.shape == discovery.noise.shape else None
        if by_channel is not None and (by_channel - by_channel[0]).abs().max() < 1e-2:
            return unsupported("one that multiplies each channel of its residual stream")
        return unsupported("one whose embedding passes what is neither a norm nor a factor")
    return unsupported("one whose embedding no layer reads")
