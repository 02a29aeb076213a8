"""Measure deconvolution of one deep layer of ten networks of torchvision, all units, beside Captum.

The weights are random. Captum computes one unit at a time; it is timed on a few units and multiplied. It rectifies at
modules `nn.ReLU` only: of networks marked with a star it computes the gradient, in about the same time. Captum also
runs the layers above the chosen one, which are few.
"""

from __future__ import annotations

import statistics
import warnings
from collections.abc import Callable

import torch
from captum.attr import NeuronDeconvolution
from torch import Tensor

from auralscope.nn.attribution.deconvolution import deconvolve_tape
from auralscope.nn.tape.capture import record
from auralscope.training import torchvision_shim  # noqa: F401 - torchvision beside a CPU build of torch
from benchmarks.timing import median_s, seconds

# isort: split
from torchvision import models

NETWORKS = (
    ("alexnet", "features.10", ""),
    ("vgg11", "features.18", ""),
    ("resnet18", "layer4", ""),
    ("resnet50", "layer3", ""),
    ("squeezenet1_1", "features.12", ""),
    ("densenet121", "features.denseblock4", ""),
    ("mobilenet_v2", "features.17", "*"),
    ("efficientnet_b0", "features.7", "*"),
    ("googlenet", "inception5b", "*"),
    ("regnet_y_400mf", "trunk_output.block4", ""),
)
SIZE = 96
THEIR_UNITS = 2
RUNS = 2


def _energy(unit: int) -> Callable[[Tensor], Tensor]:
    return lambda maps: 0.5 * maps[:, unit].square().sum(dim=(1, 2))


def main() -> None:
    """Print one line for each network."""
    warnings.filterwarnings("ignore", module="captum")
    print("wanted: at least 2 times Captum")
    print("network            layer                  units   recorded pass   plain pass    all units    times Captum")
    for name, layer, mark in NETWORKS:
        torch.manual_seed(0)
        first = {"init_weights": False} if name == "googlenet" else {}
        network = getattr(models, name)(weights=None, **first).eval().requires_grad_(False)
        image = torch.randn(1, 3, SIZE, SIZE)
        recorded_s = median_s(lambda network=network, image=image: record(network, image))
        plain_s = median_s(lambda network=network, image=image: network(image))
        tape = record(network, image)
        units = tape.layer(layer).shape[1]
        captum = NeuronDeconvolution(network, network.get_submodule(layer))

        def theirs(captum: NeuronDeconvolution = captum, image: Tensor = image) -> None:
            for unit in range(THEIR_UNITS):
                captum.attribute(image.clone().requires_grad_(), _energy(unit))

        pairs = [
            (seconds(lambda tape=tape, layer=layer: deconvolve_tape(tape, layer)), seconds(theirs)) for _ in range(RUNS)
        ]
        ours_s, theirs_s = (statistics.median(column) for column in zip(*pairs, strict=True))
        print(
            f"{name + mark:18} {layer:22} {units:5}   {recorded_s * 1e3:10.0f} ms   {plain_s * 1e3:7.0f} ms   "
            f"{ours_s:8.1f} s   {theirs_s * units / THEIR_UNITS / ours_s:12.1f}",
            flush=True,
        )
