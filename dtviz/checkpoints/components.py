"""Where a language model keeps its MLPs, for any architecture that TransformerLens knows."""

import itertools
from collections.abc import Callable
from dataclasses import replace
from typing import Any

from torch import nn
from transformer_lens.model_bridge.architecture_adapter import ArchitectureAdapter
from transformer_lens.model_bridge.generalized_components import (
    JointGateUpMLPBridge,
    MLPBridge,
    MoEBridge,
    ParallelBlockBridge,
)
from transformers.pytorch_utils import Conv1D

from dtviz.checkpoints.norm import Norm, norm_of
from dtviz.checkpoints.parts import Block, Parts
from dtviz.checkpoints.stored import Stored
from dtviz.errors import BadCheckpoint
from dtviz.model import Side

Find = Callable[[str], nn.Module]
Store = Callable[[nn.Module, str], Stored | None]

_INSTEAD = "Open a model whose layers have MLPs without experts, GPT-2 or Llama for instance."


class Components:
    """The modules of a model, found by TransformerLens' names for them.

    Args:
        adapter: TransformerLens' knowledge of the architecture.
        find: returns the module at a path, such as "blocks.0.mlp.in"; raises an error of Python's
            where there is none.
        store: returns where a module's parameter, "weight" or "bias", is stored, if it has one.
    """

    def __init__(self, adapter: ArchitectureAdapter, find: Find, store: Store) -> None:
        self._adapter = adapter
        self._find = find
        self._store = store
        mapping = adapter.component_mapping or {}
        if "blocks" not in mapping or "unembed" not in mapping:
            raise _unsupported("one that is not made of one stack of layers and an unembedding")
        self._block = mapping["blocks"]
        self._norm_before = self._which_norm()

    def parts(self, tokenizer: Any, **about: Any) -> Parts:
        """Return the parts of the model; nothing is read.

        Args:
            tokenizer, about: what else `Parts` takes.

        Raises:
            BadCheckpoint: if dtviz does not support the architecture, or a weight is missing.
        """
        if self._adapter.cfg.n_layers < 1:
            raise _unsupported("one without layers")
        unembed = self._module("unembed")
        embed = self._module("embed")
        layers = range(self._adapter.cfg.n_layers)
        before_experts = list(itertools.takewhile(self._has_mlp, layers))
        if not before_experts:
            raise _unsupported("one with a mixture of experts from its first layer on")
        if len(before_experts) < len(layers):
            about["notes"] = (
                *about.get("notes", ()),
                f"{len(before_experts)} of {len(layers)} layers are shown: layer "
                f"{len(before_experts)} is a mixture of experts, which dtviz does not show.",
            )
        return Parts(
            blocks=[self._mlp(f"blocks.{layer}") for layer in before_experts],
            unembed=None if unembed is None else self._store(unembed, "weight"),
            unembed_bias=None if unembed is None else self._store(unembed, "bias"),
            embed=None if embed is None else self._store(embed, "weight"),
            final=self._norm("ln_final"),
            tokenizer=tokenizer,
            **about,
        )

    def _module(self, path: str) -> nn.Module | None:
        """Return a module, or None where the model has none there."""
        try:
            found = self._find(path)
        except (AttributeError, IndexError, KeyError, TypeError, ValueError):
            return None
        return found if isinstance(found, nn.Module) else None

    def _which_norm(self) -> str | None:
        """Return the name of the norm that the MLPs read through, if there is one.

        Raises:
            BadCheckpoint: if norms follow the layers' sums (post-norm), as in BERT.
        """
        names, aliases = self._block.submodules, self._block.hook_aliases
        if isinstance(self._block, ParallelBlockBridge):
            return "ln2" if "ln2" in names else "ln1"
        if "ln2" not in names:
            return None
        is_post_norm = (
            aliases.get("hook_resid_mid", "ln2.hook_in") != "ln2.hook_in"
            or "hook_mlp_in" in aliases
            or not getattr(self._adapter.cfg, "do_layer_norm_before", True)
        )
        if is_post_norm:
            raise _unsupported("one that normalizes the residual stream itself (post-norm)")
        return "ln2"

    def _has_mlp(self, layer: int) -> bool:
        """Return whether a layer has an MLP, and no experts, where the model has experts at all."""
        mlp = self._block.submodules.get("mlp")
        is_moe = isinstance(mlp, MoEBridge)
        return not is_moe or self._module(f"blocks.{layer}.mlp.dense_out") is not None

    def _mlp(self, block: str) -> Block:
        mlp = self._block.submodules.get("mlp")
        if not isinstance(mlp, MLPBridge | MoEBridge):
            raise _unsupported("one without MLPs")
        # So TransformerLens tells the maps of a layer without experts from those of experts.
        dense = "dense_" if isinstance(mlp, MoEBridge) else ""
        sides: dict[Side, Stored] = {"out": self._matrix(f"{block}.mlp.{dense}out").transposed}
        if isinstance(mlp, JointGateUpMLPBridge) and self._module(f"{block}.mlp.in") is None:
            # One matrix: the rows of the gate, then those of what it is multiplied with.
            joint = getattr(self._module(f"{block}.mlp"), mlp.fused_attr)
            both = self._matrix_of(joint, f"{block}.mlp.{mlp.fused_attr}")
            sides |= {"gate": both.half(0), "in": both.half(1)}
        else:
            sides["in"] = self._matrix(f"{block}.mlp.{dense}in")
            if self._module(f"{block}.mlp.{dense}gate") is not None:
                sides["gate"] = self._matrix(f"{block}.mlp.{dense}gate")
        before = self._norm(f"{block}.{self._norm_before}") if self._norm_before else None
        return Block(sides=sides, before=before, after=self._norm(f"{block}.ln2_post"))

    def _matrix(self, path: str) -> Stored:
        module = self._module(path)
        if module is None:
            raise _unsupported(f"one without {path!r}")
        return self._matrix_of(module, path)

    def _matrix_of(self, module: nn.Module, path: str) -> Stored:
        """Return a linear map's weight with a row for each number that comes out of it."""
        weight = self._store(module, "weight")
        if weight is None or not isinstance(module, nn.Linear | Conv1D):
            raise _unsupported(f"one whose {path!r} is a {type(module).__name__}")
        return weight.transposed if isinstance(module, Conv1D) else weight

    def _norm(self, path: str) -> Norm | None:
        module = self._module(path)
        if module is None or isinstance(module, nn.Identity):
            return None
        weight, bias = self._store(module, "weight"), self._store(module, "bias")
        norm = norm_of(module, self._adapter.cfg.d_model)
        return replace(norm, weight=weight, bias=bias)


def _unsupported(got: str) -> BadCheckpoint:
    return BadCheckpoint(expected="a language model that dtviz supports", got=got, do=_INSTEAD)
