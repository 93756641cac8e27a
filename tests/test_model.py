import contextlib
import re
import time
from dataclasses import FrozenInstanceError, replace
from types import SimpleNamespace
from weakref import ref

import numpy as np
import pandas as pd
import pytest
import regex
import torch
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import array_shapes, arrays

from dtviz.directions import Directions
from dtviz.errors import BadArgument, UnknownName
from dtviz.model import Model

from .analyses import reference
from .analyses.reference import directions

NUMBERS = st.floats(-1e3, 1e3, width=32, allow_subnormal=False)
MATRICES = arrays(np.float32, array_shapes(min_dims=2, max_dims=2, max_side=6), elements=NUMBERS)
RNG = np.random.default_rng(0)
FIVE = directions(RNG.normal(size=(5, 3)), "L0N")


def weights(layers: int = 2, d_mlp: int = 5, d_model: int = 3) -> list[np.ndarray]:
    return list(RNG.normal(size=(layers, d_mlp, d_model)))


# Directions: what they hold


def test_directions_hold_a_float32_copy_of_what_they_are_given():
    given_array = np.ones((2, 3))
    made = Directions(given_array, ["a", "b"])
    given_array[0, 0] = 7
    assert made.vectors.dtype == np.float32
    assert (made.vectors == 1).all()
    assert made.vectors.flags.c_contiguous
    assert len(made) == 2


@pytest.mark.parametrize(
    "array",
    [
        FIVE.vectors,
        FIVE.norms,
        FIVE.vector("L0N1"),
        FIVE.unit().vectors,
        FIVE.layer_normed().vectors,
        directions(np.eye(2), normalization="LN").layer_normed().vectors,
        FIVE.subset([0, 1]).vectors,
    ],
)
def test_no_array_of_directions_can_be_written(array):
    assert not array.flags.writeable
    with pytest.raises(ValueError, match="read-only"):
        array[...] = 0


def test_a_caller_who_goes_on_writing_to_its_array_changes_nothing():
    read_only = np.ones((2, 3), dtype=np.float32)
    made = Directions(read_only, ["a", "b"])
    assert read_only.flags.writeable
    assert not np.shares_memory(read_only, made.vectors)


def test_an_array_that_nobody_can_write_to_is_held_as_it_is():
    read_only = np.ones((2, 3), dtype=np.float32)
    read_only.flags.writeable = False
    assert Directions(read_only, ["a", "b"]).vectors is read_only
    below = np.ones((2, 3), dtype=np.float32)
    for view in (below[:], np.ones((2, 3)), np.ones((3, 2), dtype=np.float32).T):
        view.flags.writeable = False
        assert not np.shares_memory(Directions(view, ["a", "b"]).vectors, view)


@pytest.mark.parametrize("field", ["vectors", "names", "label", "normalization"])
def test_directions_are_frozen(field):
    with pytest.raises(FrozenInstanceError):
        setattr(FIVE, field, None)


def test_names_are_strings_and_the_callers_list_stays_its_own():
    names = [1, 2]
    made = Directions(np.eye(2), names)
    names.append(3)
    assert made.names == ["1", "2"]


def test_a_vector_is_found_by_its_name():
    assert FIVE.row("L0N3") == 3
    np.testing.assert_array_equal(FIVE.vector("L0N3"), FIVE.vectors[3])


@pytest.mark.parametrize("name", ["L0N5", "", 3, None, ["L0N1"]])
def test_a_name_that_is_not_there_is_told_with_those_that_are(name):
    for look_up in (FIVE.row, FIVE.vector):
        with pytest.raises(UnknownName) as caught:
            look_up(name)
        assert f"a name of vectors, got {name!r}. Choose one of 'L0N0'" in str(caught.value)


def test_the_repr_says_what_and_how_many():
    made = Directions(np.zeros((4, 2)), list("abcd"), "W_out, layer 2")
    assert repr(made) == "Directions(W_out, layer 2: 4 x 2, 'a', 'b', 'c', … (4 in all))"


