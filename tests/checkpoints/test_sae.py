"""SAEs and transcoders, compared with what they compute by themselves."""

import json

import numpy as np
import pytest

import dtviz
from dtviz.app import App
from dtviz.checkpoints import reader
from dtviz.errors import BadArgument, BadCheckpoint
from dtviz.views import titles

from . import saes
from .saes import LATENTS, D

RESIDUAL = "blocks.1.hook_resid_post"


@pytest.fixture
def base(directory):
    return dtviz.load(directory("gpt2"))


def agree(model, state):
    """Vectors say what a change of the input, or of one latent, does in the SAE's forward pass."""
    random = np.random.default_rng(1)
    x, change = random.normal(size=(2, 5, D))
    before, after = (saes.pre_activations(state, rows) for rows in (x, x + change))
    read = model.neurons(side="in").vectors.astype(float)
    np.testing.assert_allclose(change @ read.T, after - before, rtol=1e-5, atol=1e-6)
    activations = np.maximum(before, 0)
    raised = activations + np.eye(LATENTS)[:, None]
    written = saes.output(state, raised) - saes.output(state, activations)
    for latent, row in enumerate(model.neurons().vectors):
        np.testing.assert_allclose(written[latent], np.tile(row, (5, 1)), rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("layout", ["SAELens", "older", "Gemma Scope", "Fortran", "file"])
def test_each_layout_has_latents_as_rows(tmp_path, base, layout):
    state = saes.weights()
    scope = tmp_path / "gemma-scope-2b-pt-res" / "layer_1" / "width_24" / "average_l0_7"
    if layout == "SAELens":
        about = {"metadata": {"hook_name": RESIDUAL, "model_name": "gpt2-small"}}
        path = saes.saved(tmp_path / "sae", state, **about)
    elif layout == "older":
        path = saes.saved(tmp_path / "sae", state, hook_point=RESIDUAL, hook_point_layer=1)
    else:
        if layout == "Fortran":
            state["W_enc"] = np.asfortranarray(state["W_enc"])
        path = saes.published(scope, {**state, "threshold": np.ones(LATENTS, np.float32)})
        path = path / "params.npz" if layout == "file" else path
    for model in (dtviz.load(path, model=base), reader.read(path, str(base.source))):
        agree(model, state)
        assert model.neurons().names == [f"L1N{i}" for i in range(LATENTS)]
        assert model.neurons(1).label == "W_dec, layer 1"
        assert (model.dictionary.reads, model.dictionary.writes) == (RESIDUAL, RESIDUAL)
        assert model.unembedding.names == base.unembedding.names
        np.testing.assert_array_equal(model.unembedding.vectors, base.unembedding.vectors)
        np.testing.assert_array_equal(model.unembedding_bias, base.unembedding_bias)
        assert model.source == str(path)
        assert model.dictionary.trained_on == base.source
        assert f"SAE of {RESIDUAL}" in titles.of_model(model)
        assert "layer 1, 24 latents" in titles.of_model(model)


def test_an_sae_of_the_residual_stream_is_compared_with_embeddings_as_they_are(tmp_path, base):
    state = saes.weights()
    model = dtviz.load(saes.saved(tmp_path / "sae", state, hook_name=RESIDUAL), model=base)
    reading = dtviz.space(model, "in congruence").vectors
    # Before any norm: what a token adds to the pre-activations.
    tokens = base.embedding.vectors.astype(float)
    added = saes.pre_activations(state, tokens) - saes.pre_activations(state, 0 * tokens)
    gram = reading @ reading.T
    np.testing.assert_allclose(gram, added.T @ added, rtol=1e-3, atol=1e-3)
    # What they write goes through the last norm.
    written = model.neurons().vectors.astype(float)
    centred = written - written.mean(axis=1, keepdims=True)
    normed = centred / np.sqrt((centred**2).mean(axis=1, keepdims=True) + model.epsilon)
    explorer = dtviz.Explorer(model)
    x = model.unembedding.vector(explorer.congruence.x)
    np.testing.assert_allclose(explorer.neurons["x"], normed @ x, rtol=1e-3, atol=1e-4)
    explorer.ranking.ranked_by = "in congruence"
    assert "embedding, no LN" in explorer.top_k.compared_with


def test_a_transcoder(tmp_path, base):
    state = saes.weights(W_skip=np.ones((D, D)))
    hooks = {"hook_name": "blocks.2.ln2.hook_normalized", "hook_name_out": "blocks.2.hook_mlp_out"}
    path = saes.saved(
        tmp_path / "transcoder", state, architecture="skip_transcoder", d_out=D, metadata=hooks
    )
    model = dtviz.load(path, model=base)
    agree(model, state)
    assert model.layers == (2,)
    assert model.embedding is None  # it reads what the norm makes of the stream
    assert [note for note in model.notes if "not the residual stream that tokens are" in note]
    assert [note for note in model.notes if "skip connection" in note]
    assert "transcoder from blocks.2.ln2.hook_normalized to blocks.2.hook_mlp_out" in (
        titles.of_model(model)
    )
    assert "in congruence" not in dtviz.Explorer(model).spaces


@pytest.mark.parametrize(
    ("folder", "reads", "writes"),
    [
        ("gemma-scope-2b-pt-mlp", "hook_mlp_out", "hook_mlp_out"),
        ("gemma-scope-2b-pt-transcoders", "ln2.hook_normalized", "hook_mlp_out"),
    ],
)
def test_published_folders_say_the_hook_points(tmp_path, folder, reads, writes):
    model = dtviz.load(saes.published(tmp_path / folder / "layer_2" / "w", saes.weights()))
    found = (model.dictionary.reads, model.dictionary.writes)
    assert found == (f"blocks.2.{reads}", f"blocks.2.{writes}")
    assert model.name == f"{folder}/layer_2/w"


def test_a_gated_sae(tmp_path):
    state = saes.weights(r_mag=np.random.default_rng(3).normal(size=LATENTS))
    del state["b_enc"]
    path = saes.saved(tmp_path / "sae", state, architecture="gated", hook_name=RESIDUAL)
    model = dtviz.load(path)
    np.testing.assert_array_equal(model.neurons(side="gate").vectors, state["W_enc"].T)
    x = np.random.default_rng(4).normal(size=(5, D))
    magnitude = x @ (state["W_enc"].astype(float) * np.exp(state["r_mag"].astype(float)))
    found = x @ model.neurons(side="in").vectors.T.astype(float)
    np.testing.assert_allclose(found, magnitude, rtol=1e-4, atol=1e-5)


def test_activations_that_are_scaled_by_the_decoders_norms(tmp_path):
    state = saes.weights()
    about = {"architecture": "topk", "rescale_acts_by_decoder_norm": True}
    model = dtviz.load(saes.saved(tmp_path / "sae", state, hook_name=RESIDUAL, **about))
    norms = np.linalg.norm(state["W_dec"].astype(float), axis=1, keepdims=True)
    np.testing.assert_allclose(model.neurons().vectors, state["W_dec"] / norms, rtol=1e-5)
    np.testing.assert_allclose(
        model.neurons(side="in").vectors, state["W_enc"].T * norms, rtol=1e-5
    )


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"normalize_activations": "expected_average_only_in"}, "multiplied by a constant"),
        ({"normalize_activations": True}, "multiplied by a constant"),
        ({"normalize_activations": "layer_norm"}, "depends on the token"),
        ({"model_name": "pythia-70m"}, "It was trained on pythia-70m, says cfg.json."),
    ],
)
def test_what_vectors_leave_out_is_said(tmp_path, base, given, said):
    path = saes.saved(tmp_path / "sae", saes.weights(), hook_name=RESIDUAL, **given)
    model = dtviz.load(path, model=base)
    assert said in " ".join(model.notes)
    is_normed = given.get("normalize_activations") == "layer_norm"
    assert model.embedding.normalization == ("LN" if is_normed else None)


