"""A session's steps: undone, redone, restored, and told as a script."""

import io
import itertools
import json
import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from unittest.mock import patch

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import dtviz
from dtviz import link
from dtviz.errors import BadArgument, DtvizError, UnknownName
from dtviz.explorer import Explorer
from dtviz.options import Options
from dtviz.session import Session

from .tabs.models import small
from .tokens import wordy

MODEL = small()
NAMES = MODEL.neurons("all").names
# Some of the values that options can have.
VALUES = {
    "layer": [0, 1, "all"],
    "side": ["out", "in"],
    "x": ["left", "forward"],
    "layer_norm": [True, False],
    "contrast": [True, False],
    "space": ["weights", "out congruence", "in congruence"],
    "method": ["average", "single", "ward"],
    "distance": ["cosine", "absolute", "rows"],
    "clusters": [1, 6, 20],
    "norm_above": [0, 0.5, 1e9],
    "named": ["", "key", "("],
    "ranked_by": ["in congruence", "out × embedding"],
    "k": [1, 10, 50],
    "threshold": [0.1, 0.5],
    "alike_by": ["threshold", "count"],
    "pairs_above": [0.05, 1.0],
}
SELECTIONS = st.lists(st.sampled_from(NAMES), unique=True, max_size=5)
OPTIONS = st.sampled_from(sorted(VALUES)).flatmap(
    lambda name: st.tuples(st.just(name), st.sampled_from(VALUES[name]))
)
ACTION = st.one_of(
    st.tuples(st.just("select"), SELECTIONS),
    st.tuples(st.just("choose"), OPTIONS),
    st.just(("undo",)),
    st.just(("redo",)),
)


def slowly():
    """Let ten seconds pass between any two looks at the clock."""
    # Of the session's clock alone: others look at it for how long they may search.
    clock = SimpleNamespace(monotonic=itertools.count(0, 10).__next__)
    return patch("dtviz.session.time", clock)


class Clock:
    """A clock that is set by hand."""

    def __init__(self):
        self.now = 0.0

    def __call__(self):
        return self.now


@pytest.fixture
def clock(monkeypatch):
    clock = Clock()
    monkeypatch.setattr("dtviz.session.time", SimpleNamespace(monotonic=clock))
    return clock


@pytest.fixture
def session():
    return Session(MODEL)


def walk(session, actions):
    """Do what is told, and return the state that a plain list of states leads to."""
    states, at = [session.state], 0
    for what, *given_with in actions:
        if what == "undo":
            session.undo()
            at = max(at - 1, 0)
        elif what == "redo":
            session.redo()
            at = min(at + 1, len(states) - 1)
        else:
            changed = dict(states[at])
            if what == "select":
                [names] = given_with
                session.selection.names = names
                changed["select"] = sorted(names, key=NAMES.index)
            else:
                [(name, value)] = given_with
                session.choose(**{name: value})
                changed[name] = value
            if changed != states[at]:
                states[at + 1 :] = [changed]
                at += 1
        assert session.state == states[at]
        assert (session.can_undo, session.can_redo) == (at > 0, at < len(states) - 1)
    return states[at]


def made_anew(state):
    """A session that begins with a state."""
    options = {name: value for name, value in state.items() if name != "select"}
    session = Session(MODEL, **options)
    session.selection.names = state["select"]
    return session


@given(st.lists(ACTION, max_size=25))
def test_whatever_the_steps_undo_and_redo_lead_to_the_states_before_and_after(actions):
    with slowly():
        session = Session(MODEL)
        state = walk(session, actions)
    expected = made_anew(state)
    pd.testing.assert_frame_equal(session.neurons, expected.neurons)
    pd.testing.assert_frame_equal(session.selected, expected.selected)


