"""Build networks from their descriptions."""

from __future__ import annotations

from collections import OrderedDict

import torch
from torch import nn

from auralscope.nn.architectures.described import SampleLevel, Stack, dense_names
from auralscope.nn.architectures.recurrent import KerasGRU, TorchGRU

NORM_EPSILON = 1e-3
"""Epsilon of the batch norms, as in the published networks (Keras's default at the time)."""

ACTIVATIONS = {"elu": nn.ELU, "relu": nn.ReLU}


def build(description: Stack | SampleLevel, n_labels: int, input_shape: tuple[int, int]) -> nn.Module:
    """Build the untrained network of a description."""
    if isinstance(description, Stack):
        return StackNetwork(description, n_labels, input_shape)
    description.check(input_shape)
    return SampleLevelNetwork(description, n_labels)


class FrameNorm(nn.BatchNorm2d):
    """Batch norm over the time axis: each frame has its own statistics, scale and shift."""

    def forward(self, image: torch.Tensor) -> torch.Tensor:
        """Normalise (batch, channels, bins, frames)."""
        return super().forward(image.transpose(1, 3)).transpose(1, 3)


class StackNetwork(nn.Module):
    """Network from (batch, 1, bins, frames) to (batch, labels); see `Stack`."""

    def __init__(self, stack: Stack, n_labels: int, input_shape: tuple[int, int]) -> None:
        super().__init__()
        activation = ACTIVATIONS[stack.activation]
        frames = stack.padded_frames(input_shape[1])
        zeros = frames - input_shape[1]
        self.pad = nn.ZeroPad2d((zeros // 2, zeros - zeros // 2, 0, 0)) if zeros else nn.Identity()
        self.norm = FrameNorm(frames, eps=NORM_EPSILON) if stack.frame_norm else nn.Identity()
        self.blocks, given, size = [], 1, input_shape
        for number, (block, place) in enumerate(zip(stack.blocks, stack.placed(input_shape), strict=True), start=1):
            parts: OrderedDict[str, nn.Module] = OrderedDict()
            parts["conv"] = nn.Conv2d(given, block.maps, place.kernel, block.stride, place.padding)
            if stack.norm:
                parts["norm"] = nn.BatchNorm2d(block.maps, eps=NORM_EPSILON)
            parts[stack.activation] = activation()
            if max(place.pool) > 1:
                parts["pool"] = nn.MaxPool2d(place.pool)
            if stack.block_dropout:
                parts["dropout"] = nn.Dropout(stack.block_dropout)
            self.blocks.append(f"block{number}")
            self.add_module(f"block{number}", nn.Sequential(parts))
            given, size = block.maps, place.size
        self.ending = stack.ending
        self.maximum = nn.AdaptiveMaxPool2d(1) if stack.ending == "max" else nn.Identity()
        self.flatten = nn.Flatten()
        features = given if stack.ending == "max" else given * size[0] * (size[1] if stack.ending == "flatten" else 1)
        self.grus = []
        for number, units in enumerate(stack.gru, start=1):
            self.grus.append(f"gru{number}")
            last = number == len(stack.gru)
            gru = TorchGRU(features, units) if stack.recurrence == "torch" else KerasGRU(features, units, not last)
            self.add_module(f"gru{number}", gru)
            features = units
        self.denses = dense_names(stack.dense)
        for name, dense in zip(self.denses, stack.dense, strict=True):
            parts = OrderedDict(dropout=nn.Dropout(dense.dropout), linear=nn.Linear(features, dense.units))
            parts[stack.activation] = activation()
            self.add_module(name, nn.Sequential(parts))
            features = dense.units
        self.dropout = nn.Dropout(stack.dropout)
        self.output = nn.Linear(features, n_labels)

    def forward(self, image: torch.Tensor) -> torch.Tensor:
        value = self.norm(self.pad(image))
        for name in self.blocks:
            value = self.get_submodule(name)(value)
        if self.ending == "recurrent":
            value = value.flatten(1, 2).transpose(1, 2)  # (batch, steps, maps * bins)
            for name in self.grus:
                value = self.get_submodule(name)(value)
            value = value[:, -1] if value.ndim == 3 else value
        else:
            value = self.flatten(self.maximum(value))
        for name in self.denses:
            value = self.get_submodule(name)(value)
        logits: torch.Tensor = self.output(self.dropout(value))
        return logits


class ResidualBlock(nn.Module):
    """Two convolutions with squeeze-and-excitation, added to a shortcut (Kim et al. 2018, fig. 1, 'ReSE-2')."""

    def __init__(self, given: int, maps: int, excitation: int) -> None:
        super().__init__()
        self.shortcut = (
            nn.Sequential(nn.Conv2d(given, maps, 1), nn.BatchNorm2d(maps)) if given != maps else nn.Identity()
        )
        self.convolutions = nn.Sequential(
            nn.Conv2d(given, maps, (1, 3), padding=(0, 1)),
            nn.BatchNorm2d(maps),
            nn.ReLU(),
            nn.Dropout(0.2),
            nn.Conv2d(maps, maps, (1, 3), padding=(0, 1)),
            nn.BatchNorm2d(maps),
        )
        self.excite = nn.Sequential(
            nn.AdaptiveAvgPool2d(1),
            nn.Conv2d(maps, excitation * maps, 1),
            nn.ReLU(),
            nn.Conv2d(excitation * maps, maps, 1),
            nn.Sigmoid(),
        )
        self.relu = nn.ReLU()
        self.pool = nn.MaxPool2d((1, 3))

    def forward(self, value: torch.Tensor) -> torch.Tensor:
        """Compute (batch, maps, 1, n // 3) from (batch, given, 1, n)."""
        convolved = self.convolutions(value)
        total = self.shortcut(value) + convolved * self.excite(convolved)
        pooled: torch.Tensor = self.pool(self.relu(total))
        return pooled


class SampleLevelNetwork(nn.Module):
    """Network from (batch, 1, 1, samples) to (batch, labels); see `SampleLevel`."""

    def __init__(self, description: SampleLevel, n_labels: int) -> None:
        super().__init__()
        first, *rest = description.maps
        self.block1 = nn.Sequential(
            OrderedDict(conv=nn.Conv2d(1, first, (1, 3), (1, 3)), norm=nn.BatchNorm2d(first), relu=nn.ReLU())
        )
        self.blocks, given = [], first
        for number, maps in enumerate(rest, start=2):
            self.blocks.append(f"block{number}")
            self.add_module(f"block{number}", ResidualBlock(given, maps, description.excitation))
            given = maps
        self.levels = description.levels
        self.maximum = nn.AdaptiveMaxPool2d(1)
        features = sum(rest[-description.levels :])
        self.dense = nn.Sequential(
            OrderedDict(linear=nn.Linear(features, features), norm=nn.BatchNorm1d(features), relu=nn.ReLU())
        )
        self.dropout = nn.Dropout(0.5)
        self.output = nn.Linear(features, n_labels)

    def forward(self, image: torch.Tensor) -> torch.Tensor:
        value = self.block1(image)
        maxima = []
        for name in self.blocks:
            value = self.get_submodule(name)(value)
            maxima.append(self.maximum(value).flatten(1))
        together = torch.cat(maxima[-self.levels :], dim=1)
        logits: torch.Tensor = self.output(self.dropout(self.dense(together)))
        return logits
