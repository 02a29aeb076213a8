"""Values: what the tensors of a running network hold, each as a tensor that never changes afterwards.

A network works on its own tensors and may write into them, also through views. The tape keeps values: aliases of those
tensors, which share their memory until the network writes. Right before a write, the values are moved to a copy.
"""

from __future__ import annotations

import weakref
from typing import Any

import torch
from torch import Tensor, nn

from auralscope.nn.tape.steps import substitute, tensors_in


class Values:
    """The values of a network's tensors at the present moment of its run."""

    def __init__(self) -> None:
        self._now: dict[int, tuple[weakref.ref[Tensor], Tensor]] = {}
        self._in_memory: dict[int, list[Tensor]] = {}
        self._holders: dict[int, list[weakref.ref[Tensor]]] = {}

    def of(self, tensor: Tensor) -> Tensor:
        """Return the value that a tensor holds now. Parameters are their own values."""
        if isinstance(tensor, nn.Parameter):
            return tensor
        held = self._now.get(id(tensor))
        return held[1] if held is not None and held[0]() is tensor else self.renew(tensor)

    def renew(self, tensor: Tensor) -> Tensor:
        """Return a new value for a tensor that a step has made or written."""
        value = tensor.detach()
        known = self._now.get(id(tensor))
        holder = known[0] if known is not None and known[0]() is tensor else weakref.ref(tensor)
        memory = _memory(tensor)
        if memory is not None:
            self._in_memory.setdefault(memory, []).append(value)
            holders = self._holders.setdefault(memory, [])
            if known is None or holder is not known[0]:
                holders.append(holder)
        self._now[id(tensor)] = (holder, value)
        return value

    def inside(self, value: Any) -> Any:
        """Return a structure with the values of its tensors in their place; lists and mappings are copied."""
        return substitute(value, {id(tensor): self.of(tensor) for tensor in tensors_in(value)})

    def renewed(self, value: Any) -> Any:
        """Return a structure with new values in the place of its tensors."""
        return substitute(value, {id(tensor): self.renew(tensor) for tensor in tensors_in(value)})

    def keep(self, tensor: Tensor) -> None:
        """Move all values in a tensor's memory to a copy, because the tensor will be written."""
        memory = _memory(tensor)
        values = self._in_memory.pop(memory, []) if memory is not None else []
        if not values:
            return
        copy = tensor.untyped_storage().clone()  # type: ignore[no-untyped-call]
        for value in values:
            moved = torch.empty(0, dtype=value.dtype, device=value.device)
            value.data = moved.set_(copy, value.storage_offset(), value.shape, value.stride())
        self._in_memory[copy.data_ptr()] = values

    def sharing(self, tensor: Tensor) -> list[Tensor]:
        """Return the other tensors of the network in the same memory, of the same type."""
        memory = _memory(tensor)
        alive = [holder() for holder in self._holders.get(memory, [])] if memory is not None else []
        return [other for other in alive if other is not None and other is not tensor and other.dtype == tensor.dtype]


def _memory(tensor: Tensor) -> int | None:
    """Return the address of a tensor's memory; None if it has none of its own."""
    if tensor.layout is not torch.strided or not tensor.numel():
        return None
    return tensor.untyped_storage().data_ptr() or None
