"""Signals: the values that a backward method carries along a tape, for several units at once."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

import torch
from torch import Tensor

if TYPE_CHECKING:
    from auralscope.nn.tape.pooling import Unpooling


@dataclass(frozen=True, eq=False)
class Signal:
    """Values on the way back from a layer to the input, one row for each unit.

    Zeros that are known by construction are not stored.

    Attributes
    ----------
    values : (units, channels, ...) tensor
    channels : (units,) int tensor, optional
        If given, `values` is (units, 1, ...), row u belongs to channel `channels[u]`, and all other channels are zero.
        A signal starts like this and stays so while the steps keep channels apart.
    unpooling : Unpooling, optional
        If given, `values` belong at the places of the switches and all other cells are zero. A signal is like this
        between a max pooling and the convolution below it.
    """

    values: Tensor
    channels: Tensor | None = None
    unpooling: Unpooling | None = None

    def with_values(self, values: Tensor) -> Signal:
        """Return a signal with the same places and other values."""
        return Signal(values, self.channels, self.unpooling)

    def rows(self, which: slice) -> Signal:
        """Return the signal of some of the units."""
        return Signal(self.values[which], None if self.channels is None else self.channels[which], self.unpooling)

    def of_each(self, per_channel: Tensor) -> Tensor:
        """Pick the values (1, channels, ...) of the signal's channels: (units, 1, ...), or all if it has all."""
        return per_channel if self.channels is None else per_channel[0, self.channels].unsqueeze(1)

    def spread(self) -> Signal:
        """Return the signal with the zeros of unpooling written out."""
        if self.unpooling is None:
            return self
        values, plane = self.values, self.unpooling.plane
        units, channels = values.shape[:2]
        # A cell can be the maximum of several windows if they overlap.
        store = Tensor.scatter_add_ if self.unpooling.window is None else Tensor.scatter_
        if self.channels is None and len(plane) == 2:  # channels last, the layout in which convolutions are fastest
            spread = values.new_zeros(units, math.prod(plane), channels)
            switches = self.unpooling.channels_last.expand(units, -1, -1)
            store(spread, 1, switches, values.permute(0, 2, 3, 1).reshape(units, -1, channels))
            return Signal(spread.view(units, *plane, channels).permute(0, 3, 1, 2))
        spread = values.new_zeros(units, channels, math.prod(plane))
        store(spread, 2, self.of_each(self.unpooling.switches).flatten(2).expand(units, -1, -1), values.flatten(2))
        return Signal(spread.view(units, channels, *plane), self.channels)

    def dense(self, n_channels: int) -> Tensor:
        """Return the values with all zeros written out: (units, n_channels, ...)."""
        signal = self.spread()
        if signal.channels is None:
            return signal.values
        full = signal.values.new_zeros(len(signal.values), n_channels, *signal.values.shape[2:])
        full[torch.arange(len(full), device=full.device), signal.channels] = signal.values[:, 0]
        return full