@pytest.mark.parametrize(
    ("vectors", "names", "message"),
    [
        (np.zeros(3), ["a"], r"2 dimensions.*got shape \(3,\)\. Reshape"),
        (np.zeros((1, 2, 3)), ["a"], r"2 dimensions.*got shape \(1, 2, 3\)\. Reshape"),
        (None, [], r"2 dimensions.*got shape \(\)\. Reshape"),
        ([[1, 2], [3]], ["a", "b"], r"numbers in rows and columns.*Pass a 2-dimensional array"),
        ([["x", "y"]], ["a"], r"numbers in rows and columns.*Pass a 2-dimensional array"),
        ([[1, np.nan], [np.inf, -np.inf]], ["a", "b"], r"finite.*got 3 that are NaN.*Check that"),
        (np.eye(2), ["a"], r"each of the 2 rows.*got 1 names\. Pass as many"),
        (np.eye(2), ["a", "b", "c"], r"each of the 2 rows.*got 3 names\. Pass as many"),
        (np.eye(3), ["a", "b", "a"], r"all different, got 'a' more than once\. Tell"),
        (np.eye(2), [1, "1"], r"all different, got '1' more than once\. Tell"),
        (np.eye(2), None, r"names of vectors in a list, got None\. Pass a list"),
    ],
)
def test_what_makes_no_directions_is_told(vectors, names, message):
    with pytest.raises(BadArgument, match=message):
        Directions(vectors, names)


@pytest.mark.filterwarnings("ignore:overflow")
def test_a_number_too_great_for_float32_is_not_finite():
    with pytest.raises(BadArgument, match="got 1 that are NaN or infinite"):
        Directions(np.array([[1e39, 1.0]]), ["a"])


@pytest.mark.parametrize("normalization", ["LNPre", "ln", "", False, "RMSPre"])
def test_a_normalization_that_dtviz_does_not_know_is_told(normalization):
    with pytest.raises(BadArgument, match=r"'LN', 'RMS' or None, got .*\. Pass the one"):
        Directions(np.eye(2), ["a", "b"], normalization=normalization)
    with pytest.raises(BadArgument, match="'LN', 'RMS' or None"):
        Model.from_arrays(np.eye(2), normalization=normalization)


# Directions: some of the rows


@pytest.mark.parametrize(
    ("which", "rows"),
    [
        (["L0N3", "L0N1"], [3, 1]),
        (("L0N0",), [0]),
        (np.array(["L0N3", "L0N1"]), [3, 1]),
        ([True, False, False, True, False], [0, 3]),
        (np.array([False] * 5), []),
        ([4, 0], [4, 0]),
        ([-1, -5], [4, 0]),
        (np.array([2, -2]), [2, 3]),
        (np.array([4], dtype=np.uint64), [4]),
        (range(1, 3), [1, 2]),
        ([], []),
        ("N[13]", [1, 3]),
        ("^L0", [0, 1, 2, 3, 4]),
        ("n1", []),
        (re.compile("n1", re.IGNORECASE), [1]),
        (re.compile("4$"), [4]),
    ],
)
def test_subset_keeps_the_rows_asked_for_in_the_order_asked_for(which, rows):
    five = Directions(FIVE.vectors, FIVE.names, "W_out", "LN")
    some = five.subset(which)
    assert some.names == [f"L0N{row}" for row in rows]
    assert some.vectors.shape == (len(rows), 3)
    np.testing.assert_array_equal(some.vectors, five.vectors[rows])
    assert (some.label, some.normalization) == ("W_out", "LN")


@given(st.lists(st.booleans(), min_size=5, max_size=5))
def test_mask_integers_and_names_agree(mask):
    rows = [row for row, keep in enumerate(mask) if keep]
    by_mask = FIVE.subset(np.array(mask))
    for other in (FIVE.subset(rows), FIVE.subset([row - 5 for row in rows])):
        assert other.names == by_mask.names
        np.testing.assert_array_equal(other.vectors, by_mask.vectors)
    assert FIVE.subset([f"L0N{row}" for row in rows]).names == by_mask.names


@pytest.mark.parametrize(
    "which",
    [
        [5],
        [-6],
        [0.0],
        np.array([1.0, 2.0]),
        [True, False],
        np.ones((5, 3), dtype=bool),
        np.array([[0, 1]]),
        ["L0N0", 1],
        [[1], [1, 2]],
        [None],
        3,
        None,
        np.array(3),
    ],
)
def test_rows_that_cannot_be_chosen_are_told(which):
    message = r"integers from 0 to 4, or a mask of 5, got .*Choose among the 5 rows of vectors"
    with pytest.raises(BadArgument, match=re.compile(message, re.DOTALL)):
        FIVE.subset(which)


def test_a_name_that_is_not_there_cannot_be_chosen():
    with pytest.raises(UnknownName, match="got 'L0N9'"):
        FIVE.subset(["L0N0", "L0N9"])


