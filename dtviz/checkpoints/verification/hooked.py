"""Verification of a HookedTransformer: on a small copy made by its own class, at its own hooks."""

import copy
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import torch
from torch import Tensor, nn

from dtviz.checkpoints.language_model import language_model
from dtviz.checkpoints.norm import Norm
from dtviz.checkpoints.parts import Parts
from dtviz.checkpoints.verification.small_copy import randomize, tokens
from dtviz.checkpoints.verification.tally import MOST_ERROR, Tally, centred, relative
from dtviz.errors import BadCheckpoint, DtvizError, shortened
from dtviz.model import Model, Side
from dtviz.verification_report import VerificationReport

_SMALL = {
    "d_model": 32,
    "d_head": 8,
    "n_heads": 4,
    "d_mlp": 48,
    "d_vocab": 96,
    "d_vocab_out": 96,
    "n_ctx": 64,
    # Nothing is fetched, and all is on the CPU.
    "tokenizer_name": None,
    "device": "cpu",
    "n_devices": 1,
    "dtype": torch.float32,
}


class _Done(Exception):
    """What was to be seen was seen."""


def verified_hooked(model: Any, parts_of: Callable[[Any], Parts]) -> VerificationReport:
    """Return what of a kind of HookedTransformer was compared with its own forward pass.

    Args:
        model: of which a copy is made; it is not run itself.
        parts_of: returns where such a model keeps its weights.

    Raises:
        BadCheckpoint: if no copy can be made and run, or vectors differ from its forward pass.
    """
    try:
        return _Hooked(_small(model), parts_of).report
    except DtvizError:
        raise
    except Exception as error:  # of many kinds, of whatever the class does
        raise BadCheckpoint(
            expected="a HookedTransformer whose class makes a small copy that runs, to verify it",
            got=shortened(str(error).strip().partition("\n")[0] or type(error).__name__, 200),
            do="Load the model with TransformerBridge instead.",
        ) from error


def _small(model: Any) -> Any:
    """Return a copy of a model with small widths, all else kept, and random weights."""
    cfg = copy.copy(model.cfg)
    for name, value in _SMALL.items():
        if hasattr(cfg, name):
            setattr(cfg, name, value)
    groups = getattr(cfg, "n_key_value_heads", None)
    if groups is not None:
        cfg.n_key_value_heads = 4 if groups == model.cfg.n_heads else 2
    if getattr(cfg, "rotary_dim", None) is not None:
        cfg.rotary_dim = 8 if cfg.rotary_dim == model.cfg.d_head else 4
    made = type(model)(cfg).float().eval()
    randomize(made)
    return made


