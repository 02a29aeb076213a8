"""The network of Choi 2018, sec. 7.2.4: five blocks of 3x3 convolution, two dense layers."""

from __future__ import annotations

from collections import OrderedDict

import torch
from torch import nn

CHANNELS = 64
BLOCKS = 5
HIDDEN = 128


class GenreConvnet(nn.Module):
    """(batch, 1, 257, 173) to (batch, labels), before the softmax.

    Each block is a 3x3 convolution with 64 maps, ReLU and 2x2 max pooling; 257 x 173 ends as 8 x 5.
    """

    def __init__(self, n_labels: int = 3, bins: int = 257, frames: int = 173) -> None:
        super().__init__()
        channels = [1] + [CHANNELS] * BLOCKS
        for number in range(1, BLOCKS + 1):
            block = nn.Sequential(
                OrderedDict(
                    conv=nn.Conv2d(channels[number - 1], channels[number], 3, padding=1),
                    relu=nn.ReLU(),
                    pool=nn.MaxPool2d(2),
                )
            )
            self.add_module(f"block{number}", block)
        features = CHANNELS * (bins >> BLOCKS) * (frames >> BLOCKS)
        self.flatten = nn.Flatten()
        self.dense = nn.Sequential(
            OrderedDict(dropout=nn.Dropout(0.5), linear=nn.Linear(features, HIDDEN), relu=nn.ReLU())
        )
        self.dropout = nn.Dropout(0.5)
        self.output = nn.Linear(HIDDEN, n_labels)

    def forward(self, image: torch.Tensor) -> torch.Tensor:
        for number in range(1, BLOCKS + 1):
            image = self.get_submodule(f"block{number}")(image)
        logits: torch.Tensor = self.output(self.dropout(self.dense(self.flatten(image))))
        return logits
