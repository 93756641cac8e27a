"""Every view shows the state of now: on open pages and later ones, in cells, in a snapshot."""

import json
import re

import panel as pn
import pytest
from bokeh.document import Document
from pyviz_comms import Comm

import dtviz
from dtviz import snapshot
from dtviz.tabs.tab import Tab
from dtviz.views.shared import LinkedPane, Written

from .tabs.models import PLACES, small
from .test_experts import mixture

ACTIONS = ("left", "right", "forward", "toggle", "pickup")
MODEL = small(actions=ACTIONS)
# Of another size, with other names, more of them than have room for bars.
OTHER = small(
    n=9,
    layers=3,
    sides=("out", "in", "gate"),
    actions=[f"a{i}" for i in range(50)],
    features=[what.replace("key", "ball") for what in PLACES],
    name="other",
    normalization=None,
)
PLAIN = small(rtg=False, features=())
VIEWS = (LinkedPane, Written, Tab)
SELECTED = [
    *("L0N1", "L0N2", "L0N4", "L0N5", "L0N6", "L0N8", "L0N9"),
    *("L1N1", "L1N3", "L1N5", "L1N9"),
]
# What changes the figures and texts of each view, one after the other.
PAIRS = {
    "scatter": {
        "layer": 0,
        "side": "in",
        "x": "right",
        "y": "forward",
        "layer_norm": False,
        "contrast": True,
        "model": OTHER,
    },
    "strip": {
        "layer": 0,
        "x": "right",
        "contrast": True,
        "model": mixture(),
        "colour_column": "expert",
        "expert": 3,
    },
    "heatmap": {
        "layer": 0,
        "side": "in",
        "space": "out congruence",
        "method": "complete",
        "distance": "rows",
        "block_value": "greatest",
        "model": OTHER,
    },
    "dendrogram": {"layer": "all", "method": "ward", "clusters": 2, "model": OTHER},
    "bar": {"layer": 0, "model": OTHER},
    "count": {"layer": 0, "model": OTHER},
    "status": {"model": OTHER},
    "top_k": {
        "layer": 0,
        "side": "in",
        "ranked_by": "out congruence",
        "k": 2,
        "norm_above": 2.0,
        "named": "key",
        "layer_norm": False,
        "model": OTHER,
    },
    "counts": {"k": 2, "ranked_by": "out congruence", "model": OTHER},
    "channel_map": {"layer": 0, "named": "key", "layer_norm": False, "model": OTHER},
    "selected_heatmap": {
        "layer": 0,
        "optimal_order": True,
        "selected_heatmap.space": "in",
        "model": OTHER,
    },
    "alike": {
        "layer": 0,
        "threshold": 0.2,
        "alike_by": "count",
        "alike_count": 3,
        "alike_to": "any",
        "alike.exemplar": "L1N7",
        "alike.among": "all layers",
        "alike.space": "in",
        "model": OTHER,
    },
    "strips": {
        "layer": "all",
        "contrast": True,
        "ranked_by": "out congruence",
        "strips.of": "moments of features",
        "model": OTHER,
    },
    "distributions": {
        "layer": 0,
        "layer_norm": False,
        "named": "key",
        "distributions.space": "in",
        "model": OTHER,
    },
    "crossings": {"named": "key", "crossings.crossing": "in × unembedding", "model": OTHER},
    "vectors": {
        "vectors.which": "embedding",
        "named": "key",
        "vectors.is_clustered": True,
        "model": OTHER,
    },
    "tables": {
        "layer": 0,
        "contrast": True,
        "model": PLAIN,
        "tables.kind": "pairs",
        "pairs_above": 0.3,
        "tables.only_selected": True,
    },
    "rest": {"layer": 0, "contrast": True, "model": OTHER},
    "named_sets": {"layer": 0, "model": OTHER},
}


def opened(explorer, view):
    """A page with one view."""
    page = Document()
    pn.panel(getattr(explorer, view)).server_doc(page)
    return page


def cell(explorer, view):
    """What a cell of a notebook shows that ends with one view."""
    page = Document()
    page.add_root(pn.panel(getattr(explorer, view)).get_root(page, Comm()))
    return page


def shown(page):
    """All models of a page that are in sight, as JSON; equal for pages that show the same."""
    return in_sight(page.to_json(deferred=False)["roots"])


