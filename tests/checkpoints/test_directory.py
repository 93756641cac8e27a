"""What of a Hugging Face directory is read, when, and what is refused."""

import contextlib
import json
import os
import shutil
import subprocess
import sys
import threading
from functools import partial
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import load_file, save_file

import dtviz
from dtviz.checkpoints import weight_files as module
from dtviz.checkpoints.directory import Directory
from dtviz.checkpoints.safetensors_file import read_array, read_header
from dtviz.errors import BadCheckpoint, DtvizError

from . import language_models
from .language_models import ROWS

WEIGHTS = "model.safetensors"
INDEX = "model.safetensors.index.json"


@pytest.fixture
def gpt2(directory, tmp_path) -> Path:
    """A copy to spoil."""
    return Path(shutil.copytree(directory("gpt2"), tmp_path / "gpt2"))


def change(path, **tensors):
    """Write weights again, some of them others, without those that are None."""
    state = load_file(path / WEIGHTS) | tensors
    kept = {key: tensor for key, tensor in state.items() if tensor is not None}
    save_file(kept, path / WEIGHTS, {"format": "pt"})


def configure(path, **entries):
    config = json.loads((path / "config.json").read_text())
    (path / "config.json").write_text(json.dumps(config | entries))


@pytest.fixture
def read(monkeypatch) -> list[str]:
    """The weights that have been read, in order."""
    keys = []

    def counting(file, entry, name):
        keys.extend(key for key, one in read_header(file, name).tensors.items() if one == entry)
        return read_array(file, entry, name)

    monkeypatch.setattr(module, "read_array", counting)
    return keys


def test_opening_reads_nothing(directory, read):
    model = dtviz.load(directory("gpt2"))
    assert (model.n_layers, model.d_mlp, model.d_model) == (3, 64, 16)
    assert len(model.unembedding) == len(model.embedding.names) == ROWS
    assert repr(model).startswith("Model(gpt2: 3 layers x 64 neurons, d_model 16, 306 actions")
    assert "306 x 16" in repr(model.unembedding)
    assert read == []


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_of_matrices_in_one_tensor_each_is_read_alone(gpt2, monkeypatch, dtype):
    stacked = torch.randn(4, 3, 5, generator=torch.manual_seed(0)).to(dtype)
    change(gpt2, experts=stacked)
    lengths = []

    def counting(file, entry, name):
        lengths.append(entry.end - entry.begin)
        return read_array(file, entry, name)

    monkeypatch.setattr(module, "read_array", counting)
    one = Directory(gpt2).weights["experts"].at(2)
    assert one.shape == (3, 5)
    torch.testing.assert_close(one(), stacked[2].float(), rtol=0, atol=0)
    assert lengths == [15 * dtype.itemsize]


def test_a_layer_is_read_by_its_keys_alone(directory, read):
    model = dtviz.load(directory("gpt2"))
    neurons = model.neurons(2)
    assert neurons.names[3] == "L2N3"
    assert model.neurons("all").names[-1] == "L2N63"
    assert read == []
    neurons.norms  # noqa: B018
    assert read == ["transformer.h.2.mlp.c_proj.weight"]
    read.clear()
    model.neurons(1, "in").norms  # noqa: B018
    assert read == ["transformer.h.1.mlp.c_fc.weight", "transformer.h.1.ln_2.weight"]
    read.clear()
    model.unembedding.norms  # noqa: B018
    assert read == ["transformer.wte.weight", "transformer.ln_f.weight"]
    read.clear()
    model.unembedding.unit()
    assert read == []
    model.embedding.vectors  # noqa: B018
    model.unembedding_bias  # noqa: B018
    assert read == ["transformer.wte.weight"] * 2 + ["transformer.ln_f.bias"]


def test_the_last_layers_stay_in_memory(directory, read):
    model = dtviz.load(directory("llama"))
    for layer in (0, 1, 0, 1):
        model.neurons(layer).unit()
    assert len(read) == 2
    for layer, times in ((2, 3), (1, 3), (0, 4)):
        model.neurons(layer).unit()
        assert len(read) == times


