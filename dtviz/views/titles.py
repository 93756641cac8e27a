"""Titles: what was computed, on which layer, which side, with LayerNorm or without."""

from typing import Literal

from dtviz.analyses.blocks import Blocks
from dtviz.model import Model


def of_layer(
    layer: int | Literal["all"], side: str | None = None, expert: int | None = None
) -> str:
    """Return "layer 2, out", of one expert "layer 2, expert 5, out", or without a side."""
    name = "all layers" if layer == "all" else f"layer {layer}"
    name = name if expert is None else f"{name}, expert {expert}"
    return name if side is None else f"{name}, {side}"


def of_model(model: Model) -> str:
    """Return the model's name, size and how its weights were processed."""
    rows = f"{model.n_layers} layers × {model.size} neurons"
    if model.dictionary is not None:
        rows = f"layer {model.layers[0]}, {model.size} latents"
    said = f"{model.name} · {rows} · {model.processing}"
    return f"{said} · verified" if model.verified and model.verified.compared else said


def known_of(model: Model) -> str:
    """Return what a user should know of a model, and how it was verified, a line each."""
    lines = [*model.notes, *str(model.verified or "").splitlines()]
    return "\n".join(dict.fromkeys(lines))


def of_comparison(
    what: str, where: str, *, layer_norm: bool, norm: str = "LN", angle: float | None = None
) -> str:
    """Return the title of the scatter or the strip.

    Args:
        what: "right against left", or "right − left".
        where: from `of_layer`.
        layer_norm: whether the neurons' vectors were normalized first.
        norm: the name of the model's normalization.
        angle: for a contrast, that between the two actions, in degrees.
    """
    title = f"{what} · {where}, {norm if layer_norm else f'no {norm}'} · grey: 95% of chance"
    return title if angle is None else f"{title} · actions {angle:.0f}° apart"


def of_similarity(where: str, shown: Blocks, limit: float, groups: int | None = None) -> str:
    """Return the heatmap's title; it says what is approximate, and what chance would give.

    Args:
        where: from `of_layer`.
        shown: what the heatmap shows; where it is in blocks, they have a line.
        limit: the |cosine| that chance would keep 95% of pairs below.
        groups: into how many groups neurons were put first, where the tree is approximate.
    """
    what, chance = f"Cosine similarity · {where}", f"chance ±{limit:.2f}"
    if shown.are_single:
        lines = [f"{what} · {of_cells(shown)} · {chance}"]
    else:
        lines = [f"{what} · {chance}", of_cells(shown)]
    if groups is not None:
        lines.append(f"approximate tree: {groups:,} groups first")
    return "\n".join(lines)


def of_cells(shown: Blocks) -> str:
    """Return how many neurons the heatmap shows, and that cells are blocks of pairs if they are."""
    n, cells = len(shown.unit), shown.cells
    if shown.are_single:
        return f"{n:,} neurons"
    how = "averaged to" if shown.value == "mean" else "greatest |cosine| in"
    return f"{n:,} × {n:,} {how} {cells:,} × {cells:,}"


def of_selected(where: str, n: int, of: int, cells: int, named: int) -> str:
    """Return the title of the heatmap of the selection.

    Args:
        where: from `of_layer`.
        n, of: neurons in view, of those that are selected.
        cells: cells a side.
        named: how many of the n are named.
    """
    shown = f"{n} selected" if n == of else f"{n} of {of} selected, those in view"
    averaged = "" if cells == n else f", averaged to {cells:,} × {cells:,}"
    names = "" if named == n else f" · {named} of {n} named"
    return f"Cosine similarity · {where} · {shown}{averaged}{names}"


def of_features(
    where: str,
    by: str,
    shown: int,
    features: int,
    *,
    layer_norm: bool,
    norm: str = "LN",
    noun: str = "features",
) -> str:
    """Return how neurons are compared with how many of the model's features, or tokens.

    Args:
        where: from `of_layer`.
        by: "in congruence", "out × embedding" or "out congruence".
        shown, features: those that pass the filter, of all.
        layer_norm: whether their embedding, or what is written, was normalized first.
        norm: the name of the model's normalization.
        noun: what they are: features, actions, tokens.
    """
    n = f"{features:,} {noun}" if shown == features else f"{shown:,} of {features:,} {noun}"
    if by == "out congruence":
        return (
            f"{where} · {f'{norm}(out)' if layer_norm else f'out, no {norm}'} × unembedding · {n}"
        )
    if by == "out × embedding":
        return f"{where} · cosine with the embedding · {n}"
    return f"{where} · {f'{norm}(embedding)' if layer_norm else f'embedding, no {norm}'} · {n}"


def of_distribution(where: str) -> str:
    """Return the histogram's title, which tells its colours, too."""
    return f"{where}: all (blue), selected (red), by chance (grey)"


def of_ecdf(pairs: int, selected: int) -> str:
    """Return the ECDF's title: how many pairs there are, and how many of them are selected."""
    return f"ECDF · {pairs:,} pairs, {selected:,} selected"


def of_vectors(what: str, n: int, cells: int, named: int, of: int | None = None) -> str:
    """Return the title of the heatmap of any set of vectors; see `of_selected`.

    Args:
        what: the set.
        n, cells, named: see `of_selected`.
        of: rows of the set, if not all are shown.
    """
    averaged = "" if cells == n else f", averaged to {cells:,} × {cells:,}"
    names = "" if named == n else f" · {named} of {n:,} named"
    return f"Cosines · {what} · {of_rows(n, of)}{averaged}{names}"


def of_rows(n: int, of: int | None) -> str:
    """Return how many rows are shown, of how many if not all are."""
    return f"{n:,} rows" if of is None or of == n else f"{n:,} of {of:,} rows"
