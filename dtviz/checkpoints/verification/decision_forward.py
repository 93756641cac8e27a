"""The forward pass of a decision transformer, in the layout that is published.

A time step is three tokens: return-to-go, state, action; an action is predicted from its state's.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

import torch
from torch import Tensor
from torch.nn import functional

from dtviz.directions import LAYER_NORM_EPSILON
from dtviz.model import Side

_ACTIVATIONS: dict[str, Callable[[Tensor], Tensor]] = {
    "relu": torch.relu,
    "gelu": functional.gelu,
    "silu": functional.silu,
    "solu": lambda x: x * x.softmax(-1),
    **dict.fromkeys(
        ("gelu_new", "gelu_fast", "gelu_pytorch_tanh"),
        lambda x: functional.gelu(x, approximate="tanh"),
    ),
}
_ACTIVATIONS["solu_ln"] = _ACTIVATIONS["solu"]


@dataclass(frozen=True)
class Layer:
    """What was seen of an MLP: a row a token.

    Args:
        stream: what it read, before its LayerNorm, (tokens, d_model).
        read: by "in" and "gate", its pre-activations, (tokens, d_mlp).
        moved: what it adds when its activations change by `change`, (tokens, d_model).
        change: of its activations, (tokens, d_mlp).
        size: what the LayerNorm of the activations divides by, (tokens, 1); None without one.
    """

    stream: Tensor
    read: Mapping[Side, Tensor]
    moved: Tensor
    change: Tensor
    size: Tensor | None


@dataclass
class DecisionForward:
    """A forward pass; a KeyError names a weight that is missing.

    Args:
        weights: by the names of the layout.
        config: the checkpoint's model_config.
        start: what the residual stream starts with, (tokens, d_model).
        attends: whether attention is run, too.
    """

    weights: Mapping[str, Tensor]
    config: Mapping[str, object]
    start: Tensor
    attends: bool = True
    layers: list[Layer] = field(init=False)
    last: Tensor = field(init=False)
    logits: Tensor = field(init=False)

    def __post_init__(self) -> None:
        self._random = torch.Generator().manual_seed(3)
        residual = self.start
        self.layers = []
        count = len({key.split(".")[2] for key in self.weights if ".blocks." in key})
        for layer in range(count):
            block = f"transformer.blocks.{layer}"
            if self.attends:
                residual = residual + self._attended(
                    f"{block}.attn", self._norm(residual, f"{block}.ln1")
                )
            residual = residual + self._mlp(f"{block}.mlp", residual, f"{block}.ln2")
        self.last = residual[1::3]
        read = self._norm(self.last, "transformer.ln_final")
        self.logits = functional.linear(
            read, self.weights["action_predictor.weight"], self.weights["action_predictor.bias"]
        )

    def _norm(self, x: Tensor, name: str) -> Tensor:
        """Return what a LayerNorm of the residual stream gives, with parameters or without."""
        if f"{name}.w" in self.weights:
            weight, bias = self.weights[f"{name}.w"], self.weights[f"{name}.b"]
            return functional.layer_norm(x, x.shape[-1:], weight, bias, LAYER_NORM_EPSILON)
        if str(self.config.get("layer_norm")).lower() == "lnpre":
            return functional.layer_norm(x, x.shape[-1:], eps=LAYER_NORM_EPSILON)
        return x

    def _attended(self, name: str, x: Tensor) -> Tensor:
        q, k, v = (
            torch.einsum("td,hde->hte", x, self.weights[f"{name}.W_{which}"])
            + self.weights[f"{name}.b_{which}"][:, None]
            for which in "QKV"
        )
        mixed = functional.scaled_dot_product_attention(q, k, v, is_causal=True)
        return (
            torch.einsum("hte,hed->td", mixed, self.weights[f"{name}.W_O"])
            + self.weights[f"{name}.b_O"]
        )

    def _mlp(self, name: str, stream: Tensor, norm: str) -> Tensor:
        """Return what an MLP adds, (tokens, d_model)."""
        given, weights = self._norm(stream, norm), self.weights
        activation = _ACTIVATIONS[str(self.config.get("activation_fn") or "relu")]
        if f"{name}.W_gate" in weights:
            # TransformerLens' convention: b_in is added after the gate has multiplied.
            read: dict[Side, Tensor] = {
                "gate": given @ weights[f"{name}.W_gate"],
                "in": given @ weights[f"{name}.W_in"],
            }
            post = activation(read["gate"]) * read["in"] + weights[f"{name}.b_in"]
        else:
            read = {"in": given @ weights[f"{name}.W_in"] + weights[f"{name}.b_in"]}
            post = activation(read["in"])
        # Small changes of large numbers are lost to rounding.
        change = torch.randn(post.shape, generator=self._random) * post.abs().max().clamp(min=1)
        size = self._size(name, post)
        out, moved = (self._out(name, each, size) for each in (post, post + change))
        self.layers.append(Layer(stream, read, moved - out, change, size))
        return out

    def _size(self, name: str, post: Tensor) -> Tensor | None:
        """Return what the LayerNorm of the activations divides by, if there is one."""
        if f"{name}.ln.w" not in self.weights and self.config.get("activation_fn") != "solu_ln":
            return None
        return torch.sqrt(post.var(-1, keepdim=True, correction=0) + LAYER_NORM_EPSILON)

    def _out(self, name: str, post: Tensor, size: Tensor | None) -> Tensor:
        weights = self.weights
        if size is not None:
            post = (post - post.mean(-1, keepdim=True)) / size
            if f"{name}.ln.w" in weights:
                post = post * weights[f"{name}.ln.w"] + weights[f"{name}.ln.b"]
        return post @ weights[f"{name}.W_out"] + weights[f"{name}.b_out"]


def inputs(weights: Mapping[str, Tensor], steps: int) -> dict[str, Tensor]:
    """Return random returns, (steps, 1), states, (steps, features), actions and times, (steps,)."""
    random = torch.Generator().manual_seed(4)
    features = weights["state_embedding.weight"].shape[1]
    actions, times = len(weights["action_embedding.0.weight"]), weights["time_embedding.weight"]
    return {
        "returns": torch.rand(steps, 1, generator=random),
        "states": torch.rand(steps, features, generator=random),
        "actions": torch.randint(actions, (steps,), generator=random),
        "times": torch.arange(steps) % (len(times) if times.shape[1] > 1 else steps),
    }


def embedded(
    weights: Mapping[str, Tensor],
    config: Mapping[str, object],
    *,
    returns: Tensor,
    states: Tensor,
    actions: Tensor,
    times: Tensor,
) -> Tensor:
    """Return what tokens start the residual stream with, (3 * steps - 1, d_model).

    The last step has no action yet.
    """
    table, width = weights["time_embedding.weight"], len(weights["state_embedding.weight"])
    kind = config.get("time_embedding_type")
    if kind == "linear" or (kind is None and table.shape == (width, 1)):
        given = times[:, None].to(table.dtype)
        time = functional.linear(given, table, weights.get("time_embedding.bias"))
    else:
        time = table[times]
    vectors = [
        functional.linear(given, weights[f"{name}.weight"], weights.get(f"{name}.bias"))
        for name, given in (("reward_embedding.0", returns), ("state_embedding", states))
    ]
    vectors.append(weights["action_embedding.0.weight"][actions])
    tokens = torch.stack([each + time for each in vectors], dim=1).flatten(0, 1)[:-1]
    return tokens + weights["transformer.pos_embed.W_pos"][: len(tokens)]
