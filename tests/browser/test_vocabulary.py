"""A model of 50,257 tokens: what is compared is typed, what is selected is listed."""

import numpy as np
import pandas as pd
import pytest
from playwright.sync_api import expect

import dtviz
from dtviz.explorer import Explorer

from ..tokens import wordy

TOKENS = 50_257


@pytest.fixture
def model():
    # Its own for each test: what one finds of all neurons, the next would know.
    return wordy(TOKENS, n=256, d=64)


@pytest.fixture
def explorer(model):
    return Explorer(model, layer=1)


@pytest.fixture
def served(explorer, gestures, serve):
    gestures.open(serve(explorer))
    return gestures


def field(gestures, label="Across"):
    return gestures.page.get_by_role("textbox", name=label)


def options(gestures):
    return gestures.page.locator("select[multiple] option").filter(visible=True)


def top_k(model, names):
    """What neurons write, from all congruences at once."""
    neurons = model.neurons(1).subset(names).layer_normed()
    return dtviz.top_k(dtviz.congruence(neurons, model.unembedding))


def wait_for_listed(gestures, names):
    gestures.page.wait_for_function(
        """(names) => {
          const {name} = explorerPage().get_model_by_name("top_k").data
          return new Set(name).size === names.length && names.every((one) => name.includes(one))
        }""",
        arg=names,
    )


def listed(gestures, names):
    """The table of what is listed, in the order of the names."""
    wait_for_listed(gestures, names)
    frame = pd.DataFrame(gestures.data("top_k"))
    return pd.concat([frame[frame["name"] == name] for name in names], ignore_index=True)


def test_a_token_is_found_by_typing_and_chosen_by_a_click(explorer, served):
    served.type(field(served), "king, quee")
    expect(options(served)).to_have_text(["␣queen"])
    served.type(field(served), "word1")
    served.expect_text("50 of 11,111 match")
    expect(options(served)).to_have_count(50)
    served.type(field(served), "QUEEN")
    expect(options(served)).to_have_text(["␣queen", "queen"])
    options(served).last.click()
    served.wait_for_title("congruence", "against queen")
    expect(field(served)).to_have_value("queen")
    assert explorer.congruence.x == "queen"


def test_a_set_of_tokens_is_compared_by_its_mean_and_can_be_undone(model, explorer, served):
    served.type(field(served, "Up"), " he, him")
    field(served, "Up").press("Enter")
    served.wait_for_title("congruence", "␣he, ␣him (mean of 2) against ␣she")
    mean = model.unembedding.subset(["␣he", "␣him"]).vectors.mean(axis=0)
    expected = model.neurons(1).layer_normed().vectors @ mean
    np.testing.assert_allclose(served.data("neurons")["y"], expected, rtol=1e-4, atol=1e-5)
    expect(field(served, "Up")).to_have_value("␣he,␣him")
    served.bar("[data-ask=undo]").click()
    served.wait_for_title("congruence", "␣him against ␣she")
    expect(field(served, "Up")).to_have_value("␣him")


def test_an_unknown_token_is_told_and_changes_nothing(explorer, served):
    before = served.title("congruence")
    served.type(field(served), "quene")
    field(served).press("Enter")
    served.expect_text("got 'quene'. Near are '␣queen', 'queen'")
    assert served.title("congruence") == before
    assert explorer.congruence.x == "␣she"


def test_the_tokens_of_selected_neurons_are_listed(model, served):
    names = [f"L1N{i}" for i in (3, 14, 15, 92, 65, 35, 89, 79, 32, 38)]
    served.select(names)
    found, expected = listed(served, names), top_k(model, names)
    assert found["item"].tolist() == expected["item"].tolist()
    np.testing.assert_allclose(found["value"], expected["value"], rtol=1e-4)
    served.expect_text("50,257 tokens")
    served.select(names[:1])
    assert listed(served, names[:1])["item"].tolist() == expected["item"][:20].tolist()
    served.open_tab("Counts", "counts")
    served.select(names[:2])
    served.wait_for_title("counts", "for the 2 selected")


def test_all_neurons_are_listed_when_asked_for(model, explorer, served):
    served.open_tab("Moments")
    served.expect_text("not known yet")
    served.open_tab("Top items")
    served.page.get_by_role("button", name="List for all neurons").click()
    served.page.wait_for_function("'kurtosis' in explorerPage().get_model_by_name('neurons').data")
    expect(served.page.get_by_role("button", name="List for all neurons")).to_be_hidden()
    served.select(explorer.in_view.names[:100])
    wait_for_listed(served, explorer.in_view.names[:100])
    # A click on a token selects all that list it there.
    every = top_k(model, explorer.in_view.names)
    neuron = explorer.neurons.iloc[:100]["difference"].abs().idxmax()
    token = every.loc[every["name"] == neuron, "item"].iloc[0]
    served.page.locator("td[data-at]").get_by_text(token, exact=True).first.click()
    is_it = (every["item"] == token) & (every["end"] == "top")
    served.wait_for_selected(set(every.loc[is_it, "name"]))
    served.open_tab("Moments", "strip of std")


def test_a_file_lists_what_was_selected(model, explorer, gestures, tmp_path):
    names = ["L1N3", "L1N14"]
    explorer.selection.names = names
    explorer.save(tmp_path / "a.html")
    gestures.open_file(tmp_path / "a.html")
    assert listed(gestures, names)["item"].tolist() == top_k(model, names)["item"].tolist()
    gestures.select(["L1N3", "L1N5"])
    gestures.expect_text("not in this file")
    assert set(gestures.data("top_k")["name"]) == {"L1N3"}
