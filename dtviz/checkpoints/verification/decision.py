"""Verification of a decision transformer: its vectors against the forward pass of its layout."""

from collections.abc import Mapping

import torch
from torch import Tensor

from dtviz.checkpoints.norm import Norm
from dtviz.checkpoints.verification.decision_forward import DecisionForward, embedded, inputs
from dtviz.checkpoints.verification.tally import Tally, centred
from dtviz.directions import Directions
from dtviz.errors import shortened
from dtviz.model import Model
from dtviz.verification_report import VerificationReport

_STEPS = 8
# By weights that are missing, or of other shapes than the layout's.
_NOT_RUN = (IndexError, KeyError, RuntimeError, TypeError, ValueError)


def verified(
    weights: Mapping[str, Tensor], config: Mapping[str, object], model: Model
) -> VerificationReport:
    """Return what of a model was compared with a forward pass of its weights, on random tokens.

    Args:
        weights: by the names of the layout that is published.
        config: the checkpoint's model_config.
        model: what dtviz makes of them.

    Raises:
        BadCheckpoint: if its vectors differ from the pass.
    """
    given: dict[str, Tensor] = {}
    moved: dict[str, Tensor] = {}
    try:
        steps = min(_STEPS, (len(weights["transformer.pos_embed.W_pos"]) + 1) // 3)
        given = inputs(weights, steps)
        start = embedded(weights, config, **given)
        turned = {name: value.roll(1, 0) for name, value in given.items()}
        moved = {
            name: embedded(weights, config, **{**given, name: turned[name]}) - start
            for name in given
        }
        base = DecisionForward(weights, config, start)
        copied = "Compared in a forward pass of the model itself, on random tokens."
    except _NOT_RUN as error:
        moved = {}
        width = model.neurons(0).vectors.shape[1]
        start = torch.randn(_STEPS, width, generator=torch.Generator().manual_seed(5))
        try:
            base = DecisionForward(weights, config, start, attends=False)
        except _NOT_RUN as lacking:
            note = f"Not compared with a forward pass: it lacks {shortened(_line(lacking))}."
            return VerificationReport({}, {}, notes=(note,))
        why = shortened(_line(error))
        copied = f"Compared in a pass of its MLPs alone, on random vectors: it lacks {why}."
    if not all(each.isfinite().all() for each in (base.logits, *moved.values())):
        note = "Not compared with a forward pass: its numbers are too large."
        return VerificationReport({}, {}, notes=(note,))
    tally = Tally("the model")
    norm = None if model.normalization is None else Norm(model.normalization, model.epsilon)
    for layer, seen in enumerate(base.layers):
        stream = seen.stream if norm is None else norm.applied(seen.stream)
        for side, read in seen.read.items():
            found = stream @ _rows(model.neurons(layer, side)).T
            tally.add(side, centred(found), centred(read), f"what {side!r} of layer {layer} reads")
        found = seen.change @ _rows(model.neurons(layer))
        found = found if seen.size is None else found / seen.size
        tally.add("out", found, seen.moved, f"what the neurons of layer {layer} write")
    last = base.last if norm is None else norm.applied(base.last)
    logits = last @ _rows(model.unembedding).T + torch.tensor(model.unembedding_bias)
    tally.add("unembedding", logits, base.logits, "the logits of the actions", logits.shape[1])
    if moved:
        _compare_read(tally, model, given, turned, moved)
    return VerificationReport(
        compared=dict(tally.counts),
        errors=dict(tally.errors),
        copied=copied,
    )


def _compare_read(
    tally: Tally,
    model: Model,
    given: Mapping[str, Tensor],
    turned: Mapping[str, Tensor],
    moved: Mapping[str, Tensor],
) -> None:
    """Compare what inputs add to the residual stream when they change."""
    places = {"returns": 0, "states": 1, "actions": 2, "times": 1}
    known: dict[str, Directions | None] = {
        "returns": model.rtg,
        "states": model.embedding,
        "actions": model.action_embedding,
        "times": model.time_embedding,
    }
    for name, directions in known.items():
        if directions is None:
            continue
        rows, before, after = _rows(directions), given[name], turned[name]
        if before.ndim == 2:
            found = (after - before) @ rows
        elif len(rows) == 1:
            found = (after - before)[:, None].float() @ rows
        else:
            found = rows[after] - rows[before]
        expected = moved[name][places[name] :: 3]
        what = "embedding" if name == "states" else directions.label
        tally.add(what, found[: len(expected)], expected, f"what {name} add", len(rows))


def _rows(directions: Directions | None) -> Tensor:
    assert directions is not None  # noqa: S101  decision transformers have these
    return torch.tensor(directions.vectors)


def _line(error: Exception) -> str:
    return str(error).partition("\n")[0].strip("'")
