"""Tiny language models with random weights, saved as Hugging Face saves them, and their numbers."""

import copy
from pathlib import Path
from types import SimpleNamespace
from typing import NamedTuple

import numpy as np
import torch
import transformers
from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers

TEXT = [
    "The cat sat on the mat.\nHe said that she is the one.\t été 中文",
    " Language models predict what comes next; neurons read and write.",
]
VOCABULARY = 300
# More rows than the tokenizer has tokens, as in models whose embedding is padded.
ROWS = VOCABULARY + 6
# Of GPT-2, and of models like it.
GPT = {
    "n_embd": 16,
    "n_layer": 3,
    "n_head": 2,
    "vocab_size": ROWS,
    "bos_token_id": 0,
    "eos_token_id": 0,
}
LLAMA = {
    "hidden_size": 16,
    "intermediate_size": 24,
    "num_hidden_layers": 3,
    "num_attention_heads": 2,
    "vocab_size": ROWS,
    "bos_token_id": 0,
    "eos_token_id": 0,
    "pad_token_id": None,
    "tie_word_embeddings": False,
}


class Kind(NamedTuple):
    """A model's configuration, and where transformers keeps what dtviz reads.

    before, reads, writes: of a layer's MLP, the norm that it reads through, the maps it reads with
        (the gate first) and the one it writes with.
    final: the norm before the unembedding.
    norm, epsilon: what the norms are.
    """

    config: transformers.PretrainedConfig
    before: str = "model.layers.{}.post_attention_layernorm"
    reads: tuple[str, ...] = ("model.layers.{}.mlp.gate_proj", "model.layers.{}.mlp.up_proj")
    writes: str = "model.layers.{}.mlp.down_proj"
    final: str = "model.norm"
    norm: str = "RMS"
    epsilon: float = 1e-5


KINDS = {
    "gpt2": Kind(
        transformers.GPT2Config(**GPT),
        before="transformer.h.{}.ln_2",
        reads=("transformer.h.{}.mlp.c_fc",),
        writes="transformer.h.{}.mlp.c_proj",
        final="transformer.ln_f",
        norm="LN",
    ),
    "llama": Kind(
        transformers.LlamaConfig(**LLAMA, num_key_value_heads=1, rms_norm_eps=1e-4), epsilon=1e-4
    ),
    "pythia": Kind(
        transformers.GPTNeoXConfig(**LLAMA),
        before="gpt_neox.layers.{}.post_attention_layernorm",
        reads=("gpt_neox.layers.{}.mlp.dense_h_to_4h",),
        writes="gpt_neox.layers.{}.mlp.dense_4h_to_h",
        final="gpt_neox.final_layer_norm",
        norm="LN",
    ),
    "gemma": Kind(
        transformers.Gemma2Config(**LLAMA, num_key_value_heads=1, head_dim=8),
        before="model.layers.{}.pre_feedforward_layernorm",
        epsilon=1e-6,
    ),
    "phi3": Kind(transformers.Phi3Config(**LLAMA), reads=("model.layers.{}.mlp.gate_up_proj",)),
    "gptj": Kind(
        transformers.GPTJConfig(**GPT, rotary_dim=4),
        before="transformer.h.{}.ln_1",
        reads=("transformer.h.{}.mlp.fc_in",),
        writes="transformer.h.{}.mlp.fc_out",
        final="transformer.ln_f",
        norm="LN",
    ),
    "olmo2": Kind(transformers.Olmo2Config(**LLAMA)),
    "mixtral": Kind(
        transformers.MixtralConfig(**LLAMA, num_local_experts=2, num_key_value_heads=1)
    ),
    "deepseek": Kind(
        transformers.DeepseekV3Config(
            **LLAMA,
            num_key_value_heads=2,
            first_k_dense_replace=2,
            moe_intermediate_size=8,
            n_routed_experts=4,
            num_experts_per_tok=2,
            n_group=1,
            topk_group=1,
            q_lora_rank=8,
            kv_lora_rank=8,
            qk_rope_head_dim=4,
            qk_nope_head_dim=4,
            v_head_dim=8,
        ),
        epsilon=1e-6,
    ),
    "mamba": Kind(transformers.MambaConfig(hidden_size=16, num_hidden_layers=2, vocab_size=ROWS)),
    "gpt1": Kind(transformers.OpenAIGPTConfig(n_embd=16, n_layer=3, n_head=2, vocab_size=ROWS)),
}


def made(kind: str, dtype: torch.dtype = torch.float32) -> torch.nn.Module:
    """Return a model, with norms that do something."""
    torch.manual_seed(0)
    model = transformers.AutoModelForCausalLM.from_config(copy.deepcopy(KINDS[kind].config))
    with torch.no_grad():
        for parameter in model.parameters():
            if parameter.ndim == 1:
                parameter.copy_(torch.rand(parameter.shape) + 0.5)
            else:
                parameter.copy_(torch.randn(parameter.shape) / 4)
    return model.to(dtype).eval()


def tokenizer() -> transformers.PreTrainedTokenizerFast:
    """Return a byte-level BPE tokenizer, as GPT-2's, of VOCABULARY tokens."""
    bpe = Tokenizer(models.BPE())
    bpe.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    bpe.decoder = decoders.ByteLevel()
    alphabet = pre_tokenizers.ByteLevel.alphabet()
    trainer = trainers.BpeTrainer(
        show_progress=False,
        vocab_size=VOCABULARY,
        special_tokens=["<|end|>"],
        initial_alphabet=alphabet,
    )
    bpe.train_from_iterator(TEXT, trainer)
    return transformers.PreTrainedTokenizerFast(
        tokenizer_object=bpe, bos_token="<|end|>", eos_token="<|end|>"
    )


def saved(kind: str, path: Path, dtype: torch.dtype = torch.float32, **how: object) -> Path:
    """Save a model and its tokenizer; return the directory."""
    made(kind, dtype).save_pretrained(path, **how)
    tokenizer().save_pretrained(path)
    return path


def arrays(model: torch.nn.Module) -> dict[str, np.ndarray]:
    """Return a model's parameters in float64, by transformers' names."""
    return {name: tensor.double().numpy() for name, tensor in model.state_dict().items()}


def inside(model: torch.nn.Module, *names: str) -> SimpleNamespace:
    """Run a model on some tokens; return the inputs and outputs of modules, rows of float64."""
    seen = SimpleNamespace(inputs={}, outputs={})

    def watch(name: str) -> None:
        def keep(_module: object, inputs: tuple, output: torch.Tensor) -> None:
            seen.inputs[name] = inputs[0].detach().double().flatten(0, -2).numpy()
            seen.outputs[name] = output.detach().double().flatten(0, -2).numpy()

        model.get_submodule(name).register_forward_hook(keep)

    for name in names:
        watch(name)
    with torch.no_grad():
        model(torch.arange(1, 13).reshape(2, 6))
    return seen
