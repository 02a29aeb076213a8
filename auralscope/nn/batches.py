"""Choose a compute device, copy from it, and compute in batches that halve on out-of-memory and log a warning.

Warnings for people go to the log `auralscope.nn`; the window and the command line show them.
"""

from __future__ import annotations

import logging
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, TypeVar

import numpy as np
import torch

from auralscope.errors import DeviceError

if TYPE_CHECKING:
    from collections.abc import Callable, Generator, Iterator

    from numpy.typing import NDArray
    from torch import Tensor

log = logging.getLogger(__name__)

Result = TypeVar("Result")


def choose_device(name: str = "auto") -> torch.device:
    """Return the compute device called `name`.

    Parameters
    ----------
    name : str
        "auto" (CUDA, then MPS, then CPU), "cpu", "mps", "cuda" or "cuda:1".

    Returns
    -------
    torch.device

    Raises
    ------
    DeviceError
        This machine has no such device; the message lists those it has.
    """
    here = {
        "cuda": torch.cuda.is_available(),
        "mps": torch.backends.mps.is_available(),
        "cpu": True,
    }
    if name == "auto":
        return torch.device(next(kind for kind, there in here.items() if there))
    kind, _, number = name.partition(":")
    usable = here.get(kind, False) and (not number or (number.isdigit() and int(number) < _count(kind)))
    if not usable:
        there = ", ".join(kind for kind, is_there in here.items() if is_there)
        raise DeviceError(f"There is no compute device '{name}' here; there is: auto, {there}.")
    return torch.device(name)


def _count(kind: str) -> int:
    return torch.cuda.device_count() if kind == "cuda" else 1


class Batch:
    """Batch size that halves when a device runs out of memory.

    Parameters
    ----------
    size : int
        Items in a batch at the start.
    what : str
        Name of the items in the plural, for messages.
    device : torch.device
        Device that computes the batches.
    """

    def __init__(self, size: int, what: str, device: torch.device) -> None:
        self.size = size
        self._what = what
        self._device = device

    def turns(self, work: Callable[[Any], Result], items: Any) -> Iterator[Result]:
        """Call `work` on all items, batch by batch, and yield each result.

        Parameters
        ----------
        work : callable
            Takes a slice of the items; it is called again with a shorter slice if memory runs out.
        items : sequence, array or tensor
            They are batched along their first axis.

        Yields
        ------
        object
            The result of `work` for each batch.

        Raises
        ------
        DeviceError
            The memory does not hold a single item.
        """
        first = 0
        while first < len(items):
            turn = items[first : first + self.size]
            done = self._attempt(work, turn)
            if done is None:
                self._halve(len(turn))
                continue
            first += len(turn)
            yield done[0]

    def _attempt(self, work: Callable[[Any], Result], turn: Any) -> tuple[Result] | None:
        """Return the result, or None if memory ran out; then the error no longer refers to any computed tensor."""
        try:
            return (work(turn),)
        except RuntimeError as failure:
            if not is_out_of_memory(failure):
                raise
        return None

    def _halve(self, tried: int) -> None:
        give_back(self._device)
        if tried == 1:
            raise _too_small(self._device, f"even one of the {self._what}")
        self.size = tried // 2
        log.warning(
            "The memory of '%s' does not hold %d %s at once; going on with %d.",
            self._device,
            tried,
            self._what,
            self.size,
        )


def outcome(parts: Generator[Any, None, Result]) -> Result:
    """Run a generator to its end, ignore what it yields, and return what it returns."""
    while True:
        try:
            next(parts)
        except StopIteration as end:
            result: Result = end.value
            return result


@contextmanager
def enough_memory(device: torch.device, what: str) -> Iterator[None]:
    """Turn out-of-memory into a `DeviceError`, for work that cannot be divided.

    Parameters
    ----------
    device : torch.device
        Device that computes.
    what : str
        Name of the work, for the message.

    Raises
    ------
    DeviceError
        The device ran out of memory.
    """
    try:
        yield
    except RuntimeError as failure:
        if not is_out_of_memory(failure):
            raise
        raise _too_small(device, what) from failure


def _too_small(device: torch.device, what: str) -> DeviceError:
    return DeviceError(
        f"The memory of '{device}' does not hold {what}; close other programs that use it, or choose --device cpu."
    )


def is_out_of_memory(failure: RuntimeError) -> bool:
    """Return whether an error means out-of-memory; CUDA has an error class for it, MPS only a message."""
    return isinstance(failure, torch.OutOfMemoryError) or "out of memory" in str(failure)


def give_back(device: torch.device) -> None:
    """Release unused memory, which torch would keep, to other programs."""
    if device.type == "cuda":
        torch.cuda.empty_cache()
    elif device.type == "mps":
        torch.mps.empty_cache()


def to_numpy(tensor: Tensor) -> NDArray[np.float32]:
    """Copy a tensor of any device to a float32 array.

    Parameters
    ----------
    tensor : tensor

    Returns
    -------
    float32 array
        Of the same shape.
    """
    array: NDArray[np.float32] = tensor.detach().cpu().numpy().astype(np.float32, copy=False)
    return array