def in_sight(roots):
    """Of models as JSON those that are in sight, without what tells two of them apart."""
    numbers = {}
    # Not what tells models apart, and no trace of how they came about; nothing is hatched, and
    # under the pointer a point looks as it does.
    passing = {"hold_render", "tags", "cell_styles", "hatch_color", "hover_glyph", "stylesheets"}
    usual = [("visible", True), ("text", "")]

    def plain(value):
        if isinstance(value, dict):
            of_model = value.get("attributes", {})
            if of_model.get("visible") is False:
                return None
            if "id" in value:
                value = {**value, "id": numbers.setdefault(value["id"], len(numbers))}
            return {
                key: plain(one)
                for key, one in value.items()
                if key not in passing and (key, one) not in usual
            }
        if isinstance(value, list | tuple):
            return [plain(one) for one in value]
        return re.sub(r"^([A-Z]\w*?)\d{5,}$", r"\1", value) if isinstance(value, str) else value

    return plain(roots)


def differences(one, other, path=""):
    """Where two pages differ, and in what."""
    if isinstance(one, dict) and isinstance(other, dict):
        pairs = [(key, one.get(key), other.get(key)) for key in {**one, **other}]
    elif isinstance(one, list) and isinstance(other, list) and len(one) == len(other):
        pairs = list(zip(range(len(one)), one, other, strict=True))
    else:
        return [] if one == other else [(path, one, other)]
    return [found for key, a, b in pairs for found in differences(a, b, f"{path}.{key}")]


def change(explorer, option, value):
    view, _, own = option.rpartition(".")
    if view or option == "model":
        setattr(getattr(explorer, view) if view else explorer, own, value)
    else:
        explorer.choose(**{option: value})
    if option == "model":
        known = set(value.neurons("all").names)
        explorer.selection.names = [name for name in SELECTED if name in known]


def never_shown(explorer, changes):
    """Another explorer in the state of one, after the same changes of a view's own options."""
    other = dtviz.Explorer(explorer.model)
    other.restore(explorer.state)
    for option, value in changes.items():
        if "." in option:
            change(other, option, value)
    return other


@pytest.mark.parametrize("view", PAIRS)
def test_a_view_shows_the_state_of_now(view):
    explorer = dtviz.Explorer(MODEL)
    explorer.selection.names = SELECTED
    first_cell, live = cell(explorer, view), opened(explorer, view)
    before, changes = shown(live), {}
    for option, value in PAIRS[view].items():
        change(explorer, option, value)
        changes[option] = value
        fresh = never_shown(explorer, changes)
        expected = shown(opened(fresh, view))
        assert expected != before, option
        before = expected
        for page in (opened(explorer, view), live):
            assert differences(shown(page), expected) == [], option
    expected = shown(cell(fresh, view))
    for page in (first_cell, cell(explorer, view)):
        assert differences(shown(page), expected) == []


def test_a_snapshot_shows_the_state_of_now():
    explorer = dtviz.Explorer(MODEL)
    explorer.selection.names = SELECTED
    opened(explorer, "board")
    snapshot.of(explorer)
    changes = {
        option: value
        for view in PAIRS.values()
        for option, value in view.items()
        if option not in ("model", "space", "colour_column", "expert")
        and not option.startswith(("alike.", "tables."))
    }
    for option, value in changes.items():
        change(explorer, option, value)
    one, other = boards(explorer), boards(never_shown(explorer, changes))
    assert len(one) == 1
    assert differences(one, other) == []
    assert "forward not right" in json.dumps(one)


def boards(explorer):
    """What a snapshot draws, a board for each layer in it."""
    page = snapshot.of(explorer).decode()
    found = re.findall(r'<script type="application/json" class="board"[^>]*>(.*?)</script>', page)
    return [in_sight(json.loads(board)["roots"]) for board in found]


def test_every_view_and_every_option_is_in_the_table():
    explorer = dtviz.Explorer(MODEL)
    views = {name for name, one in vars(explorer).items() if isinstance(one, VIEWS)}
    assert views | {"status"} == {*PAIRS}
    # Of few neurons the limit of exact trees changes nothing.
    options = {*explorer.options, "model"} - {"exact_up_to"}
    for view in explorer.tabs:
        name = next(name for name, one in vars(explorer).items() if one is view)
        options |= {f"{name}.{option.name}" for option in view.options if option.owner is view}
    assert options == {option for changes in PAIRS.values() for option in changes}
