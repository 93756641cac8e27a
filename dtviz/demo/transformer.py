"""The decision transformer's forward pass, with TransformerLens' hooks.

A time step is three tokens: return-to-go, state, action. The action of step t is predicted from the
state token of step t. Hooks carry TransformerLens' names (`blocks.2.mlp.hook_post`), so
`run_with_cache` and `run_with_hooks` work as on a language model. As in TransformerLens 4,
`hook_normalized` comes before the LayerNorm's own weight and bias: it is what folded weights read.

In shapes, `tokens` is at most n_ctx, `heads` is n_heads, and `d_model` the residual stream's width.
"""

from dataclasses import dataclass

import torch
from torch import Tensor, nn
from transformer_lens import HookedRootModule
from transformer_lens.hook_points import HookPoint

LAYER_NORM_EPSILON = 1e-5
# Large, so that attention is sharp from the start: when it is nearly uniform, the one glimpse of
# the object drowns among the other tokens, and training never finds it.
INITIAL_STD = 0.12
# Small, so that what the last neurons and the action head write is learned, not left over.
INITIAL_STD_OF_WRITERS = 0.02


@dataclass(frozen=True)
class TransformerConfig:
    """The sizes of a decision transformer."""

    n_layers: int
    n_heads: int
    d_model: int
    d_mlp: int
    n_ctx: int
    n_actions: int
    n_features: int
    n_times: int
    layer_norm: bool
    gated_mlp: bool

    @property
    def d_head(self) -> int:
        """Width of one attention head."""
        return self.d_model // self.n_heads

    @property
    def n_steps(self) -> int:
        """Time steps that fit in the context; the last of them lacks its action token."""
        return (self.n_ctx + 1) // 3


class LayerNorm(nn.Module):
    """LayerNorm over the last axis, with hooks on its scale and its normalized input."""

    def __init__(self, d_model: int) -> None:
        """Start as a plain normalization: weight one, bias zero."""
        super().__init__()
        self.w = nn.Parameter(torch.ones(d_model))
        self.b = nn.Parameter(torch.zeros(d_model))
        self.hook_scale = HookPoint()
        self.hook_normalized = HookPoint()

    def forward(self, x: Tensor) -> Tensor:
        """Normalize x, (..., d_model)."""
        x = x - x.mean(-1, keepdim=True)
        scale = self.hook_scale((x.pow(2).mean(-1, keepdim=True) + LAYER_NORM_EPSILON).sqrt())
        normalized: Tensor = self.hook_normalized(x / scale)
        return normalized * self.w + self.b


class Attention(nn.Module):
    """Causal multi-head attention."""

    def __init__(self, config: TransformerConfig) -> None:
        """Allocate weights; `DecisionTransformer` initializes them."""
        super().__init__()
        heads, d_model, d_head = config.n_heads, config.d_model, config.d_head
        self.W_Q = nn.Parameter(torch.empty(heads, d_model, d_head))
        self.W_K = nn.Parameter(torch.empty(heads, d_model, d_head))
        self.W_V = nn.Parameter(torch.empty(heads, d_model, d_head))
        self.W_O = nn.Parameter(torch.empty(heads, d_head, d_model))
        self.b_Q = nn.Parameter(torch.zeros(heads, d_head))
        self.b_K = nn.Parameter(torch.zeros(heads, d_head))
        self.b_V = nn.Parameter(torch.zeros(heads, d_head))
        self.b_O = nn.Parameter(torch.zeros(d_model))
        self.hook_q = HookPoint()
        self.hook_k = HookPoint()
        self.hook_v = HookPoint()
        self.hook_attn_scores = HookPoint()
        self.hook_pattern = HookPoint()
        self.hook_z = HookPoint()

    def forward(self, x: Tensor) -> Tensor:
        """Attend over x, (batch, tokens, d_model), to earlier tokens and itself."""
        q = self.hook_q(torch.einsum("btd,hde->bthe", x, self.W_Q) + self.b_Q)
        k = self.hook_k(torch.einsum("btd,hde->bthe", x, self.W_K) + self.b_K)
        v = self.hook_v(torch.einsum("btd,hde->bthe", x, self.W_V) + self.b_V)
        scores = torch.einsum("bqhe,bkhe->bhqk", q, k) / q.shape[-1] ** 0.5
        n_tokens = x.shape[1]
        later = torch.ones(n_tokens, n_tokens, dtype=torch.bool, device=x.device).triu(1)
        scores = self.hook_attn_scores(scores.masked_fill(later, -torch.inf))
        pattern = self.hook_pattern(scores.softmax(-1))
        z = self.hook_z(torch.einsum("bhqk,bkhe->bqhe", pattern, v))
        return torch.einsum("bqhe,hed->bqd", z, self.W_O) + self.b_O


class MLP(nn.Module):
    """One hidden layer of ReLU neurons, gated or not."""

    def __init__(self, config: TransformerConfig) -> None:
        """Allocate weights; `DecisionTransformer` initializes them."""
        super().__init__()
        self.W_in = nn.Parameter(torch.empty(config.d_model, config.d_mlp))
        self.b_in = nn.Parameter(torch.zeros(config.d_mlp))
        self.W_out = nn.Parameter(torch.empty(config.d_mlp, config.d_model))
        self.b_out = nn.Parameter(torch.zeros(config.d_model))
        self.hook_pre = HookPoint()
        self.hook_post = HookPoint()
        self.gated = config.gated_mlp
        if self.gated:
            self.W_gate = nn.Parameter(torch.empty(config.d_model, config.d_mlp))
            self.hook_pre_linear = HookPoint()

    def forward(self, x: Tensor) -> Tensor:
        """Transform x, (batch, tokens, d_model), token by token."""
        if self.gated:
            # TransformerLens' convention: b_in is added after the gate has multiplied.
            gate = self.hook_pre(x @ self.W_gate).relu()
            post = self.hook_post(gate * self.hook_pre_linear(x @ self.W_in) + self.b_in)
        else:
            post = self.hook_post(self.hook_pre(x @ self.W_in + self.b_in).relu())
        out: Tensor = post @ self.W_out + self.b_out
        return out


