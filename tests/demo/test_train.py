import hashlib
import json

import pytest
import torch

from dtviz.demo import CHECKPOINT
from dtviz.demo.train import main, train
from dtviz.demo.trajectories import collect

GENERATED = ["MODEL_CARD.md", "tiny.pt"]


def tiny(folder):
    path = folder / "tiny.pt"
    main(["--out", str(path), "--trajectories", "8", "--steps", "3"])
    return path


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    return tiny(tmp_path_factory.mktemp("trained"))


def test_the_script_makes_a_checkpoint_like_the_bundled_one(trained):
    assert sorted(file.name for file in trained.parent.iterdir()) == GENERATED
    made, bundled = (torch.load(path, weights_only=True) for path in (trained, CHECKPOINT))
    assert made.keys() == bundled.keys()
    shapes = [
        {name: weights.shape for name, weights in checkpoint["model_state_dict"].items()}
        for checkpoint in (made, bundled)
    ]
    assert shapes[0] == shapes[1]
    for config in ("model_config", "environment_config", "offline_config"):
        assert json.loads(made[config]).keys() == json.loads(bundled[config]).keys()


def test_features_never_seen_are_zero_vectors(trained):
    weights = torch.load(trained, weights_only=True)["model_state_dict"]["state_embedding.weight"]
    lava = weights[:, 9 * 49 : 10 * 49]
    key = weights[:, (5 * 7 + 2) * 7 + 6]
    assert not lava.any()
    assert key.any()


def test_the_card_names_the_file_it_was_written_for(trained):
    card = trained.with_name("MODEL_CARD.md").read_text(encoding="utf-8")
    assert hashlib.sha256(trained.read_bytes()).hexdigest() in card
    assert "8 scripted walks" in card
    assert str(trained.parent) not in card


def test_the_same_seed_gives_the_same_file(trained, tmp_path):
    assert tiny(tmp_path / "again").read_bytes() == trained.read_bytes()


def test_another_seed_gives_another_model():
    trajectories = collect(range(4), 0.5, 0.0)
    first, second = (train(trajectories, 1, seed)[0].action_predictor.weight for seed in (0, 1))
    assert not torch.equal(first, second)
