"""What tests of views share: how an element's options are read, and what texts may not do."""

import numpy as np

from dtviz.analyses.clustering import cluster
from dtviz.analyses.congruence import CongruenceAnalysis
from dtviz.directions import Directions
from dtviz.neurons import neuron_table
from dtviz.selection import Selection
from dtviz.sets import Sets
from dtviz.views.shared import Hub

# What HoloViews would format, Bokeh would set as TeX, and a browser would take for HTML.
HOSTILE = ["{x}", "$$x$$", "\\[y\\]", "\\(z\\)", "<b>b</b>", "@name{0.0}", "$index", "{{}}"]
ALL_HOSTILE = " · ".join(HOSTILE)


def options(element, kind="plot"):
    """The options of an element, of the kind "plot" or "style"."""
    return element.opts.get(kind).kwargs


def plain(text):
    """A text without the invisible joints that keep Bokeh from setting it as TeX."""
    return text.replace("\u2060", "")


def is_literal(text):
    """Whether Bokeh shows a text as it is."""
    return not any(mark in text for mark in ("$$", "\\[", "\\("))


def neurons(n):
    """The neuron table of n random neurons."""
    random = np.random.default_rng(0)
    rows = Directions(random.normal(size=(n, 8)), [f"L0N{i}" for i in range(n)])
    actions = Directions(random.normal(size=(2, 8)), ["left", "right"])
    tree = cluster(rows)
    compared = CongruenceAnalysis()(rows, "out", actions)
    return neuron_table(rows, compared, tree, tree.cut(min(4, n)))


def hub_on(table, chosen=None, sets=None):
    """The hub of a neuron table, whose neurons can be selected; in the page's bar is a mode."""
    session = {"mode": "replace", "elsewhere": "[]"}
    chosen = Selection(table["name"]) if chosen is None else chosen
    return Hub(table, chosen, Sets() if sets is None else sets, session)
