"""What only snapshots do; that one can brush in them is tested with the served page."""

import dtviz
from tests.browser.conftest import between


def test_the_switch_shows_another_layer_and_the_selection_stays(gestures, demo, tmp_path):
    explorer = dtviz.Explorer(demo, layer=1)
    explorer.selection.names = ["L0N5", "L1N14"]
    explorer.save(tmp_path / "layers.html", layers="all")
    gestures.open_file(tmp_path / "layers.html")
    assert gestures.selected() == ["L1N14"]
    switch = gestures.page.get_by_label("Layer")
    for layer, selected in ((0, ["L0N5"]), (1, ["L1N14"]), (2, [])):
        switch.select_option(f"layer {layer}, out")
        gestures.wait_until_drawn()
        assert gestures.data("neurons")["name"][0] == f"L{layer}N0"
        assert gestures.selected() == selected
        assert f"layer {layer}, out" in gestures.title("congruence")
        gestures.expect_text(f"{len(selected) or 'none'} of 256 neurons selected")
    neurons = dtviz.Explorer(demo, layer=2).neurons
    low, _, high, _ = gestures.box("difference", 4, -0.1, 12, 1.1)
    brushed = between(neurons, "difference", low, high)
    assert brushed
    gestures.wait_for_selected(brushed)
    switch.select_option("layer 0, out")
    gestures.wait_until_drawn()
    assert gestures.selected() == ["L0N5"]
    switch.select_option("layer 2, out")
    gestures.wait_until_drawn()
    assert set(gestures.selected()) == brushed


def test_the_page_states_what_it_was_made_from(gestures, demo, tmp_path):
    explorer = dtviz.Explorer(demo, layer=2, contrast=True, layer_norm=False)
    explorer.save(tmp_path / "a.html")
    gestures.open_file(tmp_path / "a.html")
    for text in (
        demo.name,
        demo.sha256,
        demo.processing,
        "layer 2, out",
        "right not left against left not right",
        "not applied",
        "average linkage, cosine distance",
        "10 items at either end, for at most 12 selected neurons",
        "256 neurons",
        dtviz.__version__,
    ):
        gestures.expect_text(text)
    assert gestures.page.get_by_label("Layer").count() == 0


def test_averages_are_stated(gestures, tmp_path):
    import numpy as np

    random = np.random.default_rng(0)
    model = dtviz.Model.from_arrays(
        random.normal(size=(1100, 4)),
        unembedding=dtviz.Directions(np.eye(4)[:2], ["left", "right"]),
    )
    dtviz.Explorer(model).save(tmp_path / "a.html")
    gestures.open_file(tmp_path / "a.html")
    gestures.expect_text("1,100 × 1,100 averaged to 1,024 × 1,024, zoomed in too")
    assert "averaged to 1,024 × 1,024" in gestures.title("similarity")
    gestures.expect_text("none: not from a file")


def test_a_figure_is_saved_as_svg_and_as_png(gestures, home, demo, tmp_path):
    home.show(dtviz.Explorer(demo))
    gestures.hover("similarity", 100, 100)  # toolbars show themselves then
    file = gestures.download(gestures.page.get_by_title("Save as SVG").last.click)
    assert file.name == "similarity.svg"
    svg = file.read_text()
    assert svg.startswith("<svg")
    assert "Cosine similarity" in svg
    file = gestures.download(gestures.page.get_by_title("Save", exact=True).last.click)
    assert file.read_bytes().startswith(b"\x89PNG")
