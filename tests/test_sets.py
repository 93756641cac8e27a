import json
from itertools import combinations

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

import dtviz
from dtviz.errors import BadArgument, DtvizError, FileProblem, UnknownName
from dtviz.model import Model
from dtviz.sets import MOST_BYTES, PALETTE, NeuronSet, Sets

NAMES = [f"L{layer}N{n}" for layer in range(2) for n in range(12)]
ACCENT = "#D81B60"

TEXT = st.text(st.characters(exclude_categories=["Cs"]), max_size=90)
NAME = TEXT.filter(lambda text: text.strip() and len(text) <= 80)
NEURONS = st.lists(st.sampled_from(NAMES), unique=True)
COLOUR = st.from_regex("#[0-9a-fA-F]{6}", fullmatch=True)
NEURON_SETS = st.builds(NeuronSet, NAME, NEURONS, TEXT, COLOUR)
ALL = st.lists(NEURON_SETS, unique_by=lambda one: one.name, max_size=6)


def model(sha256: str | None = "0" * 64, processing: str = "LayerNorm folded") -> Model:
    weights = [np.ones((12, 3))] * 2
    return Model(name="small", weights={"out": weights}, sha256=sha256, processing=processing)


def sets(**names: list[str]) -> Sets:
    made = Sets()
    for name, neurons in names.items():
        made.save(name, neurons)
    return made


def file(**changes: object) -> bytes:
    """A file with a set of two neurons, changed."""
    content = json.loads(sets(a=["L0N1", "L1N2"]).to_json(model()))
    return json.dumps({**content, **changes}).encode()


def entry(**changes: object) -> dict[str, object]:
    return {"name": "a", "names": ["L0N1"], "note": "", "colour": "#000000", **changes}


# --- one set --------------------------------------------------------------------------------------


def test_the_public_names():
    assert dtviz.NeuronSet is NeuronSet
    assert dtviz.Sets is Sets


def test_a_set_is_frozen_and_keeps_its_names_as_a_tuple():
    one = NeuronSet("key readers", ["L0N1", "L1N2"])
    assert one.names == ("L0N1", "L1N2")
    assert len(one) == 2
    assert one == NeuronSet("key readers", ("L0N1", "L1N2"), "", PALETTE[0])
    with pytest.raises(AttributeError):
        one.name = "other"


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"name": ""}, "1 to 80 characters, got ''"),
        ({"name": " \n"}, "1 to 80 characters"),
        ({"name": "x" * 81}, "1 to 80 characters"),
        ({"name": 3}, "1 to 80 characters, got 3"),
        ({"name": "\ud800"}, "1 to 80 characters"),
        ({"names": "L0N1"}, "a list of names, got 'L0N1'"),
        ({"names": None}, "a list of names, got None"),
        ({"names": ["L0N1", 3]}, "a list of names"),
        ({"names": [["L0N1"]]}, "a list of names"),
        ({"names": ["L0N1", "L0N1"]}, "each neuron of 'a' once, got 2 names, of which 1 differ"),
        ({"note": None}, "the note of 'a' as text, got None"),
        ({"colour": "red"}, "as #rrggbb, got 'red'"),
        ({"colour": "#12345"}, "as #rrggbb"),
        ({"colour": "#123456\n"}, "as #rrggbb"),
        ({"colour": None}, "as #rrggbb"),
    ],
)
def test_what_makes_no_set_is_told(wrong, message):
    with pytest.raises(BadArgument, match=message):
        NeuronSet(**{"name": "a", "names": ("L0N1",), **wrong})


def test_the_longest_name_and_no_neurons_will_do():
    assert NeuronSet("x" * 80, ()).names == ()


# --- many -----------------------------------------------------------------------------------------


def test_sets_are_saved_found_and_removed():
    kept = sets(a=["L0N1"], b=["L1N2", "L0N1"])
    assert [one.name for one in kept] == ["a", "b"]
    assert len(kept) == 2
    assert kept["b"].names == ("L1N2", "L0N1")
    assert "b" in kept
    kept.remove("a")
    assert "a" not in kept
    assert repr(kept) == "Sets('b': 2)"


def test_saving_under_a_name_that_is_there_replaces_the_set_in_its_place():
    kept = sets(a=["L0N1"], b=["L1N2"])
    colour = kept["a"].colour
    saved = kept.save("a", ["L1N3"], note="better")
    assert [one.name for one in kept] == ["a", "b"]
    assert kept["a"] is saved
    assert saved == NeuronSet("a", ("L1N3",), "better", colour)
    assert kept.save("a", [], colour="#123456").colour == "#123456"


