"""SAEs and transcoders -> Model: their latents as rows, ``W_enc`` as in, ``W_dec`` as out."""

import hashlib
import os
import re
from collections.abc import Callable, Mapping
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any, cast

import torch
from torch import Tensor

from dtviz.checkpoints.checkpoint import finite
from dtviz.checkpoints.directory import check_inside
from dtviz.checkpoints.files import gone, opened, samples
from dtviz.checkpoints.npz_file import NpzArray, read_npz
from dtviz.checkpoints.small_files import read_json
from dtviz.checkpoints.stored import Stored
from dtviz.checkpoints.weight_files import read_weight, weights_in
from dtviz.dictionary import Dictionary
from dtviz.directions import Directions, Normalization
from dtviz.errors import BadArgument, BadCheckpoint, listed, shortened
from dtviz.later import Later
from dtviz.model import Model, Side

_CONFIG, _WEIGHTS, _PARAMS = "cfg.json", "sae_weights.safetensors", "params.npz"
_HOOK = re.compile(r"blocks\.(\d{1,4})\.([\w.]+)")
_RESIDUAL = ("hook_resid_pre", "hook_resid_mid", "hook_resid_post")
_WRITTEN = ("hook_attn_out", "hook_mlp_out")
_NORMALIZED = ("ln1.hook_normalized", "ln2.hook_normalized")
# What pre-activations are linear in, by SAELens' names.
_ARCHITECTURES = (
    *("standard", "gated", "jumprelu", "topk", "batchtopk", "matryoshka_batchtopk", "abstopk"),
    *("transcoder", "skip_transcoder", "jumprelu_transcoder", "jumprelu_skip_transcoder"),
)
# Of the folders in which Gemma Scope is published: what they say of the hook points.
_PUBLISHED = {
    "res": ("hook_resid_post",),
    "mlp": ("hook_mlp_out",),
    "transcoders": ("ln2.hook_normalized", "hook_mlp_out"),
}
_PUBLISHED_LAYER = re.compile(r"layer_(\d{1,4})")
_MOST_TEXT = 200


def is_sae(path: Path) -> bool:
    """Tell whether a path is that of an SAE's folder, or of its .npz file."""
    if path.suffix == ".npz":
        return os.path.isfile(path)
    has_config = os.path.isfile(path / _CONFIG) and os.path.isfile(path / _WEIGHTS)
    return has_config or os.path.isfile(path / _PARAMS)


def sae(path: Path) -> Model:
    """Return an SAE, or a transcoder, with nothing to compare its latents with; nothing is read.

    Args:
        path: of its folder, or of its .npz file.

    Raises:
        BadCheckpoint: if files are damaged, are not of such a thing, or of a kind whose latents
            do not read and write the residual stream.
        FileProblem: if a file cannot be read.
    """
    folder = path.parent if path.suffix == ".npz" else path
    config: Mapping[str, object] = {}
    if folder is path:
        check_inside(path)
        if os.path.isfile(path / _CONFIG):
            config = read_json(path / _CONFIG)
    file = path if folder is not path else path / _WEIGHTS
    if not os.path.isfile(file):
        file = path / _PARAMS
    is_npz = file.suffix == ".npz"
    weights = _npz_weights(file) if is_npz else weights_in(file).floats
    stated = _Stated(config, file)
    dictionary = stated.dictionary(path)
    sides = _sides(weights, stated)
    found = _HOOK.fullmatch(dictionary.reads)
    assert found is not None  # noqa: S101  it was checked
    return Model(
        name=_name(folder),
        weights={side: [_later(rows)] for side, rows in sides.items()},
        layers=[int(found[1])],
        processing=_processing(dictionary, "gate" in sides),
        notes=stated.notes(dictionary, weights),
        dictionary=dictionary,
        sha256=_sha256(repr(sorted(stated.read.items())), file),
        source=str(path),
    )


def trained_on(latents: Model, model: Callable[[], Model]) -> Model:
    """Return an SAE with what its latents are compared with: that of the model it was trained on.

    Args:
        latents: as from `sae`.
        model: returns the model.

    Raises:
        BadArgument: if ``latents`` are none, or the model is of another width or has fewer layers.
    """
    dictionary = latents.dictionary
    if dictionary is None:
        raise BadArgument(
            expected="a model to compare with for an SAE or a transcoder",
            got=f"one for {shortened(latents.name)}, which is neither",
            do="Open it without model.",
        )
    base = model()
    if base.d_model != latents.d_model or latents.layers[0] > base.layers[-1]:
        raise BadArgument(
            expected=f"the model that {shortened(latents.name)} was trained on, with a residual "
            f"stream {latents.d_model} wide and a layer {latents.layers[0]}",
            got=f"{shortened(base.name)}, {base.d_model} wide, whose last layer is "
            f"{base.layers[-1]}",
            do="Name that model.",
        )
    embedding = base.embedding
    if embedding is not None:
        embedding = Directions(
            cast(Any, Later(embedding.shape, partial(getattr, embedding, "vectors"))),
            embedding.names,
            embedding.label,
            dictionary.normalization,
        )
    return replace(
        latents,
        unembedding=base.unembedding,
        unembedding_bias=base.later_bias,
        embedding=embedding if dictionary.reads_residual_stream else None,
        normalization=base.normalization,
        epsilon=base.epsilon,
        processing=f"{latents.processing}; {base.name}: {base.processing}",
        dictionary=replace(dictionary, trained_on=base.source),
        notes=(*latents.notes, *(f"{base.name}: {note}" for note in base.notes)),
        scales={name: by for name, by in base.scales.items() if name in ("embedding", "logits")},
    )


