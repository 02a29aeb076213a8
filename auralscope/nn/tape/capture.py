"""Capture: record one forward pass of a network, step by step.

A tape records every call into torch, by a module or by a plain function in a `forward`, so it works with any network.
The network is not changed: the hooks that report the current module are removed when the recording ends, also after an
error.
"""

from __future__ import annotations

import inspect
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import lru_cache
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor, nn
from torch.overrides import TorchFunctionMode

from auralscope.errors import InputError, UnknownNameError
from auralscope.nn.tape.functions import KINDS, OUT_OF_PLACE, Kind
from auralscope.nn.tape.pooling import max_pool
from auralscope.nn.tape.steps import Step, tensors_in

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

INPUT = -1
"""Index of the image, in place of a step's index."""


@dataclass(eq=False)
class Tape:
    """Record of one forward pass.

    Attributes
    ----------
    image : (1, channels, ...) tensor
        The network's input.
    network : torch.nn.Module
        The network that ran.
    steps : list of Step
        All calls into torch that depend on the image, in their order.
    layers : dict of str to Tensor
        The output of every module, by dotted name; the last output of a module that ran several times.
    output : Tensor
        The network's output.
    """

    image: Tensor
    network: nn.Module
    steps: list[Step] = field(default_factory=list)
    layers: dict[str, Tensor] = field(default_factory=dict)
    output: Tensor = field(default_factory=lambda: torch.empty(0))

    def __post_init__(self) -> None:
        self._made_by: dict[int, int] = {id(self.image): INPUT}

    def add(self, step: Step) -> None:
        """Record a step, unless it depends on constants only."""
        if not any(step.varying):
            return
        for tensor in tensors_in(step.output):
            self._made_by[id(tensor)] = len(self.steps)
        self.steps.append(step)

    def maker(self, tensor: Tensor) -> int | None:
        """Return the index of the step that made a tensor: `INPUT` for the image, None for a constant (a weight)."""
        return self._made_by.get(id(tensor))

    def layer(self, module: str) -> Tensor:
        """Return the output of a module.

        Parameters
        ----------
        module : str
            Dotted name.

        Raises
        ------
        UnknownNameError
            The network has no such module; the message lists all modules.
        """
        if module not in self.layers:
            known = ", ".join(name for name in self.layers if name)
            raise UnknownNameError(f"The network has no layer '{module}'; it has: {known}.")
        return self.layers[module]

    def ancestors(self, tensor: Tensor) -> set[int]:
        """Return the indices of all steps on which a tensor depends, including the step that made it."""
        found: set[int] = set()
        todo = [tensor]
        while todo:
            index = self.maker(todo.pop())
            if index is not None and index != INPUT and index not in found:
                found.add(index)
                todo.extend(self.steps[index].tensors())
        return found

    def replay(self, start: Tensor, value: Tensor, end: Tensor) -> Tensor:
        """Compute `end` again with `value` in place of `start`.

        Only the steps between the two are repeated, so gradients can be taken through a part of the network.

        Parameters
        ----------
        start, end : Tensor
            Tensors of this tape.
        value : Tensor
            Shaped as `start`.

        Returns
        -------
        Tensor
            Shaped as `end`.
        """
        replaced: dict[int, Any] = {id(start): value}
        for index in sorted(self.ancestors(end)):
            step = self.steps[index]
            if id(start) == id(step.output) or not any(id(tensor) in replaced for tensor in step.tensors()):
                continue
            for old, new in zip(tensors_in(step.output), tensors_in(step.repeat(replaced)), strict=True):
                replaced[id(old)] = new
        result: Tensor = replaced[id(end)]
        return result


def record(network: nn.Module, image: Tensor) -> Tape:
    """Run a network once and record every step.

    Parameters
    ----------
    network : torch.nn.Module
        It runs in evaluation mode (no dropout, batch norms with running statistics) and is left unchanged.
    image : (1, channels, bins, frames) tensor
        One input, of the type of the network's weights; (1, channels, samples) for a network on the waveform.

    Returns
    -------
    Tape

    Raises
    ------
    InputError
        The image has another rank, is a batch, empty, not floating point, or not finite.
    """
    _check(image)
    # A view, so that no step of the network can return the caller's tensor itself.
    tape = Tape(image.detach().view_as(image), network)
    with torch.no_grad(), _evaluation_mode(network), _Recorder(tape, network):
        tape.output = network(tape.image)
    return tape


