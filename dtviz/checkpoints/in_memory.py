"""Language models in memory -> Parts: a TransformerBridge, or an older HookedTransformer."""

from typing import Any

import torch

from dtviz.checkpoints.norm import Norm
from dtviz.checkpoints.parts import Block, Parts
from dtviz.checkpoints.stored import Stored
from dtviz.directions import Normalization
from dtviz.errors import BadCheckpoint, shortened
from dtviz.model import Side
from dtviz.verification_report import VerificationReport

# TransformerLens puts each module of transformers' into one of its own.
_WRAPPED = "._original_component"
_KINDS: dict[str | None, Normalization | None] = {
    "LN": "LN",
    "LNPre": "LN",
    "RMS": "RMS",
    "RMSPre": "RMS",
    None: None,
}


def is_bridge(source: object) -> bool:
    """Tell whether an object is a TransformerBridge, without importing TransformerLens."""
    return hasattr(source, "adapter") and hasattr(source, "original_model")


def is_hooked_transformer(source: object) -> bool:
    """Tell whether an object has what dtviz reads of a HookedTransformer."""
    return all(hasattr(source, name) for name in ("cfg", "blocks", "W_U", "W_E"))


def parts_of_bridge(bridge: Any) -> tuple[Parts, VerificationReport]:
    """Return the parts of a TransformerBridge, verified, as it is or with its weights processed.

    Raises:
        BadCheckpoint: if dtviz does not support the architecture.
    """
    from dtviz.checkpoints.components import parts_of
    from dtviz.checkpoints.verification.kept import kept
    from dtviz.checkpoints.verification.verify import verified

    model = bridge.original_model
    held = {
        name.replace(_WRAPPED, ""): parameter
        for name, parameter in model.named_parameters(remove_duplicate=False)
    }

    def store(name: str) -> Stored | None:
        mlp = name.rpartition(".gate_up_proj.")[0]
        apart = [f"{mlp}.{side}.weight" for side in ("gate", "in")]
        if mlp and all(each in held for each in apart):
            # What TransformerLens splits it processes so, not as it was.
            return Stored.joined(name, [Stored.of(each, held[each]) for each in apart])
        return Stored.of(name, held[name]) if name in held else None

    found = kept(
        model.config.to_json_string().encode(), lambda: verified(type(model), model.config)
    )
    processed = getattr(bridge, "_weights_processed", False)
    return parts_of(found.anatomy, store, bridge.tokenizer, processed=processed), found.report


def parts_of_hooked_transformer(model: Any) -> Parts:
    """Return the parts of a HookedTransformer, whose weights may be processed already.

    Raises:
        BadCheckpoint: if it has no MLPs, or experts in their place.
    """
    kind = getattr(model.cfg, "normalization_type", None)
    if kind not in _KINDS:
        raise BadCheckpoint(
            expected=f"a normalization_type among {', '.join(map(repr, _KINDS))}",
            got=shortened(kind),
            do="Load the model with TransformerBridge instead.",
        )

    def norm(module: object) -> Norm | None:
        normalization = _KINDS[kind]
        if normalization is None:
            return None
        weight, bias = (_stored(module, name) for name in ("w", "b"))
        return Norm(normalization, model.cfg.eps, weight, bias)

    layers = {}
    for layer, block in enumerate(model.blocks):
        mlp: Any = getattr(block, "mlp", None)
        if not hasattr(mlp, "W_out") or not hasattr(mlp, "W_in"):
            raise BadCheckpoint(
                expected="a model whose layers have MLPs",
                got=f"one without, in layer {layer}",
                do="Open a model with MLPs, and without experts.",
            )
        sides: dict[Side, Stored] = {
            "out": Stored.of(f"W_out, layer {layer}", mlp.W_out),
            "in": Stored.of(f"W_in, layer {layer}", mlp.W_in).transposed,
        }
        if getattr(mlp, "W_gate", None) is not None:
            sides["gate"] = Stored.of(f"W_gate, layer {layer}", mlp.W_gate).transposed
        layers[layer] = [Block(sides=sides, before=norm(getattr(block, "ln2", None)))]
    return Parts(
        layers=layers,
        unembed=Stored.of("W_U", model.W_U).transposed,
        unembed_bias=_stored(model, "b_U"),
        embed=Stored.of("W_E", model.W_E),
        final=norm(getattr(model, "ln_final", None)),
        tokenizer=getattr(model, "tokenizer", None),
        processed=str(kind).endswith("Pre"),
    )


def _stored(module: Any, parameter: str) -> Stored | None:
    """Return a parameter of a module, None if it has no such thing."""
    tensor = getattr(module, parameter, None)
    name = f"{parameter} of a {type(module).__name__}"
    return Stored.of(name, tensor) if isinstance(tensor, torch.Tensor) else None