@pytest.mark.parametrize(
    "expression",
    ["(", "*", "[z-a]", r"\p{nothing}", "a{2,1}", "(" * 450 + ")" * 450, re.compile(b"N1"), "(?R"],
)
def test_a_regular_expression_that_does_not_compile_is_told(expression):
    with pytest.raises(BadArgument, match=r"a regular expression, got .* \(.*\)\. Correct"):
        FIVE.subset(expression)


@pytest.mark.parametrize(
    "expression",
    [
        "a{1000000000}",
        "a{99999999999}",
        "(?:a{60000}){60000}",
        "(((a{1,1000}){1,1000}){1,1000})" + "(?:" * 20 + "a" + "{1,1000})" * 20,
        "(?:" * 40 + "a" + ")+" * 40,
        "(?x)a{ 1 000 000\t000 }",
        "(?x)a{1#,}\n000#\\\n000 000}",
        re.compile("a{1#\n000 000 0}", re.VERBOSE),
        "a" * 1_001,
        "(" * 100_000,
    ],
)
def test_a_regular_expression_too_long_to_compile_is_refused_at_once(expression):
    start = time.monotonic()
    with pytest.raises(BadArgument, match=r"at most 1,000 characters, .*got .*Shorten it"):
        FIVE.subset(expression)
    assert time.monotonic() - start < 5


def test_what_one_engine_reads_the_other_is_not_asked():
    rows = Directions(np.ones((3, 2)), ["ab", "aB", "ß"])
    assert rows.subset(r"^\p{Ll}+$").names == ["ab", "ß"]
    assert rows.subset(r"(?r)B").names == ["aB"]
    # Nor what an ever growing expression was compiled to, kept.
    kept = len(regex._main._cache)
    rows.subset("a{777}|B")
    assert len(regex._main._cache) == kept


REPEATED = st.recursive(
    st.sampled_from(["a", r"\w", r"\X", "[a-z]", "[^ß]", "#", r"\{", "(?#c)", "$", "ﬃ", r"\p{L}"]),
    lambda inner: (
        st.builds(str.__add__, inner, inner)
        | st.builds("{}|{}".format, inner, inner)
        | st.builds(
            "({}{}){}".format,
            st.sampled_from(
                ["", "?:", "?=", "?<=", "?<!", "?>", "?|", "?if:", "?x:", "?r:", "?e:"]
            ),
            inner,
            st.sampled_from(["", "*", "+", "++", "{7}", "{99}", "{2,}", "{0,9999}", "{1 0#\n0}"]),
        )
        | st.builds("{}{{e<=2}}".format, inner)
        | st.builds("(?P<n>{}(?&n)?)".format, inner)
    ),
    max_leaves=30,
)


@given(
    st.sampled_from(["", "(?x)", "(?V1)", "(?if)", "(?r)"]),
    REPEATED | st.text("(){}[]*+?|\\^#,1aP<>=!&:"),
)
def test_any_expression_finds_something_or_is_refused_soon(prefix, expression):
    rows = Directions(np.ones((3, 2)), ["a" * 300, "key, (1,2)", "ß" * 40])
    start = time.thread_time()
    with contextlib.suppress(BadArgument):
        rows.subset(prefix + expression)
    assert time.thread_time() - start < 5


@pytest.mark.parametrize("as_pattern", [False, True])
@pytest.mark.parametrize("expression", ["(a|a)*$", "(a|aa)+$", "^(([a-z])+.)+[A-Z]([a-z])+$"])
def test_a_regular_expression_that_takes_exponential_time_is_stopped_and_told(
    expression, as_pattern
):
    names = [f"{'a' * 200}!{row}" for row in range(50)]
    many = Directions(np.ones((50, 2)), names)
    start = time.monotonic()
    with pytest.raises(BadArgument, match=r"at most 1 second, got .*which takes longer"):
        many.subset(re.compile(expression) if as_pattern else expression)
    # A second for all names together, not for each.
    assert time.monotonic() - start < 10


def test_names_that_each_take_their_time_are_stopped_together(monkeypatch):
    clock = iter(np.arange(0, 100, 0.3))
    monkeypatch.setattr("dtviz.directions.time", SimpleNamespace(monotonic=lambda: next(clock)))
    with pytest.raises(BadArgument, match="which takes longer"):
        FIVE.subset("N")


EXPRESSIONS = st.recursive(
    st.sampled_from(["a", "B", "é", "ß", ".", "^", "$", r"\d", r"\w", r"\b", "[a-c]", "[^a]", ""]),
    lambda inner: (
        st.builds(str.__add__, inner, inner)
        | st.builds("({})".format, inner)
        | st.builds("(?:{}|{})".format, inner, inner)
        | st.builds("(?:{})?".format, inner)
        | st.builds("(?:{}){{0,2}}".format, inner)
    ),
    max_leaves=6,
)
FLAGS = st.sampled_from([re.NOFLAG, re.I, re.A, re.I | re.A, re.M, re.S, re.X, re.I | re.M | re.S])


