"""Checkpoints made to do harm, each of a kind: they open or are refused, soon, and run nothing."""

import io
import json
import os
import pickle
import shutil
import struct
import sys
import time
import tracemalloc
import zipfile
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import safetensors.torch
import torch

import dtviz
from dtviz.checkpoints import load, load_bytes
from dtviz.directions import check_rows
from dtviz.errors import BadArgument, BadCheckpoint, DtvizError, FileProblem
from dtviz.partitions import write

from .published import pt, published

TINY = published(layers=2, d_model=8, d_mlp=12, view=2, gated=True)
DEEP = "[" * 100_000 + "]" * 100_000


@pytest.fixture(autouse=True)
def nothing_runs(asked, tmp_path, monkeypatch):
    """No payload leaves its mark, and nothing of a checkpoint is looked up to be called."""
    monkeypatch.chdir(tmp_path)
    asked.clear()
    yield
    assert asked == []
    assert not Path("ran").exists()


FORBIDDEN = ("os.system", "subprocess.Popen", "pickle.find_class", "socket.connect")


@pytest.fixture(scope="module")
def asked() -> list[str]:
    """What Python was asked for that is forbidden."""
    events: list[str] = []
    sys.addaudithook(lambda event, _: events.append(event) if event in FORBIDDEN else None)
    return events


class Call:
    """Unpickled by Python, it would call a function."""

    def __init__(self, function, *arguments):
        self.called = function, arguments

    def __reduce__(self):
        return self.called


PAYLOADS = [
    Call(os.system, "mkdir ran"),
    Call(os.mkdir, "ran"),
    Call(eval, "__import__('os').mkdir('ran')"),
    Call(exec, "import os; os.mkdir('ran')"),
    Call(np.load, "ran", None, True),
]
PLACES = {
    "beside the weights": lambda payload: TINY.content() | {"extra": payload},
    "instead of all": lambda payload: payload,
    "among the weights": lambda payload: {
        **TINY.content(),
        "model_state_dict": TINY.state | {"w": payload},
    },
    "in the configuration": lambda payload: TINY.content() | {"model_config": payload},
    "in the optimizer's state": lambda payload: {
        **TINY.content(),
        "optimizer": {"state": {0: {"step": [(payload,)]}}, "param_groups": [{"lr": 1e-3}]},
    },
    "as a key": lambda payload: {payload: 1} | TINY.content(),
}


@pytest.mark.parametrize("legacy", [False, True])
@pytest.mark.parametrize("place", PLACES)
@pytest.mark.parametrize("payload", PAYLOADS, ids=lambda payload: payload.called[0].__name__)
def test_a_payload_in_a_pickle_does_not_run(payload, place, legacy):
    data = pt(PLACES[place](payload), _use_new_zipfile_serialization=not legacy)
    with pytest.raises(BadCheckpoint, match=r"asks for '.*', which could run code; none ran"):
        load_bytes(data, "x.pt")


@pytest.mark.parametrize("protocol", range(6))
def test_a_payload_in_a_pickle_of_any_protocol_does_not_run(protocol):
    with pytest.raises(BadCheckpoint):
        load_bytes(pickle.dumps(PAYLOADS[0], protocol), "x.pt")
    with pytest.raises(BadCheckpoint):
        load_bytes(archived(pickle.dumps(PAYLOADS[0], protocol)), "x.pt")


def archived(pickled: bytes, data: bytes | None = None) -> bytes:
    """Return an archive of torch.save's, with another pickle in it."""
    buffer = io.BytesIO()
    with (
        zipfile.ZipFile(io.BytesIO(TINY.pt() if data is None else data)) as old,
        zipfile.ZipFile(buffer, "w") as new,
    ):
        for member in old.namelist():
            new.writestr(member, pickled if member.endswith("/data.pkl") else old.read(member))
    return buffer.getvalue()


def test_a_pickle_in_a_record_or_a_text_is_not_read():
    content = TINY.content() | {"more": pickle.dumps(PAYLOADS[0]), "text": "cos\nsystem\n."}
    with zipfile.ZipFile(buffer := io.BytesIO(pt(content)), "a") as archive:
        archive.writestr("archive/data/more.pkl", pickle.dumps(PAYLOADS[0]))
    assert load_bytes(buffer.getvalue(), "x.pt").n_layers == 2
    with zipfile.ZipFile(buffer, "a") as archive:
        archive.writestr("../../evil.pkl", pickle.dumps(PAYLOADS[0]))
    with pytest.raises(BadCheckpoint):
        load_bytes(buffer.getvalue(), "x.pt")


