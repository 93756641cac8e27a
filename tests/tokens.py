"""Models that read and write a vocabulary of tokens."""

import numpy as np

from dtviz.directions import Directions
from dtviz.model import Model

# Tokens of words begin with a space, written as ␣; some names have to be quoted among others.
WORDS = ["he", "she", "him", "her", "king", "queen"]
ODD = [",", "␣,", 'say "hi"', "a,b", " padded ", "he,she", "<b>bold</b>"]


def tokens(n: int) -> list[str]:
    """The names of n tokens: all odd ones, each word with a space and without, and others."""
    names = [*(f"␣{word}" for word in WORDS), *WORDS, "␣only", *ODD]
    return names + [f"{'␣' * (i % 2)}word{i}" for i in range(n - len(names))]


def wordy(vocabulary: int = 5_000, n: int = 24, d: int = 8, layers: int = 2) -> Model:
    """A model of random weights that reads and writes as many tokens."""
    random = np.random.default_rng(2)

    def rows(count: int) -> np.ndarray:
        return random.normal(size=(count, d)).astype(np.float32)

    return Model.from_arrays(
        [rows(n) for _ in range(layers)],
        in_=[rows(n) for _ in range(layers)],
        unembedding=Directions(rows(vocabulary), tokens(vocabulary), "W_U"),
        embedding=Directions(rows(vocabulary), tokens(vocabulary), "W_E"),
        normalization="LN",
        name="wordy",
    )
