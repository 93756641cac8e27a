"""Serve the explorer: ``panel serve apps/explore.py [--args CHECKPOINT]``."""

import sys

import panel as pn

from dtviz.app import opened

pn.extension()
opened(*sys.argv[1:2]).servable("dtviz")
