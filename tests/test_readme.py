"""Every command and every snippet of the README is run, and every snippet of the pages in docs."""

import itertools
import re
import shlex
import shutil
import subprocess
import sys
import urllib.request
from pathlib import Path

import pytest

import dtviz
from dtviz.demo import CHECKPOINT
from tests.checkpoints import gguf_files, language_models

ROOT = Path(__file__).parents[1]
README = (ROOT / "README.md").read_text(encoding="utf-8")
DOCS = [page.read_text(encoding="utf-8") for page in sorted((ROOT / "docs").glob("*.md"))]


def blocks(language: str, *pages: str) -> list[str]:
    text = "\n".join([README, *pages])
    return re.findall(rf"```{language}\n(.*?)```", text, flags=re.DOTALL)


COMMANDS = [line for block in blocks("sh") for line in block.splitlines()]
MAKING = [command for command in COMMANDS if command.startswith("make ")]
WRITING = [command for command in COMMANDS if command.startswith(("dtviz snapshot", "dtviz table"))]
SERVING = [
    command
    for command in COMMANDS
    if command.startswith(("dtviz explore", "panel serve")) and "--check" not in command
]
CHECKING = [command for command in COMMANDS if "--check" in command]
PASSWORDS = [command for command in COMMANDS if command.startswith("dtviz password")]


def test_every_command_is_of_a_kind_that_is_run():
    assert COMMANDS
    assert set(COMMANDS) == {*SERVING, *MAKING, *WRITING, *CHECKING, *PASSWORDS}


@pytest.mark.parametrize("snippet", blocks("python", *DOCS))
def test_snippet(snippet, tmp_path):
    result = subprocess.run(
        [sys.executable, "-W", "error::SyntaxWarning", "-c", snippet],
        capture_output=True,
        text=True,
        timeout=120,
        cwd=tmp_path,
    )
    assert result.returncode == 0, result.stderr


@pytest.mark.parametrize("command", MAKING)
def test_make_target(command):
    result = subprocess.run(
        [*shlex.split(command), "--dry-run"], capture_output=True, text=True, cwd=ROOT, timeout=60
    )
    assert result.returncode == 0, result.stderr


@pytest.fixture(scope="module")
def snapshot(tmp_path_factory):
    path = tmp_path_factory.mktemp("snapshot") / "neurons.html"
    dtviz.Explorer(dtviz.load("demo")).save(path)
    return path


def run(command, place, typed=""):
    """The exit status of a command, and what it said."""
    result = subprocess.run(
        [sys.executable, "-m", "dtviz.cli", *shlex.split(command)[1:]],
        cwd=place,
        capture_output=True,
        text=True,
        timeout=120,
        input=typed,
    )
    return result.returncode, result.stdout, result.stderr


@pytest.fixture
def workplace(tmp_path, snapshot):
    """A folder with what the README's commands name."""
    (tmp_path / "models").mkdir()
    for name in ("WorkingModel.pt", "models/first.pt"):
        shutil.copy(CHECKPOINT, tmp_path / name)
    (tmp_path / "apps").symlink_to(ROOT / "apps")
    shutil.copy(snapshot, tmp_path)
    for command in PASSWORDS:
        assert run(command, tmp_path, "lovelace\n") == (0, "", "")
    language_models.saved("gpt2", tmp_path / "gpt2")
    gguf_files.write(tmp_path / "model.gguf")
    return tmp_path


@pytest.mark.parametrize("command", WRITING)
def test_writing_command(command, workplace):
    before = set(workplace.iterdir())
    words = shlex.split(command)
    assert run(command, workplace) == (0, "", "")
    [name] = [
        word
        for last, word in itertools.pairwise(words)
        if last == "--out" or word.endswith(".html")
    ]
    assert set(workplace.iterdir()) == before | {workplace / name}


@pytest.mark.parametrize("command", CHECKING)
def test_checking_command(command, workplace):
    status, said, complaints = run(command, workplace)
    assert (status, complaints) == (0, "")
    assert "route: none besides" in said


@pytest.mark.parametrize("command", SERVING)
def test_serving_command(command, workplace):
    if "smollm2" in command:
        gguf_files.smollm2_or_skip()
    program, *words = shlex.split(command)
    module = {"dtviz": "dtviz.cli", "panel": "panel"}[program]
    # A free port, and no window on the tester's screen.
    words = [word for word in words if word not in ("--port", "5010", "--no-browser")]
    if program == "panel":
        words[2:2] = ["--port", "0"]
    else:
        words[1:1] = ["--port", "0", "--no-browser"]
    with subprocess.Popen(
        [sys.executable, "-m", module, *words],
        cwd=workplace,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    ) as process:
        try:
            said = []
            for line in process.stdout:
                said.append(line)
                if address := re.search(r"http://\S+/explore", line):
                    break
            assert address, "".join(said)
            with urllib.request.urlopen(address[0], timeout=60) as page:
                assert page.status == 200
        finally:
            process.kill()
