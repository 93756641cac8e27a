"""Names on the Hugging Face hub, without the network."""

from pathlib import Path

import pytest

from dtviz.checkpoints import load
from dtviz.errors import FileProblem


@pytest.fixture
def hub(monkeypatch, directory):
    """The hub, without the network: it has one model; the names that it is asked for."""
    asked = []

    def snapshot_download(name, **how):
        asked.append((name, how))
        if name != "someone/tiny-gpt2":
            raise OSError("no network\nmore")
        return str(directory("gpt2"))

    monkeypatch.setattr("huggingface_hub.snapshot_download", snapshot_download)
    return asked


def test_a_name_on_the_hub(hub):
    model = load("someone/tiny-gpt2")
    assert (model.name, model.source) == ("someone/tiny-gpt2", "someone/tiny-gpt2")
    assert model.neurons(2).vectors.shape == (64, 16)
    [(_, how)] = hub
    # Nothing that runs, nothing pickled.
    assert not [
        pattern for pattern in how["allow_patterns"] if ".py" in pattern or "bin" in pattern
    ]


def test_a_name_that_the_hub_does_not_give(hub):
    with pytest.raises(
        FileProblem, match=r"'gpt2', which is no file here.*\('no network'\)"
    ) as raised:
        load("gpt2")
    assert "\n" not in str(raised.value)


def test_without_a_network(monkeypatch):
    def unreachable(*_):
        raise OSError("Network is unreachable")

    monkeypatch.setattr("socket.socket.connect", unreachable)
    monkeypatch.setattr("socket.getaddrinfo", unreachable)
    with pytest.raises(FileProblem, match=r"could not be had from the hub .* and the network"):
        load("someone/no-such-model")


@pytest.mark.parametrize(
    "source",
    ["x.pt", "models/x.safetensors", "a/b/c", "../gpt2", "/gpt2", "~/x", "a b", "x.html", ""],
)
def test_what_is_no_name_is_not_looked_for(hub, source):
    with pytest.raises(FileProblem):
        load(source)
    assert hub == []


def test_what_exists_is_not_looked_for(hub, directory, monkeypatch):
    monkeypatch.chdir(directory("gpt2").parent)
    assert load("gpt2").source == "gpt2"
    Path("empty").mkdir(exist_ok=True)
    with pytest.raises(FileProblem, match="a directory"):
        load("empty")
    with pytest.raises(FileProblem):  # a path is never a name
        load(Path("nowhere"))
    assert hub == []
