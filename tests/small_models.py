"""Describe small networks with random weights, for tests that change models often."""

from __future__ import annotations

import torch
from torch import nn

from auralscope.dsp.frontends import SpectrogramFrontEnd
from auralscope.nn.model import Layer, ModelSpec, Weights


def build(seed):
    """Build a network with a unit that is always silent in each convolution."""
    torch.manual_seed(seed)
    network = nn.Sequential(
        *(nn.Conv2d(1, 4, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2)),
        *(nn.Conv2d(4, 5, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2)),
        *(nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(5, 3)),
    )
    with torch.no_grad():
        network[0].bias[0] = network[3].bias[0] = -1e3
    return network


def spec_of(name, seed, sample_rate):
    return ModelSpec(
        id=name,
        title=name,
        labels=("one", "two", "three"),
        layers=(Layer("conv1", "2", 4), Layer("conv2", "5", 5), Layer("output", "8", 3)),
        front_end=SpectrogramFrontEnd(sample_rate, 128, 64, sample_rate // 2, compression="log"),
        build=lambda: build(seed),
        weights=Weights(None, "CC0-1.0"),
        output="softmax",
        summary="Random weights.",
    )