def test_any_collection_of_names_is_saved():
    selection = dtviz.Selection(NAMES)
    selection.names = ["L1N2", "L0N1"]
    for names in (selection, {"L0N1": 1, "L1N2": 2}, np.array(["L0N1", "L1N2"])):
        assert sets(a=names)["a"].names == ("L0N1", "L1N2")


def test_watchers_hear_of_each_change():
    kept, heard = Sets(), []
    kept.param.watch(lambda event: heard.append(len(event.new)), "items")
    kept.save("a", [])
    kept.save("b", [])
    kept.remove("a")
    assert heard == [1, 2, 1]
    assert Sets().items == ()


@pytest.mark.parametrize("name", ["c", "", None, 3, ["a"]])
def test_a_set_that_is_not_there_is_told(name):
    kept = sets(a=["L0N1"], b=[])
    calls = [kept.__getitem__, kept.remove, lambda n: kept.union("a", n)]
    for call in [*calls, lambda n: kept.intersection(n, "a"), lambda n: kept.difference("a", n)]:
        with pytest.raises(UnknownName, match=r"the name of a set, got .*Choose one of 'a', 'b'"):
            call(name)
    with pytest.raises(UnknownName, match="Save one first"):
        Sets()["a"]


@pytest.mark.parametrize(
    "items",
    [None, 3, "ab", ["a"], {"a": 1}, (NeuronSet("a", ()), NeuronSet("a", ("L0N1",)))],
)
def test_what_is_no_tuple_of_sets_leaves_them_as_they_were(items):
    kept = sets(a=["L0N1"])
    before = kept.items
    with pytest.raises(BadArgument, match=r"in a tuple|whose names differ, got 'a' more than once"):
        kept.items = items
    assert kept.items is before


@pytest.mark.parametrize("names", ["L0N1", [3], None, 3, ["L0N1", "L0N1"]])
def test_what_makes_no_set_is_not_saved(names):
    kept = sets(a=["L0N1"])
    before = kept.items
    with pytest.raises(BadArgument, match="of 'b'"):
        kept.save("b", names)
    assert kept.items is before


@given(NEURONS, NEURONS)
def test_two_sets_are_combined_as_sets_are(a, b):
    kept = sets(a=a, b=b)
    for combine, expected in (
        (kept.union, {*a, *b}),
        (kept.intersection, {*a} & {*b}),
        (kept.difference, {*a} - {*b}),
    ):
        names = combine("a", "b")
        assert isinstance(names, list)
        assert len(names) == len(expected)
        assert set(names) == expected


def test_colours_are_taken_in_turn_those_that_are_free_first():
    kept = sets(**{f"s{i}": [] for i in range(8)})
    assert [one.colour for one in kept] == list(PALETTE)
    kept.remove("s2")
    assert kept.save("new", []).colour == PALETTE[2]
    assert kept.save("ninth", []).colour == PALETTE[0]
    assert kept.save("tenth", []).colour == PALETTE[1]


# Machado et al. (2009), severity 1.
SEEN = {
    "by most": np.eye(3),
    "without red": [
        [0.152286, 1.052583, -0.204868],
        [0.114503, 0.786281, 0.099216],
        [-0.003882, -0.048116, 1.051998],
    ],
    "without green": [
        [0.367322, 0.860646, -0.227968],
        [0.280085, 0.672501, 0.047413],
        [-0.011820, 0.042940, 0.968881],
    ],
    "without blue": [
        [1.255528, -0.076749, -0.178779],
        [-0.078411, 0.930809, 0.147602],
        [0.004733, 0.691367, 0.303900],
    ],
}


def lab(colour: str, seen: object) -> np.ndarray:
    """CIE L*a*b* of an sRGB colour as it is seen, D65."""
    rgb = np.array([int(colour[i : i + 2], 16) for i in (1, 3, 5)]) / 255
    linear = np.where(rgb <= 0.04045, rgb / 12.92, ((rgb + 0.055) / 1.055) ** 2.4)
    xyz = (
        np.array([[0.4124, 0.3576, 0.1805], [0.2126, 0.7152, 0.0722], [0.0193, 0.1192, 0.9505]])
        @ np.clip(np.array(seen) @ linear, 0, 1)
        / [0.9505, 1, 1.089]
    )
    x, y, z = np.where(xyz > 0.008856, np.cbrt(xyz), 7.787 * xyz + 16 / 116)
    return np.array([116 * y - 16, 500 * (x - y), 200 * (y - z)])