@settings(max_examples=8)
@given(st.lists(ACTION, min_size=2, max_size=8))
def test_the_views_show_the_state_that_steps_lead_to(actions):
    with slowly():
        explorer = Explorer(MODEL)
        tabs = (explorer.top_k, explorer.selected_heatmap, explorer.rest)
        for tab in tabs:
            tab.show(tab)
        state = walk(explorer, actions)
    expected = Explorer(MODEL, **{name: state[name] for name in state if name != "select"})
    expected.selection.names = state["select"]
    pd.testing.assert_frame_equal(explorer._hub.frame, expected._hub.frame)
    assert explorer._hub.selection == expected._hub.selection
    pd.testing.assert_frame_equal(explorer._lines.frame, expected._lines.frame)
    pd.testing.assert_frame_equal(explorer._cells.frame, expected._cells.frame)
    for tab, other in zip(
        tabs, (expected.top_k, expected.selected_heatmap, expected.rest), strict=True
    ):
        other.show(other)
        assert (tab.message, tab.heading, tab.text) == (other.message, other.heading, other.text)
    row, other_row = explorer._hub.session.frame, expected._hub.session.frame
    assert row["elsewhere"] == other_row["elsewhere"]
    assert (row["undo"], row["redo"]) == (explorer.can_undo, explorer.can_redo)


def test_views_are_up_to_date_when_a_step_is_undone():
    explorer = Explorer(MODEL, layer=1)
    explorer.selection.names = ["L1N3", "L0N2"]
    explorer.layer = 0
    explorer.selection.names = []
    explorer.undo()
    assert explorer._hub.frame["name"].iloc[0] == "L0N0"
    assert explorer._hub.selection == [2]
    explorer.undo()
    assert explorer._hub.frame["name"].iloc[0] == "L1N0"
    assert explorer._hub.selection == [3]
    explorer.redo()
    assert explorer._hub.selection == [2]


