"""Labels come from files that nobody vouches for: they are shown as text, and none of them runs."""

import numpy as np
import pytest

import dtviz
from dtviz.directions import Directions

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


@pytest.fixture
def hostile():
    random = np.random.default_rng(0)
    model = dtviz.Model.from_arrays(
        random.normal(size=(40, 12)),
        in_=random.normal(size=(40, 12)),
        unembedding=Directions(random.normal(size=(len(LABELS), 12)), LABELS),
        embedding=Directions(random.normal(size=(len(LABELS), 12)), LABELS),
        name="<script>window.ran = 4</script> & model",
    )
    return model


@pytest.mark.parametrize(
    ("x", "y"), [(LABELS[0], LABELS[1]), (LABELS[2], LABELS[3]), (LABELS[4], LABELS[5])]
)
def test_nothing_runs_and_all_is_text(gestures, home, hostile, x, y):
    explorer = dtviz.Explorer(hostile, x=x, y=y, k=len(LABELS))
    chosen = explorer.neurons.loc[explorer.neurons["difference"].abs().idxmax()]
    explorer.selection.names = [chosen["name"]]
    home.show(explorer)
    gestures.expect_text("<script>window.ran = 4</script> & model")
    gestures.expect_text("1 of 40 neurons selected")
    for label in LABELS:
        gestures.expect_text(label.strip())
    assert gestures.title("congruence").replace("\u2060", "").startswith(f"{y} against {x}")
    gestures.hover("congruence", chosen["x"], chosen["y"])
    tooltip = gestures.page.locator(".bk-tooltip-content")
    tooltip.wait_for()
    text = tooltip.first.inner_text()
    for expected in (chosen["name"], x, y, f"{chosen['x']:.3f}", f"{chosen['y']:.3f}"):
        assert expected in text
    assert gestures.page.evaluate("window.ran") is None
