"""Folding LayerNorm into the weights that read its result, through TransformerLens."""

from collections.abc import Mapping, Sequence
from types import SimpleNamespace

from torch import Tensor
from torch.nn.functional import pad


def folded_readers(blocks: Sequence[Mapping[str, Tensor]]) -> list[dict[str, Tensor]]:
    """Return the input weights of each MLP with its LayerNorm folded in, centred over d_model.

    Args:
        blocks: for each layer "W_in" and perhaps "W_gate", (d_model, d_mlp), and "ln2.w" and
            "ln2.b", (d_model,); without these the weights are only centred.

    Returns:
        For each layer "W_in" and perhaps "W_gate", of the shapes they had.
    """
    # Imported here, for it takes seconds and most of dtviz does without.
    from transformer_lens.weight_processing import ProcessWeights

    d_model, d_mlp = blocks[0]["W_in"].shape
    state = {}
    for layer, block in enumerate(blocks):
        for key, tensor in block.items():
            if key.startswith("W_"):
                # TransformerLens tells the axes apart by their lengths, and takes the wrong one
                # where both are d_model: columns of zeros make sure that they differ.
                state[f"blocks.{layer}.mlp.{key}"] = pad(tensor, (0, d_model))
            else:
                state[f"blocks.{layer}.{key}"] = tensor
    processed = ProcessWeights.process_weights(
        state,
        SimpleNamespace(
            n_layers=len(blocks),
            d_model=d_model,
            gated_mlp="W_gate" in blocks[0],
            normalization_type="LN",
        ),
        fold_ln=True,
        center_writing_weights=False,
        center_unembed=False,
        fold_value_biases=False,
    )
    readers = [
        {
            key: processed[f"blocks.{layer}.mlp.{key}"][:, :d_mlp]
            for key in block
            if key.startswith("W_")
        }
        for layer, block in enumerate(blocks)
    ]
    for reader in readers:
        if "W_gate" in reader:  # TransformerLens centres W_in only
            reader["W_gate"] = reader["W_gate"] - reader["W_gate"].mean(dim=0, keepdim=True)
    return readers


def folded_unembedding(
    weight: Tensor, bias: Tensor, ln_w: Tensor, ln_b: Tensor
) -> tuple[Tensor, Tensor]:
    """Return the action weights and biases with the last LayerNorm folded in, not centred.

    TransformerLens would centre the weights, hence this.

    Args:
        weight: (A, d_model).
        bias: (A,).
        ln_w, ln_b: the LayerNorm's parameters, (d_model,).
    """
    return weight * ln_w, bias + weight @ ln_b
