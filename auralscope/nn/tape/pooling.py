"""Max pooling that keeps its switches, the places of its maxima, for unpooling."""

from __future__ import annotations

import itertools
from functools import cached_property
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor
from torch.nn import functional

from auralscope.nn.tape.functions import KINDS, MAX_POOL_ARGUMENTS, Kind, per_axis

if TYPE_CHECKING:
    from auralscope.nn.tape.functions import Function


class Unpooling:
    """Places from which the values of a max pooling's output came.

    Attributes
    ----------
    switches : (1, channels, ...) int tensor
        Index of each maximum in the flattened plane of its channel.
    plane : torch.Size
        Size of a plane of the pooling's input.
    window : tuple of int, optional
        Size of the pooling's windows, if they tile the plane from its first cell on without overlap.
    """

    def __init__(self, switches: Tensor, plane: torch.Size, window: tuple[int, ...] | None) -> None:
        self.switches = switches
        self.plane = plane
        self.window = window
        self._places: dict[torch.dtype, Tensor] = {}

    @cached_property
    def channels_last(self) -> Tensor:
        """The switches as (1, cells, channels)."""
        return self.switches.flatten(2).transpose(1, 2).contiguous()

    @property
    def offsets(self) -> list[tuple[int, ...]]:
        """Offsets of the places in a window, in the order of `places`."""
        assert self.window is not None
        return list(itertools.product(*(range(size) for size in self.window)))

    def places(self, dtype: torch.dtype) -> Tensor:
        """Return ones at each maximum's place in its window: (cells..., places, channels)."""
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


_RETURN_SWITCHES: tuple[Function, ...] = (
    functional.max_pool1d_with_indices,
    functional.max_pool2d_with_indices,
    functional.adaptive_max_pool1d_with_indices,
    functional.adaptive_max_pool2d_with_indices,
    torch.adaptive_max_pool1d,
)
_SAME_WITH_OPTION: dict[Function, Function] = {
    torch.max_pool1d: functional.max_pool1d,
    torch.max_pool2d: functional.max_pool2d,
    functional.max_pool1d_with_indices: functional.max_pool1d,
    functional.max_pool2d_with_indices: functional.max_pool2d,
    functional.adaptive_max_pool1d_with_indices: functional.adaptive_max_pool1d,
    functional.adaptive_max_pool2d_with_indices: functional.adaptive_max_pool2d,
    torch.adaptive_max_pool1d: functional.adaptive_max_pool1d,
}
"""The same pooling with the option `return_indices`, for functions that lack it."""


def max_pool(function: Function, args: tuple[Any, ...], kwargs: dict[str, Any]) -> tuple[Any, Unpooling]:
    """Call a max pooling; return its output and its switches."""
    given = {**dict(zip(MAX_POOL_ARGUMENTS, args, strict=False)), **kwargs}
    pool = _SAME_WITH_OPTION.get(function, function)
    pooled, switches = pool(*args, **{**kwargs, "return_indices": True})
    window = _tiling(given) if KINDS[function] is Kind.MAX_POOL else None
    returns_switches = function in _RETURN_SWITCHES or kwargs.get("return_indices")
    unpooling = Unpooling(switches, given["input"].shape[2:], window)
    return ((pooled, switches) if returns_switches else pooled), unpooling


def _tiling(given: dict[str, Any]) -> tuple[int, ...] | None:
    """Return the window of a max pooling if its windows tile the plane."""
    plane = given["input"].ndim - 2
    window = per_axis(given["kernel_size"], plane)
    stride = per_axis(given.get("stride") or window, plane)
    plain = not any(per_axis(given.get("padding", 0), plane)) and {*per_axis(given.get("dilation", 1), plane)} == {1}
    return window if stride == window and plain and not given.get("ceil_mode") else None
