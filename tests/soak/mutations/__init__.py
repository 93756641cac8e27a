"""Files of every kind that dtviz reads, and what a hostile hand makes of them: by number."""

import io
import json
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from random import Random
from typing import NamedTuple

import safetensors.torch
import torch

import dtviz
from dtviz import partitions
from dtviz.demo import CHECKPOINT
from dtviz.explorer import Explorer
from tests.checkpoints import gguf_files, language_models, saes
from tests.checkpoints.published import published
from tests.checkpoints.tokenizer import samples

from . import (
    archives,
    arrays,
    documents,
    gguf_headers,
    headers,
    json_values,
    parquet,
    pickles,
    tokenizers,
    weights,
)
from .raw import BYTES, Mutation

SEED = "dtviz 7"

Files = dict[str, bytes]
_HOOK = "blocks.1.hook_resid_post"
# What of a language model's directory is its tokenizer's.
_OF_TOKENIZERS = ("tokenizer", "vocab", "merges", "special_tokens", "added_tokens", "qwen")
# For each kind of reader, the ends of the names of what is changed, and the forms of its files.
KINDS: dict[str, tuple[tuple[str, ...], tuple[str, ...]]] = {
    "pt": ((".pt",), ("archive", "archive", "legacy", "demo")),
    "bin": ((".bin",), ("bin",)),
    "GGUF": ((".gguf",), ("gguf", "gguf", "experts")),
    "safetensors": ((".safetensors",), ("safetensors", "gpt2", "llama")),
    "quantized": ((".safetensors", "config.json"), ("fp8",)),
    "configurations": (
        ("config.json", ".index.json", "model.json"),
        ("gpt2", "gpt2", "llama", "table"),
    ),
    "tokenizers": ((), ("bytes", "pieces", "words", "older", "list", "model", "ranks")),
    "Parquet": ((".parquet",), ("table",)),
    "SAEs": (("cfg.json", ".safetensors"), ("sae",)),
    "npz": ((".npz", "cfg.json"), ("scope",)),
    "sets": ((".json",), ("sets",)),
    "snapshots": ((".html",), ("snapshot",)),
}


class Mutated(NamedTuple):
    """Files: their form, what was done to them, what is in them, and which of them is opened."""

    form: str
    what: str
    files: Files
    opened: str


def forms(folder: Path) -> dict[str, Files]:
    """Return files of each form that dtviz opens, by name; written on the way."""
    torch.manual_seed(0)
    decision = published(layers=2, d_model=8, d_mlp=12, view=2, gated=True)
    (folder / "tiny.pt").write_bytes(decision.pt())
    with ThreadPoolExecutor(1) as executor:
        partitions.write(dtviz.load(folder / "tiny.pt"), folder / "table", executor)
    language_models.saved("gpt2", folder / "gpt2")
    language_models.saved("llama", folder / "llama", max_shard_size="10KB")
    language_models.saved("llama", folder / "llama-whole")
    for architecture, form in (("llama", "gguf"), ("qwen3moe", "experts")):
        gguf_files.write(folder / f"{form}.gguf", architecture, kind=8)  # Q8_0
    gpt2 = _files(folder / "gpt2")
    model = {name: data for name, data in gpt2.items() if not _is_of_tokenizer(name)}
    explorer = Explorer(dtviz.load("demo"), layer=2)
    explorer.selection.names = ["L2N1", "L2N132"]
    explorer.sets.save("both", ["L2N1", "L2N132"], "a note")
    explorer.sets.save("one", ["L1N5"])
    explorer.save(folder / "snapshot.html")
    return {
        "archive": {"model.pt": decision.pt()},
        "legacy": {"model.pt": decision.pt(_use_new_zipfile_serialization=False)},
        "safetensors": {"model.safetensors": decision.safetensors()},
        "demo": {"model.pt": CHECKPOINT.read_bytes()},
        "gpt2": gpt2,
        "bin": _pickled(gpt2),
        "fp8": _quantized(_files(folder / "llama-whole")),
        **{
            form: {"m.gguf": (folder / f"{form}.gguf").read_bytes()} for form in ("gguf", "experts")
        },
        **{name: _files(folder / name) for name in ("table", "llama")},
        **{name: model | files for name, files in _tokenizers(folder)},
        "sae": _files(saes.saved(folder / "sae", saes.weights(), hook_name=_HOOK)),
        "scope": {
            "params.npz": _files(saes.published(folder / "scope", saes.weights()))["params.npz"],
            "cfg.json": json.dumps({"metadata": {"hook_name": _HOOK}}).encode(),
        },
        "sets": {"sets.json": explorer.sets.to_json(explorer.model).encode()},
        "snapshot": {"snapshot.html": (folder / "snapshot.html").read_bytes()},
    }


def _pickled(files: Files) -> Files:
    """Return a directory with its weights as torch.save writes them."""
    rest = dict(files)
    state = safetensors.torch.load(rest.pop("model.safetensors"))
    torch.save(state, buffer := io.BytesIO())
    return rest | {"pytorch_model.bin": buffer.getvalue()}