@given(EXPRESSIONS, FLAGS, st.lists(st.text("aAbBcéÉßsS1 \n"), unique=True, max_size=8))
def test_a_regular_expression_finds_what_re_finds(expression, flags, names):
    rows = Directions(np.ones((len(names), 2)), names)
    pattern = re.compile(expression, flags)
    expected = [name for name in names if pattern.search(name)]
    assert rows.subset(pattern).names == expected
    if not flags:
        assert rows.subset(expression).names == expected


@pytest.mark.parametrize("which", [["L0N1", "L0N1"], [1, 1], [4, -1]])
def test_a_row_cannot_be_chosen_twice(which):
    with pytest.raises(BadArgument, match="more than once"):
        FIVE.subset(which)


# Directions: lengths and LayerNorm


@given(MATRICES)
def test_norms_are_those_of_a_loop_over_the_numbers(matrix):
    expected = [sum(float(x) ** 2 for x in row) ** 0.5 for row in matrix]
    made = directions(matrix)
    np.testing.assert_allclose(made.norms, expected, rtol=1e-6)
    assert made.norms.dtype == np.float32


@given(MATRICES)
def test_unit_rows_have_length_1_and_point_the_same_way(matrix):
    made = directions(matrix)
    unit = made.unit()
    lengths = np.linalg.norm(unit.vectors.astype(float), axis=1)
    np.testing.assert_allclose(lengths, matrix.any(axis=1), atol=1e-6)
    np.testing.assert_allclose(unit.vectors * made.norms[:, None], matrix, rtol=1e-5, atol=1e-30)
    assert (unit.names, unit.label) == (made.names, "unit vectors")


@pytest.mark.filterwarnings("error")
def test_a_row_of_zeros_stays_zeros():
    assert (directions([[0, 0], [3, 4]]).unit().vectors == [[0, 0], np.float32([0.6, 0.8])]).all()


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize("size", [1e-30, 1e30])
def test_rows_whose_squares_are_beyond_float32_have_their_length(size):
    made = directions([[3 * size, -4 * size]])
    np.testing.assert_allclose(made.norms, [5 * size], rtol=1e-6)
    np.testing.assert_allclose(made.unit().vectors, [[0.6, -0.8]], rtol=1e-6)


def test_norms_that_no_float32_holds_are_refused():
    made = Directions([[3e38, 0], [3e38, 3e38]], ["a", "b"], "W_out, layer 1")
    with pytest.raises(BadArgument, match="norms of W_out, layer 1 that float32 can hold, got 1 "):
        made.norms  # noqa: B018
    largest = float(np.finfo(np.float32).max)
    assert Directions([[largest, 0]], ["a"]).norms == [np.float32(largest)]


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize("normalization", ["LN", "RMS"])
@pytest.mark.parametrize("size", [1e20, 1e38])
def test_rows_whose_squares_are_beyond_float32_are_normalized(normalization, size):
    """Divided by an infinite root they would be zeros, which look like numbers."""
    small = directions([[1, -1, -1, 2], [1, 1, 1, -1]], normalization=normalization, epsilon=0)
    large = directions(small.vectors * size, normalization=normalization, epsilon=0)
    np.testing.assert_allclose(
        large.layer_normed().vectors, small.layer_normed().vectors, rtol=1e-5
    )
    with pytest.raises(BadArgument, match="float32 can hold"):
        directions(np.full((1, 2), 3e38), normalization=normalization).layer_normed()


@given(MATRICES)
def test_layer_norm_is_its_definition(matrix):
    made = directions(matrix, normalization="LN")
    normed = made.layer_normed()
    expected = reference.layer_normed(matrix.astype(float))
    # Where all numbers of a row are nearly the same, float32 has no digits left.
    spread = np.ptp(matrix, axis=1) > 1e-2 * np.abs(matrix).max(axis=1)
    np.testing.assert_allclose(normed.vectors[spread], expected[spread], rtol=1e-3, atol=1e-3)
    assert (normed.names, normed.label) == (made.names, "LN(vectors)")
    assert normed.vectors.dtype == np.float32


def test_layer_norm_of_ordinary_weights_is_exact_to_float32():
    matrix = RNG.normal(scale=0.05, size=(40, 128))
    normed = directions(matrix, normalization="LN").layer_normed().vectors
    expected = reference.layer_normed(np.float32(matrix).astype(float))
    np.testing.assert_allclose(normed, expected, atol=2e-6)


