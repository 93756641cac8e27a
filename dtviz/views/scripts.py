"""The scripts in ``js/``, as Bokeh models."""

from pathlib import Path
from typing import Any

from bokeh.models import CustomJS, Model

_JS = Path(__file__).parent / "js"


def code(name: str) -> str:
    """Return the text of a script."""
    return (_JS / f"{name}.js").read_text(encoding="utf-8")


def script(*names: str, kind: type[Model] = CustomJS, **args: Any) -> Model:
    """Return a script, one or several files joined, with the models and values it knows by name."""
    return kind(code="".join(code(name) for name in names), args=args)
