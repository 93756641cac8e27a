"""What a plain import costs, and that computing needs no more than arrays.

Who may import whom is in pyproject.toml, for `lint-imports`. Here is what it cannot see.
"""

import ast
import importlib
import inspect
import pkgutil
import subprocess
import sys
from pathlib import Path

import param
import pytest

import dtviz

PACKAGE = Path(dtviz.__file__).parent
DRAWING = ["bokeh", "datashader", "holoviews", "panel", "panel_material_ui", "pyviz_comms"]
LOADING = ["minigrid", "safetensors", "torch", "transformer_lens"]
# Begins a program in which none of these can be imported.
WITHOUT = [
    "import sys",
    "class Refusing:",
    "    def find_spec(self, name, path=None, target=None):",
    f"        assert name.partition('.')[0] not in {DRAWING + LOADING}, name",
    "sys.meta_path.insert(0, Refusing())",
]
ANALYSES = [module.name for module in pkgutil.iter_modules([str(PACKAGE / "analyses")])]


def python(*lines: str) -> str:
    done = subprocess.run(
        [sys.executable, "-c", "\n".join(lines)], capture_output=True, text=True, timeout=120
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_a_plain_import_loads_no_heavy_library():
    loaded = python("import sys, dtviz", "print(*sys.modules)").split()
    assert not {*DRAWING, *LOADING, "numpy", "pandas", "scipy"} & set(loaded)


def test_computing_needs_nothing_that_draws_or_loads():
    rooms = [
        "history",
        "link",
        "model",
        "neurons",
        "options",
        "selection",
        "sets",
        "study",
        "tables",
    ]
    loaded = python(
        *WITHOUT,
        *(f"import dtviz.{room}" for room in rooms),
        *(f"import dtviz.analyses.{analysis}" for analysis in ANALYSES),
        "print(*sys.modules)",
    ).split()
    assert {f"dtviz.{room}" for room in rooms} <= set(loaded)
    assert not {*DRAWING, *LOADING} & set(loaded)


def test_a_table_is_computed_and_written_with_nothing_that_draws_or_loads():
    python(
        *WITHOUT,
        "import numpy as np",
        "from dtviz import tables",
        "from dtviz.directions import Directions",
        "from dtviz.model import Model",
        "from dtviz.study import Study",
        "rows = Directions(np.eye(4), list('abcd'))",
        "model = Model.from_arrays(np.eye(4), in_=np.eye(4), unembedding=rows, embedding=rows)",
        "for kind in tables.KINDS:",
        "    frame = tables.table(kind, Study(model))",
        "    assert all(tables.encoded(frame, suffix, model) for suffix in tables.FORMATS)",
    )


@pytest.mark.parametrize("name", dtviz.__all__)
def test_public_names_resolve(name):
    assert getattr(dtviz, name) is not None


def test_public_names_are_listed_and_others_refused():
    assert set(dtviz.__all__) <= set(dir(dtviz))
    with pytest.raises(AttributeError, match="no attribute 'nothing'"):
        _ = dtviz.nothing


def options(analysis: str) -> set[str]:
    """The names of the Param classes that a module of analyses defines."""
    module = importlib.import_module(f"dtviz.analyses.{analysis}")
    return {
        name
        for name, value in vars(module).items()
        if inspect.isclass(value)
        and issubclass(value, param.Parameterized)
        and value.__module__ == module.__name__
    }


@pytest.mark.parametrize("analysis", ANALYSES)
def test_an_analysis_never_mentions_the_options_of_another(analysis):
    tree = ast.parse((PACKAGE / "analyses" / f"{analysis}.py").read_text())
    mentioned = {
        value
        for node in ast.walk(tree)
        for field, value in ast.iter_fields(node)
        if field in ("id", "attr", "name")
    }
    others = [options(other) for other in ANALYSES if other != analysis]
    assert not mentioned & set().union(*others)