def test_layer_norm_keeps_its_epsilon():
    # Variance 1e-6, a tenth of epsilon: without it these would be -1 and 1.
    normed = directions([[-1e-3, 1e-3]], normalization="LN").layer_normed()
    np.testing.assert_allclose(normed.vectors, [[-0.3015113, 0.3015113]], rtol=1e-5)


@pytest.mark.filterwarnings("error")
def test_layer_norm_of_equal_numbers_is_zero():
    normed = directions([[0, 0, 0], [2, 2, 2]], normalization="LN").layer_normed()
    assert (normed.vectors == 0).all()


def test_rms_norm_divides_by_the_root_mean_square_alone():
    matrix = RNG.normal(scale=0.01, size=(40, 16)) + 0.01
    normed = directions(matrix, normalization="RMS", epsilon=1e-3).layer_normed()
    expected = matrix / np.sqrt((matrix**2).mean(axis=1, keepdims=True) + 1e-3)
    np.testing.assert_allclose(normed.vectors, expected, rtol=1e-5)
    assert normed.label == "RMSNorm(vectors)"


def test_layer_norm_has_the_epsilon_of_its_model():
    normed = directions([[-1e-3, 1e-3]], normalization="LN", epsilon=3e-6).layer_normed()
    np.testing.assert_allclose(normed.vectors, [[-0.5, 0.5]], rtol=1e-5)


def test_a_models_neurons_have_its_normalization_and_epsilon():
    model = Model(name="m", weights={"out": [np.eye(2)]}, normalization="RMS", epsilon=0.25)
    assert (model.neurons(0).normalization, model.neurons(0).epsilon) == ("RMS", 0.25)


def test_without_layer_norm_the_rows_stay_as_they_are():
    assert directions([[1, 2, 3]]).layer_normed().vectors.tolist() == [[1, 2, 3]]
    assert directions([[1, 2, 3]]).layer_normed().label == "vectors"


# Model


def test_neurons_are_named_by_layer_and_number():
    model = Model.from_arrays(weights(3, 4))
    assert model.neurons(2).names == ["L2N0", "L2N1", "L2N2", "L2N3"]
    assert model.neurons().names == [f"L{i}N{n}" for i in range(3) for n in range(4)]


@pytest.mark.parametrize("side", ["out", "in", "gate"])
def test_neurons_are_those_of_the_layer_and_side_asked_for(side):
    given_weights = {"out": weights(), "in": weights(), "gate": weights()}
    model = Model(name="m", weights=given_weights, normalization="LN")
    assert model.sides == ("out", "in", "gate")
    for layer in (0, 1, np.int64(1)):
        neurons = model.neurons(layer, side)
        np.testing.assert_array_equal(neurons.vectors, given_weights[side][layer].astype("f4"))
        matrix = {"out": "W_out", "in": "W_in", "gate": "W_gate"}[side]
        assert (neurons.label, neurons.normalization) == (f"{matrix}, layer {layer}", "LN")
    every = model.neurons("all", side)
    np.testing.assert_array_equal(every.vectors, np.float32(np.vstack(given_weights[side])))
    assert every.label.endswith(", all layers")


@pytest.mark.parametrize("layer", [2, -1, "2", "ALL", 0.0, None, True, [0]])
def test_a_layer_that_is_not_there_is_told(layer):
    with pytest.raises(UnknownName) as caught:
        Model.from_arrays(weights()).neurons(layer)
    told = f"a layer of arrays: 0 to 1, or 'all', got {layer!r}. Choose one of these."
    assert told in str(caught.value)


@pytest.mark.parametrize("side", ["in", "gate", "OUT", None, 3])
def test_a_side_that_is_not_there_is_told(side):
    with pytest.raises(UnknownName) as caught:
        Model.from_arrays(weights()).neurons(0, side)
    assert f"a side of arrays, got {side!r}. Choose one of 'out'." in str(caught.value)


def test_all_who_look_at_the_same_neurons_share_them_while_they_do():
    model = Model(name="model", weights={"out": weights(), "in": weights()})
    held = [model.neurons(layer, side) for layer in (0, 1, "all") for side in ("out", "in")]
    again = [model.neurons(layer, side) for layer in (0, 1, "all") for side in ("out", "in")]
    assert all(one is other for one, other in zip(held, again, strict=True))
    assert len({id(one) for one in held}) == 6
    assert model.neurons(np.int64(1)) is held[2]
    assert replace(model).neurons(0) is not held[0]
    gone = ref(held[0])
    del held, again
    assert gone() is None