@pytest.mark.parametrize(
    ("config", "said"),
    [
        ({"hook_name": "blocks.1.attn.hook_z"}, "reads the residual stream"),
        ({"hook_name": "blocks.1.mlp.hook_post"}, "reads the residual stream"),
        ({"hook_name": "blocks.1.ln2.hook_normalized"}, "writes to the residual stream"),
        ({"hook_name": "hook_embed"}, "reads the residual stream"),
        ({}, r"hook_name in cfg\.json"),
        ({"hook_name": 5}, "hook_name as a short text"),
        ({"hook_name": "x" * 1_000_000}, "hook_name as a short text"),
        ({"hook_name": RESIDUAL, "architecture": "temporal"}, "an SAE of a kind among"),
        ({"hook_name": RESIDUAL, "d_sae": 7}, "d_sae"),
        ({"hook_name": RESIDUAL, "d_in": "16"}, "d_in as a whole number"),
        ({"hook_name": RESIDUAL, "normalize_activations": "covariance_whitening"}, "mean norm"),
        ({"hook_name": RESIDUAL, "rescale_acts_by_decoder_norm": 1}, "true or false"),
    ],
)
def test_what_is_not_supported_is_refused_by_name(tmp_path, config, said):
    path = saes.saved(tmp_path / "sae", saes.weights(), **config)
    with pytest.raises(BadCheckpoint, match=said) as raised:
        dtviz.load(path)
    assert len(str(raised.value)) < 1_000


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"W_dec": None}, "W_enc and W_dec"),
        ({"W_enc": np.ones((D, LATENTS + 1))}, "of one residual stream"),
        ({"W_dec": np.ones((LATENTS, D, 2))}, "of one residual stream"),
        ({"W_dec": np.ones(())}, "of one residual stream"),
        ({"r_mag": np.ones(3)}, "r_mag with a number a latent"),
        ({"scaling_factor": np.full(LATENTS, 2.0)}, "not scaled after training"),
    ],
)
def test_weights_that_make_no_sae_are_refused(tmp_path, change, said):
    state = {key: one for key, one in saes.weights(**{
        key: one for key, one in change.items() if one is not None
    }).items() if change.get(key, 0) is not None}  # fmt: skip
    with pytest.raises(BadCheckpoint, match=said):
        dtviz.load(saes.saved(tmp_path / "sae", state, hook_name=RESIDUAL))


