"""The compact-convnet of Choi 2018, sec. 2.4 (first in Choi et al. 2017, 'Transfer learning for music ...')."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Sequence

import torch
from torch import nn

POOLS = ((2, 4), (3, 4), (2, 5), (2, 4), (4, 4))


class CompactConvnet(nn.Module):
    """(batch, 1, 96, 1360) to (batch, labels), before the sigmoid.

    Five blocks of 3x3 convolution, batch norm, ELU and max pooling, which end in one cell; its maximum over what cells
    there are (more, of a longer image), and a dense layer.

    Parameters
    ----------
    n_labels : int
    channels : int
        Maps of each block.
    pools : sequence of (int, int)
        Of each block, in bands and frames; the published networks' unless given.
    dropout : float
        Before the dense layer; the published networks have none.
    """

    def __init__(
        self,
        n_labels: int = 50,
        channels: int = 32,
        dropout: float = 0.0,
        pools: Sequence[tuple[int, int]] = POOLS,
    ) -> None:
        super().__init__()
        self.blocks = len(pools)
        given = 1
        for number, pool in enumerate(pools, start=1):
            block = nn.Sequential(
                OrderedDict(
                    conv=nn.Conv2d(given, channels, 3, padding=1),
                    norm=nn.BatchNorm2d(channels, eps=1e-3),
                    elu=nn.ELU(),
                    pool=nn.MaxPool2d(pool),
                )
            )
            self.add_module(f"block{number}", block)
            given = channels
        self.maximum = nn.AdaptiveMaxPool2d(1)
        self.flatten = nn.Flatten()
        self.dropout = nn.Dropout(dropout)
        self.output = nn.Linear(channels, n_labels)

    def forward(self, image: torch.Tensor) -> torch.Tensor:
        for number in range(1, self.blocks + 1):
            image = self.get_submodule(f"block{number}")(image)
        logits: torch.Tensor = self.output(self.dropout(self.flatten(self.maximum(image))))
        return logits