def test_layers_that_do_not_fit_the_memory_together_are_told_before_they_are_read(monkeypatch):
    free = SimpleNamespace(available=2 * 3 * 60 - 1)
    monkeypatch.setattr("dtviz.layers.psutil.virtual_memory", lambda: free)
    together = Model(name="model", weights={"out": weights()}).neurons("all")
    assert len(together.names) == 10
    with pytest.raises(
        BadArgument, match=r"about 9 neurons of 3 numbers, got 2, of 10, which need 0\.0"
    ):
        together.norms  # noqa: B018
    assert Model(name="model", weights={"out": weights()}).neurons(1).norms.shape == (5,)
    free.available += 1
    assert together.norms.shape == (10,)


def test_layers_of_unequal_width_and_experts():
    layers = [*weights(1), *weights(1, 4)]
    groups = [[("", 5)], [("", 1), ("E0", 2), ("E3", 1)]]
    model = Model(name="m", weights={"out": layers}, layers=[1, 4], groups=groups)
    assert (model.n_layers, model.d_mlp, model.widths, model.size) == (2, 5, (5, 4), "up to 5")
    assert model.neurons(4).names == ["L4N0", "L4E0N0", "L4E0N1", "L4E3N0"]
    assert model.neurons("all").names == [f"L1N{i}" for i in range(5)] + model.neurons(4).names
    assert model.experts(4) == (0, 3)
    assert model.experts(1) == ()
    np.testing.assert_array_equal(model.neurons(4, expert=3).vectors, model.neurons(4).vectors[3:])
    with pytest.raises(UnknownName, match=r"an expert of layer 4 of m, got 1"):
        model.neurons(4, expert=1)
    with pytest.raises(UnknownName, match=r"a layer of m: 1, 4, or 'all', got 0"):
        model.neurons(0)


def test_of_a_layer_there_is_one_copy():
    model = Model(name="model", weights={"out": weights()})
    assert model.neurons(1).vectors is model.weights["out"][1]


def test_a_model_is_frozen_and_its_weights_cannot_be_written():
    model = Model.from_arrays(weights())
    with pytest.raises(FrozenInstanceError):
        model.name = "other"
    with pytest.raises(TypeError):
        model.weights["in"] = model.weights["out"]
    with pytest.raises(TypeError):
        model.weights["out"][0] = np.zeros((5, 3))
    assert all(not layer.flags.writeable for layer in model.weights["out"])


def test_a_models_weights_are_float32_copies():
    layers = weights()
    model = Model.from_arrays(layers)
    before = model.neurons(0).vectors.copy()
    layers[0][:] = 0
    assert model.weights["out"][0].dtype == np.float32
    np.testing.assert_array_equal(model.neurons(0).vectors, before)


def test_the_unembeddings_bias_is_a_float32_copy_that_cannot_be_written():
    bias = np.array([1.0, 2.0])
    model = Model(
        name="m",
        weights={"out": weights()},
        unembedding=directions(np.eye(2, 3)),
        unembedding_bias=bias,
    )
    bias[:] = 0
    assert model.unembedding_bias.tolist() == [1, 2]
    assert model.unembedding_bias.dtype == np.float32
    assert not model.unembedding_bias.flags.writeable


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"weights": {}}, r"weights of the side 'out'.*Name the sides so"),
        ({"weights": {"in": weights()}}, r"the side 'out'.*got the sides 'in'"),
        ({"weights": {"out": weights(), "up": weights()}}, r"got the sides 'out', 'up'"),
        ({"weights": {"out": []}}, r"at least one layer, got none\. Pass an array a layer"),
        ({"weights": {"out": weights(2), "in": weights(1)}}, "as many layers on each side"),
        ({"weights": {"out": weights(1), "in": weights(2)}}, "as many layers on each side"),
        ({"weights": {"out": weights(), "in": weights(d_mlp=4)}}, r"of the same shapes.*\(4, 3\)"),
        ({"weights": {"out": weights(), "in": weights(d_model=4)}}, r"of the same shapes"),
        ({"weights": {"out": [*weights(1), *weights(d_model=4)]}}, "of the same shapes"),
        ({"layers": [3, 3]}, "a number and the groups of its neurons for each layer"),
        ({"groups": [[("", 5)], [("E0", 2), ("E1", 2)]]}, "a number and the groups"),
        ({"groups": [[("", 5)], [("E0", 7), ("E1", -2)]]}, "of at least one each"),
        ({"groups": [[("", 5)], [("Ex", 5)]]}, "'', 'M1' or 'E5'"),
        ({"weights": {"out": [np.zeros(3)]}}, r"side 'out', layer 0 with 2 dimensions"),
        ({"weights": {"out": [*weights(1), np.full((5, 3), np.nan)]}}, "layer 1, got 15"),
        ({"unembedding_bias": [1.0, 2.0]}, r"one bias for each row.*got 2 biases\. Pass as many"),
        (
            {"unembedding": directions(np.eye(3)), "unembedding_bias": [1.0, 2.0]},
            r"one bias for each row.*got 2 biases",
        ),
        ({"rtg": directions(np.eye(2, 3))}, "rtg as one vector.*got 2 rows"),
    ],
)
def test_what_makes_no_model_is_told(fields, message):
    with pytest.raises(BadArgument, match=message):
        Model(**({"name": "m", "weights": {"out": weights()}} | fields))


