"""Labels come from files that nobody vouches for: they are shown as text, and none of them runs."""

import numpy as np
import pytest
from playwright.sync_api import expect

import dtviz
from dtviz.directions import Directions
from tests.browser.test_notebook import lab

__all__ = ["lab"]

LABELS = [
    "<script>window.ran = 1</script>",
    "</script><script>window.ran = 2</script>",
    "<img src=x onerror='window.ran = 3'>",
    "'quotes\" & <b>bold</b>",
    "@name @{x} $index ${ran}",
    "$$\\frac{a}{b}$$",
    "🙂 emoji",
    "שלום עולם",
    "long " * 2_000,
]


NAME = "<script>window.ran = 4</script> & model"


def hostile():
    random = np.random.default_rng(0)
    return dtviz.Model.from_arrays(
        random.normal(size=(40, 12)),
        in_=random.normal(size=(40, 12)),
        unembedding=Directions(random.normal(size=(len(LABELS), 12)), LABELS),
        embedding=Directions(random.normal(size=(len(LABELS), 12)), LABELS),
        name=NAME,
    )


@pytest.mark.parametrize(
    ("x", "y"), [(LABELS[0], LABELS[1]), (LABELS[2], LABELS[3]), (LABELS[4], LABELS[5])]
)
def test_nothing_runs_and_all_is_text(gestures, home, x, y):
    explorer = dtviz.Explorer(hostile(), x=x, y=y, k=len(LABELS))
    chosen = explorer.neurons.loc[explorer.neurons["difference"].abs().idxmax()]
    explorer.selection.names = [chosen["name"]]
    home.show(explorer)
    assert_all_is_text(gestures, chosen, x, y)


def test_nothing_runs_in_a_notebook(lab, gestures):
    x, y = LABELS[0], LABELS[2]
    explorer = dtviz.Explorer(hostile(), x=x, y=y)
    chosen = explorer.neurons.loc[explorer.neurons["difference"].abs().idxmax()]
    run = lab(
        gestures.page,
        [
            "import dtviz\n"
            "from tests.browser import test_hostile_labels as hostile\n"
            f"explorer = dtviz.Explorer(hostile.hostile(), x={x!r}, y={y!r}, k={len(LABELS)})\n"
            f"explorer.selection.names = [{chosen['name']!r}]\n"
            "explorer",
            "explorer.model",
            "explorer.model.unembedding",
        ],
    )
    run(0)
    gestures.wait_until_drawn()
    assert_all_is_text(gestures, chosen, x, y)
    expect(run(1).locator(".jp-OutputArea-output")).to_contain_text(NAME)
    run(2)
    assert gestures.page.evaluate("window.ran") is None


def assert_all_is_text(gestures, chosen, x, y):
    gestures.expect_text(NAME)
    gestures.expect_text("1 of 40 neurons selected")
    for label in LABELS:
        cell = gestures.page.locator(".card td").filter(has_text=label.strip())
        expect(cell.first).to_be_visible()
    assert gestures.title("congruence").replace("\u2060", "").startswith(f"{y} against {x}")
    gestures.hover("congruence", chosen["x"], chosen["y"])
    tooltip = gestures.page.locator(".bk-tooltip-content")
    tooltip.wait_for()
    text = tooltip.first.inner_text()
    for expected in (chosen["name"], x, y, f"{chosen['x']:.3f}", f"{chosen['y']:.3f}"):
        assert expected in text
    assert gestures.page.evaluate("window.ran") is None
