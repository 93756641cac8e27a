"""The context that children of the reader are forked in, from a process that has opened nothing."""

import contextlib
import multiprocessing
import os
import sys
import threading
from collections.abc import Iterator
from multiprocessing import forkserver
from multiprocessing.process import BaseProcess
from types import ModuleType
from typing import Any

from dtviz.checkpoints.confinement import uninterrupted

# What takes seconds to import.
_PRELOADED = [
    *("dtviz.checkpoints.reader", "dtviz.checkpoints.hugging_face"),
    *("dtviz.checkpoints.gguf_model.gguf_model", "gguf"),
    *("dtviz.checkpoints.language_model", "transformer_lens.weight_processing"),
    *("torch.overrides", "transformers.models.auto.modeling_auto"),
    *("transformers.generation.utils", "transformers.masking_utils"),
    *("transformers.modeling_layers", "torch.utils.serialization.config"),
]
_STARTING = threading.Lock()


def fork_context() -> Any:
    """Return what starts children; the process that they are forked from runs then."""
    if "forkserver" not in multiprocessing.get_all_start_methods():
        return multiprocessing.get_context("spawn")
    context = multiprocessing.get_context("forkserver")
    with _STARTING, _safe_path(), _without_main(), uninterrupted():
        context.set_forkserver_preload(_PRELOADED)
        forkserver.ensure_running()
    return context


def begin(process: BaseProcess) -> None:
    """Start a process of this context."""
    with _STARTING, _without_main():
        process.start()


@contextlib.contextmanager
def _safe_path() -> Iterator[None]:
    """Start Python without the folder that one works in among those that it imports from.

    It can be that of a model, with Python files in it.
    """
    before = os.environ.get("PYTHONSAFEPATH")
    os.environ["PYTHONSAFEPATH"] = "1"
    try:
        yield
    finally:
        if before is None:
            del os.environ["PYTHONSAFEPATH"]
        else:
            os.environ["PYTHONSAFEPATH"] = before


@contextlib.contextmanager
def _without_main() -> Iterator[None]:
    """Start a process that does not begin with the user's own program, as Python's own do.

    A script without `if __name__ == "__main__"` would run again in each of them.
    """
    main = sys.modules["__main__"]
    sys.modules["__main__"] = ModuleType("__main__")
    try:
        yield
    finally:
        sys.modules["__main__"] = main