DIRECTIONS = ["unembedding", "embedding", "rtg", "action_embedding", "time_embedding"]


@pytest.mark.parametrize("what", DIRECTIONS)
def test_vectors_of_another_residual_stream_are_told(what):
    with pytest.raises(BadArgument, match=rf"{what} vectors of d_model = 3 numbers, got 4\. Pass"):
        Model(name="m", weights={"out": weights()}, **{what: directions(np.eye(4))})


@pytest.mark.parametrize("what", DIRECTIONS)
def test_an_array_without_names_is_told_to_be_named(what):
    with pytest.raises(BadArgument, match=rf"{what} as Directions, got .* ndarray\. Pass Direct"):
        Model(name="m", weights={"out": weights()}, **{what: np.eye(3)})


def test_the_repr_of_a_model_says_what_it_has():
    model = Model.from_arrays(
        weights(), unembedding=directions(np.eye(3)), embedding=directions(np.eye(2, 3)), name="SAE"
    )
    assert repr(model) == (
        "Model(SAE: 2 layers x 5 neurons, d_model 3, "
        "3 actions or tokens, 2 input features, as given)"
    )
    assert repr(Model.from_arrays(np.eye(2))).endswith("d_model 2, as given)")


# Model.from_arrays


LIKE_ARRAYS = {
    "a parameter": lambda rows: torch.nn.Parameter(torch.from_numpy(rows)),
    "a tensor": torch.from_numpy,
    "of float64": lambda rows: torch.from_numpy(rows).double(),
    "of bfloat16": lambda rows: torch.from_numpy(rows).bfloat16(),
    "a frame": pd.DataFrame,
}


@pytest.mark.parametrize("kind", LIKE_ARRAYS)
def test_tensors_and_frames_count_as_arrays_do(kind):
    rows = np.arange(12, dtype=np.float32).reshape(4, 3)
    one = LIKE_ARRAYS[kind](rows)
    unembedding = Directions(LIKE_ARRAYS[kind](np.eye(2, 3, dtype=np.float32)), ["a", "b"])
    assert unembedding.vectors.tolist() == np.eye(2, 3).tolist()
    for given_out, layers in ((one, 1), ([one, one], 2)):
        model = Model.from_arrays(given_out, in_=given_out, unembedding=unembedding)
        assert (model.n_layers, model.d_mlp, model.d_model) == (layers, 4, 3)
        assert model.neurons(layers - 1, "in").vectors.tolist() == rows.tolist()


def test_a_tensor_that_is_changed_later_changes_nothing():
    rows = torch.ones(2, 3)
    made = Directions(rows, ["a", "b"])
    rows[:] = 7
    assert (made.vectors == 1).all()


@pytest.mark.parametrize(
    ("given_out", "layers"),
    [
        (np.ones((5, 3)), 1),
        ([np.ones((5, 3))], 1),
        ((np.ones((5, 3)), np.ones((5, 3))), 2),
        (np.ones((4, 5, 3)), 4),
        ([[[1, 1, 1]] * 5], 1),
    ],
)
def test_from_arrays_takes_one_array_or_one_a_layer(given_out, layers):
    model = Model.from_arrays(given_out)
    assert (model.n_layers, model.d_mlp, model.d_model) == (layers, 5, 3)
    assert model.sides == ("out",)
    assert (model.neurons().vectors == 1).all()


def test_from_arrays_has_nothing_that_it_was_not_given():
    model = Model.from_arrays(np.eye(2))
    assert (model.name, model.processing, model.normalization) == ("arrays", "as given", None)
    for what in [*DIRECTIONS, "unembedding_bias", "sha256"]:
        assert getattr(model, what) is None