def test_arrays_of_objects_are_no_checkpoints():
    np.save(one := io.BytesIO(), np.array([PAYLOADS[0]], dtype=object), allow_pickle=True)
    np.savez(several := io.BytesIO(), a=np.array([PAYLOADS[0]], dtype=object))
    for data in (one.getvalue(), several.getvalue()):
        with pytest.raises(BadCheckpoint):
            load_bytes(data, "x.npy")


# --- what asks for too much -----------------------------------------------------------------------


def text(of: str) -> bytes:
    return b"X" + struct.pack("<I", len(of)) + of.encode()


def stored(**tensors):
    return pt(TINY.content() | {"model_state_dict": TINY.state | tensors})


def safetensors_claiming(**claimed) -> bytes:
    data = TINY.safetensors()
    length = int.from_bytes(data[:8], "little")
    header = json.loads(data[8 : 8 + length])
    header["time_embedding.weight"] |= claimed
    written = json.dumps(header).encode()
    return struct.pack("<Q", len(written)) + written + data[8 + length :]


def zip_bomb() -> bytes:
    with zipfile.ZipFile(buffer := io.BytesIO(TINY.pt()), "a") as archive:
        archive.writestr("archive/data/99", bytes(50_000_000), zipfile.ZIP_DEFLATED)
    return buffer.getvalue()


def many_of_one() -> bytes:
    wide = torch.zeros(100_000, dtype=torch.float16)
    return stored(**{f"w{i}": wide.view(100_000) for i in range(2_000)})


def of_no_record() -> bytes:
    """Of a file that is no archive, the keys of storages come last; those left out are not read."""
    content = TINY.content() | {"model_state_dict": TINY.state | {"w": torch.zeros(30_011)}}
    data = pt(content, _use_new_zipfile_serialization=False)
    written, claimed = (b"M" + struct.pack("<H", 30_011), b"J" + struct.pack("<i", 2**28))
    assert data.count(written) == 2
    keys = data.index(b"\x80\x02]q\x00(")
    return data[:keys].replace(written, claimed) + b"\x80\x02]q\x00."


DEEP_KEY = b"\x80\x02})" + b"\x85" * 1_000_000 + b"Ns."
GIGABYTES = b"\x80\x02cbuiltins\nbytearray\n(J\xff\xff\xff\x7ftR."


def two_archives(pickled: bytes) -> bytes:
    """What Python finds in it is whole; PyTorch finds the other pickle where the directory says."""
    one = padded(archived(pickle.dumps({}, 2)), len(pickled))
    other = padded(archived(pickled), len(pickle.dumps({}, 2)))
    assert len(one) == len(other)
    return other + one


def padded(data: bytes, length: int) -> bytes:
    with zipfile.ZipFile(buffer := io.BytesIO(data), "a") as archive:
        archive.writestr("archive/x", bytes(length))
    return buffer.getvalue()


EXCESSIVE = {
    "a key nested too deeply, in another archive before this": lambda: two_archives(DEEP_KEY),
    "gigabytes in another archive before this": lambda: two_archives(GIGABYTES),
    "a zip bomb": zip_bomb,
    "a header of 2^60 elements": lambda: safetensors_claiming(shape=[2**60]),
    "2^60 elements and bytes": lambda: safetensors_claiming(shape=[2**60], data_offsets=[0, 2**62]),
    "2^60 rows of nothing": lambda: safetensors_claiming(shape=[2**60, 0], data_offsets=[0, 0]),
    "tensors that overlap": lambda: safetensors_claiming(data_offsets=[0, 11 * 8 * 4]),
    "a header of 2^63 bytes": lambda: struct.pack("<Q", 2**63) + TINY.safetensors()[8:],
    "a nested header": lambda: struct.pack("<Q", len(DEEP) + 5) + b'{"a":' + DEEP.encode(),
    "a nested configuration": lambda: pt(TINY.content() | {"model_config": DEEP}),
    "thousands of weights of one record": many_of_one,
    "a gigabyte of no record": of_no_record,
    "bytearray(2^31)": lambda: archived(GIGABYTES),
    "bytes doubled again and again": lambda: archived(
        b"\x80\x02"
        + b"c_codecs\nencode\n" * 40
        + text("x")
        + text("latin1")
        + b"\x86R"
        + (text("hex") + b"\x86R") * 39
        + b"."
    ),
    "a key nested too deeply to be hashed": lambda: archived(DEEP_KEY),
    "a key that takes ages to be hashed": lambda: archived(
        b"\x80\x02])q\x00a" + b"h\x00h\x00\x86q\x00a" * 60 + b"}h\x00Ns."
    ),
    "keys that take ages to be hashed": lambda: archived(
        b"\x80\x02](" + b"N" * 100_000 + b"tq\x00a}" + b"h\x00Ns" * 100_000 + b"."
    ),
    "a call of what takes ages to be told of": lambda: archived(
        b"\x80\x02]q\x00" + b"]q\x01(h\x00h\x00eq\x00" * 60 + b")R."
    ),
}


