"""Tests of the genre convnet against the thesis (Choi 2018, sec. 7.2.4) and against its model card."""

from __future__ import annotations

import numpy as np
from torch import nn

import auralscope as asc


def test_it_is_the_network_of_the_thesis() -> None:
    model = asc.load_model("genre-convnet", device="cpu")
    assert model.labels == ("ballad", "dance", "hip-hop")
    assert model.front_end.input_shape == (257, 173)
    convolutions = [module for module in model.network.modules() if isinstance(module, nn.Conv2d)]
    assert [(c.out_channels, c.kernel_size) for c in convolutions] == [(64, (3, 3))] * 5
    assert sum(isinstance(module, nn.MaxPool2d) for module in model.network.modules()) == 5
    assert sum(isinstance(module, nn.Linear) for module in model.network.modules()) == 2
    run = model.analyse(asc.Clip(np.zeros(44_100, dtype=np.float32), 11_025))
    shapes = [run.feature_maps(f"conv{number}").shape for number in range(1, 6)]
    assert shapes == [(64, 128, 86), (64, 64, 43), (64, 32, 21), (64, 16, 10), (64, 8, 5)]


def test_no_layer_is_dull(shared) -> None:
    """Most units of every layer are active on real music, so the gallery is not black."""
    model = asc.load_model("genre-convnet", device="cpu")
    for name in ("jazz_vibraphone", "drum_and_bass"):
        run = model.analyse(asc.load_clip(shared / "audio" / f"{name}.ogg", start_s=5.0, duration_s=4.1))
        for number in range(1, 6):
            assert (run.activity(f"conv{number}").values > 0.0).sum() >= 32
