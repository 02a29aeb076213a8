"""Build the networks of the benchmarks with random weights: only their shapes affect the speed."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import nn

from auralscope.registry import find_spec


@dataclass(frozen=True)
class Case:
    """Network, its input, and the modules whose outputs are its convolution layers.

    Attributes
    ----------
    name : str
    network : torch.nn.Module
    image : (1, 1, bins, frames) tensor
    layers : tuple of str
    """

    name: str
    network: nn.Sequential
    image: torch.Tensor
    layers: tuple[str, ...]


def _blocks(channels: tuple[int, ...], pools: tuple[tuple[int, int], ...], name: str, size: tuple[int, int]) -> Case:
    """Build blocks of 3x3 convolution, batch norm, ELU and max pooling."""
    torch.manual_seed(0)
    blocks = [
        nn.Sequential(nn.Conv2d(before, after, 3, padding=1), nn.BatchNorm2d(after), nn.ELU(), nn.MaxPool2d(pool))
        for before, after, pool in zip((1, *channels), channels, pools, strict=False)
    ]
    network = nn.Sequential(*blocks).eval().requires_grad_(False)
    return Case(name, network, torch.rand(1, 1, *size), tuple(str(number) for number in range(len(blocks))))


def cases() -> list[Case]:
    """Return the genre convnet, the compact-convnet (Choi 2018, sec. 2.4) and the CRNN (Choi et al. 2017)."""
    genre = find_spec("genre-convnet").build()
    blocks = nn.Sequential(*(genre.get_submodule(f"block{number}") for number in range(1, 6)))
    torch.manual_seed(0)
    image = torch.rand(1, 1, 257, 173)
    layers = tuple(str(number) for number in range(5))
    return [
        Case("genre convnet, 4 s", blocks.eval().requires_grad_(False), image, layers),
        _blocks((32,) * 5, ((2, 4), (3, 4), (2, 5), (2, 4), (4, 4)), "compact-convnet, 29 s", (96, 1360)),
        _blocks((64, 128, 128, 128), ((2, 2), (3, 3), (4, 4), (4, 4)), "CRNN, 29 s", (96, 1440)),
    ]
