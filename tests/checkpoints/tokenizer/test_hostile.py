"""Tokenizer files made to crash, hang or fill memory: names or a note, soon, in little memory."""

import json
import time
import tracemalloc

import hypothesis.strategies as st
import pytest
from hypothesis import HealthCheck, given, settings
from tokenizers import Tokenizer

from dtviz.checkpoints.tokens import names_from_files, token_names

from . import samples

COUNT = 400
SECONDS, MEBIBYTES = 2, 64
HUGE = 2**60
DEEP = "[" * 100_000 + "]" * 100_000


def read(path, count=COUNT):
    """Return names or None, having checked what they took."""
    tracemalloc.start()
    try:
        start = time.process_time()
        names, note = names_from_files(path, count)
        assert time.process_time() - start < SECONDS
        assert tracemalloc.get_traced_memory()[1] < MEBIBYTES * 2**20
    finally:
        tracemalloc.stop()
    assert (names is None) != (note is None)
    if names is None:
        assert len(note) < 700
        assert "\n" not in note
    else:
        assert len(names) == len(set(names)) == count
    return names


@pytest.fixture
def folder(tmp_path):
    return samples.saved(tmp_path, samples.byte_level())


def change(folder, **changes):
    file = folder / "tokenizer.json"
    held = json.loads(file.read_text())
    for key, value in changes.items():
        if isinstance(value, dict) and isinstance(held.get(key), dict):
            value = held[key] | value
        held[key] = value
    file.write_text(json.dumps(held))


def added(number, content="<x>", special=True):
    flags = dict.fromkeys(("single_word", "lstrip", "rstrip", "normalized"), False)
    return {"id": number, "content": content, "special": special, **flags}


# --- what made the process abort, or raise what no `except` catches -------------------------------


@pytest.mark.parametrize("prefix", ["é", "##", "中文", "\u0301"])
@pytest.mark.parametrize("merge", [["é", "x"], ["", ""], ["中", "é"], "é x", 5])
def test_a_merge_beside_a_prefix_of_several_bytes(folder, prefix, merge):
    vocab = {"a": 0, "é": 1, "x": 2, "éx": 3, "中": 4, "中é": 5, "": 6}
    model = {"vocab": vocab, "merges": [merge], "continuing_subword_prefix": prefix}
    change(folder, model=model, decoder=None)
    assert read(folder)[:3] == ["a", "é", "x"]


def test_what_is_nested_deeply(folder):
    file, held = folder / "tokenizer.json", json.loads((folder / "tokenizer.json").read_text())
    text = json.dumps(held | {"normalizer": "deep"})
    file.write_text(text.replace('"deep"', DEEP))
    assert read(folder) is None
    decoder = {"type": "Fuse"}
    for _ in range(150):
        decoder = {"type": "Sequence", "decoders": [decoder]}
    file.write_text(json.dumps(held | {"decoder": decoder}))
    assert read(folder) is not None


# --- what allocated gigabytes for kilobytes, or took for ever -------------------------------------


@pytest.mark.parametrize(
    "config",
    [
        {"tokenizer_class": "T5Tokenizer", "extra_ids": 10**8},
        {"tokenizer_class": "PegasusTokenizer", "offset": 10**8},
        {"tokenizer_class": "XLMRobertaTokenizer", "fairseq_offset": HUGE},
        {"fast_tokenizer_files": ["tokenizer.999.json", "../../x", "tokenizer." + "9" * 5000]},
        {"fast_tokenizer_files": HUGE},
        {"model_max_length": HUGE, "additional_special_tokens": HUGE},
        {"added_tokens_decoder": {str(HUGE): added(HUGE)}},
        {"added_tokens_decoder": {"9" * 4000: added(0)}},
        {"added_tokens_decoder": {"-5": added(-5)}},
        {"added_tokens_decoder": [added(0)]},
        {"bos_token": "x" * 3_000_000},
        {"extra_special_tokens": {f"t{i}": f"<{i}>" for i in range(20_000)}},
    ],
    ids=lambda config: " ".join(config),
)
def test_configurations_that_ask_for_much(folder, config):
    (folder / "tokenizer_config.json").write_text(json.dumps(config))
    read(folder)
    (folder / "tokenizer.json").unlink()
    (folder / "spiece.model").write_bytes(samples.sentence_pieces("unigram", vocab_size=80))
    read(folder)


@pytest.mark.parametrize("number", [HUGE, 2**31, 10**400, -1, 1.5, None, "1", True, [], {}])
def test_numbers_that_are_none_or_huge(folder, number):
    change(folder, model={"vocab": {"a": 0, "b": number}})
    read(folder)
    change(folder, model={"vocab": {"a": 0, "b": 1}}, added_tokens=[added(number)])
    assert read(folder)[:3] == ["a", "b", "<x>"]
    (folder / "tokenizer.json").unlink()
    (folder / "vocab.json").write_text(json.dumps({"a": 0, "b": number}))
    read(folder)


