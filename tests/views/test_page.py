import subprocess
import sys

import param
import pytest

from dtviz.views import page


class Shown:
    """What a page's tabs show."""

    def __init__(self, title, made_at_once=False):
        self.title, self.made_at_once = title, made_at_once
        self.calls, self.contents = [], 0

    def show(self, viewer):
        self.calls.append("show")

    def hide(self, viewer):
        self.calls.append("hide")

    def content(self):
        self.contents += 1
        return f"content of {self.title}"


@pytest.fixture
def tabs():
    shown = [Shown(title) for title in "abc"]
    return shown, page.tabs(shown)


def test_a_tab_is_made_when_it_is_first_opened_and_but_once(tabs):
    shown, below = tabs
    assert [tab.contents for tab in shown] == [1, 0, 0]
    below.active = 2
    below.active = 0
    below.active = 2
    assert [tab.contents for tab in shown] == [1, 0, 1]
    assert [len(place) for place in below] == [1, 0, 1]


def test_the_tab_in_sight_is_shown_and_the_others_are_hidden(tabs):
    shown, below = tabs
    below.active = 1
    assert [tab.calls[-1] for tab in shown] == ["hide", "show", "hide"]
    below.active = 0
    assert [tab.calls[-1] for tab in shown] == ["show", "hide", "hide"]


def test_a_tab_that_costs_nothing_is_made_with_the_page():
    shown = [Shown("a"), Shown("b", made_at_once=True), Shown("c")]
    below = page.tabs(shown)
    assert [tab.contents for tab in shown] == [1, 1, 0]
    assert [tab.calls[-1:] for tab in shown] == [["show"], ["hide"], ["hide"]]
    assert shown[1].calls[0] == "show"
    below.active = 1
    assert [tab.contents for tab in shown] == [1, 1, 0]
    assert shown[1].calls[-1] == "show"


def test_tabs_bear_their_titles(tabs):
    _, below = tabs
    assert below._names == ["a", "b", "c"]


def test_a_caption_is_text_and_no_html():
    class Owner(param.Parameterized):
        line = param.String("<b>&</b>")

    assert page.caption(Owner().param.line).object == "&lt;b&gt;&amp;&lt;/b&gt;"
    assert page.text("<b>HTML</b>").object == "<b>HTML</b>"


def test_a_line_opens_to_show_more_as_text():
    class Owner(param.Parameterized):
        line = param.String("<b>")
        more = param.String("one\n<i>")

    owner = Owner()
    line = page.detailed(owner.param.line, owner.param.more).object
    assert line.startswith("<details><summary class='line'>&lt;b&gt;</summary>")
    assert "one<br>&lt;i&gt;" in line
    owner.more = ""
    assert (
        page.detailed(owner.param.line, owner.param.more).object
        == "<div class='line'>&lt;b&gt;</div>"
    )


def test_views_made_before_the_page_was_imported_bear_its_design():
    """Else their texts stay black on a dark page: of a script's first session under panel serve."""
    script = """
import dtviz
explorer = dtviz.Explorer(dtviz.load("demo"))
assert explorer.status.design is None
print(*{view.design.__name__ for view in explorer.page().select()})
"""
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True)
    assert done.stdout == "MaterialDesign\n", done.stderr
