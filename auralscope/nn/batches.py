"""As many at once as a device's memory holds: where it runs out, half as many, and it is said.

What happens to a model at work goes to the log `auralscope.nn`, as sentences for people; the window and the command
line show them.
"""

from __future__ import annotations

import logging
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, TypeVar

import torch

from auralscope.errors import DeviceError

if TYPE_CHECKING:
    from collections.abc import Callable, Generator, Iterator

log = logging.getLogger(__name__)

Result = TypeVar("Result")


class Batch:
    """How many go through a network together.

    Parameters
    ----------
    size : int
        To begin with.
    what : str
        What they are, in the plural.
    device : torch.device
        Whose memory they share.
    """

    def __init__(self, size: int, what: str, device: torch.device) -> None:
        self.size = size
        self._what = what
        self._device = device

    def turns(self, work: Callable[[Any], Result], items: Any) -> Iterator[Result]:
        """Do the work for all items, as many at once as go; results come as they are there.

        Parameters
        ----------
        work : callable
            Takes a slice of the items; it may be called again with a shorter one.
        items : sequence, array or tensor

        Raises
        ------
        DeviceError
            There is no memory even for one.
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
        """The result; None where memory ran out. On return the failure no longer holds on to what was computed."""
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
            "The memory of '%s' ran out with %d %s at once; going on with %d.",
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
    """For what cannot be done in smaller parts: where memory runs out, one sentence.

    Raises
    ------
    DeviceError
        The device's memory does not hold it.
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
    """Whether a device has run out of memory; CUDA has an error of its own for it, MPS has not."""
    return isinstance(failure, torch.OutOfMemoryError) or "out of memory" in str(failure)


def give_back(device: torch.device) -> None:
    """Hand memory that nothing uses any more back to the device, for other programs; torch would keep it."""
    if device.type == "cuda":
        torch.cuda.empty_cache()
    elif device.type == "mps":
        torch.mps.empty_cache()
