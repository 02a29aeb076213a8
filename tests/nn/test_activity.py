"""The order of the units of a layer: output by probability, the others by the stated rule."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from torch import nn

from auralscope.dsp.frontends import SpectrogramFrontEnd
from auralscope.nn.activity import map_activity
from auralscope.nn.loaded import Model
from auralscope.nn.model import Layer, ModelSpec, Weights
from auralscope.types import Clip

RATE = 8_000


def fixed_logits(output="sigmoid"):
    """A network whose batch norm has a constant unit, and whose logits are far below zero, but for one."""
    torch.manual_seed(0)
    network = nn.Sequential(
        nn.Conv2d(1, 4, 3, padding=1), nn.BatchNorm2d(4), nn.AdaptiveAvgPool2d(4), nn.Flatten(), nn.Linear(64, 3)
    )
    with torch.no_grad():
        network[0].weight[2] = 0.0
        network[1].bias.copy_(torch.tensor([0.0, -3.0, 50.0, 0.0]))
        network[4].weight.mul_(0.001)
        network[4].bias.copy_(torch.tensor([-30.0, 2.0, -5.0]))
    layers = (Layer("norm", "1", 4), Layer("output", "4", 3))
    spec = ModelSpec(
        "fixed", "Fixed", ("denied", "certain", "unlikely"), layers,
        SpectrogramFrontEnd(RATE, n_fft=128, hop=64, window_samples=2048), lambda: network,
        Weights(Path("nowhere"), "MIT"), output, "For tests.",
    )  # fmt: skip
    return Model(spec, network, torch.device("cpu"))


def noise(seconds):
    random = np.random.default_rng(5)
    return Clip(0.1 * random.standard_normal((1, round(seconds * RATE))), RATE)


@pytest.mark.parametrize("output", ["sigmoid", "softmax"])
def test_the_output_layer_is_ranked_by_probability_not_by_the_square_of_the_logit(output):
    model = fixed_logits(output)
    for excerpt in (model.analyse(noise(1.0)), model.passage(noise(1.0))):
        assert excerpt.most_active("output") == [1, 2, 0]
        assert excerpt.activity("output").measure == "probability"
    run = model.analyse(noise(1.0))
    np.testing.assert_array_equal(run.activity("output").values, run.scores)


def test_a_constant_unit_behind_a_batch_norm_is_last():
    model = fixed_logits()
    for excerpt in (model.analyse(noise(1.0)), model.passage(noise(1.0))):
        assert excerpt.activity("norm").measure == "variance"
        assert excerpt.activity("norm").values[2] == pytest.approx(0.0, abs=1e-6)
        assert excerpt.most_active("norm")[-1] in (1, 2), "the units that are constant or always negative"


def test_maps_without_negative_values_keep_their_mean_square():
    maps = np.random.default_rng(0).random((5, 3, 7)).astype(np.float32)
    activity = map_activity([maps])
    assert activity.measure == "energy"
    np.testing.assert_allclose(activity.values, (maps**2).mean(axis=(1, 2)), rtol=1e-6)


def test_maps_with_negative_values_have_the_variance_of_their_positive_part_over_all_windows():
    windows = np.random.default_rng(1).standard_normal((3, 6, 4, 5)).astype(np.float32)
    activity = map_activity(windows)
    positive = np.maximum(windows, 0.0).swapaxes(0, 1).reshape(6, -1)
    assert activity.measure == "variance"
    np.testing.assert_allclose(activity.values, positive.var(axis=1), rtol=1e-5)
    np.testing.assert_allclose(activity.levels, positive.std(axis=1), rtol=1e-5)


def test_single_values_are_ranked_by_their_positive_part():
    activity = map_activity([np.array([-9.0, 2.0, 0.0, 3.0], np.float32)])
    assert activity.measure == "positive value"
    assert activity.levels.tolist() == [0.0, 2.0, 0.0, 3.0]
