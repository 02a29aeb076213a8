"""Writes: functions that change a tensor in place, expressed as functions that return what they write.

A recorded value never changes. A call such as `y[:, :2] = 0` or `y.masked_fill_(mask, 0)` becomes a step from the old
value of `y` to its new value, and every other tensor that shares the memory gets a new value by `overlaid`.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import torch
from torch import Tensor

NOT_WRITES = ("requires_grad_", "detach_", "retains_grad_", "share_memory_")
"""Functions with the name of a write that leave all values as they are."""


@dataclass(frozen=True)
class OnCopy:
    """A function that writes into its first argument, applied to a copy, which is returned.

    Attributes
    ----------
    function : callable
        The function that writes, such as `Tensor.masked_fill_`.
    """

    function: Callable[..., Any]

    @property
    def __name__(self) -> str:
        return str(self.function.__name__)

    def __call__(self, tensor: Tensor, *args: Any, **kwargs: Any) -> Tensor:
        """Return a copy of `tensor` with the function's values written into it."""
        copy = tensor.clone()
        self.function(copy, *args, **kwargs)
        return copy


def overlaid(values: Tensor, part: Tensor, inside: Tensor, places: Tensor) -> Tensor:
    """Return `values` with the cells of `inside` taken from `part`.

    Parameters
    ----------
    values, part : Tensor
    inside : bool tensor
        Shaped as `values`: whether a cell is replaced.
    places : int tensor
        Shaped as `values`: the index of the cell in the flattened `part`.

    Returns
    -------
    Tensor
        Shaped as `values`.
    """
    return torch.where(inside, part.flatten()[places], values)


def overlap(values: Tensor, part: Tensor) -> tuple[Tensor, Tensor] | None:
    """Return which cells of `values` are also cells of `part`, a tensor in the same memory.

    Returns
    -------
    inside : bool tensor
    places : int tensor
        For `overlaid`; None in place of both if the two have no cell in common.
    """
    cells = part.untyped_storage().nbytes() // part.element_size()
    numbers = torch.full((cells,), -1, device=part.device)
    own = torch.arange(part.numel(), device=part.device).view(part.shape)
    torch.as_strided(numbers, part.shape, part.stride(), part.storage_offset()).copy_(own)
    places = torch.as_strided(numbers, values.shape, values.stride(), values.storage_offset())
    inside = places >= 0
    return (inside, places.clamp(min=0)) if bool(inside.any()) else None


@lru_cache(maxsize=1024)
def on_copy(function: Callable[..., Any]) -> OnCopy:
    """Return the function that does on a copy what `function` does in place."""
    return OnCopy(function)


@lru_cache(maxsize=1024)
def writes_by_name(function: Callable[..., Any]) -> bool:
    """Return whether a torch function writes into its first argument, by torch's convention for names."""
    name = getattr(function, "__name__", "")
    if name.startswith("__"):
        return name == "__setitem__" or (name.startswith("__i") and name not in ("__invert__", "__index__", "__int__"))
    return name.endswith("_") and not name.endswith("__") and name not in NOT_WRITES


@lru_cache(maxsize=1024)
def inplace_position(function: Callable[..., Any]) -> int | None:
    """Return the position of a function's argument `inplace`; modules pass some by position, others by name."""
    try:
        names = list(inspect.signature(function).parameters) if inspect.isfunction(function) else []
    except ValueError:  # wrapped functions of C have no signature
        return None
    return names.index("inplace") if "inplace" in names else None
