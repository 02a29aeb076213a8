"""Deconvolving all 64 units of each layer of the genre convnet, beside Captum's `NeuronDeconvolution` unit by unit.

Both on the same network and input, in one process, in turns. Captum is timed on a few units and multiplied, as it
does one at a time.
"""

from __future__ import annotations

import warnings

import torch
from captum.attr import NeuronDeconvolution
from torch import Tensor, nn

from auralscope.nn.capture import record
from auralscope.nn.deconvolution import deconvolve_tape
from auralscope.registry import find_spec
from benchmarks.timing import beside_s, median_s

CAPTUM_UNITS = 2


class _UpTo(nn.Module):
    """The network up to a block, read as half the squared map: the question whose gradient is the deconvolution."""

    def __init__(self, network: nn.Module, blocks: int) -> None:
        super().__init__()
        self.blocks = nn.Sequential(*(network.get_submodule(f"block{number}") for number in range(1, blocks + 1)))

    def forward(self, image: Tensor) -> Tensor:
        return 0.5 * self.blocks(image).square().sum(dim=(2, 3))


def main() -> None:
    """Print one line a layer."""
    warnings.filterwarnings("ignore", module="captum")
    torch.manual_seed(0)
    network = find_spec("genre-convnet").build().eval().requires_grad_(False)
    image = torch.rand(1, 1, 257, 173)
    forward_s = median_s(lambda: record(network, image))
    print(f"forward pass, recorded: {forward_s * 1e3:.0f} ms ({torch.get_num_threads()} threads)")
    print("layer   64 units   a unit   one alone   Captum's 64   times faster")
    tape = record(network, image)
    for number in range(1, 6):
        layer = f"block{number}.pool"
        part = _UpTo(network, number)
        captum = NeuronDeconvolution(part, part)

        def theirs(captum: NeuronDeconvolution = captum) -> None:
            for unit in range(CAPTUM_UNITS):
                captum.attribute(image.clone().requires_grad_(), unit)

        def ours(layer: str = layer) -> None:
            deconvolve_tape(tape, layer)

        ours_s, theirs_s = beside_s(ours, theirs)
        theirs_s *= 64 / CAPTUM_UNITS
        one_s = median_s(lambda layer=layer: deconvolve_tape(tape, layer, [5]))
        print(
            f"conv{number}  {ours_s * 1e3:7.0f} ms {ours_s / 64 * 1e3:6.1f} ms {one_s * 1e3:8.1f} ms "
            f"{theirs_s * 1e3:10.0f} ms   {theirs_s / ours_s:8.1f}"
        )
