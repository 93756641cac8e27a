"""How tests look at what a tab shows."""

import re

import holoviews as hv
import panel as pn
from bokeh.models import Plot


def shown(tab):
    """A tab that is in sight, of an explorer whose other tabs are not."""
    tab.show(tab)
    return tab


def element(pane):
    """What a pane of HoloViews draws."""
    return pane.object[()]


def elements(tab, kind):
    """All elements of a kind that a tab draws, pane by pane."""
    found = []
    for pane in tab.row.objects:
        for part in pn.Column(pane).select(pn.pane.HoloViews):
            drawn = element(part)
            parts = list(drawn) if isinstance(drawn, hv.Overlay) else [drawn]
            found += [one for one in parts if type(one) is kind]
    return found


def titles(tab):
    """The titles of a tab's figures, as they are shown."""
    panes = [pane for view in tab.row.objects for pane in pn.Column(view).select(pn.pane.HoloViews)]
    return [element(pane).opts.get("plot").kwargs["title"].format() for pane in panes]


def drawing(tab):
    """The Bokeh models of a tab, as in a notebook."""
    return pn.panel(tab).get_root()


def drawn_titles(root):
    """The titles of the Bokeh figures under a root, sorted."""
    return sorted(figure.title.text for figure in root.select({"type": Plot}))


def cells(text):
    """What the cells of an HTML table's body hold, in the order of reading."""
    return re.findall(r"<td>([^<]*)</td>", text)
