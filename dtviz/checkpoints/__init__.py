"""Files and objects in, `Model` out. Only this room and the demo may import torch."""

import os
from pathlib import Path

from dtviz.checkpoints.checkpoint import Checkpoint
from dtviz.checkpoints.decision_transformer import decision_transformer
from dtviz.checkpoints.files import OPENS, file_bytes
from dtviz.demo import CHECKPOINT
from dtviz.errors import BadArgument
from dtviz.model import Model

DEMO = "demo"
DEMO_NAME = "memory DT (demo)"


def load(source: str | os.PathLike[str]) -> Model:
    """Return the model in a checkpoint file.

    Args:
        source: the path of a decision transformer's checkpoint (.pt or .safetensors), or "demo"
            for the bundled model.

    Raises:
        BadArgument: if ``source`` is neither.
        FileProblem: if there is no such file, or it cannot be read.
        BadCheckpoint: if the file holds no decision transformer, or a damaged one.
    """
    if isinstance(source, str) and source == DEMO:
        return load_bytes(file_bytes(CHECKPOINT), DEMO_NAME, DEMO)
    try:
        path = Path(source)
    except TypeError as error:
        raise BadArgument(
            expected="the path of a checkpoint, or 'demo'",
            got=f"an object of type {type(source).__name__}",
            do=OPENS,
        ) from error
    return load_bytes(file_bytes(path), path.name, str(path))


def load_bytes(data: bytes, name: str, source: str | None = None) -> Model:
    """Return the model in the bytes of a checkpoint file, such as an upload.

    Args:
        data: the whole file.
        name: the file's name; without its extension it becomes the model's name.
        source: what `load` was given.

    Raises:
        BadCheckpoint: if the bytes hold no decision transformer, or a damaged one.
    """
    return decision_transformer(Checkpoint.from_bytes(data), Path(name).stem, source)
