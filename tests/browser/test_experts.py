"""A model with experts: one of them in view, all of a layer, and all told apart by colour."""

import re

from playwright.sync_api import expect

from dtviz.explorer import Explorer
from dtviz.views import looks

from ..test_experts import mixture
from .conftest import Chosen, Home


def test_an_expert_is_chosen_where_a_layer_has_some(gestures, serve, tmp_path):
    explorer = Explorer(mixture(), layer=1)
    home = Home("served", gestures, serve, tmp_path)
    chosen = Chosen(gestures, home, explorer)
    home.show(explorer)

    def choice(label):
        return gestures.page.get_by_role("combobox", name=re.compile(f"^{label} "))

    gestures.wait_for_title("congruence", "layer 1, out")
    expect(choice("Layer")).to_be_visible()
    expect(choice("Expert")).to_have_count(0)
    expect(choice("Colour")).to_have_count(0)
    gestures.choose("Layer", "4")
    gestures.wait_for_title("congruence", "layer 4, out")
    gestures.choose("Colour", "expert")
    # What all tokens go through is grey; experts 0 and 3 have colours of their own.
    gestures.page.wait_for_function(
        """(expected) => {
          const page = explorerPage(), {color} = page.get_model_by_name("neurons").data
          const {renderers} = page.get_model_by_name("congruence")
          const fills = renderers.map((one) => one.glyph?.fill_color)
          const {transform} = fills.find((fill) => fill?.transform)
          const colours = [...transform.v_compute(color)].map((rgba) =>
            "#" + (rgba >>> 0).toString(16).padStart(8, "0").slice(0, 6).toUpperCase())
          return JSON.stringify(colours) === JSON.stringify(expected)
        }""",
        arg=[looks.GREY] * 2 + [looks.CLUSTERS[0]] * 5 + [looks.CLUSTERS[3]] * 5,
    )
    gestures.find("E3")
    expect(gestures.bar(".found")).to_have_text("5 of 12 match")
    gestures.bar("input").press("Enter")
    third = [f"L4E3N{i}" for i in range(5)]
    chosen.expect(third)
    gestures.choose("Expert", "3")
    gestures.wait_for_title("congruence", "layer 4, expert 3, out")
    assert gestures.data("neurons")["name"] == third
    expect(choice("Colour")).to_have_count(0)
    chosen.expect(third)
    gestures.choose("Expert", "0")
    gestures.wait_for_title("congruence", "layer 4, expert 0, out")
    chosen.expect([], elsewhere=third)