class _Stated:
    """What cfg.json says, as far as it is needed: at its top, or in its metadata."""

    def __init__(self, config: Mapping[str, object], file: Path) -> None:
        metadata = config.get("metadata")
        self._held = {**(metadata if isinstance(metadata, dict) else {}), **config}
        self.file = file
        # What was asked for, and found.
        self.read: dict[str, object] = {}

    def text(self, *names: str) -> str | None:
        """Return a text, by the first of these names that has one."""
        for name in names:
            value = self._held.get(name)
            if value is None:
                continue
            self.read[name] = value
            if isinstance(value, str) and len(value) <= _MOST_TEXT:
                return value
            raise self.refused(f"{name} as a short text", shortened(value))
        return None

    def truth(self, name: str) -> bool:
        """Return whether something is so; it is not where nothing is said."""
        value = self.read[name] = self._held.get(name) or False
        if not isinstance(value, bool):
            raise self.refused(f"{name} as true or false", shortened(value))
        return value

    def size(self, name: str) -> int | None:
        """Return a number of rows or columns, if it is stated."""
        value = self.read[name] = self._held.get(name)
        if value is None or (type(value) is int and value > 0):
            return value
        raise self.refused(f"{name} as a whole number", shortened(value))

    def refused(self, expected: str, got: str, do: str = "") -> BadCheckpoint:
        return BadCheckpoint(
            expected=f"{expected}, of {shortened(self.file.parent.name)}",
            got=got,
            do=do or f"Correct {_CONFIG}, or open another SAE.",
        )

    def dictionary(self, path: Path) -> Dictionary:
        """Return where latents read and write.

        Raises:
            BadCheckpoint: if that is not stated, or is not along the residual stream.
        """
        kind = self.text("architecture")
        if kind is not None and kind not in _ARCHITECTURES:
            raise self.refused(
                f"an SAE of a kind among {listed([*_ARCHITECTURES], 20)}", repr(kind)
            )
        reads = self.text("hook_name", "hook_point")
        writes = self.text("hook_name_out", "hook_point_out", "out_hook_point") or reads
        if reads is None or writes is None:
            reads, writes = self._published(path)
        for hook, allowed, what in (
            (reads, (*_RESIDUAL, *_WRITTEN, *_NORMALIZED), "reads the residual stream, what is "
             "written to it or what a norm makes of it"),
            (writes, (*_RESIDUAL, *_WRITTEN), "writes to the residual stream"),
        ):  # fmt: skip
            found = _HOOK.fullmatch(hook)
            if found is None or found[2] not in allowed:
                raise self.refused(
                    f"an SAE that {what}: at blocks.N with {listed(list(allowed), 9)}",
                    f"one at {shortened(hook)}",
                    "Open an SAE of the residual stream, of an MLP or of attention.",
                )
        return Dictionary(reads, writes, self._normalization())

    def _published(self, path: Path) -> tuple[str, str]:
        """Return the hook points that the names of folders say, as Gemma Scope is published."""
        parts = path.absolute().parts
        layer = next((m[1] for part in parts[::-1] if (m := _PUBLISHED_LAYER.fullmatch(part))), "")
        for part in parts[::-1]:
            hooks = _PUBLISHED.get(part.rpartition("-")[2])
            if hooks is not None and "-scope-" in part and layer:
                return f"blocks.{int(layer)}.{hooks[0]}", f"blocks.{int(layer)}.{hooks[-1]}"
        raise self.refused(
            f"hook_name in {_CONFIG}: the hook point that it was trained at",
            "none, and no folders named as Gemma Scope's are (gemma-scope-2b-pt-res/layer_20/...)",
            f'Put a {_CONFIG} beside it: {{"hook_name": "blocks.20.hook_resid_post"}}.',
        )

    def _normalization(self) -> Normalization | None:
        given = self._held.get("normalize_activations")
        if given is None or isinstance(given, bool):  # as older ones say it
            given = "expected_average_only_in" if given else "none"
        self.read["normalize_activations"] = given
        if given in ("none", "expected_average_only_in"):
            return None
        if given == "layer_norm":
            return "LN"
        raise self.refused(
            "activations that are not normalized, or by a mean norm or LayerNorm", shortened(given)
        )

    def notes(self, dictionary: Dictionary, weights: Mapping[str, Stored]) -> tuple[str, ...]:
        """Return what a user should know."""
        said = []
        trained = self.text("model_name", "model_from_pretrained_name")
        if trained is not None:
            said.append(f"It was trained on {trained}, says {_CONFIG}.")
        if not dictionary.reads_residual_stream:
            said.append(
                f"Its latents read {dictionary.reads}, which is not the residual stream that "
                "tokens are added to: no embedding is compared with what they read."
            )
        if self.read["normalize_activations"] == "expected_average_only_in":
            said.append(
                "What it reads is multiplied by a constant that its files do not hold: "
                "pre-activations, and what latents write, leave that factor out."
            )
        if dictionary.normalization is not None:
            said.append(
                "It normalizes what it reads, and scales what it writes back: what latents write "
                "leaves out that factor, which depends on the token."
            )
        if "W_skip" in weights:
            said.append("Its skip connection, past the latents, is not shown.")
        return tuple(said)