def _quantized(files: Files) -> Files:
    """Return a directory with the weights of its MLPs in FP8."""
    state = safetensors.torch.load(files["model.safetensors"])
    for name in [name for name in state if ".mlp." in name]:
        state[name] = state[name].to(torch.float8_e4m3fn)
        state[f"{name}_scale_inv"] = torch.ones(-(-state[name].shape[0] // 8), 1)
    stated = {"quant_method": "fp8", "weight_block_size": [8, 64]}
    config = json.loads(files["config.json"]) | {"quantization_config": stated}
    weights = safetensors.torch.save(state)
    return files | {"config.json": json.dumps(config).encode(), "model.safetensors": weights}


def _tokenizers(folder: Path) -> Iterator[tuple[str, Files]]:
    """Yield the files of tokenizers of each form."""
    config = b'{"tokenizer_class": "PreTrainedTokenizerFast", "eos_token": "<|im|>"}'
    beside = {"tokenizer_config.json": config}
    for name, made in (
        ("bytes", samples.byte_level),
        ("pieces", samples.unigram),
        ("words", samples.word_piece),
    ):
        made().save(str(folder / "tokenizer.json"))
        yield name, beside | {"tokenizer.json": (folder / "tokenizer.json").read_bytes()}
    (folder / "older").mkdir()
    samples.byte_level().model.save(str(folder / "older"))
    added = {"added_tokens.json": b'{"<|im|>": 300}', "special_tokens_map.json": config}
    yield "older", _files(folder / "older") | added
    yield "list", beside | {"vocab.txt": b"[PAD]\n[UNK]\nthe\n##s\ncat\n" * 3}
    pieces = samples.sentence_pieces("bpe", byte_fallback=True, vocab_size=330)
    yield "model", beside | {"tokenizer.model": pieces}
    yield "ranks", beside | {"qwen.tiktoken": samples.ranks()}


def _files(folder: Path) -> Files:
    paths = (path for path in sorted(folder.rglob("*")) if path.is_file())
    return {str(path.relative_to(folder)): path.read_bytes() for path in paths}


def _is_of_tokenizer(name: str) -> bool:
    return name.startswith(_OF_TOKENIZERS)


def mutated(forms: dict[str, Files], kind: str, number: int) -> Mutated:
    """Return mutated files of a kind; of one number and the same forms they are always the same."""
    random = Random(f"{SEED} {kind} {number}")
    ends, of_kind = KINDS[kind]
    form = random.choice(of_kind)
    files = dict(forms[form])
    read = [name for name in files if (name.endswith(ends) if ends else _is_of_tokenizer(name))]
    if kind == "configurations":
        read = [name for name in read if not _is_of_tokenizer(name)]
    done = []
    for _ in range(random.choice((1, 1, 1, 2))):
        name = random.choice(read)
        mutations = [*BYTES, *_structural(name, files[name])]
        if files[name] is not forms[form][name]:
            # This process would load what was changed before.
            mutations = [one for one in mutations if one is not weights.weights_changed]
        mutation = random.choice(mutations)
        files[name] = mutation(random, files[name])
        done.append(f"{mutation.__name__} of {name}")
    if len(files) > 1 and random.random() < 0.05:
        gone = random.choice(list(files))
        del files[gone]
        done.append(f"without {gone}")
    opened = next(iter(files)) if len(forms[form]) == 1 else "."
    return Mutated(form, ", ".join(done), files, opened)


def _structural(name: str, data: bytes) -> list[Mutation]:
    """Return what can be done to a file field by field, each as often as it is worth."""
    if name == "tokenizer.json":
        return [tokenizers.tokenizer_changed] * 12
    if name == "vocab.json":
        return [tokenizers.vocabulary_changed] * 8
    if name.endswith((".txt", ".tiktoken")):
        return [tokenizers.lines_changed] * 8
    if name.endswith(".model"):
        return [tokenizers.messages_changed] * 12
    if _is_of_tokenizer(name):
        return [tokenizers.configuration_changed] * 12
    if name == "sets.json":
        return [documents.sets_changed] * 12
    if name.endswith(".json"):
        return [json_values.json_changed] * 8
    if name.endswith(".html"):
        return [documents.snapshot_changed] * 18
    if name.endswith(".parquet"):
        structural = [parquet.metadata_changed, parquet.rows_multiplied]
        return structural + [parquet.columns_changed, parquet.footer_changed] * 6
    if name.endswith(".safetensors"):
        structural = [headers.header_changed, headers.tensor_claimed, weights.weights_changed] * 3
        return [*structural, headers.header_length_changed]
    if name.endswith(".gguf"):
        return [gguf_headers.header_changed, gguf_headers.numbers_changed] * 8
    if name.endswith(".npz"):
        structural = [archives.sizes_in_archive_changed, archives.entries_changed, archives.bomb]
        return [*structural, archives.two_archives] + [arrays.arrays_changed] * 12
    if data.startswith(b"PK"):
        structural = [archives.sizes_in_archive_changed, archives.bomb]
        structural += [archives.entries_changed, archives.two_archives] * 3
        return structural + [archives.pickle_in_archive, weights.weights_changed] * 6
    return [pickles.legacy_pickle_changed, weights.weights_changed] * 6
