"""A language model's name on the Hugging Face hub -> its directory on this machine."""

import re
from pathlib import Path

from dtviz.errors import FileProblem, shortened

_NAME = re.compile(r"[A-Za-z0-9][\w.-]*(/[A-Za-z0-9][\w.-]*)?")
# What is never a model's name: names of files that are not there.
_FILES = (".pt", ".pth", ".bin", ".safetensors", ".html", ".json", ".gguf")


def is_hub_name(source: object) -> bool:
    """Tell whether a source can be a name on the hub: "gpt2", "EleutherAI/pythia-70m"."""
    return (
        isinstance(source, str)
        and _NAME.fullmatch(source) is not None
        and not source.lower().endswith(_FILES)
    )


def downloaded(name: str) -> Path:
    """Return the directory of a model, downloaded unless it was before.

    Only configurations, tokenizers and .safetensors files are, never code.

    Raises:
        FileProblem: if there is no such model, or no network.
    """
    from huggingface_hub import snapshot_download

    try:
        return Path(
            snapshot_download(
                name,
                allow_patterns=["*.json", "*.safetensors", "*.txt", "*.model", "*.tiktoken"],
                # The same weights again, in another layout.
                ignore_patterns=["*/*", "consolidated*"],
            )
        )
    except Exception as error:  # of many kinds, of the network and of the hub
        raise FileProblem(
            expected="a file, a directory, or the name of a model on the Hugging Face hub",
            got=f"{shortened(name)}, which is no file here and could not be had from the hub "
            f"({shortened(str(error).partition(chr(10))[0], 160)})",
            do="Check the path or the name, and the network.",
        ) from error
