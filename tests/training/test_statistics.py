"""Tests of computed statistics for batch norms, and of the bundled ones."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import load_file
from torch import nn

from auralscope.training.bundled.statistics import batch_statistics, varied
from auralscope.training.synthesis.arranger import arrange
from auralscope.training.synthesis.styles import STYLES

BUNDLED = Path(__file__).parents[2] / "plugins" / "compact_convnet" / "thesis-statistics.safetensors"


def test_frozen_statistics_give_the_same_outputs_as_the_batch() -> None:
    """Mode 2 of Keras, which is torch's training mode, equals evaluation with the statistics of the batch."""
    torch.manual_seed(0)
    network = nn.Sequential(
        nn.Conv2d(1, 3, 3),
        nn.BatchNorm2d(3, eps=1e-3),
        nn.ELU(),
        nn.MaxPool2d(2),
        nn.Conv2d(3, 4, 3),
        nn.BatchNorm2d(4),
    ).double()
    batch = 5.0 + 3.0 * torch.randn(6, 1, 12, 14, dtype=torch.float64)
    with torch.no_grad():
        expected = network.train()(batch)
        statistics = batch_statistics(network, batch)
        assert not network.training
        torch.testing.assert_close(network(batch), expected)
        maps = network[0](batch)
    assert set(statistics) == {f"{name}.running_{part}" for name in ("1", "5") for part in ("mean", "var")}
    np.testing.assert_allclose(statistics["1.running_mean"], maps.numpy().mean(axis=(0, 2, 3)))
    np.testing.assert_allclose(statistics["1.running_var"], maps.numpy().var(axis=(0, 2, 3)))
    assert not any(module._forward_pre_hooks for module in network.modules())


def test_the_pieces_are_two_of_each_style() -> None:
    pieces = varied()
    assert Counter(arrange(item.seed).style for item in pieces) == dict.fromkeys(STYLES, 2)
    assert len({item.seed for item in pieces}) == 30


@pytest.mark.parametrize("number", range(1, 6))
def test_the_bundled_statistics_belong_to_five_blocks(number) -> None:
    statistics = load_file(BUNDLED)
    assert len(statistics) == 10
    mean, variance = (statistics[f"block{number}.norm.running_{part}"] for part in ("mean", "var"))
    assert mean.shape == variance.shape == (32,)
    assert float(variance.min()) > 0.0