@pytest.mark.parametrize("seen", SEEN)
def test_colours_differ_from_each_other_and_the_accent_for_colour_blind_readers(seen):
    places = [lab(colour, SEEN[seen]) for colour in (*PALETTE, ACCENT)]
    assert min(np.linalg.norm(a - b) for a, b in combinations(places, 2)) > 10


# --- beside the neuron table ----------------------------------------------------------------------


def test_the_frame_has_the_size_and_the_means_of_each_set():
    random = np.random.default_rng(0)
    table = pd.DataFrame(random.normal(size=(12, 3)), NAMES[:12], ["x", "y", "difference"])
    kept = sets(some=["L0N1", "L0N7", "L1N3"], elsewhere=["L1N3"], none=[])
    frame = kept.frame(table)
    assert frame.index.tolist() == ["some", "elsewhere", "none"]
    assert frame["n"].tolist() == [3, 1, 0]
    assert frame["in_view"].tolist() == [2, 0, 0]
    for column in table:
        mean = (table[column].iloc[1] + table[column].iloc[7]) / 2
        assert frame[f"mean_{column}"].iloc[0] == pytest.approx(mean)
        assert frame[f"mean_{column}"].iloc[1:].isna().all()
    assert Sets().frame(table).columns.tolist() == frame.columns.tolist()
    assert len(Sets().frame(table)) == 0


# --- files ----------------------------------------------------------------------------------------


def test_a_file_says_what_it_is_and_of_which_model():
    kept = Sets()
    kept.save("kéy", ["L0N1"], "reads «key»", "#abcdef")
    assert json.loads(kept.to_json(model())) == {
        "dtviz": "neuron sets",
        "version": 1,
        "model": "small",
        "sha256": "0" * 64,
        "processing": "LayerNorm folded",
        "sets": [
            {"name": "kéy", "names": ["L0N1"], "note": "reads «key»", "colour": "#abcdef"},
        ],
    }


@given(ALL)
def test_sets_are_the_same_after_a_file(items):
    kept, back = Sets(items=tuple(items)), Sets()
    text = kept.to_json(model())
    read, header = Sets.from_json(text)
    assert read == kept.items
    assert header == {"model": "small", "sha256": "0" * 64, "processing": "LayerNorm folded"}
    assert back.read(text.encode(), model()) == ""
    assert back.items == kept.items


def test_a_path_is_written_and_read(tmp_path):
    path = tmp_path / "sets.json"
    kept = sets(a=["L0N1"], b=["L1N2"])
    kept.write(path, model(sha256=None))
    for source in (path, str(path)):
        back = Sets()
        assert back.read(source, model(sha256=None)) == ""
        assert back.items == kept.items


def test_reading_replaces_sets_of_the_same_name_and_keeps_the_others():
    kept = sets(b=["L0N5"], a=["L0N3"])
    kept.read(file(), model())
    assert [(one.name, one.names) for one in kept] == [
        ("b", ("L0N5",)),
        ("a", ("L0N1", "L1N2")),
    ]


@pytest.mark.parametrize(
    ("missing", "told"),
    [
        (["L9N9"], "'L9N9'."),
        ([f"L9N{i}" for i in range(10)], "'L9N8', 'L9N9'."),
        ([f"L9N{i}" for i in range(13)], "'L9N8', 'L9N9' and 3 more."),
    ],
)
def test_neurons_that_the_model_does_not_have_are_left_out_and_told(missing, told):
    kept = Sets()
    entries = [entry(names=["L0N1", *missing]), entry(name="b", names=["L9N0", "L1N2"])]
    remark = kept.read(file(sets=entries[:1]), model())
    assert remark.startswith("Neurons that this model does not have were left out: 'L9N")
    assert remark.endswith(told)
    assert kept["a"].names == ("L0N1",)
    kept.read(file(sets=entries), model())
    assert kept["b"].names == ("L1N2",)


