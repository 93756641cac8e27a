"""Dictionary: where the latents of an SAE or a transcoder read and write."""

from dataclasses import dataclass
from typing import ClassVar

from dtviz.directions import Normalization


@dataclass(frozen=True)
class Dictionary:
    """Where latents read and write, and which model they were trained on.

    Args:
        reads, writes: hook points, as TransformerLens names them: "blocks.8.hook_resid_post".
        normalization: what the SAE itself does to what it reads, before ``W_enc`` does.
        trained_on: the model's source, as `dtviz.load` takes it; None if none was given, or if it
            was opened from no source.
    """

    reads: str
    writes: str
    normalization: Normalization | None = None
    trained_on: str | None = None

    # What holds the vectors of each side.
    matrices: ClassVar[dict[str, str]] = {"out": "W_dec", "in": "W_enc", "gate": "W_enc"}

    @property
    def reads_residual_stream(self) -> bool:
        """Whether latents read the residual stream itself, to which tokens are added."""
        return ".hook_resid_" in self.reads