@pytest.mark.parametrize("kind", EXCESSIVE)
def test_what_asks_for_too_much_is_refused_soon(kind):
    data = EXCESSIVE[kind]()
    start = time.process_time()
    with pytest.raises(BadCheckpoint):
        load_bytes(data, "x.pt")
    assert time.process_time() - start < 5


# Keys that cannot be hashed are of time, and tracing what is made of them takes long.
@pytest.mark.parametrize("kind", [kind for kind in EXCESSIVE if "hashed" not in kind])
def test_what_asks_for_too_much_takes_memory_as_its_file_does(kind):
    data = EXCESSIVE[kind]()
    tracemalloc.start()
    with pytest.raises(BadCheckpoint):
        load_bytes(data, "x.pt")
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 10_000_000 + 12 * len(data)


def test_what_is_not_excessive_opens():
    """Tied weights, narrow ones, tensors that come twice, and bytes."""
    wide = TINY.state["transformer.pos_embed.W_pos"].half()
    group = {"betas": (0.9, 0.999)}
    more = {"bytes": b"\xff\x00", "groups": [{**group} for _ in range(500)], "again": TINY.state}
    state = TINY.state | {"a": wide, "b": wide, "c": wide[:3]}
    for legacy in (False, True):
        data = pt(
            TINY.content() | {"model_state_dict": state} | more,
            _use_new_zipfile_serialization=not legacy,
        )
        assert load_bytes(data, "x.pt").n_layers == 2


# --- names ----------------------------------------------------------------------------------------


def narrow(what: str, rows: int) -> bytes:
    """Return a model whose residual stream has one number, with as many rows of one kind."""
    one = published(layers=1, d_model=1, d_mlp=rows if what == "neurons" else 4, layer_norm=False)
    sizes = {
        "actions": "action_predictor",
        "times": "time_embedding",
        "features": "state_embedding",
    }
    if what == "actions":
        one.state["action_predictor.bias"] = torch.ones(rows)
        del one.state["action_embedding.0.weight"]
    if what == "features":
        one.environment_config = {"img_obs": True, "view_size": 7}
        rows = 3 * 400 * 400
    if what != "neurons":
        shape = (1, rows) if what == "features" else (rows, 1)
        one.state[f"{sizes[what]}.weight"] = torch.ones(shape)
    one.state = {key: value for key, value in one.state.items() if "state_predictor" not in key}
    return one.safetensors()


@pytest.mark.parametrize("what", ["neurons", "actions", "times", "features"])
def test_names_that_would_take_far_more_than_the_file_are_not_made(what):
    data = narrow(what, 460_000)
    tracemalloc.start()
    with pytest.raises(BadArgument, match=r"at most 447,392 rows of .* 1 wide.*256 MiB"):
        load_bytes(data, "x.safetensors")
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 10 * len(data)


def test_names_of_tokens_that_would_take_far_more_than_the_file_are_not_made(gpt2, monkeypatch):
    # Less than those of 1,000 tokens, more than those of a small copy.
    monkeypatch.setattr("dtviz.directions._MOST_OF_NAMES", 400_000)
    monkeypatch.setattr("dtviz.directions._TIMES_THE_VECTORS", 0)
    made = "dtviz.checkpoints.hugging_face.names_from_files"
    monkeypatch.setattr(made, lambda *_: pytest.fail("they were made"))
    configure(gpt2 / "config.json", vocab_size=1_000)
    weights = safetensors.torch.load_file(gpt2 / "model.safetensors")
    weights["transformer.wte.weight"] = torch.zeros(1_000, 16)
    safetensors.torch.save_file(weights, gpt2 / "model.safetensors", {"format": "pt"})
    with pytest.raises(BadArgument, match="rows of tokens"):
        load(gpt2)