def test_a_hundred_steps_and_more_can_be_undone_and_taken_again(session):
    for i in range(150):
        session.selection.names = [NAMES[i % 24], NAMES[(i + 1 + i // 24) % 24]]
    last = session.state
    for _ in range(150):
        assert session.can_undo
        session.undo()
    assert session.selection.names == []
    assert not session.can_undo
    for _ in range(150):
        session.redo()
    assert session.state == last


def test_nothing_to_undo_or_to_redo_leaves_all_as_it_is(session):
    before = session.state
    session.undo()
    session.redo()
    assert session.state == before
    assert not session.can_undo
    assert not session.can_redo


def test_steps_are_counted_where_one_can_hear_of_them(session):
    heard = []
    session.param.watch(lambda event: heard.append(session.state["select"]), "steps")
    session.selection.names = ["L1N3"]
    session.selection.names = ["L1N3"]  # no change
    session.undo()
    session.redo()
    assert heard == [["L1N3"], [], ["L1N3"]]


def test_options_that_change_together_are_one_step(session):
    session.congruence.param.update(x="forward", contrast=True)
    session.undo()
    assert session.changed_options == {}
    assert not session.can_undo


# A slider


def test_a_slider_that_is_moved_is_one_step(session, clock):
    for k in (11, 14, 20, 23):
        session.ranking.k = k
        clock.now += 0.3
    session.undo()
    assert session.ranking.k == 10
    session.redo()
    assert session.ranking.k == 23


def test_a_slider_that_has_rested_takes_another_step(session, clock):
    session.ranking.k = 11
    clock.now += 5
    session.ranking.k = 12
    session.undo()
    assert session.ranking.k == 11


def test_what_is_no_number_takes_a_step_each_time(session, clock):
    for method in ("single", "ward", "complete"):
        session.clustering.method = method
    session.undo()
    assert session.clustering.method == "ward"
    session.selection.names = ["L1N3"]
    session.selection.names = ["L1N4"]
    session.undo()
    assert session.selection.names == ["L1N3"]


def test_two_sliders_take_a_step_each(session, clock):
    session.ranking.k = 11
    session.clustering.clusters = 3
    session.ranking.k = 12
    session.undo()
    assert (session.ranking.k, session.clustering.clusters) == (11, 3)


@pytest.mark.parametrize("between", ["undo", "restore", "model"])
def test_a_slider_after_something_else_takes_a_step_of_its_own(session, clock, between):
    session.ranking.k = 11
    if between == "undo":
        session.undo()
    elif between == "restore":
        session.restore({"k": 30})
    else:
        session.model = small(name="other")
    before = session.state
    session.ranking.k = 12
    assert session.can_undo
    assert not session.can_redo
    session.undo()
    assert session.state == before


# Another model


def test_another_model_starts_over(session):
    session.selection.names = ["L1N3"]
    session.ranking.k = 3
    session.undo()
    session.model = small(n=5, layers=1, name="other")
    assert session.selection.names == []
    assert not session.can_undo
    assert not session.can_redo
    with pytest.raises(UnknownName):
        session.selection.names = ["L1N3"]
    session.selection.names = ["L0N4"]
    session.undo()
    assert session.selection.names == []
    assert session.model.name == "other"


# A state that is restored


def test_a_state_is_restored_and_that_is_a_step(session):
    session.selection.names = ["L1N3"]
    session.congruence.contrast = True
    state = session.state
    session.restore({"layer": 0, "k": 3, "select": ["L1N2", "L0N4"]})
    assert session.changed_options == {"layer": 0, "k": 3}
    assert session.selection.names == ["L0N4", "L1N2"]
    session.undo()
    assert session.state == state


def test_what_a_state_leaves_out_becomes_the_usual(session):
    session.selection.names = ["L1N3"]
    session.ranking.k = 3
    session.restore({})
    assert session.state == Session(MODEL).state


BAD = [
    ({"colour": 1}, UnknownName),
    ({"name": "x"}, UnknownName),
    ({"self": 1}, UnknownName),
    ({"model": "demo"}, UnknownName),
    ({"layer": 2}, UnknownName),
    ({"layer": True}, UnknownName),
    ({"layer": 1.0}, UnknownName),
    ({"layer": "1"}, UnknownName),
    ({"layer": [0]}, UnknownName),
    ({"side": "gate"}, UnknownName),
    ({"x": "jump"}, UnknownName),
    ({"x": 7}, UnknownName),
    ({"k": 0}, BadArgument),
    ({"k": 10**30}, BadArgument),
    ({"k": "many"}, BadArgument),
    ({"k": 2.5}, BadArgument),
    ({"k": True}, BadArgument),
    ({"threshold": True}, BadArgument),
    ({"threshold": 1.5}, BadArgument),
    ({"norm_above": -1}, BadArgument),
    ({"contrast": "yes"}, BadArgument),
    ({"contrast": 1}, BadArgument),
    ({"named": 7}, BadArgument),
    ({"select": ["L9N9"]}, UnknownName),
    ({"select": "L1N3"}, BadArgument),
    ({"select": None}, BadArgument),
    ({"select": 7}, BadArgument),
    ({"select": [["L1N3"]]}, UnknownName),
]


@pytest.mark.parametrize("kind", [Session, Explorer])
def test_of_a_state_that_does_not_fit_nothing_is_taken(kind):
    session = kind(MODEL, layer=0, x="forward")
    session.selection.names = ["L0N3", "L1N7"]
    session.ranking.k = 4
    session.undo()
    before, steps = session.state, session.steps
    for bad, error in BAD:
        # Good options around the bad one.
        with pytest.raises(error, match="Expected"):
            session.restore({"contrast": True, "select": ["L1N1"], **bad, "clusters": 2})
        assert session.state == before, bad
        assert (session.can_undo, session.can_redo, session.steps) == (True, True, steps)
    pd.testing.assert_frame_equal(session.neurons, made_anew(before).neurons)


def test_whatever_goes_wrong_nothing_of_a_state_is_taken(monkeypatch):
    explorer = Explorer(MODEL)
    explorer.selection.names = ["L1N3"]
    before, table = explorer.state, explorer._hub.frame
    layers = explorer._find

    def fail():
        if explorer.layer == 0:
            raise MemoryError
        layers()

    monkeypatch.setattr(explorer, "_find", fail)
    with pytest.raises(MemoryError):
        explorer.restore({"layer": 0, "select": ["L0N1"]})
    assert explorer.state == before
    pd.testing.assert_frame_equal(explorer._hub.frame, table)


@pytest.mark.parametrize("norm", [10**300, 1e300])
def test_a_norm_that_no_feature_has_is_a_state_like_others(norm):
    explorer = Explorer(MODEL)
    explorer.restore({"norm_above": norm})
    assert "None of the 18 input features" in explorer.why_nothing


# The options that were changed


def test_at_first_no_option_is_changed(session):
    assert session.changed_options == {}
    session.ranking.k = 3
    session.layer = 0
    assert session.changed_options == {"layer": 0, "k": 3}
    session.ranking.k = 10
    assert session.changed_options == {"layer": 0}


@given(st.fixed_dictionaries({}, optional={n: st.sampled_from(v) for n, v in VALUES.items()}))
def test_the_changed_options_make_the_same_options(options):
    session = Session(MODEL, **options)
    changed = session.changed_options
    assert Session(MODEL, **changed).options == session.options
    usual = Options(MODEL).options
    assert changed == {name: value for name, value in options.items() if value != usual[name]}


# The recipe


def random_state(random, model):
    """Some options of the bundled model, and some of its neurons, of both layers."""
    features = ["", "key", r"\((3|4),\d\)", "it's {0}\n"]
    return {
        "layer": [0, 1, "all"][random.integers(3)],
        "side": ["out", "in"][random.integers(2)],
        "x": model.unembedding.names[random.integers(2)],
        "contrast": bool(random.integers(2)),
        "layer_norm": bool(random.integers(2)),
        "method": ["average", "ward"][random.integers(2)],
        "clusters": int(random.integers(1, 21)),
        "norm_above": float(random.random()),
        "named": features[random.integers(4)],
        "threshold": float(random.random()),
        "select": random.choice(model.neurons("all").names, 60, replace=False).tolist(),
    }


def test_a_recipe_makes_the_same_selection_with_the_same_numbers_elsewhere(demo, tmp_path):
    random = np.random.default_rng(4)
    expected, recipes = [], []
    for _ in range(2):
        session = Session(demo)
        session.restore(random_state(random, demo))
        expected.append(session)
        recipes.append(session.recipe())
    run = "\n".join(
        [
            "import json, sys",
            "for recipe in json.loads(sys.stdin.read()):",
            "    known = {}",
            "    exec(recipe, known)",
            "    explorer = known['explorer']",
            "    print()",
            "    print(json.dumps([explorer.state, explorer.selected.to_json(",
            "        orient='split', double_precision=15)]))",
        ]
    )
    out = subprocess.run(
        [sys.executable, "-c", run],
        input=json.dumps(recipes),
        capture_output=True,
        text=True,
        check=True,
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": str(Path(dtviz.__file__).parents[1])},
    ).stdout
    lines = [line for line in out.splitlines() if line.startswith("[{")]
    for session, line in zip(expected, lines, strict=True):
        state, table = json.loads(line)
        assert state == session.state
        assert len(state["select"]) == 60
        rows = pd.read_json(io.StringIO(table), orient="split", precise_float=True)
        assert rows["name"].tolist() == session.selected["name"].tolist()
        numbers = session.selected.select_dtypes("number")
        assert len(numbers.columns) > 5
        np.testing.assert_allclose(rows[numbers.columns], numbers, rtol=1e-6, atol=1e-9)
    # And the script prints its rows by itself.
    assert all(f"\n{session.selected['name'].iloc[0]} " in out for session in expected)


def followed(recipe, model):
    """The explorer that a recipe for a model of arrays makes, once the model is put in."""
    assert "\nmodel = ...\n" in recipe
    known = {"model": model}
    exec(recipe.replace("\nmodel = ...\n", "\n"), known)
    return known["explorer"]


def test_the_recipe_of_a_model_of_arrays_says_where_to_put_it(session, capsys):
    session.selection.names = ["L0N3", "L1N4"]
    session.ranking.k = 3
    recipe = session.recipe()
    assert "# Made from arrays, or uploaded: put the model here." in recipe
    explorer = followed(recipe, MODEL)
    assert explorer.state == session.state
    assert "L1N4" in capsys.readouterr().out


@given(
    st.fixed_dictionaries({}, optional={n: st.sampled_from(v) for n, v in VALUES.items()}),
    SELECTIONS,
)
@settings(max_examples=10)
def test_a_recipe_has_all_that_differs(options, names):
    session = Session(MODEL, **options)
    session.selection.names = names
    assert followed(session.recipe(), MODEL).state == session.state


HOSTILE = ["'", '"', "'''", '"""', "a\nb", "\\", "{x}", "%s", '"); raise SystemExit("', "\u2028"]


@pytest.mark.parametrize("name", HOSTILE)
def test_names_in_a_recipe_stay_data(name):
    model = small(actions=["left", name], features=[name, "b"])
    session = Session(model, x=name, y="left", named=name)
    assert followed(session.recipe(), model).state == session.state


@pytest.mark.parametrize("name", HOSTILE)
def test_a_path_in_a_recipe_stays_data(name, monkeypatch):
    model = replace(MODEL, source=f"models/{name}.pt", sha256="0" * 64)
    opened = []
    monkeypatch.setattr(dtviz, "load", lambda source: opened.append(source) or model)
    session = Session(model, layer=0)
    exec(session.recipe(), {})
    assert opened == [f"models/{name}.pt"]


def test_a_recipe_does_not_go_on_with_another_checkpoint(monkeypatch):
    session = Session(replace(MODEL, source="a.pt", sha256="0" * 64))
    monkeypatch.setattr(dtviz, "load", lambda source: replace(MODEL, sha256="1" * 64))
    with pytest.raises(AssertionError, match="another checkpoint"):
        exec(session.recipe(), {})


def test_a_recipe_runs_nothing_that_a_checkpoint_says(monkeypatch, tmp_path):
    """The hash of a folder of Parquet is what it says of itself."""
    ran = tmp_path / "ran"
    model = replace(MODEL, source="a.pt", sha256=f'", ""; open({str(ran)!r}, "w") #')
    monkeypatch.setattr(dtviz, "load", lambda source: model)
    exec(Session(model).recipe(), {})
    assert not ran.exists()


def test_every_error_is_one_of_dtviz(session):
    with pytest.raises(DtvizError):
        session.restore({"select": {"L1N3": 1, "L7N7": 2}})


# Sets of tokens

SETS = {"x": "␣he,␣him", "y": '"a,b",she'}


def test_sets_of_tokens_are_undone_restored_linked_and_in_the_recipe():
    session = Session(wordy())
    session.congruence.x = [" he", " him"]
    session.congruence.y = '"a,b",she'
    assert {name: session.options[name] for name in SETS} == SETS
    assert session.changed_options == SETS
    assert f"dtviz.Explorer(model, layer=1, x={SETS['x']!r}, y={SETS['y']!r})" in session.recipe()
    fragment = link.fragment(session.state)
    session.undo()
    assert (session.congruence.x, session.congruence.y) == ("␣he,␣him", "␣him")
    session.undo()
    assert session.congruence.x == "␣she"
    session.redo()
    assert session.congruence.x == "␣he,␣him"
    session.restore(link.state(fragment))
    assert {name: session.options[name] for name in SETS} == SETS


def test_a_state_with_a_token_that_is_none_changes_nothing():
    session = Session(wordy(), x="he,she")
    with pytest.raises(UnknownName, match="nobody"):
        session.restore({"x": "he,nobody"})
    assert session.congruence.x == "he,she"
