"""What the tests compare with: definitions written out in NumPy, float64."""

from collections.abc import Mapping

import numpy as np

from dtviz.directions import Directions

Raw = Mapping[str, np.ndarray]


def directions(vectors, prefix: str = "r", **options) -> Directions:
    """Rows named r0, r1 and so on."""
    vectors = np.asarray(vectors, dtype=float)
    return Directions(vectors, [f"{prefix}{row}" for row in range(len(vectors))], **options)


def agree(actual, expected: np.ndarray, tolerance: float = 1e-5) -> None:
    """Compare float32 results with float64 ones, up to a part of the greatest."""
    np.testing.assert_allclose(actual, expected, rtol=0, atol=tolerance * np.abs(expected).max())


def layer_normed(x: np.ndarray) -> np.ndarray:
    """LN(x) along the last axis, without parameters."""
    centred = x - x.mean(-1, keepdims=True)
    return centred / np.sqrt((centred**2).mean(-1, keepdims=True) + 1e-5)


def cosines(x: np.ndarray, y: np.ndarray) -> np.ndarray:
    """One pair at a time; 0 where a vector has length 0."""
    result = np.zeros((len(x), len(y)))
    for i, a in enumerate(x):
        for j, b in enumerate(y):
            lengths = np.sqrt(sum(a * a)) * np.sqrt(sum(b * b))
            result[i, j] = sum(a * b) / lengths if lengths else 0.0
    return result


def unit(x: np.ndarray) -> np.ndarray:
    """Rows scaled to length 1; a row of zeros stays zeros."""
    lengths = np.linalg.norm(x, axis=1, keepdims=True)
    return np.divide(x, lengths, out=np.zeros_like(x), where=lengths > 0)


def paired(x: np.ndarray) -> np.ndarray:
    """The cosines of all pairs of rows, each once."""
    return (unit(x) @ unit(x).T)[np.triu_indices(len(x), 1)]


def neurons(raw: Raw, layer: int | str, side: str) -> np.ndarray:
    """W_out as stored; W_in and W_gate with ln2 folded in, centred over d_model."""
    if layer == "all":
        layers = sum(key.endswith("mlp.W_out") for key in raw)
        return np.vstack([neurons(raw, i, side) for i in range(layers)])
    block = f"transformer.blocks.{layer}"
    if side == "out":
        return raw[f"{block}.mlp.W_out"]
    matrix = {"in": "W_in", "gate": "W_gate"}[side]
    vectors = raw[f"{block}.mlp.{matrix}"].T * raw[f"{block}.ln2.w"]
    return vectors - vectors.mean(axis=1, keepdims=True)


def unembedding(raw: Raw) -> np.ndarray:
    return raw["action_predictor.weight"] * raw["transformer.ln_final.w"]


def unembedding_bias(raw: Raw) -> np.ndarray:
    weight, ln_b = raw["action_predictor.weight"], raw["transformer.ln_final.b"]
    return raw["action_predictor.bias"] + weight @ ln_b


def embedding(raw: Raw) -> np.ndarray:
    return raw["state_embedding.weight"].T


def rtg(raw: Raw) -> np.ndarray:
    return raw["reward_embedding.0.weight"].T


def space(raw: Raw, name: str, layer: int | str) -> np.ndarray:
    """What stands for the neurons in a space, with LayerNorm."""
    if name == "out congruence":
        return layer_normed(neurons(raw, layer, "out")) @ unembedding(raw).T
    if name == "in congruence":
        return neurons(raw, layer, "in") @ layer_normed(embedding(raw)).T
    return neurons(raw, layer, name)
