"""Searching: what one types, and what is found."""

from playwright.sync_api import expect

SEARCHES = {
    "L2N14": ["L2N14"],
    "l2n14, N15;16": ["L2N14", "L2N15", "L2N16"],
    "N10-N12 250..260": [f"L2N{i}" for i in (10, 11, 12, *range(250, 256))],
    "12-10": ["L2N10", "L2N11", "L2N12"],
    "L2N1:L2N3": ["L2N1", "L2N2", "L2N3"],
    "N(7|8)$": ["L2N7", "L2N8"],
    "^L2N25\\d": [f"L2N{i}" for i in range(250, 256)],
}


def test_what_is_typed_is_found(gestures, home, explorer, chosen):
    home.show(explorer)
    found, problem = gestures.bar(".found"), gestures.bar(".problem")
    for text, names in SEARCHES.items():
        gestures.find(text)
        expect(found).to_have_text(f"{len(names)} of 256 match")
        gestures.bar("input").press("Enter")
        chosen.expect(names)
    last = names
    for text, said in {
        "N(7": "no regular expression",
        "N900": "not among the neurons in view: N900",
        "L2N14 L0N3 N999": "not among the neurons in view: L0N3, N999",
        ", ".join(f"N99{i}" for i in range(9)): "and 4 more",
    }.items():
        gestures.find(text)
        expect(problem).to_contain_text(said)
        expect(found).to_have_text("")
        gestures.bar("input").press("Enter")
        expect(problem).to_contain_text(said)
        chosen.expect(last)
    gestures.find("nothing$")
    expect(found).to_have_text("0 of 256 match")
    expect(problem).to_have_text("")
    gestures.bar("input").press("Enter")
    chosen.expect(last)
    gestures.page.evaluate("navigator.clipboard.writeText('N1, '.repeat(250_000))")  # a megabyte
    gestures.bar("input").press("ControlOrMeta+a")
    gestures.bar("input").press("ControlOrMeta+v")
    expect(problem).to_contain_text("more than 100,000 characters")
    gestures.find("")
    expect(problem).to_have_text("")


def test_an_expression_that_would_take_for_ever_is_stopped(gestures, home, explorer, chosen):
    explorer.selection.names = ["L2N3"]
    home.show(explorer)
    gestures.find(f"^{'(.*)' * 60}x$")
    expect(gestures.bar(".problem")).to_contain_text("takes too long")
    gestures.bar("input").press("Enter")
    gestures.find("N7$")
    expect(gestures.bar(".found")).to_have_text("1 of 256 match")
    chosen.expect({"L2N3"})
    gestures.bar("input").press("Enter")
    chosen.expect({"L2N7"})