@pytest.mark.parametrize(
    ("changes", "remark"),
    [
        ({}, ""),
        ({"sha256": "1" * 64}, "The sets were made with another checkpoint, 'small'."),
        ({"sha256": None, "processing": "x"}, "The sets were made with another checkpoint, 's"),
        ({"processing": "raw"}, "The sets were made with other processing of the weights, 'raw'."),
        (
            {"model": "big", "sha256": "1" * 64, "sets": [entry(names=["L9N9"])]},
            "The sets were made with another checkpoint, 'big'; neurons that this model does not "
            "have were left out: 'L9N9'.",
        ),
    ],
)
def test_what_a_file_was_made_from_is_told_where_it_is_another(changes, remark):
    told = Sets().read(file(**changes), model())
    assert told.startswith(remark) if remark else told == ""


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "no JSON"),
        (b"\xff\xfe\x00", "no JSON"),
        (b"{", "no JSON"),
        (b"[" * 200_000, "no JSON"),
        (b'{"a":' * 200_000, "no JSON"),
        (b"1" * 5_000, "no JSON"),
        (b" " * (MOST_BYTES + 1), "at most 10 MB, got more"),
        (
            file(sets=[entry(name=f"{i}") for i in range(201)]),
            "at most 200 sets, got 201",
        ),
        (b"[]", "of another kind"),
        (b"NaN", "of another kind"),
        (b'{"dtviz": ["neuron sets"]}', "of another kind"),
        (file(dtviz="selection"), "of another kind"),
        (file(version=2), "of version 1, got version 2. Install the newest dtviz"),
        (file(version=0), "got version 0"),
        (file(version=True), "got version True"),
        (file(version="1"), "got version '1'"),
        (file(version=None), "got version None"),
        (file(model=3), "as text"),
        (file(sha256=["0"]), "as text"),
        (file(processing={}), "as text"),
        (file(sets=None), "a list of neuron sets, got None"),
        (file(sets={"a": []}), "a list of neuron sets"),
        (file(sets=["a"]), "a set with name, names, note, colour, got 'a'"),
        (file(sets=[{"name": "a", "names": []}]), "a set with name"),
        (file(sets=[entry(), entry()]), "more than once"),
        (file(sets=[entry(name="x" * 81)]), "1 to 80 characters"),
        (file(sets=[entry(name=None)]), "1 to 80 characters"),
        (file(sets=[entry(names="L0N1")]), "a list of names"),
        (file(sets=[entry(names=["L0N1", None])]), "a list of names"),
        (file(sets=[entry(names=["L0N1", "L0N1"])]), "once"),
        (file(sets=[entry(note=1)]), "as text"),
        (file(sets=[entry(note="\ud800")]), "as text"),
        (file(sets=[entry(colour="url(x)")]), "#rrggbb"),
    ],
)
def test_a_bad_file_is_told_and_leaves_the_sets_as_they_were(tmp_path, content, message):
    kept = sets(a=["L0N3"])
    before = kept.items
    path = tmp_path / "sets.json"
    path.write_bytes(content)
    for source in (content, path):
        with pytest.raises(BadArgument, match=message):
            kept.read(source, model())
    assert kept.items is before


@pytest.mark.parametrize("path", ["missing.json", ".", "a\0b", "x" * 5000])
def test_a_path_that_cannot_be_read_is_told(tmp_path, path):
    with pytest.raises(
        FileProblem, match=r"neuron sets that can be read, got .*: .*Check the path"
    ):
        Sets().read(tmp_path / path, model())


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=8,
)
KEYS = st.sampled_from(["dtviz", "version", "model", "sha256", "processing", "sets"])
FIELDS = st.sampled_from(["name", "names", "note", "colour"])


@given(
    st.binary()
    | st.builds(lambda changes: file(**changes), st.dictionaries(KEYS, JSON, min_size=1))
    | st.builds(
        lambda changes: file(sets=[entry(**changes)]), st.dictionaries(FIELDS, JSON, min_size=1)
    )
    | st.builds(
        lambda at, byte: file()[:at] + byte + file()[at + len(byte) :],
        st.integers(0, len(file())),
        st.binary(max_size=2),
    )
)
def test_any_file_ends_in_sets_or_in_an_error_of_dtviz(content):
    kept = sets(b=["L0N3"])
    before = kept.items
    try:
        remark = kept.read(content, model())
    except DtvizError:
        assert kept.items is before
    else:
        assert isinstance(remark, str)
        assert all(set(one.names) <= set(NAMES) for one in kept)
        json.loads(kept.to_json(model()).encode())
