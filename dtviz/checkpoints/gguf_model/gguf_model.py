"""GgufModel: a GGUF file as a language model, read piece by piece."""

import hashlib
import os
from functools import cached_property, partial
from pathlib import Path

import torch
from torch import Tensor

from dtviz.checkpoints.directory import check_counts
from dtviz.checkpoints.files import opened, samples, unchanged
from dtviz.checkpoints.gguf_file import TOKENS, Entry, read_header, read_tensor
from dtviz.checkpoints.gguf_model.configuration import configuration
from dtviz.checkpoints.gguf_model.weights import by_name
from dtviz.checkpoints.hugging_face import Described
from dtviz.checkpoints.stored import Stored
from dtviz.checkpoints.tokens import names_from_gguf

_STATED = "the file's metadata"


class GgufModel:
    """What a GGUF file holds. Opening it reads its header, no weights.

    Raises:
        FileProblem: if it cannot be read, or the package gguf is missing.
        BadCheckpoint: if it is damaged, or of an architecture that dtviz does not read.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        with opened(path) as file:
            self._state = os.fstat(file.fileno())
            self._header = read_header(file, path.name)
        self._tensors = {
            key: Stored(
                key, entry.shape, partial(self._read, entry), slice=partial(self._read, entry)
            )
            for key, entry in self._header.tensors.items()
        }
        self._config = configuration(self._header.metadata, self._tensors)
        check_counts(self._config, len(self._tensors), _STATED)

    @cached_property
    def sha256(self) -> str:
        """A hash that tells this model from others without reading all of it.

        It is made from the header, the size, and 64 pieces of 4 KiB, evenly spread: a difference
        elsewhere alone is not seen.
        """
        size = self._state.st_size
        found = hashlib.sha256(f"{size} ".encode() + self._header.sha256)
        with unchanged(self._path, self._state) as file:
            for piece in samples(file, size):
                found.update(piece)
        return found.hexdigest()

    @property
    def described(self) -> Described:
        """What transformers makes the model of."""
        architecture = str(self._header.metadata["general.architecture"])
        return Described(
            config=self._config,
            stated_in=_STATED,
            key=self._header.sha256,
            tensors=self._tensors.keys(),
            weights=partial(by_name, architecture=architecture, tensors=self._tensors),
            tokens=self._names,
        )

    def _names(self, count: int) -> tuple[list[str] | None, str | None]:
        said = self._header.metadata
        kinds = said.get("tokenizer.ggml.token_type", ())
        model = said.get("tokenizer.ggml.model")
        return names_from_gguf(str(model), said.get(TOKENS, ()), kinds, count)

    def _read(self, entry: Entry, index: int | None = None) -> Tensor:
        with unchanged(self._path, self._state) as file:
            return torch.from_numpy(read_tensor(file, entry, self._path.name, index))