def test_wide_rows_may_have_names_however_many_there_are():
    check_rows(2_300_000, 64, "neurons")
    check_rows(10**9, 64, "neurons")
    with pytest.raises(BadArgument, match="their names may take 281 MiB"):
        check_rows(2_300_000, 8, "neurons")


# --- uploads --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "name", ["", ".", "..", "../../x.pt", "/etc/passwd", "a\0b.pt", "\ud800", "x" * 10**6, "<b>"]
)
def test_an_upload_of_any_name_opens(name):
    assert load_bytes(TINY.pt(), name).n_layers == 2


@pytest.mark.parametrize(
    ("data", "name"), [("text", "x.pt"), (None, "x.pt"), (3, "x.pt"), (b"", None), (b"", 3)]
)
def test_an_upload_of_another_kind_is_told(data, name):
    with pytest.raises(BadArgument, match="the bytes of a file and its name"):
        load_bytes(data, name)


# --- directories ----------------------------------------------------------------------------------

EVIL = "import os; os.mkdir('ran')\nclass Evil: pass\n"


@pytest.fixture
def gpt2(directory, tmp_path) -> Path:
    """A copy to spoil."""
    return Path(shutil.copytree(directory("gpt2"), tmp_path / "gpt2"))


def configure(file, **entries):
    file.write_text(json.dumps(json.loads(file.read_text()) | entries))


def opens(path) -> bool:
    """Open it and read it; tell whether it could be."""
    try:
        load(path).neurons(0).vectors  # noqa: B018
    except DtvizError:
        return False
    return True


def test_code_in_a_directory_does_not_run(gpt2):
    for name in ("configuration_evil", "modeling_evil", "tokenization_evil", "__init__"):
        (gpt2 / f"{name}.py").write_text(EVIL)
    maps = {
        "AutoConfig": "configuration_evil.Evil",
        "AutoModelForCausalLM": "modeling_evil.Evil",
        "AutoTokenizer": ["tokenization_evil.Evil", "tokenization_evil.Evil"],
    }
    configure(gpt2 / "config.json", auto_map=maps)
    configure(gpt2 / "tokenizer_config.json", auto_map=maps, tokenizer_class="Evil")
    opens(gpt2)
    configure(gpt2 / "config.json", model_type="evil", architectures=["Evil"])
    assert not opens(gpt2)


@pytest.mark.parametrize("key", ["attn_implementation", "_attn_implementation"])
def test_no_kernel_is_had_from_the_hub(gpt2, monkeypatch, key):
    asked = []
    monkeypatch.setattr(
        "transformers.modeling_utils.lazy_import_flash_attention",
        lambda *named, **_: asked.append(named),
    )
    configure(gpt2 / "config.json", **{key: "kernels-community/evil"})
    opens(gpt2)
    assert asked == []


def test_pickles_in_a_directory_are_not_read(gpt2):
    named = ("training_args.bin", "optimizer.pt", "rng_state.pth", "vocab.pkl", "tokenizer.pkl")
    for name in (*named, "pytorch_model.bin", "adapter_model.bin"):
        torch.save(PAYLOADS[0], gpt2 / name)
    assert opens(gpt2)
    configure(gpt2 / "tokenizer_config.json", vocab_file="vocab.pkl", tokenizer_file="vocab.pkl")
    assert opens(gpt2)
    (gpt2 / "tokenizer.json").unlink()
    assert opens(gpt2)
    index = {"weight_map": {"transformer.wte.weight": "pytorch_model.bin"}}
    (gpt2 / "model.safetensors.index.json").write_text(json.dumps(index))
    assert opens(gpt2)  # the one file goes before the index
    (gpt2 / "model.safetensors").unlink()
    assert not opens(gpt2)
    (gpt2 / "model.safetensors.index.json").rename(gpt2 / "pytorch_model.bin.index.json")
    assert not opens(gpt2)


def by_index(place):
    def lead(path, outside):
        index = {"weight_map": {"transformer.wte.weight": place(outside)}}
        (path / "model.safetensors.index.json").write_text(json.dumps(index))
        (path / "model.safetensors").unlink()  # it would go before the index

    return lead


