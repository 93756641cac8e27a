import asyncio
import threading

import pytest

import dtviz

from ..tokens import wordy
from .models import small
from .shown import drawing, shown


@pytest.fixture
def explorer():
    return dtviz.Explorer(wordy(n=24), layer=1)


def test_few_items_need_no_survey():
    surveyor = dtviz.Explorer(small()).surveyor
    assert not surveyor.is_needed
    surveyor.start = True
    assert surveyor.finished == 0


def test_the_selected_are_listed_when_they_are_selected(explorer):
    tab = shown(explorer.top_k)
    ranking = tab._ranking
    assert len(ranking.frame) == 0
    assert tab.heading == (
        "layer 1, out · LN(out) × unembedding · 5,000 tokens · 10 at either end · "
        "for selected neurons, 64 at most"
    )
    explorer.selection.names = ["L1N3", "L1N9", "L0N1"]
    assert ranking.frame["neuron"].unique().tolist() == [3, 9]
    assert shown(explorer.counts)._ranking is ranking


def test_a_survey_lists_all_and_fills_the_views(explorer):
    tab = shown(explorer.top_k)
    explorer.selection.names = ["L1N3"]
    moments = shown(explorer.strips)
    assert moments.message.startswith("The moments over a whole vocabulary are not known yet")
    assert explorer.surveyor.is_needed
    explorer.surveyor.start = True
    assert explorer.surveyor.finished == 1
    assert not explorer.surveyor.is_needed
    assert explorer.surveyor.progress == ""
    assert len(tab._ranking.frame) == 24 * 20
    assert "64 at most" not in tab.heading
    assert moments.message == ""
    assert "kurtosis" in explorer._hub.frame
    # Other options are not known again.
    explorer.congruence.layer_norm = False
    assert explorer.surveyor.is_needed
    assert tab._ranking.frame["neuron"].unique().tolist() == [3]
    assert "kurtosis" not in explorer._hub.frame


@pytest.mark.parametrize(
    ("interrupt", "said"),
    [
        (lambda explorer: explorer.surveyor.param.trigger("stop"), "stopped"),
        (
            lambda explorer: explorer.ranking.param.update(k=3),
            "stopped: other options are in force",
        ),
    ],
)
def test_a_survey_can_be_stopped_and_says_how_far_it_is(explorer, monkeypatch, interrupt, said):
    """Between its steps the page is answered."""
    monkeypatch.setattr("dtviz.analyses.survey._STEP", 8)
    surveyor, heard, started = explorer.surveyor, [], threading.Event()
    surveyor.param.watch(lambda event: heard.append(event.new), "progress")
    surveyor.param.watch(lambda _: started.set(), "progress")

    async def go():
        surveyor.start = True
        while "8 of 24 neurons" not in heard:
            await asyncio.sleep(0)
        assert surveyor.is_running
        surveyor.start = True  # one at a time
        interrupt(explorer)
        while surveyor.is_running:
            await asyncio.sleep(0)

    asyncio.run(go())
    assert heard[:2] == ["0 of 24 neurons", "8 of 24 neurons"]
    assert surveyor.progress == said
    assert surveyor.finished == 0
    assert not explorer.is_surveyed
    surveyor.start = True
    assert explorer.is_surveyed


def test_what_goes_wrong_is_told(explorer, monkeypatch):
    def survey():
        yield 8
        raise MemoryError

    monkeypatch.setattr(explorer, "survey", survey)
    explorer.surveyor.start = True
    assert explorer.surveyor.progress == "there is not enough memory"
    assert not explorer.surveyor.is_running
    assert explorer.surveyor.is_needed


def test_the_buttons_are_there_while_they_can_be_used(explorer):
    row = explorer.surveyor.__panel__()
    start, stop, _ = row
    assert (row.visible, start.visible, stop.visible) == (True, True, False)
    explorer.surveyor.is_running = True
    assert (start.visible, stop.visible) == (False, True)
    explorer.surveyor.is_running = False
    explorer.surveyor.start = True
    assert not row.visible
    assert drawing(explorer.top_k)