def test_several_threads_get_the_same(directory):
    model = dtviz.load(directory("llama"))
    expected = [dtviz.load(directory("llama")).neurons(layer, "in").vectors for layer in range(3)]
    right = []

    def look(start):
        layers = [(start + i) % 3 for i in range(30)]
        found = [model.neurons(layer, "in").vectors for layer in layers]
        pairs = zip(found, layers, strict=True)
        right.append(all(np.array_equal(rows, expected[layer]) for rows, layer in pairs))

    threads = [threading.Thread(target=look, args=(start,)) for start in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert right == [True] * 6


def test_in_one_file_and_in_several(directory, tmp_path):
    several = dtviz.load(directory("llama"))
    assert len(list(directory("llama").glob("*.safetensors"))) > 2
    one = dtviz.load(language_models.saved("llama", tmp_path))
    assert list(tmp_path.glob("*.safetensors")) == [tmp_path / WEIGHTS]
    for side in one.sides:
        np.testing.assert_array_equal(
            one.neurons("all", side).vectors, several.neurons("all", side).vectors
        )
    (directory("llama") / INDEX).rename(tmp_path / "index")
    try:  # all files are what there is where no index tells
        without = dtviz.load(directory("llama"))
    finally:
        (tmp_path / "index").rename(directory("llama") / INDEX)
    np.testing.assert_array_equal(without.neurons(2).vectors, one.neurons(2).vectors)


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16, torch.float64])
def test_floats_of_any_width(tmp_path, dtype):
    model = dtviz.load(language_models.saved("pythia", tmp_path, dtype))
    raw = language_models.made("pythia", dtype).state_dict()
    stored = raw["gpt_neox.layers.2.mlp.dense_4h_to_h.weight"].float().numpy().T
    np.testing.assert_array_equal(model.neurons(2).vectors, stored)
    block = "gpt_neox.layers.1"
    expected = raw[f"{block}.mlp.dense_h_to_4h.weight"].double().numpy()
    expected = expected * raw[f"{block}.post_attention_layernorm.weight"].double().numpy()
    expected -= expected.mean(1, keepdims=True)
    # The product is not rounded to the width of the file.
    np.testing.assert_allclose(model.neurons(1, "in").vectors, expected, atol=1e-6)
    assert model.neurons(1, "in").vectors.dtype == np.float32


def test_floats_of_several_widths(gpt2):
    before = dtviz.load(gpt2).neurons(1, "in").vectors
    key = "transformer.h.1.mlp.c_fc.weight"
    change(gpt2, **{key: load_file(gpt2 / WEIGHTS)[key].half()})
    np.testing.assert_allclose(dtviz.load(gpt2).neurons(1, "in").vectors, before, atol=2e-3)


def test_names_in_old_files(gpt2):
    """GPT-2 as first published has no prefix."""
    state = load_file(gpt2 / WEIGHTS)
    old = {key.removeprefix("transformer."): tensor for key, tensor in state.items()}
    old["h.0.attn.bias"] = torch.ones(1, 1, 8, 8)
    before = dtviz.load(gpt2)
    neurons, unembedding = before.neurons("all", "in").vectors, before.unembedding.vectors
    save_file(old, gpt2 / WEIGHTS)
    after = dtviz.load(gpt2)
    np.testing.assert_array_equal(after.neurons("all", "in").vectors, neurons)
    np.testing.assert_array_equal(after.unembedding.vectors, unembedding)


def test_an_unembedding_of_an_older_name(directory):
    """Pythia's is called embed_out in files."""
    stored = load_file(directory("pythia") / WEIGHTS)["embed_out.weight"].numpy()
    scale = language_models.arrays(language_models.made("pythia"))[
        "gpt_neox.final_layer_norm.weight"
    ]
    unembedding = dtviz.load(directory("pythia")).unembedding.vectors
    np.testing.assert_allclose(unembedding, stored * scale, rtol=1e-6)


def test_numbers_that_are_not_finite_are_told_when_they_are_read(gpt2):
    key = "transformer.h.1.mlp.c_proj.weight"
    tensor = load_file(gpt2 / WEIGHTS)[key]
    tensor[3, 4] = torch.nan
    change(gpt2, **{key: tensor})
    model = dtviz.load(gpt2)
    assert np.isfinite(model.neurons(0).vectors).all()
    for layer in (1, "all", 1):
        with pytest.raises(BadCheckpoint, match=r"finite numbers in 'transformer\.h\.1.*1 of 1024"):
            model.neurons(layer).vectors  # noqa: B018