def by_link(name):
    def lead(path, outside):
        (path / name).unlink()
        (path / name).symlink_to(outside / name)

    return lead


def by_link_to_a_folder(path, outside):
    (path / "sub").symlink_to(outside)
    by_index(lambda _: "sub/model.safetensors")(path, outside)


def by_link_to_itself(path, _):
    (path / "generation_config.json").unlink(missing_ok=True)
    (path / "generation_config.json").symlink_to("generation_config.json")


@pytest.mark.parametrize(
    "lead",
    [
        by_index(lambda outside: f"../{outside.name}/model.safetensors"),
        by_index(lambda outside: str(outside / "model.safetensors")),
        by_index(lambda _: "\0"),
        by_index(lambda _: "x" * 5000),
        by_link("model.safetensors"),
        by_link("config.json"),
        by_link("tokenizer.json"),
        by_link_to_a_folder,
        by_link_to_itself,
    ],
)
def test_a_directory_cannot_be_left(gpt2, directory, tmp_path, lead):
    outside = Path(shutil.copytree(directory("gpt2"), tmp_path / "outside"))
    lead(gpt2, outside)
    with pytest.raises(BadCheckpoint):
        load(gpt2)


def test_links_within_a_directory_and_those_of_the_hubs_cache_open(gpt2, tmp_path):
    (gpt2 / "model.safetensors").rename(gpt2 / "weights")
    (gpt2 / "model.safetensors").symlink_to("weights")
    assert opens(gpt2)
    (tmp_path / "link").symlink_to(gpt2)
    assert opens(tmp_path / "link")
    (snapshot := tmp_path / "cache" / "snapshots" / "0123").mkdir(parents=True)
    (blobs := tmp_path / "cache" / "blobs").mkdir()
    for file in gpt2.iterdir():
        shutil.copy(file, blobs / file.name)
        (snapshot / file.name).symlink_to(f"../../blobs/{file.name}")
    assert opens(snapshot)


@pytest.mark.parametrize("name", ["x" * 5000, "a\0b", "\ud800", "a\n" * 9])
def test_what_cannot_be_a_path_is_told(name):
    with pytest.raises(FileProblem, match="got "):
        load(name)


def test_devices_and_pipes_are_no_checkpoints(gpt2, tmp_path):
    os.mkfifo(tmp_path / "pipe.pt")
    for path in (tmp_path / "pipe.pt", "/dev/zero"):
        with pytest.raises(DtvizError):
            load(path)
    for name in ("tokenizer.json", "model.safetensors"):
        (gpt2 / name).unlink()
        os.mkfifo(gpt2 / name)
        assert not opens(gpt2)


# --- folders of Parquet ---------------------------------------------------------------------------


@pytest.fixture
def table(tmp_path) -> Path:
    from concurrent.futures import ThreadPoolExecutor

    (tmp_path / "tiny.pt").write_bytes(TINY.pt())
    with ThreadPoolExecutor(1) as executor:
        write(dtviz.load(tmp_path / "tiny.pt"), tmp_path / "table", executor)
    return tmp_path / "table"


@pytest.mark.parametrize(
    "said",
    [
        {"d_mlp": 2**60},
        {"d_model": 2**60},
        {"d_mlp": float("inf")},
        {"d_mlp": 0},
        {"d_mlp": -1, "d_model": -1},
        {"epsilon": float("nan")},
        {"epsilon": 10**400},
        {"agent": [float("inf"), 0]},
        {"name": ["a"]},
        {"sha256": 3},
        {"processing": None},
        {"labels": {"unembedding": "u", "rtg": "r", "../model": "x"}, "notes": 3},
    ],
)
def test_a_folder_that_claims_too_much_or_other_kinds_is_refused(table, said):
    configure(table / "model.json", **said)
    assert not opens(table)


def test_a_folder_that_is_nested_is_refused(table):
    (table / "model.json").write_text(DEEP)
    assert not opens(table)


def test_what_describes_a_folder_has_a_largest_size(table):
    with (table / "model.json").open("ab") as file:
        file.write(b" " * 1_000_000)
    with pytest.raises(FileProblem, match="at most 1,000,000 bytes"):
        load(table)


