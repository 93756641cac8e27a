"""The decision transformer's forward pass in plain NumPy, written from the format's description."""

import numpy as np


def action_logits(state, returns_to_go, states, actions, timesteps):
    """Return (steps, n_actions) logits of one episode, from weights with the published names.

    returns_to_go (steps,), states (steps, features), actions (steps - 1,), timesteps (steps,).
    """
    tokens = []
    for step, time in enumerate(timesteps):
        when = state["time_embedding.weight"][time]
        tokens.append(state["reward_embedding.0.weight"][:, 0] * returns_to_go[step] + when)
        tokens.append(state["state_embedding.weight"] @ states[step] + when)
        if step < len(actions):
            tokens.append(state["action_embedding.0.weight"][actions[step]] + when)
    x = np.array(tokens) + state["transformer.pos_embed.W_pos"][: len(tokens)]
    layer = 0
    while f"transformer.blocks.{layer}.attn.W_Q" in state:
        prefix = f"transformer.blocks.{layer}."
        block = {key.removeprefix(prefix): w for key, w in state.items() if key.startswith(prefix)}
        x = x + _attention(block, _normalized(x, block.get("ln1.w"), block.get("ln1.b")))
        x = x + _mlp(block, _normalized(x, block.get("ln2.w"), block.get("ln2.b")))
        layer += 1
    final = (state.get("transformer.ln_final.w"), state.get("transformer.ln_final.b"))
    x = _normalized(x, *final)
    return x[1::3] @ state["action_predictor.weight"].T + state["action_predictor.bias"]


def _normalized(x, w, b):
    if w is None:
        return x
    variance = x.var(axis=1, keepdims=True)
    return (x - x.mean(axis=1, keepdims=True)) / np.sqrt(variance + 1e-5) * w + b


def _attention(block, x):
    total = np.zeros_like(x) + block["attn.b_O"]
    for head in range(len(block["attn.W_Q"])):
        q, k, v = (x @ block[f"attn.W_{c}"][head] + block[f"attn.b_{c}"][head] for c in "QKV")
        for row in range(len(x)):
            scores = k[: row + 1] @ q[row] / np.sqrt(len(q[row]))
            weights = np.exp(scores - scores.max())
            total[row] += weights / weights.sum() @ v[: row + 1] @ block["attn.W_O"][head]
    return total


def _mlp(block, x):
    if "mlp.W_gate" in block:
        gate = np.maximum(x @ block["mlp.W_gate"], 0)
        post = gate * (x @ block["mlp.W_in"]) + block["mlp.b_in"]
    else:
        post = np.maximum(x @ block["mlp.W_in"] + block["mlp.b_in"], 0)
    return post @ block["mlp.W_out"] + block["mlp.b_out"]
