"""Small SAEs and transcoders, in the layouts that they are published in, and what they compute."""

import json
from pathlib import Path

import numpy as np
from safetensors.numpy import save_file

D, LATENTS = 16, 24


def weights(seed: int = 0, **more: np.ndarray) -> dict[str, np.ndarray]:
    """Return an SAE's weights, float32, by SAELens' names."""
    random = np.random.default_rng(seed)
    made = {
        "W_enc": random.normal(size=(D, LATENTS)),
        "b_enc": random.normal(size=LATENTS),
        "W_dec": random.normal(size=(LATENTS, D)),
        "b_dec": random.normal(size=D),
    }
    return {name: array.astype(np.float32) for name, array in (made | more).items()}


def saved(folder: Path, state: dict[str, np.ndarray], **config: object) -> Path:
    """Write weights and a configuration as SAELens does; return the folder."""
    folder.mkdir(parents=True)
    # It writes rows, whatever the arrays are views of.
    rows = {name: np.ascontiguousarray(array) for name, array in state.items()}
    save_file(rows, folder / "sae_weights.safetensors")
    stated = {"architecture": "standard", "d_in": D, "d_sae": LATENTS, "dtype": "float32"}
    (folder / "cfg.json").write_text(json.dumps(stated | config))
    return folder


def published(folder: Path, state: dict[str, np.ndarray], **how: object) -> Path:
    """Write weights as Gemma Scope's are published; return the folder."""
    folder.mkdir(parents=True)
    np.savez(folder / "params.npz", **state)
    return folder


def pre_activations(state: dict[str, np.ndarray], x: np.ndarray) -> np.ndarray:
    """Return what latents hold before their activation function, of rows x, in float64."""
    exact = {name: array.astype(float) for name, array in state.items()}
    return x @ exact["W_enc"] + exact["b_enc"]


def output(state: dict[str, np.ndarray], activations: np.ndarray) -> np.ndarray:
    """Return what an SAE writes, of rows of activations, in float64."""
    return activations @ state["W_dec"].astype(float) + state["b_dec"]
