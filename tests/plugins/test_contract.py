"""One test that walks every model of every plugin that comes with the project: is it what its plugin says it is?"""

from __future__ import annotations

import numpy as np
import pytest
import torch

import auralscope as asc
from auralscope.registry import Registry

MODELS = [spec.id for spec in Registry().models]


def test_there_are_models_to_walk() -> None:
    assert "genre-convnet" in MODELS


@pytest.fixture(scope="module", params=MODELS)
def model(request: pytest.FixtureRequest):
    return asc.load_model(request.param, "cpu")


def noise(model) -> asc.Clip:
    random = np.random.default_rng(1)
    n = 2 * model.front_end.window_samples
    return asc.Clip(0.05 * random.standard_normal((2, n)), model.front_end.sample_rate)


def test_layers_have_the_units_and_the_rank_that_they_say(model) -> None:
    run = model.analyse(noise(model))
    assert run.input.shape == model.front_end.input_shape
    for layer in model.spec.layers:
        maps = run.feature_maps(layer.name)
        assert maps.shape[0] == layer.units
        assert np.isfinite(maps).all()
        assert run.deconvolve(layer.name, units=[layer.units - 1]).shape == (1, *model.front_end.input_shape)


def test_input_values_are_in_their_range(model) -> None:
    low, high = model.front_end.value_range
    run = model.analyse(noise(model))
    assert low <= float(run.input.min())
    assert float(run.input.max()) <= high


def test_probabilities_are_probabilities_and_always_the_same(model) -> None:
    clip = noise(model)
    scores = model.predict(clip)
    assert scores.values.shape[1] == len(model.labels)
    assert float(scores.values.min()) >= 0.0
    assert float(scores.values.max()) <= 1.0
    if model.spec.output == "softmax":
        np.testing.assert_allclose(scores.values.sum(axis=1), 1.0, rtol=1e-5)
    np.testing.assert_array_equal(model.predict(clip).values, scores.values)


def test_nothing_is_left_on_the_network(model) -> None:
    run = model.analyse(noise(model))
    run.deconvolve(model.layers[0], units=[0])
    for module in model.network.modules():
        assert not module._forward_hooks
        assert not module._forward_pre_hooks
        assert not module._backward_hooks
        assert not module.training
    assert not any(parameter.requires_grad for parameter in model.network.parameters())


def test_a_model_card_comes_with_it(model) -> None:
    card = model.spec.weights.card
    assert card is not None
    text = card.read_text(encoding="utf-8")
    for word in ("Data", "Accuracy", "Limits"):
        assert word.lower() in text.lower()


@pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device here")
def test_the_gpu_agrees(model) -> None:
    there = asc.load_model(model.spec.id, "cuda")
    clip = noise(model)
    np.testing.assert_allclose(there.predict(clip).values, model.predict(clip).values, atol=1e-3)
