"""Titles: what was computed, on which layer, which side, with LayerNorm or without."""

from typing import Literal

from dtviz.model import Model


def of_layer(layer: int | Literal["all"], side: str) -> str:
    """Return "layer 2, out"."""
    return f"{'all layers' if layer == 'all' else f'layer {layer}'}, {side}"


def of_model(model: Model) -> str:
    """Return the model's name, size and how its weights were processed."""
    return f"{model.name} · {model.n_layers} layers × {model.d_mlp:,} neurons · {model.processing}"


def of_comparison(what: str, where: str, *, layer_norm: bool, angle: float | None = None) -> str:
    """Return the title of the scatter or the strip.

    Args:
        what: "right against left", or "right − left".
        where: from `of_layer`.
        layer_norm: whether the neurons' vectors were normalized first.
        angle: for a contrast, that between the two actions, in degrees.
    """
    title = f"{what} · {where}, {'LN' if layer_norm else 'no LN'}"
    return title if angle is None else f"{title} · actions {angle:.0f}° apart"


def of_similarity(where: str, n: int, cells: int) -> str:
    """Return the heatmap's title; it says where cells are averages."""
    return f"Cosine similarity · {where} · {of_cells(n, cells)}"


def of_cells(n: int, cells: int) -> str:
    """Return how many neurons the heatmap shows, and that it averages them where it does."""
    return f"{n:,} neurons" if cells == n else f"{n:,} neurons averaged to {cells:,} × {cells:,}"


def of_ranking(where: str, k: int, items: int, *, layer_norm: bool) -> str:
    """Return the heading of the top-k tables."""
    embedding = "LN(embedding)" if layer_norm else "embedding, no LN"
    return (
        f"What the selected neurons read · {where} · {embedding} · {k} of {items:,} at either end"
    )