def test_numbers_that_are_not_finite_are_refused_when_they_are_read(tmp_path):
    state = saes.weights()
    state["W_dec"][3, 4] = np.nan
    model = dtviz.load(saes.saved(tmp_path / "sae", state, hook_name=RESIDUAL))
    with pytest.raises(BadCheckpoint, match="finite numbers in 'W_dec'"):
        model.neurons().norms  # noqa: B018


def test_the_model_must_be_one_that_it_can_have_been_trained_on(tmp_path, base):
    wide = {"W_enc": np.ones((8, 5)), "W_dec": np.ones((5, 8))}
    narrow = saes.saved(
        tmp_path / "narrow", saes.weights(**wide), hook_name=RESIDUAL, d_in=8, d_sae=5
    )
    with pytest.raises(BadArgument, match="8 wide and a layer 1, got 'gpt2', 16 wide"):
        dtviz.load(narrow, model=base)
    late = saes.saved(tmp_path / "late", saes.weights(), hook_name="blocks.9.hook_resid_pre")
    with pytest.raises(BadArgument, match="whose last layer is 2"):
        dtviz.load(late, model=base)
    with pytest.raises(BadArgument, match="which is neither"):
        dtviz.load("demo", model=base)
    with pytest.raises(BadArgument, match="Name the model that it was trained on"):
        dtviz.Explorer(dtviz.load(late))


def test_a_recipe_opens_the_same_again(tmp_path, base):
    path = saes.saved(tmp_path / "sae", saes.weights(), hook_name=RESIDUAL)
    recipe = dtviz.Explorer(dtviz.load(path, model=base)).recipe()
    assert f"dtviz.load({str(path)!r}, model={base.source!r})" in recipe


def test_only_what_is_read_of_a_configuration_counts(tmp_path):
    state = saes.weights()
    one = dtviz.load(saes.saved(tmp_path / "a", state, hook_name=RESIDUAL, seed=1))
    same = dtviz.load(saes.saved(tmp_path / "b", state, hook_name=RESIDUAL, seed=2, x={"y": []}))
    other = dtviz.load(saes.saved(tmp_path / "c", state, hook_name="blocks.1.hook_resid_pre"))
    changed = saes.weights(1)
    another = dtviz.load(saes.saved(tmp_path / "d", changed, hook_name=RESIDUAL))
    assert one.sha256 == same.sha256
    assert len({one.sha256, other.sha256, another.sha256}) == 3


def test_the_command_takes_both(run, tmp_path, directory):
    path = saes.saved(tmp_path / "sae", saes.weights(), hook_name=RESIDUAL)
    out = tmp_path / "table.csv"
    words = ("table", "neurons", str(path), "--model", str(directory("gpt2")), "--out", str(out))
    assert run(*words).returncode == 0
    frame = dtviz.read_table(out)
    assert list(frame["name"]) == [f"L1N{i}" for i in range(LATENTS)]
    result = run("table", "neurons", str(path), "--out", str(out))
    assert result.returncode == 2
    assert json.dumps(result.stderr).count("\\n") == 1


def test_a_page_opens_with_it(tmp_path, base):
    model = dtviz.load(saes.saved(tmp_path / "sae", saes.weights(), hook_name=RESIDUAL), model=base)
    app = App(model)
    assert list(app.param.checkpoint.names) == ["sae", "demo"]
    assert app.explorer.model is model
    app.checkpoint = "demo"
    app.checkpoint = model
    assert app.explorer.model is model
    assert app.address.startswith("#model=sae&layer=1")


def test_alone_its_page_says_which_model_is_missing(tmp_path):
    path = saes.saved(tmp_path / "sae", saes.weights(), hook_name=RESIDUAL)
    with pytest.raises(BadArgument, match="Name the model that it was trained on"):
        App(path)