@pytest.fixture
def unread(monkeypatch):
    """Return a function after which no file's column of this name can be read."""
    read = pq.ParquetFile.read

    def refuse(column: str) -> None:
        def checked(self, columns, **options):
            assert columns != [column]
            return read(self, columns=columns, **options)

        monkeypatch.setattr(pq.ParquetFile, "read", checked)

    return refuse


def replace_column(file: Path, name: str, values: pa.Array, **options) -> None:
    found = pq.read_table(file)
    place = found.schema.get_field_index(name)
    found = (
        found.set_column(place, name, values) if place >= 0 else found.append_column(name, values)
    )
    pq.write_table(found, file, **options)


@pytest.mark.parametrize(("column", "width"), [("vector", 200_000), ("bias", 200_000)])
def test_a_column_of_more_numbers_than_there_can_be_is_refused_unread(table, column, width, unread):
    """A few bytes can stand for any number of zeros."""
    file = table / "unembedding.parquet"
    zeros = pa.array([[0.0] * width] * pq.read_metadata(file).num_rows, pa.list_(pa.float32()))
    replace_column(file, column, zeros)
    assert file.stat().st_size < 1_000_000
    unread(column)
    with pytest.raises(DtvizError, match="numbers for"):
        _ = load(table).unembedding.vectors


@pytest.mark.parametrize(
    "options",
    [
        {"compression": "zstd"},
        {"compression": "gzip"},
        {"use_dictionary": False, "column_encoding": {"name": "DELTA_BYTE_ARRAY"}},
    ],
)
def test_a_few_bytes_that_stand_for_long_names_are_not_unpacked(table, options, unread):
    file = table / "unembedding.parquet"
    names = pa.array(["a" * 10_000_000 + str(i) for i in range(pq.read_metadata(file).num_rows)])
    options = {"column_encoding": None, **options}
    replace_column(file, "name", names, **options)
    assert file.stat().st_size < 12_000_000
    unread("name")
    with pytest.raises(DtvizError, match="otherwise than dtviz does it"):
        load(table)


def test_a_description_that_is_too_long_is_not_decoded(table, monkeypatch):
    file = table / "unembedding.parquet"
    found = pq.read_table(file)
    pq.write_table(found.replace_schema_metadata({"more": "x" * 2_000_000}), file)
    monkeypatch.setattr(pq.ParquetFile, "__init__", None)
    with pytest.raises(DtvizError, match=r"description of 4,.* bytes, more than"):
        load(table)


def test_columns_that_share_their_bytes_are_refused(table, unread):
    """Groups of rows that all lie at the same place would be read as often as there are groups."""
    file = table / "unembedding.parquet"
    about = pq.read_metadata(file)
    for _ in range(20):
        about.append_row_groups(pq.read_metadata(file))
    about.write_metadata_file(table / "about")
    whole = file.read_bytes()
    footer = 8 + int.from_bytes(whole[-8:-4], "little")
    file.write_bytes(whole[:-footer] + (table / "about").read_bytes()[4:])
    (table / "about").unlink()
    assert pq.read_metadata(file).num_row_groups == 21
    unread("name")
    with pytest.raises(DtvizError, match="columns of more bytes than the file has"):
        load(table)


def test_names_in_a_folder_that_would_take_far_more_than_it_are_not_read(
    table, monkeypatch, unread
):
    monkeypatch.setattr("dtviz.directions._MOST_OF_NAMES", 600)
    monkeypatch.setattr("dtviz.directions._TIMES_THE_VECTORS", 0)
    unread("name")
    with pytest.raises(BadArgument, match="at most 1 rows of unembedding"):
        load(table)


def test_a_return_to_go_of_many_rows_is_refused(table):
    """Each neuron would be compared with each of them."""
    shutil.copy(table / "embedding.parquet", table / "rtg.parquet")
    with pytest.raises(BadArgument, match=r"rtg as one vector.*got [0-9]+ rows"):
        load(table)


def test_a_file_in_the_folder_is_not_waited_for_if_it_becomes_a_pipe(table):
    model = load(table)
    (file := next((table / "neurons" / "layer=0").iterdir())).unlink()
    os.mkfifo(file)
    with pytest.raises(DtvizError, match="a pipe or a device"):
        _ = model.neurons(0).vectors
    with pytest.raises(BadCheckpoint, match="is no file"):
        load(table)


