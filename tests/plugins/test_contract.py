"""Check every model of every bundled plugin against its description."""

from __future__ import annotations

import gc
import weakref
from typing import TYPE_CHECKING

import numpy as np
import published
import pytest
import torch

import auralscope as asc
from auralscope.registry import Registry

if TYPE_CHECKING:
    from auralscope.nn.loaded import Model

SPECS = {spec.id: spec for spec in Registry().models}
EACH = pytest.mark.parametrize("model_id", SPECS)


def test_there_are_models_to_walk() -> None:
    assert {"genre-convnet", "compact-convnet-msd", "compact-convnet-thesis", "crnn-msd"} <= set(SPECS)
    assert {spec.id for spec in SPECS.values() if spec.weights.published} == set(published.FILES)


def load(model_id: str, request: pytest.FixtureRequest, device: str = "cpu") -> Model:
    """Return a model with its bundled or published weights."""
    if SPECS[model_id].weights.published is None:
        return asc.load_model(model_id, device=device)
    return published.load(request.getfixturevalue("shared"), model_id, device)


@pytest.fixture(scope="module", params=SPECS)
def model(request: pytest.FixtureRequest) -> Model:
    return load(request.param, request)


def music(front_end) -> asc.Clip:
    """Return loud, decaying notes with harmonics over a little noise: two windows and a half, in stereo."""
    rate = front_end.sample_rate
    random = np.random.default_rng(1)
    t = np.arange(int(2.5 * front_end.window_samples)) / rate
    beat = t % 0.5
    hz = 220.0 * 2.0 ** (np.floor(t / 0.5) * 5 % 12 / 12)
    tone = sum(np.sin(2 * np.pi * k * np.cumsum(hz) / rate) / k for k in range(1, 6)) * np.exp(-5 * beat)
    samples = 0.35 * tone + 0.002 * random.standard_normal((2, t.size))
    return asc.Clip(samples, rate)


def test_the_image_has_the_stated_size_and_range(model) -> None:
    image = model.analyse(music(model.front_end)).input
    low, high = model.front_end.value_range
    assert image.shape == model.front_end.input_shape
    assert model.front_end.frequencies_hz.shape == image.shape[:1]
    assert low <= float(image.min()) < float(image.max()) <= high


def test_layers_have_the_units_and_the_shape_that_they_say(model) -> None:
    """Maps get smaller from layer to layer, never larger; units without maps come above those with."""
    run = model.analyse(music(model.front_end))
    before = model.front_end.input_shape
    assert [layer.name for layer in model.spec.layers[-1:]] == ["output"]
    assert model.spec.layers[-1].units == len(model.labels) == len(set(model.labels))
    for layer in model.spec.layers:
        maps = run.feature_maps(layer.name)
        assert maps.shape[0] == layer.units
        assert np.isfinite(maps).all()
        assert run.activity(layer.name).values.shape == (layer.units,)
        if run.is_map(layer.name):
            assert all(0 < after <= now for after, now in zip(maps.shape[1:], before, strict=True))
            before = maps.shape[1:]
        else:
            before = ()
    assert before == ()


def test_every_layer_is_deconvolved_and_auralised(model) -> None:
    run = model.analyse(music(model.front_end))
    for layer in model.spec.layers:
        units = run.most_active(layer.name, top=2)
        images = run.deconvolve(layer.name, units=units)
        assert images.shape == (len(units), *model.front_end.input_shape)
        assert np.isfinite(images).all()
        sound = run.auralise_image(images[0])
        assert sound.n_samples == model.front_end.window_samples
        assert sound.sample_rate == model.front_end.sample_rate
        assert np.isfinite(sound.samples).all()
        assert sound.peak > 0.0, f"{layer.name} {units[0]} is silent"


def test_probabilities_are_probabilities_and_always_the_same(model) -> None:
    clip = music(model.front_end)
    scores = model.predict(clip)
    assert scores.values.shape == (scores.times_s.size, len(model.labels))
    assert scores.labels == model.labels
    assert 0.0 <= float(scores.values.min()) <= float(scores.values.max()) <= 1.0
    if model.spec.output == "softmax":
        np.testing.assert_allclose(scores.values.sum(axis=1), 1.0, rtol=1e-5)
    np.testing.assert_array_equal(model.predict(clip).values, scores.values)
    run = model.analyse(clip)
    np.testing.assert_array_equal(model.analyse(clip).input, run.input)
    np.testing.assert_allclose(run.scores, scores.values[0], atol=1e-3)
    np.testing.assert_allclose(model.predict_input(run.input), run.scores, atol=1e-5)


def test_nothing_is_left_on_the_network(model) -> None:
    before = {name: value.clone() for name, value in model.network.state_dict().items()}
    run = model.analyse(music(model.front_end))
    for layer in model.layers:
        run.deconvolve(layer, units=[0])
    for module in model.network.modules():
        assert not module._forward_hooks
        assert not module._forward_pre_hooks
        assert not module._backward_hooks
        assert not module.training
    assert not any(parameter.requires_grad or parameter.grad is not None for parameter in model.network.parameters())
    for name, value in model.network.state_dict().items():
        torch.testing.assert_close(value, before[name], rtol=0, atol=0)


@EACH
def test_memory_is_given_back(model_id, request) -> None:
    model = load(model_id, request)
    clip = music(model.front_end)
    run = model.analyse(clip)
    run.deconvolve(model.layers[0], units=[0])
    run.deconvolve("output", units=[0])
    kept = [weakref.ref(kept) for kept in (run, run.tape, run.tape.output, run.tape.layers[""], model, model.network)]
    del run, model
    gc.collect()
    assert [reference() for reference in kept] == [None] * len(kept)


@EACH
def test_a_model_card_comes_with_it(model_id) -> None:
    spec = SPECS[model_id]
    assert spec.weights.card is not None
    text = spec.weights.card.read_text(encoding="utf-8")
    for heading in ("## The network", "## Data", "## Procedure", "## Accuracy", "## Limits"):
        assert heading in text
    assert "licence" in text.lower()
    if spec.weights.published is not None:
        assert spec.weights.published.sha256 in text
        assert spec.citation
    assert spec.weights.licence
    assert spec.summary


@pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device here")
def test_the_gpu_agrees(model, request) -> None:
    there = load(model.spec.id, request, "cuda")
    clip = music(model.front_end)
    np.testing.assert_allclose(there.predict(clip).values, model.predict(clip).values, atol=1e-2)  # half precision
    run, over_there = model.analyse(clip), there.analyse(clip)
    np.testing.assert_allclose(over_there.scores, run.scores, atol=1e-3)
    for layer in model.layers:
        unit = run.most_active(layer, top=1)
        one, other = run.deconvolve(layer, units=unit), over_there.deconvolve(layer, units=unit)
        assert np.abs(one - other).max() < 1e-3 * np.abs(one).max()
