"""What a user gets: the wheel, the requirements, the targets of make, and what CI runs."""

import ast
import os
import re
import subprocess
import sys
import sysconfig
import tomllib
import urllib.request
import venv
from collections.abc import Iterator
from email.parser import Parser
from importlib.metadata import packages_distributions
from pathlib import Path
from shutil import copytree, ignore_patterns
from zipfile import ZipFile

import pytest
import yaml
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

import dtviz

ROOT = Path(__file__).parent.parent
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
CONDA_NAMES = {"pytorch": "torch"}
# A path in the environment could make the sources importable where only the wheel should be.
ENVIRONMENT = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}


def run(*command: str | Path, cwd: Path = ROOT) -> str:
    done = subprocess.run(command, cwd=cwd, env=ENVIRONMENT, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def requirements(lines: list[str]) -> dict[str, Requirement]:
    return {canonicalize_name(r.name): r for r in map(Requirement, lines)}


# --- the wheel ------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    # From a copy: setuptools would leave its build folder among the sources, and reuse it.
    folder = tmp_path_factory.mktemp("wheel")
    made = ignore_patterns(".*", "__pycache__", "build", "dist", "*.egg-info")
    sources = copytree(ROOT, folder / "sources", ignore=made)
    command = [sys.executable, "-m", "build", "--wheel", "--no-isolation", "--outdir", folder]
    run(*command, sources)
    (path,) = folder.glob("*.whl")
    return path


@pytest.fixture(scope="module")
def installed(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of the programs of an environment that has the wheel and what it depends on."""
    home = tmp_path_factory.mktemp("environment")
    venv.create(home, symlinks=True)
    scripts = home / "bin"
    pip = [sys.executable, "-m", "pip", "--python", scripts / "python"]
    run(*pip, "install", "--no-deps", "--no-index", "--no-compile", wheel, cwd=home)
    # A folder named in a .pth file has its own .pth files left alone, and so an editable dtviz.
    paths = {sysconfig.get_path(kind) for kind in ("purelib", "platlib")}
    (site,) = home.glob("lib/python*/site-packages")
    (site / "dependencies.pth").write_text("\n".join(paths))
    return scripts


def test_the_wheel_carries_the_demo_and_the_browser_code_and_no_tests(wheel):
    with ZipFile(wheel) as archive:
        names = set(archive.namelist())
        metadata = Parser().parsestr(archive.read(f"{_info(names)}/METADATA").decode())
    code = {path.relative_to(ROOT).as_posix() for path in (ROOT / "dtviz/views/js").iterdir()}
    assert any(name.endswith(".js") for name in code)
    assert any(name.endswith(".css") for name in code)
    assert names >= code | {"dtviz/demo/demo.pt", "dtviz/demo/MODEL_CARD.md", "dtviz/py.typed"}
    assert {name.split("/")[0] for name in names} == {"dtviz", _info(names)}
    assert metadata["Version"] == dtviz.__version__
    assert metadata["License-File"] == "LICENSE"
    assert metadata["Description-Content-Type"] == "text/markdown"
    assert metadata.get_payload().strip() == (ROOT / "README.md").read_text().strip()


def _info(names: set[str]) -> str:
    (folder,) = {name.split("/")[0] for name in names if ".dist-info/" in name}
    return folder


def test_an_installed_wheel_opens_its_own_demo(installed, tmp_path):
    python = (
        "import dtviz, dtviz.demo as d; dtviz.load('demo'); print(dtviz.__file__, d.CHECKPOINT)"
    )
    files = run(installed / "python", "-c", python, cwd=tmp_path).split()
    assert [Path(file).is_relative_to(installed.parent) for file in files] == [True, True]


@pytest.fixture
def address(installed: Path, tmp_path: Path) -> Iterator[str]:
    """Where `dtviz explore` of the installed wheel serves, once it says so."""
    with subprocess.Popen(
        [installed / "dtviz", "explore", "--no-browser", "--port", "0"],
        cwd=tmp_path,
        env=ENVIRONMENT,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    ) as server:
        assert server.stdout is not None
        said = []
        try:
            for line in server.stdout:
                said.append(line)
                if found := re.search(r"dtviz is at (\S+)", line):
                    yield found[1]
                    break
            else:
                pytest.fail("".join(said))
        finally:
            server.terminate()
        said += server.stdout
    assert "Traceback" not in "".join(said)


def test_an_installed_wheel_serves_the_explorer(address):
    with urllib.request.urlopen(address, timeout=60) as answer:
        assert answer.status == 200
        assert "<title>dtviz</title>" in answer.read().decode()


# --- the requirements -----------------------------------------------------------------------------


def test_the_conda_environment_agrees_with_the_project():
    environment = yaml.safe_load((ROOT / "environment.yml").read_text())["dependencies"]
    (pip,) = (entry["pip"] for entry in environment if isinstance(entry, dict))
    lines = [entry for entry in environment if isinstance(entry, str) and entry != "pip"]
    assert pip.pop() == "-e ."
    got = {
        CONDA_NAMES.get(name, name): requirement.specifier
        for name, requirement in requirements(lines + pip).items()
    }
    assert str(got.pop("python")) == PROJECT["requires-python"]
    assert got == {n: r.specifier for n, r in requirements(PROJECT["dependencies"]).items()}


def test_the_tested_versions_lie_in_the_ranges():
    pins = requirements((ROOT / "constraints.txt").read_text().split())
    wanted = [PROJECT["dependencies"], *PROJECT["optional-dependencies"].values()]
    for name, requirement in (item for lines in wanted for item in requirements(lines).items()):
        if name != "dtviz":
            (pin,) = pins[name].specifier
            assert pin.operator == "=="
            assert requirement.specifier.contains(pin.version), requirement


def test_what_is_imported_is_required_and_nothing_else():
    trees = [
        ast.parse(path.read_text())
        for path in [*ROOT.glob("dtviz/**/*.py"), *ROOT.glob("apps/*.py")]
    ]
    modules = {
        name.split(".")[0]
        for tree in trees
        for node in ast.walk(tree)
        if isinstance(node, ast.Import | ast.ImportFrom)
        for name in (
            [a.name for a in node.names] if isinstance(node, ast.Import) else [node.module]
        )
    }
    distributions = packages_distributions()
    imported = {
        canonicalize_name(distributions[module][0])
        for module in modules - {"dtviz"} - sys.stdlib_module_names
    }
    extras = PROJECT["optional-dependencies"]
    wanted = PROJECT["dependencies"] + extras["dask"] + extras["gguf"] + extras["train"]
    assert imported == set(requirements(wanted))


# --- make and CI ----------------------------------------------------------------------------------


def test_make_lists_its_targets():
    # Under `make test`, a make within make would tell which directory it enters.
    listed = {line.split()[0] for line in run("make", "--no-print-directory").splitlines()}
    (targets,) = re.findall(r"^\.PHONY: (.*)$", (ROOT / "Makefile").read_text(), re.MULTILINE)
    assert listed == set(targets.split())
    assert listed >= {"explore", "test", "benchmark", "demo-model", "clean"}


def test_ci_runs_make_test():
    script = ROOT / ".ci" / "run"
    assert os.access(script, os.X_OK)
    assert script.read_text().splitlines()[-1] == "make test"
    run("bash", "-n", script)
