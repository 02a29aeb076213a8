"""Small networks with random weights, and random changes of the selection, for tests that change models often."""

from __future__ import annotations

import numpy as np
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


def selection_steps(session, rng, open_recording, recordings, models):
    """Return random changes of a session's selection, by name, each with its weight in a random walk."""
    listening = session.listening
    return {
        "open": (1, lambda: open_recording(recordings[rng.integers(2)])),
        "model": (2, lambda: session.load_model(models[rng.integers(2)])),
        "window": (2, lambda: session.move_window(float(rng.uniform(0.0, session.clip.duration_s)))),
        "layer": (3, lambda: session.choose_layer(session.model.layers[rng.integers(3)])),
        "unit": (8, lambda: session.choose_unit(int(rng.integers(session.layer_spec.units)))),
        "method": (2, lambda: session.choose_method(("deconvolution", "gradient", "occlusion")[rng.integers(3)])),
        "render": (2, lambda: session.set_render(("mask", "phase")[rng.integers(2)])),
        "rate": (2, lambda: session.set_rate(("recording", "model")[rng.integers(2)])),
        "level": (2, lambda: listening.set_match_loudness(bool(rng.integers(2)))),
        "source": (3, lambda: listening.set_source(("original", "feature")[rng.integers(2)])),
    }


def take_step(steps, rng):
    """Take one of the steps, drawn by their weights."""
    weights = np.array([weight for weight, _ in steps.values()], float)
    steps[rng.choice(list(steps), p=weights / weights.sum())][1]()