def _sides(weights: Mapping[str, Stored], stated: _Stated) -> dict[Side, Stored]:
    """Return the vectors of latents, (d_sae, d_model), by side."""
    held = {f"W{key[1:]}" if key.startswith("w_") else key: one for key, one in weights.items()}
    missing = [key for key in ("W_enc", "W_dec") if key not in held]
    if missing:
        raise stated.refused(
            "the weights W_enc and W_dec",
            f"{listed(sorted(weights), 4) or 'none'}",
            "Open an SAE or a transcoder in SAELens' or Gemma Scope's layout.",
        )
    enc, dec = held["W_enc"], held["W_dec"]
    shape = dec.shape
    sizes = {"d_sae": shape[0] if shape else 0, "d_in": shape[-1] if shape else 0}
    wrong = [key for key, value in sizes.items() if stated.size(key) not in (None, value)]
    if len(shape) != 2 or min(shape) < 1 or enc.shape != shape[::-1] or wrong:
        raise stated.refused(
            "W_enc (d_model, latents) and W_dec (latents, d_model) of one residual stream",
            f"shapes {enc.shape} and {shape}" + (f", and {listed(wrong)} of others" * bool(wrong)),
        )
    for key in ("scaling_factor", "finetuning_scaling_factor"):
        if key in held and not bool((held[key]() == 1).all()):
            raise stated.refused("activations that are not scaled after training", key)
    reads, writes = enc.transposed, dec
    if stated.truth("rescale_acts_by_decoder_norm"):
        # Their pre-activations are multiplied by that norm, which what they write is divided by.
        reads = _made(reads, lambda rows: rows * torch.linalg.norm(dec(), dim=1, keepdim=True))
        writes = _made(dec, torch.nn.functional.normalize)
    if "r_mag" not in held:
        return {"out": writes, "in": reads}
    factor = held["r_mag"]
    if factor.shape != shape[:1]:
        raise stated.refused("r_mag with a number a latent", f"shape {factor.shape}")
    # Whether a gated latent is active its encoder says, and how much the same, scaled.
    magnitude = _made(reads, lambda rows: rows * factor().exp()[:, None])
    return {"out": writes, "in": magnitude, "gate": reads}


def _made(stored: Stored, change: Callable[[Tensor], Tensor]) -> Stored:
    return Stored(stored.name, stored.shape, lambda: change(stored()))


def _later(stored: Stored) -> Later:
    return Later(stored.shape, lambda: finite(stored(), shortened(stored.name)).numpy())


def _npz_weights(file: Path) -> dict[str, Stored]:
    """Return the arrays in an .npz file."""
    with opened(file) as held:
        state = os.fstat(held.fileno())
        try:
            arrays = read_npz(held, file.name)
        except OSError as error:
            raise gone(file) from error
    return {key: _stored(key, array, file, state) for key, array in arrays.items()}


def _stored(key: str, array: NpzArray, file: Path, state: os.stat_result) -> Stored:
    stored = Stored(key, array.entry.shape, partial(read_weight, file, state, array.entry))
    if not array.is_transposed:
        return stored
    shape = stored.shape[::-1]
    return Stored(key, shape, lambda: stored.read().permute(*reversed(range(len(shape)))))


def _processing(dictionary: Dictionary, is_gated: bool) -> str:
    reads, writes = dictionary.reads, dictionary.writes
    where = f"SAE of {reads}" if reads == writes else f"transcoder from {reads} to {writes}"
    gate = ", W_enc as gate, times exp(r_mag) as in" if is_gated else ", W_enc as in"
    return f"{where}{gate}, W_dec as out"


def _name(folder: Path) -> str:
    """Return what to call an SAE: its folder, with those above it that say of what it is one."""
    parts = folder.resolve().parts
    from_layer = [i for i, part in enumerate(parts) if _PUBLISHED_LAYER.fullmatch(part)]
    return "/".join(parts[max(from_layer[-1] - 1, 1) :]) if from_layer else folder.resolve().name


def _sha256(stated: str, file: Path) -> str:
    """Return a hash of what was read of cfg.json, and of pieces of the weights, evenly spread."""
    found = hashlib.sha256(stated.encode(errors="replace"))
    with opened(file) as held:
        size = os.fstat(held.fileno()).st_size
        found.update(f"{size} ".encode())
        for piece in samples(held, size):
            found.update(piece)
    return found.hexdigest()