def _check(image: Tensor) -> None:
    shape = tuple(image.shape)
    if image.ndim not in (3, 4):
        raise InputError(f"The input must be (1, channels, bins, frames) or (1, channels, samples), not {shape}.")
    if image.shape[0] != 1:
        raise InputError(f"The input must be a single one, not a batch of {image.shape[0]}.")
    if not image.numel():
        raise InputError(f"The input is empty: {shape}.")
    if not image.is_floating_point():
        raise InputError(f"The input must be floating point, not {image.dtype}.")
    odd = int((~image.isfinite()).sum())
    if odd:
        raise InputError(f"The input has {odd} values that are not finite (NaN or infinite), of {image.numel()}.")


def is_map(value: Tensor, image: Tensor) -> bool:
    """Return whether a layer's output is a stack of feature maps, laid out as the input is."""
    return value.ndim == image.ndim


def unit_count(value: Tensor, image: Tensor) -> int:
    """Count the units of a layer: channels of maps, or the last axis of a dense or recurrent layer's output."""
    return value.shape[1] if is_map(value, image) else value.shape[-1]


@lru_cache(maxsize=256)
def _inplace_at(function: Callable[..., Any]) -> int | None:
    """Return the position of a function's argument `inplace`; modules pass some by position, others by name."""
    names = list(inspect.signature(function, follow_wrapped=False).parameters) if inspect.isfunction(function) else []
    return names.index("inplace") if "inplace" in names else None


class _Recorder(TorchFunctionMode):
    """Mode that records each call into torch, with the module that made it."""

    def __init__(self, tape: Tape, network: nn.Module) -> None:
        super().__init__()
        self._tape = tape
        self._network = network
        self._running: list[str] = []
        self._hooks: list[Any] = []

    def __enter__(self) -> _Recorder:
        for name, module in self._network.named_modules():
            self._hooks.append(module.register_forward_pre_hook(self._entering(name)))
            self._hooks.append(module.register_forward_hook(self._leaving(name)))
        super().__enter__()  # type: ignore[no-untyped-call]
        return self

    def __exit__(self, *failure: Any) -> None:
        super().__exit__(*failure)  # type: ignore[no-untyped-call]
        for hook in self._hooks:
            hook.remove()

    def _entering(self, name: str) -> Callable[..., None]:
        return lambda _module, _args: self._running.append(name)

    def _leaving(self, name: str) -> Callable[..., None]:
        def leave(_module: nn.Module, _args: Any, output: Any) -> None:
            self._running.pop()
            tensor = next(tensors_in(output), None)
            if tensor is not None:
                self._tape.layers[name] = tensor

        return leave

    def __torch_function__(
        self, func: Callable[..., Any], types: Any, args: tuple[Any, ...] = (), kwargs: Any = None
    ) -> Any:
        kwargs = dict(kwargs or {})
        # In-place functions would change the recorded outputs of earlier steps.
        func = OUT_OF_PLACE.get(func, func)
        if kwargs.get("inplace"):
            kwargs["inplace"] = False
        at = _inplace_at(func)
        if at is not None and len(args) > at:
            args = (*args[:at], False, *args[at + 1 :])
        unpooling = None
        if KINDS.get(func) in (Kind.MAX_POOL, Kind.ADAPTIVE_MAX_POOL):
            output, unpooling = max_pool(func, args, kwargs)
        else:
            output = func(*args, **kwargs)
        if any(output is tensor for tensor in tensors_in(args)):
            output = output.view_as(output)  # each step's output must be a tensor of its own
        if KINDS.get(func) is not Kind.CONSTANT and next(tensors_in(output), None) is not None:
            module = self._running[-1] if self._running else ""
            varying = tuple(self._tape.maker(tensor) is not None for tensor in (*tensors_in(args), *tensors_in(kwargs)))
            self._tape.add(Step(func, args, kwargs, output, unpooling, module, varying))
        return output


@contextmanager
def _evaluation_mode(network: nn.Module) -> Iterator[None]:
    training = [module for module in network.modules() if module.training]
    try:
        for module in training:
            module.training = False
        yield
    finally:
        for module in training:
            module.training = True