def test_texts_that_are_huge(folder):
    huge = "x" * 1_000_000
    change(folder, model={"vocab": {"a": 0, huge: 1}}, added_tokens=[added(2, huge + "y")])
    names = read(folder)
    assert names is None or max(map(len, names)) < 2_100_000


def test_names_that_multiply(folder):
    """Each step would double a token, and each unseen character becomes ten."""
    double = {"type": "Replace", "pattern": {"String": "a"}, "content": "aa"}
    change(folder, decoder={"type": "Sequence", "decoders": [double] * 60})
    assert read(folder) is None
    same = {"type": "Replace", "pattern": {"String": "a"}, "content": "b"}
    change(folder, decoder={"type": "Sequence", "decoders": [same] * 100_000})
    assert read(folder) is None
    regex = {"type": "Replace", "pattern": {"Regex": "(a+)+$"}, "content": ""}
    change(folder, decoder=regex, model={"vocab": {"a" * 50_000 + "b": 0}})
    assert read(folder) is None
    nothing = {"type": "Replace", "pattern": {"String": ""}, "content": "x"}
    change(folder, decoder=nothing)
    assert read(folder) is None


def test_more_tokens_than_rows_take_no_room(folder):
    change(folder, added_tokens=[added(i, f"<{i}>") for i in range(20_000)])
    assert len(read(folder, 5)) == 5


@pytest.mark.parametrize(
    "data",
    [
        b"\n" + b"\xff" * 9 + b"\x01",
        b"\n" + b"\x80" * 100_000,
        b"\n\xff\xff\xff\xff\x0f",
        b"\n\x05\x0a\xff\xff\xff\x7f",
        b"\n\x02\x0a\x00" * 100_000,
        b"\n\x03\x0a\x01\xff",
        b"\x0b" * 1000,
        b"aa " + b"9" * 5000,
        b"YQ== 99999999999999999999\n" * 1000,
        b"YQ== -7\n",
        b"YQ==\n",
        b"",
        b"\n",
        b"\n" * 1_000_000,
    ],
    ids=range(14),
)
@pytest.mark.parametrize("file", ["tokenizer.model", "qwen.tiktoken"])
def test_damaged_models(tmp_path, data, file):
    (tmp_path / file).write_bytes(data)
    read(tmp_path)


@pytest.mark.parametrize("data", [b"\xff\xfe", b"a\r\nb\r\n", b"\n" * 1_000_000, b"a\n" * 10**6])
def test_damaged_lists(tmp_path, data):
    (tmp_path / "vocab.txt").write_bytes(data)
    read(tmp_path)


# --- anything -------------------------------------------------------------------------------------

JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.sampled_from([HUGE, -1, 0, 1, 0.5, "Sequence", "Metaspace", "Fuse", "a", "\ud800"]),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(["type", "decoders", "content", "vocab", "String", "pattern", "a"]),
            inner,
            max_size=3,
        )
    ),
    max_leaves=8,
)
FILES = ["tokenizer", "tokenizer_config", "special_tokens_map", "added_tokens", "vocab"]
KEYS = ["model", "decoder", "added_tokens", "added_tokens_decoder", "bos_token", "a_token"]


@settings(
    deadline=None, max_examples=200, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(
    st.sampled_from(FILES),
    st.dictionaries(st.sampled_from([*KEYS, "extra_special_tokens", "a"]), JSON),
)
def test_any_json(tmp_path, name, held):
    made = {"model": {"vocab": {"a": 0}}, "decoder": None, "added_tokens": []}
    (tmp_path / "tokenizer.json").write_text(json.dumps(made))
    before = {file: file.read_bytes() for file in tmp_path.iterdir()}
    (tmp_path / f"{name}.json").write_text(json.dumps((made if name == "tokenizer" else {}) | held))
    read(tmp_path, 5)
    for file in tmp_path.iterdir():
        file.unlink()
    for file, data in before.items():
        file.write_bytes(data)


def test_a_large_tokenizer_is_read_as_quickly_as_a_library_makes_one(folder):
    tokens = {f"Ġw{number:x}": number for number in range(250_000)}
    change(folder, model={"vocab": tokens, "merges": []})

    def by_library():
        made = samples.fast(Tokenizer.from_file(str(folder / "tokenizer.json")))
        return token_names(made, 250_000)

    took = {}
    for read_it in (lambda: names_from_files(folder, 250_000)[0], by_library):
        start = time.process_time()
        names = read_it()
        took[read_it] = time.process_time() - start
        assert names[-1] == "␣w3d08f"
    assert took.pop(by_library) > next(iter(took.values()))