class _Hooked:
    """What is seen of a copy, beside what dtviz makes of it."""

    def __init__(self, small: Any, parts_of: Callable[[Any], Parts]) -> None:
        self._small = small
        self._ids = tokens(torch.Generator().manual_seed(1))
        names = [str(row) for row in range(small.cfg.d_vocab)]
        self._parts = replace(parts_of(small), tokenizer=None, tokens=names)
        self._model: Model = language_model(self._parts, "copy")
        self._tally = Tally("a small copy of the model")
        notes: list[str] = []
        for layer, block in enumerate(small.blocks):
            self._compare_layer(layer, block)
            if hasattr(block.mlp, "hook_mid") and "_ln" in str(getattr(small.cfg, "act_fn", "")):
                notes.append(
                    "Activations pass a LayerNorm before W_out, which the vectors leave out."
                )
        self._compare_embedding()
        notes += self._compare_logits()
        self.report = VerificationReport(
            compared=dict(self._tally.counts),
            errors=dict(self._tally.errors),
            notes=tuple(dict.fromkeys(notes)),
            copied=f"Compared in a copy of random weights with d_model {_SMALL['d_model']}, made "
            f"by {type(small).__name__}.",
        )

    def _run(
        self,
        seen: dict[str, tuple[nn.Module, bool]],
        until: nn.Module | None = None,
        ids: Tensor | None = None,
        change: tuple[nn.Module, Tensor] | None = None,
    ) -> dict[str, Tensor]:
        """Return what goes into modules, or comes out of them, (tokens, width) each.

        Args:
            seen: by a name, a module, and whether what goes in is meant.
            until: the module after which nothing more is run.
            ids: other tokens.
            change: a module, and what is added to its result.
        """
        found: dict[str, Tensor] = {}

        def watch(name: str, *, is_input: bool) -> Callable[..., None]:
            def hook(_module: nn.Module, given: tuple[Any, ...], result: Any) -> None:
                found[name] = (given[0] if is_input else result).detach().flatten(0, 1)

            return hook

        def end(*_: object) -> None:
            raise _Done

        handles = []
        if change is not None:
            module, by = change
            handles.append(module.register_forward_hook(lambda _m, _g, result: result + by))
        for name, (module, is_input) in seen.items():
            handles.append(module.register_forward_hook(watch(name, is_input=is_input)))
        if until is not None:
            handles.append(until.register_forward_hook(end))
        try:
            with torch.no_grad():
                found["logits"] = self._small(self._ids if ids is None else ids).flatten(0, 1)
        except _Done:
            pass
        finally:
            for handle in handles:
                handle.remove()
        return found

    def _compare_layer(self, layer: int, block: Any) -> None:
        mlp, norm = block.mlp, self._parts.layers[layer][0].before
        reads = block.ln2 if isinstance(getattr(block, "ln2", None), nn.Module) else mlp
        at: dict[Side, nn.Module] = {"in": mlp.hook_pre}
        if "gate" in self._model.sides:
            at = {"gate": mlp.hook_pre, "in": mlp.hook_pre_linear}
        seen: dict[str, tuple[nn.Module, bool]] = {
            side: (module, False) for side, module in at.items()
        }
        whole = {
            **seen,
            "read": (reads, True),
            "out": (block, False),
            "post": (mlp.hook_post, False),
        }
        base = self._run(whole, until=block)
        stream = _normalized(norm, base["read"])
        for side in at:
            found = stream @ self._rows(layer, side).T
            said = f"what {side!r} of layer {layer} reads"
            self._tally.add(side, centred(found), centred(base[side]), said)
        by = torch.randn(base["post"].shape, generator=torch.Generator().manual_seed(2))
        changed = self._run({"out": (block, False)}, until=block, change=(mlp.hook_post, by[None]))
        said = f"what the neurons of layer {layer} write"
        self._tally.add("out", by @ self._rows(layer, "out"), changed["out"] - base["out"], said)

    def _compare_embedding(self) -> None:
        first = self._small.blocks[0]
        others = self._ids.roll(1, dims=1)
        base, moved = (
            self._run({"read": (first, True)}, first, ids) for ids in (self._ids, others)
        )
        assert self._model.embedding is not None  # noqa: S101  a HookedTransformer has W_E
        rows = torch.tensor(self._model.embedding.vectors)
        found = rows[others[0]] - rows[self._ids[0]]
        self._tally.add(
            "embedding", found, moved["read"] - base["read"], "what tokens add", len(rows)
        )

    def _compare_logits(self) -> list[str]:
        """Compare what the unembedding gives; return what is to be said of the rest."""
        small = self._small
        final = small.ln_final if isinstance(getattr(small, "ln_final", None), nn.Module) else None
        reads = small.unembed if final is None else final
        found = self._run({"read": (reads, True), "given": (small.unembed, False)})
        assert self._model.unembedding is not None  # noqa: S101  a HookedTransformer has W_U
        rows = torch.tensor(self._model.unembedding.vectors)
        logits = _normalized(self._parts.final, found["read"]) @ rows.T
        if self._model.unembedding_bias is not None:
            logits = logits + torch.tensor(self._model.unembedding_bias)
        self._tally.add("unembedding", logits, found["given"], "the logits", len(rows))
        if relative(found["given"], found["logits"]) <= MOST_ERROR:
            return []
        return [
            "The logits pass a function, such as a soft cap, after the unembedding, which the "
            "vectors leave out."
        ]

    def _rows(self, layer: int, side: Side) -> Tensor:
        return torch.tensor(self._model.neurons(layer, side).vectors)


def _normalized(norm: Norm | None, stream: Tensor) -> Tensor:
    """Return what folded weights read of the stream."""
    return stream if norm is None else Norm(norm.kind, norm.epsilon).applied(stream)