def test_folding_that_overflows_is_told(gpt2):
    change(gpt2, **{"transformer.h.1.ln_2.weight": torch.full((16,), 3e38)})
    change(gpt2, **{"transformer.h.1.mlp.c_fc.weight": torch.full((16, 64), 3e38)})
    with pytest.raises(BadCheckpoint, match="W_in, layer 1, once folded"):
        dtviz.load(gpt2).neurons(1, "in").unit()


def test_the_hash_tells_models_apart(gpt2, directory):
    first = Directory(gpt2).sha256
    assert dtviz.load(gpt2).sha256 == first == Directory(directory("gpt2")).sha256
    change(gpt2, **{"transformer.h.1.mlp.c_proj.weight": torch.zeros(64, 16)})
    second = Directory(gpt2).sha256
    configure(gpt2, layer_norm_epsilon=1e-4)
    assert len({first, second, Directory(gpt2).sha256, Directory(directory("llama")).sha256}) == 4


def touched(path):
    os.utime(path, ns=(0, 0))


@pytest.mark.parametrize("spoil", [os.unlink, partial(os.truncate, length=4_000), touched])
def test_a_file_that_is_another_when_it_is_read(gpt2, spoil):
    model = dtviz.load(gpt2)
    spoil(gpt2 / WEIGHTS)
    with pytest.raises(BadCheckpoint, match="has changed, is gone or cannot be read"):
        model.neurons(0).unit()


def test_a_file_that_is_cut_short_while_it_is_read(gpt2, monkeypatch):
    model = dtviz.load(gpt2)

    def cut(file, entry, name):
        os.truncate(gpt2 / WEIGHTS, 4_000)
        return read_array(file, entry, name)

    monkeypatch.setattr(module, "read_array", cut)
    with pytest.raises(BadCheckpoint, match="cut short"):
        model.neurons(2).unit()


def only_pickled(path):
    (path / WEIGHTS).rename(path / "pytorch_model.bin")


def only_another(path):
    (path / WEIGHTS).rename(path / "flax_model.msgpack")


def no_weights(path):
    (path / WEIGHTS).unlink()


