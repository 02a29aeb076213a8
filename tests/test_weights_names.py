"""Load weights whose names or shapes are not those of the network."""

from __future__ import annotations

import logging
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest
import torch
from safetensors.torch import save_file
from torch import nn

from auralscope import weights
from auralscope.dsp.frontends import SpectrogramFrontEnd
from auralscope.errors import WeightsError
from auralscope.nn.model import Layer, ModelSpec, Weights

if TYPE_CHECKING:
    from pathlib import Path


def network() -> nn.Module:
    return nn.Sequential(nn.Conv2d(1, 4, 3), nn.BatchNorm2d(4), nn.Conv2d(4, 2, 3))


@pytest.fixture
def spec(tmp_path: Path) -> ModelSpec:
    return ModelSpec(
        id="mine",
        title="Mine",
        labels=("a", "b"),
        layers=(Layer("conv1", "0", 4),),
        front_end=SpectrogramFrontEnd(8000, 256, 128, 16000),
        build=network,
        weights=Weights(tmp_path / "mine.safetensors", "CC0-1.0"),
        output="softmax",
        summary="For tests.",
    )


@pytest.mark.parametrize("prefix", ["module.", "model.", "_orig_mod.", "net.encoder.", "module._orig_mod."])
def test_a_common_prefix_is_taken_off_and_said(spec: ModelSpec, prefix: str, caplog: pytest.LogCaptureFixture) -> None:
    torch.manual_seed(1)
    saved = network().state_dict()
    save_file({prefix + name: value for name, value in saved.items()}, spec.weights.file)
    built = spec.build()
    with caplog.at_level(logging.WARNING, "auralscope.nn"):
        weights.load_into(built, spec)
    assert all(torch.equal(value, saved[name]) for name, value in built.state_dict().items())
    assert [record.getMessage() for record in caplog.records] == [
        f"The prefix '{prefix}' of all names in \"{spec.weights.file}\" was taken off for the network of 'mine'."
    ]


def test_a_network_that_is_built_in_a_wrapper_is_filled(spec: ModelSpec) -> None:
    saved = network().state_dict()
    save_file(saved, spec.weights.file)
    built = nn.DataParallel(network())
    weights.load_into(built, replace(spec, build=lambda: built))
    assert all(torch.equal(value, saved[name]) for name, value in built.module.state_dict().items())


def test_another_network_is_described_by_its_first_differences(spec: ModelSpec) -> None:
    saved = network().state_dict()
    renamed = {name.replace("1.", "norm."): value for name, value in saved.items()}
    renamed["2.weight"] = torch.zeros(2, 4, 5, 5)
    save_file(renamed, spec.weights.file)
    with pytest.raises(WeightsError) as failure:
        weights.load_into(spec.build(), spec)
    assert str(failure.value) == (
        f"The weights in \"{spec.weights.file}\" are not those of 'mine': its network differs "
        "(missing: 1.weight, 1.bias, 1.running_mean and 2 more; "
        "unexpected: norm.num_batches_tracked, norm.bias, norm.running_mean and 2 more; "
        "of another shape: 2.weight (2, 4, 5, 5), not (2, 4, 3, 3)). "
        "Use the file of this model, or rename its tensors as in the network's state_dict."
    )


@pytest.mark.parametrize("prefix", ["", "module."])
def test_weights_without_the_counters_of_batch_norms_are_complete(spec: ModelSpec, prefix: str) -> None:
    saved = {name: value for name, value in network().state_dict().items() if "num_batches_tracked" not in name}
    assert len(saved) < len(network().state_dict())
    save_file({f"{prefix}{name}": value for name, value in saved.items()}, spec.weights.file)
    built = spec.build()
    weights.load_into(built, spec)
    assert all(torch.equal(built.state_dict()[name], value) for name, value in saved.items())
