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
    rooms = ["model", "neurons", "selection", *(f"analyses.{analysis}" for analysis in ANALYSES)]
    python(
        "import sys",
        f"sys.modules.update(dict.fromkeys({DRAWING + LOADING}))",
        *(f"import dtviz.{room}" for room in rooms),
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