def cut_short(path):
    data = (path / WEIGHTS).read_bytes()
    (path / WEIGHTS).write_bytes(data[: len(data) // 2])


def no_safetensors(path):
    (path / WEIGHTS).write_bytes(b"\xff" * 100)


def index(names):
    def spoil(path):
        index_text(json.dumps({"weight_map": dict(enumerate(names))}))(path)

    return spoil


def index_text(text):
    """Of weights without an index of their own: where there is model.safetensors, it is read."""

    def spoil(path):
        (path / WEIGHTS).rename(path / "other.safetensors")
        (path / INDEX).write_text(text)

    return spoil


def config(text):
    return lambda path: (path / "config.json").write_text(text)


def entries(**changed):
    return lambda path: configure(path, **changed)


def weight(key, tensor):
    return lambda path: change(path, **{key: tensor})


@pytest.mark.parametrize(
    ("spoil", "why"),
    [
        (only_pickled, "a whole checkpoint written by torch.save"),
        (only_another, r"got only 'flax_model\.msgpack'"),
        (no_weights, "got no weights"),
        (cut_short, "cut short"),
        (no_safetensors, "got a header of"),
        (index(["missing.safetensors"]), r"one without 'missing\.safetensors'"),
        (index(["../gpt2/model.safetensors"]), r"one without 'model\.safetensors'"),
        (index([]), "no weights"),
        (index_text("[1"), "as a JSON object"),
        (config("[" * 100_000), "as a JSON object"),
        (config('{"a":' * 900 + "1" + "}" * 900), r"config\.json of a language model"),
        (config("[]"), "as a JSON object"),
        (config("{}"), "'model_type' in config.*got None"),
        (config('{"model_type": 3}'), "'model_type' in config.*got 3"),
        (config('{"model_type": []}'), r"'model_type' in config.*got \[\]"),
        (entries(model_type="no such thing"), "'model_type' in config.*got 'no such thing'"),
        (entries(model_type="bert", architectures=["BertForMaskedLM"]), "the weight.*none such"),
        (entries(n_layer=10**9), r"'n_layer' in config\.json to agree"),
        (entries(n_layer=1e300), r"'n_layer' in config\.json to agree"),
        (entries(text_config={"num_hidden_layers": 10**9}), r"'num_hidden_layers' in config"),
        (entries(depths=[2, 10**9]), r"'depths' in config"),
        (entries(n_layer=4), "the weight 'transformer.h.3"),
        (entries(n_layer=2), "weights of 2 layers.*got more"),
        (entries(n_layer=0), "without layers"),
        (entries(num_labels=10**6), r"'num_labels' in config\.json to agree"),
        (entries(attention_types=[[["global", "local"], 10**10]]), "'attention_types' in config"),
        (entries(n_positions=10**10), "'n_positions' in config"),
        (entries(n_layer=-1), r"without layers|config\.json of a"),
        (entries(n_layer="3"), r"config\.json of a"),
        (entries(vocab_size=ROWS + 1), r"shape \(307, 16\)"),
        (entries(n_embd=10**12), r"config\.json"),
        (entries(n_inner=65), r"of shape \(65, 16\)"),
        (entries(n_head=0), r"config\.json of a"),
        (entries(auto_map={"AutoConfig": "x--y.Z"}, model_type="x"), "'model_type' in config"),
        (weight("transformer.h.1.mlp.c_fc.weight", None), r"c_fc\.weight.*none such"),
        (weight("transformer.h.1.ln_2.weight", None), r"ln_2\.weight.*none such"),
        (weight("transformer.h.1.mlp.c_fc.weight", torch.zeros(64, 16)), "shape"),
        (
            weight("transformer.h.1.mlp.c_fc.weight", torch.zeros(16, 64, dtype=torch.int8)),
            "as floating point numbers, .*none such",
        ),
        (weight("transformer.wte.weight", None), "wte.weight.*none such|lm_head"),
    ],
)
def test_what_is_refused(gpt2, spoil, why):
    spoil(gpt2)
    with pytest.raises(BadCheckpoint, match=why) as raised:
        dtviz.load(gpt2)
    assert len(str(raised.value)) < 500


def test_an_architecture_that_is_not_supported(directory):
    with pytest.raises(BadCheckpoint, match="they have no MLP"):
        dtviz.load(directory("mamba"))


def test_a_directory_without_a_tokenizer(gpt2):
    for file in gpt2.glob("tokenizer*"):
        file.unlink()
    model = dtviz.load(gpt2)
    assert model.unembedding.names[17] == "token 17"
    assert len(model.notes) == 1
    assert "named by their numbers" in model.notes[0]


def test_a_tokenizer_that_is_none(gpt2):
    (gpt2 / "tokenizer.json").write_text('{"model": 3}')
    model = dtviz.load(gpt2)
    assert model.unembedding.names[17] == "token 17"
    assert model.notes


ENTRIES = [key for key in language_models.KINDS["gpt2"].config.to_dict() if key[0] != "_"]


@pytest.mark.parametrize("key", ENTRIES)
def test_whatever_a_configuration_says(gpt2, key):
    """It opens, or is refused with a reason, in bounded time and memory."""
    for value in (10**18, -1, 0.5, 1e308, "x", [], {"a": [1]}, True, None):
        shutil.copy(gpt2 / "config.json", gpt2 / "kept")
        configure(gpt2, **{key: value})
        with contextlib.suppress(DtvizError):
            assert dtviz.load(gpt2).neurons(2).vectors.shape == (64, 16)
        shutil.move(gpt2 / "kept", gpt2 / "config.json")


@pytest.mark.parametrize("bytes_", [b"", b"{", b"\x00" * 50])
def test_damaged_headers(gpt2, bytes_):
    (gpt2 / WEIGHTS).write_bytes(bytes_)
    with pytest.raises(DtvizError):
        dtviz.load(gpt2)


SCRIPT = """
import sys, socket
def refuse(*_):
    raise AssertionError("a network request")
socket.socket.connect = socket.getaddrinfo = refuse
import dtviz
model = dtviz.load(sys.argv[1])
print(model.neurons("all", "in").vectors.shape, model.notes)
"""


def test_nothing_is_fetched(directory):
    words = [sys.executable, "-c", SCRIPT, str(directory("pythia"))]
    done = subprocess.run(words, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout) == (0, "(72, 16) ()\n"), done.stderr