class Block(nn.Module):
    """Attention, then MLP, each adding to the residual stream."""

    def __init__(self, config: TransformerConfig) -> None:
        """Build the block's two halves and the hooks between them."""
        super().__init__()
        self.ln1 = _layer_norm(config)
        self.attn = Attention(config)
        self.ln2 = _layer_norm(config)
        self.mlp = MLP(config)
        self.hook_resid_pre = HookPoint()
        self.hook_attn_out = HookPoint()
        self.hook_resid_mid = HookPoint()
        self.hook_mlp_out = HookPoint()
        self.hook_resid_post = HookPoint()

    def forward(self, residual: Tensor) -> Tensor:
        """Return the residual stream, (batch, tokens, d_model), after this block."""
        residual = self.hook_resid_pre(residual)
        residual = residual + self.hook_attn_out(self.attn(self.ln1(residual)))
        residual = self.hook_resid_mid(residual)
        residual = residual + self.hook_mlp_out(self.mlp(self.ln2(residual)))
        after: Tensor = self.hook_resid_post(residual)
        return after


class PositionEmbedding(nn.Module):
    """One learned vector per token position."""

    def __init__(self, config: TransformerConfig) -> None:
        """Allocate (n_ctx, d_model) weights; `DecisionTransformer` initializes them."""
        super().__init__()
        self.W_pos = nn.Parameter(torch.empty(config.n_ctx, config.d_model))

    def forward(self, n_tokens: int) -> Tensor:
        """Return the first n_tokens position vectors, (tokens, d_model)."""
        return self.W_pos[:n_tokens]


class DecisionTransformer(HookedRootModule):
    """Predicts actions from returns-to-go, states and earlier actions."""

    def __init__(self, config: TransformerConfig) -> None:
        """Draw the matrices with torch's global random state; biases start at zero."""
        super().__init__()
        self.config = config
        d_model = config.d_model
        self.reward_embedding = nn.Sequential(nn.Linear(1, d_model, bias=False))
        self.state_embedding = nn.Linear(config.n_features, d_model, bias=False)
        # The last row stands for an action that is not known.
        self.action_embedding = nn.Sequential(nn.Embedding(config.n_actions + 1, d_model))
        self.time_embedding = nn.Embedding(config.n_times, d_model)
        self.pos_embed = PositionEmbedding(config)
        self.blocks = nn.ModuleList(Block(config) for _ in range(config.n_layers))
        self.ln_final = _layer_norm(config)
        self.action_predictor = nn.Linear(d_model, config.n_actions)
        self.hook_embed = HookPoint()
        self.hook_pos_embed = HookPoint()
        nn.init.zeros_(self.action_predictor.bias)
        for name, parameter in self.named_parameters():
            if parameter.ndim > 1 and ".b_" not in name:
                nn.init.normal_(parameter, std=INITIAL_STD)
        last: MLP = self.blocks[-1].mlp  # type: ignore[assignment]
        for writer in (last.W_out, self.action_predictor.weight):
            nn.init.normal_(writer, std=INITIAL_STD_OF_WRITERS)
        self.setup()

    def forward(
        self,
        returns_to_go: Tensor,
        states: Tensor,
        actions: Tensor,
        timesteps: Tensor | None = None,
    ) -> Tensor:
        """Return action logits, (batch, steps, n_actions), for every step.

        Args:
            returns_to_go: (batch, steps), the success still to come: 1 or 0.
            states: (batch, steps, n_features), flattened observations.
            actions: (batch, steps - 1), integers: the actions taken before the last state.
            timesteps: (steps,) or (batch, steps), integers; counted from 0 where not given.
        """
        n_steps = states.shape[1]
        if n_steps > self.config.n_steps:
            raise ValueError(
                f"expected at most {self.config.n_steps} time steps (n_ctx {self.config.n_ctx}), "
                f"got {n_steps}: give the latest ones only, with their timesteps"
            )
        if timesteps is None:
            timesteps = torch.arange(n_steps, device=states.device)
        residual = self.hook_embed(self._tokens(returns_to_go, states, actions, timesteps))
        residual = residual + self.hook_pos_embed(self.pos_embed(residual.shape[1]))
        for block in self.blocks:
            residual = block(residual)
        logits: Tensor = self.action_predictor(self.ln_final(residual)[:, 1::3])
        return logits

    def _tokens(
        self, returns_to_go: Tensor, states: Tensor, actions: Tensor, timesteps: Tensor
    ) -> Tensor:
        """Interleave the embeddings to (batch, 3 * steps - 1, d_model)."""
        time = self.time_embedding(timesteps)
        rtg_tokens = self.reward_embedding(returns_to_go[..., None].to(time.dtype)) + time
        state_tokens = self.state_embedding(states.to(time.dtype)) + time
        action_tokens = self.action_embedding(actions) + time[..., :-1, :]
        # The last step has no action yet: fill its place, then cut it off.
        action_tokens = nn.functional.pad(action_tokens, (0, 0, 0, 1))
        return torch.stack((rtg_tokens, state_tokens, action_tokens), 2).flatten(1, 2)[:, :-1]


def _layer_norm(config: TransformerConfig) -> nn.Module:
    return LayerNorm(config.d_model) if config.layer_norm else nn.Identity()