def test_from_arrays_puts_each_side_in_its_place():
    out, in_, gate = weights(), weights(), weights()
    model = Model.from_arrays(out, gate=gate, in_=in_, name="gated")
    assert (model.name, model.sides) == ("gated", ("out", "in", "gate"))
    for side, given_side in {"out": out, "in": in_, "gate": gate}.items():
        np.testing.assert_array_equal(
            model.neurons(1, side).vectors, given_side[1].astype(np.float32)
        )
    assert Model.from_arrays(out, gate=gate).sides == ("out", "gate")


def test_from_arrays_normalizes_all_its_directions_alike():
    targets = directions(RNG.normal(size=(2, 3)), normalization="LN")
    features = directions(RNG.normal(size=(4, 3)))
    plain = Model.from_arrays(np.eye(3), unembedding=targets, embedding=features)
    normed = Model.from_arrays(
        np.eye(3), unembedding=targets, embedding=features, normalization="LN"
    )
    for model, expected in ((plain, None), (normed, "LN")):
        for made in (model.neurons(), model.unembedding, model.embedding, model):
            assert made.normalization == expected
    np.testing.assert_array_equal(normed.unembedding.vectors, targets.vectors)
    assert normed.embedding.names == features.names


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"out": []}, "at least one layer"),
        ({"out": None}, "weights of the side 'out'"),
        ({"out": 5}, r"arrays of the side 'out' in a list, got 5\. Pass a list"),
        ({"out": np.ones(3)}, "layer 0 with 2 dimensions"),
        ({"out": np.eye(2), "in_": np.eye(3)}, "of the same shapes"),
        ({"out": np.eye(2), "gate": [np.eye(2)] * 2}, "as many layers"),
        ({"out": np.eye(2), "in_": np.full((2, 2), np.inf)}, "numbers in side 'in', layer 0"),
        ({"out": np.eye(2), "unembedding": np.eye(2)}, "unembedding as Directions, got"),
        ({"out": np.eye(2), "embedding": ["a"]}, "embedding as Directions, got .* list"),
        ({"out": np.eye(2), "embedding": directions(np.eye(3))}, "d_model = 2 numbers, got 3"),
    ],
)
def test_what_from_arrays_cannot_use_is_told(arguments, message):
    with pytest.raises(BadArgument, match=message):
        Model.from_arrays(**arguments)


# Real checkpoints, against NumPy on their raw weights

ACTIONS = ["left", "right", "forward", "pickup", "drop", "toggle", "done"]


def test_real_weights_are_folded_and_centred_as_numpy_does_it(real):
    model, raw = real
    gated = "transformer.blocks.0.mlp.W_gate" in raw
    assert model.sides == (("out", "in", "gate") if gated else ("out", "in"))
    for layer in range(model.n_layers):
        for side in model.sides:
            expected = reference.neurons(raw, layer, side)
            reference.agree(model.neurons(layer, side).vectors, expected, 1e-6)


def test_a_real_unembedding_and_its_bias_are_folded_as_numpy_does_it(real):
    model, raw = real
    reference.agree(model.unembedding.vectors, reference.unembedding(raw), 1e-6)
    reference.agree(model.unembedding_bias, reference.unembedding_bias(raw))
    assert model.unembedding.names == ACTIONS


def test_real_embeddings_are_as_stored(real):
    model, raw = real
    assert np.array_equal(model.embedding.vectors, reference.embedding(raw))
    assert np.array_equal(model.rtg.vectors, raw["reward_embedding.0.weight"].T)
    assert model.embedding.names[5 * 49 + 1 * 7 + 2] == "key, (1,2)"


def test_real_neurons_are_layer_normed_as_numpy_does_it(real):
    model, raw = real
    for layer in range(model.n_layers):
        expected = reference.layer_normed(reference.neurons(raw, layer, "out"))
        reference.agree(model.neurons(layer).layer_normed().vectors, expected, 3e-6)


def test_the_gated_checkpoint_has_the_sizes_its_readme_tells(gated):
    assert (gated.n_layers, gated.d_mlp, gated.d_model) == (2, 256, 128)
    assert gated.sides == ("out", "in", "gate")
    assert (len(gated.unembedding), len(gated.embedding)) == (7, 980)


def test_the_demo_has_the_sizes_its_card_tells(demo):
    assert (demo.n_layers, demo.d_mlp, demo.d_model) == (3, 256, 256)
    assert demo.sides == ("out", "in")
    assert (len(demo.unembedding), len(demo.embedding)) == (7, 980)
