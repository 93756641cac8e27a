"""Files of weights in a directory: of torch.save's kind, of several in an index; adapters."""

import json
import os

import numpy as np
import pytest
import safetensors.torch
import torch

import dtviz
from dtviz.checkpoints import reader
from dtviz.errors import BadCheckpoint

from . import language_models

PICKLED = "pytorch_model.bin"


@pytest.fixture(scope="module")
def expected(directory):
    return dtviz.load(directory("gpt2"))


def pickled(directory, path, shards=1, **how):
    """A directory with the same weights as torch.save writes them."""
    state = safetensors.torch.load_file(directory("gpt2") / "model.safetensors")
    for name in ("config.json", "tokenizer.json", "tokenizer_config.json"):
        (path / name).write_bytes((directory("gpt2") / name).read_bytes())
    if shards == 1:
        torch.save(state, path / PICKLED, **how)
        return path
    names = [f"pytorch_model-{number:05}.bin" for number in range(shards)]
    where = {key: names[number % shards] for number, key in enumerate(state)}
    for name in names:
        torch.save({key: state[key] for key in state if where[key] == name}, path / name, **how)
    (path / f"{PICKLED}.index.json").write_text(json.dumps({"weight_map": where}))
    return path


@pytest.mark.parametrize(
    ("shards", "how"),
    [(1, {}), (3, {}), (1, {"_use_new_zipfile_serialization": False})],
)
def test_weights_of_torch_save_are_those_of_safetensors(shards, how, directory, tmp_path, expected):
    model = dtviz.load(pickled(directory, tmp_path, shards, **how))
    for side in expected.sides:
        for layer in expected.layers:
            found = model.neurons(layer, side).vectors
            np.testing.assert_array_equal(found, expected.neurons(layer, side).vectors)
    np.testing.assert_array_equal(model.embedding.vectors, expected.embedding.vectors)
    assert model.unembedding.names == expected.unembedding.names


def test_they_are_read_in_a_child(directory, tmp_path, expected):
    model = reader.read(pickled(directory, tmp_path))
    found = model.neurons(1, "in").vectors
    np.testing.assert_array_equal(found, expected.neurons(1, "in").vectors)


def test_safetensors_go_first(directory, tmp_path):
    """A damaged file beside them is not looked at."""
    language_models.saved("gpt2", tmp_path)
    (tmp_path / PICKLED).write_bytes(b"no")
    assert dtviz.load(tmp_path).n_layers == 3


class Hostile:
    def __reduce__(self):
        return os.system, ("echo no",)


@pytest.mark.parametrize("held", [Hostile(), {"a": Hostile()}])
def test_what_could_run_code_is_refused(held, directory, tmp_path):
    torch.save(held, pickled(directory, tmp_path) / PICKLED)
    with pytest.raises(BadCheckpoint, match=r"posix\.system.*none ran"):
        dtviz.load(tmp_path)


@pytest.mark.parametrize("held", [[torch.ones(3)], torch.ones(3)])
def test_no_tensors_by_name(held, directory, tmp_path):
    torch.save(held, pickled(directory, tmp_path) / PICKLED)
    with pytest.raises(BadCheckpoint, match="as tensors by name"):
        dtviz.load(tmp_path)


def test_a_file_that_changes_after_it_was_opened(directory, tmp_path):
    model = dtviz.load(pickled(directory, tmp_path))
    os.truncate(tmp_path / PICKLED, 1000)
    with pytest.raises(BadCheckpoint, match="changed"):
        _ = model.neurons(0).vectors


def test_the_hash_tells_files_apart(directory, tmp_path):
    first = dtviz.load(pickled(directory, tmp_path)).sha256
    state = torch.load(tmp_path / PICKLED, weights_only=True)
    state["transformer.ln_f.weight"] += 1
    torch.save(state, tmp_path / PICKLED)
    assert dtviz.load(tmp_path).sha256 != first


@pytest.mark.parametrize("beside", [(), ("config.json",)])
def test_a_lora_is_refused_with_what_to_do(beside, directory, tmp_path):
    (tmp_path / "adapter_config.json").write_text("{}")
    (tmp_path / "adapter_model.safetensors").write_bytes(safetensors.torch.save({}))
    for name in beside:
        (tmp_path / name).write_bytes((directory("gpt2") / name).read_bytes())
    for load in (dtviz.load, reader.read):
        with pytest.raises(BadCheckpoint, match=r"LoRA.*merge_and_unload"):
            load(tmp_path)
