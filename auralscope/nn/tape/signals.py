"""What travels down a tape, and where an unpooling puts it."""

from __future__ import annotations

import itertools
import math
from dataclasses import dataclass
from functools import cached_property

import torch
from torch import Tensor


class Unpooling:
    """Where each value of a max pooling's output came from.

    Attributes
    ----------
    switches : (1, channels, ...) int tensor
        Index of each maximum in the flattened plane of its channel.
    plane : torch.Size
        Of the pooling's input.
    window : tuple of int, optional
        Size of the pooling's windows, where they tile the plane from its first cell on, without overlap.
    """

    def __init__(self, switches: Tensor, plane: torch.Size, window: tuple[int, ...] | None) -> None:
        self.switches = switches
        self.plane = plane
        self.window = window

    @cached_property
    def channels_last(self) -> Tensor:
        """The switches as (1, cells, channels)."""
        return self.switches.flatten(2).transpose(1, 2).contiguous()

    @property
    def offsets(self) -> list[tuple[int, ...]]:
        """The places in a window, in the order of `places`."""
        assert self.window is not None
        return list(itertools.product(*(range(size) for size in self.window)))

    def places(self, dtype: torch.dtype) -> Tensor:
        """Ones where in its window each maximum is: (..., places, channels), the cells of the output first."""
        if dtype not in self._places:
            assert self.window is not None
            rest, place, n = self.switches[0], torch.zeros_like(self.switches[0]), 1
            for size, length in zip(reversed(self.window), reversed(self.plane), strict=True):
                place += rest % length % size * n
                rest, n = rest // length, n * size
            last = place.movedim(0, -1).unsqueeze(-2)
            self._places[dtype] = torch.zeros(
                *last.shape[:-2], n, last.shape[-1], dtype=dtype, device=place.device
            ).scatter_(-2, last, 1.0)
        return self._places[dtype]

    @cached_property
    def _places(self) -> dict[torch.dtype, Tensor]:
        return {}


@dataclass(frozen=True, eq=False)
class Signal:
    """What travels down, for several units at once.

    Attributes
    ----------
    values : (units, channels, ...) tensor
    channels : (units,) int tensor, optional
        Where given, `values` is (units, 1, ...) and row u stands in channel `channels[u]`, the others being zero: so
        it is at the start, and as long as steps keep channels apart nothing is spent on the zeros.
    unpooling : Unpooling, optional
        Where given, `values` are those of a pooling's output and stand where the switches say, all else being zero:
        so it is between a pooling and the convolution below it, and nothing is spent on those zeros either.
    """

    values: Tensor
    channels: Tensor | None = None
    unpooling: Unpooling | None = None

    def with_values(self, values: Tensor) -> Signal:
        """The same places, with other values."""
        return Signal(values, self.channels, self.unpooling)

    def rows(self, which: slice) -> Signal:
        """Some of the units."""
        return Signal(self.values[which], None if self.channels is None else self.channels[which], self.unpooling)

    def of_each(self, per_channel: Tensor) -> Tensor:
        """Pick what belongs to the signal's channels: (1, channels, ...) to (units, 1, ...), or as it is."""
        return per_channel if self.channels is None else per_channel[0, self.channels].unsqueeze(1)

    def spread(self) -> Signal:
        """The same with the zeros that unpooling puts between the values."""
        if self.unpooling is None:
            return self
        values, plane = self.values, self.unpooling.plane
        units, channels = values.shape[:2]
        # Where windows overlap, a maximum may be that of several.
        store = Tensor.scatter_add_ if self.unpooling.window is None else Tensor.scatter_
        if self.channels is None and len(plane) == 2:  # channels last: what convolutions are quickest with
            spread = values.new_zeros(units, math.prod(plane), channels)
            switches = self.unpooling.channels_last.expand(units, -1, -1)
            store(spread, 1, switches, values.permute(0, 2, 3, 1).reshape(units, -1, channels))
            return Signal(spread.view(units, *plane, channels).permute(0, 3, 1, 2))
        spread = values.new_zeros(units, channels, math.prod(plane))
        store(spread, 2, self.of_each(self.unpooling.switches).flatten(2).expand(units, -1, -1), values.flatten(2))
        return Signal(spread.view(units, channels, *plane), self.channels)

    def dense(self, n_channels: int) -> Tensor:
        """(units, n_channels, ...): with all its zeros."""
        signal = self.spread()
        if signal.channels is None:
            return signal.values
        full = signal.values.new_zeros(len(signal.values), n_channels, *signal.values.shape[2:])
        full[torch.arange(len(full), device=full.device), signal.channels] = signal.values[:, 0]
        return full
