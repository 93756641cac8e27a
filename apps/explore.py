"""Serve the explorer: ``panel serve apps/explore.py [--args CHECKPOINT]``."""

import sys

import panel as pn

from dtviz.app import App
from dtviz.errors import DtvizError

pn.extension()
try:
    App(*sys.argv[1:2]).servable("dtviz")
except DtvizError as error:
    sys.exit(f"dtviz: {error}")