def test_one_name_for_many_rows_is_not_read_as_often(table):
    file = table / "unembedding.parquet"
    found = pq.read_table(file)
    name = "".join(np.random.default_rng(0).choice(list("abcdefgh"), 100_000))
    names = pa.array([name] * len(found))
    pq.write_table(found.set_column(found.schema.get_field_index("name"), "name", names), file)
    with pytest.raises(DtvizError, match=f"1 names of {len(found)} rows"):
        load(table)


def test_names_in_several_groups_of_rows_are_read(table):
    file = table / "unembedding.parquet"
    found = pq.read_table(file)
    pq.write_table(found, file, row_group_size=1)
    assert load(table).unembedding.names == found["name"].to_pylist()


def test_a_tokenizer_does_not_read_what_is_elsewhere(gpt2, tmp_path):
    (tmp_path / "passwords.json").write_text("secret\n")
    (gpt2 / "tokenizer.json").unlink()
    (gpt2 / "vocab.txt").write_text("a\n")
    (gpt2 / "tokenizer_config.json").write_text(
        json.dumps({"tokenizer_class": "BertTokenizer", "vocab": str(tmp_path / "passwords.json")})
    )
    assert not any("secret" in name for name in load(gpt2).unembedding.names)


def test_a_tokenizer_makes_no_more_of_a_token_than_there_is(gpt2):
    """Each would double it."""
    doubling = [{"type": "Replace", "pattern": {"String": "a"}, "content": "aa"}] * 60
    added = {"id": 0, "content": "a", "normalized": True, "special": False}
    added |= dict.fromkeys(("single_word", "lstrip", "rstrip"), False)
    configure(
        gpt2 / "tokenizer.json",
        normalizer={"type": "Sequence", "normalizers": doubling},
        added_tokens=[added],
    )
    assert not load(gpt2).unembedding.names[-1].startswith("token ")


def test_pickles_in_parquet_are_not_read(table):
    """Of an extension type that was pickled, PyArrow once made a class."""
    for file in (table / "unembedding.parquet", *table.rglob("part-*.parquet")):
        found = pq.read_table(file)
        kind = {
            "ARROW:extension:name": "arrow.py_extension_type",
            "ARROW:extension:metadata": pickle.dumps(PAYLOADS[0]),
        }
        fields = [field.with_metadata(kind) for field in found.schema]
        metadata = {"pandas": pickle.dumps(PAYLOADS[0])}
        pq.write_table(pa.table(found.columns, schema=pa.schema(fields, metadata)), file)
    opens(table)


def test_rows_of_one_value_are_no_bomb(table):
    """A few bytes in a file of Parquet can stand for any number of rows."""
    file = table / "unembedding.parquet"
    pq.write_table(pa.table({"name": pa.array(["a"]).take(pa.array(np.zeros(10**7, int)))}), file)
    assert file.stat().st_size < 10**6
    start = time.process_time()
    assert not opens(table)
    assert time.process_time() - start < 5


@pytest.mark.parametrize("name", ["unembedding.parquet", "neurons/layer=1", "model.json"])
def test_a_folder_cannot_be_left(table, tmp_path, name):
    shutil.copytree(table, tmp_path / "outside")
    shutil.rmtree(table / name) if (table / name).is_dir() else (table / name).unlink()
    (table / name).symlink_to(tmp_path / "outside" / name)
    assert not opens(table)


def test_a_pipe_is_no_parquet(table):
    (table / "unembedding.parquet").unlink()
    os.mkfifo(table / "unembedding.parquet")
    assert not opens(table)


def test_a_folder_of_zeros_opens(tmp_path):
    """What is compressed well is not taken for a bomb."""
    from concurrent.futures import ThreadPoolExecutor

    zeros = published(layers=1, d_model=256, d_mlp=1024, layer_norm="none")
    for key, tensor in zeros.state.items():
        if ".mlp." in key:
            zeros.state[key] = torch.zeros_like(tensor)
    (tmp_path / "zeros.safetensors").write_bytes(zeros.safetensors())
    with ThreadPoolExecutor(1) as executor:
        write(dtviz.load(tmp_path / "zeros.safetensors"), tmp_path / "zeros", executor)
    assert opens(tmp_path / "zeros")


def test_safetensors_with_a_payload_in_its_metadata_is_only_text():
    state = TINY.content()
    weights = state.pop("model_state_dict")
    data = safetensors.torch.save(weights, state | {"offline_config": "cos\nsystem\n(S'ls'\ntR."})
    assert load_bytes(data, "x").n_layers == 2
