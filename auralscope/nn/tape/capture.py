"""Capture: one forward pass of a network, written down step by step.

The tape sees every call into torch, whether a module makes it or a plain function in a `forward`, so a network needs
no particular style to be looked into, and nothing of it is changed: the hooks that tell the tape which module is at
work are gone when it closes, after success and after failure.
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
from auralscope.nn.attribution.rules import make_step
from auralscope.nn.tape.steps import Step, substitute, tensors_in

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

INPUT = -1
"""The index, in place of a step's, of the image itself."""


@dataclass(eq=False)
class Tape:
    """What one forward pass did.

    Attributes
    ----------
    image : (1, channels, ...) tensor
        The network's input.
    network : torch.nn.Module
    steps : list of Step
        In the order in which they were made.
    layers : dict of str to Tensor
        The output of every module, under its dotted name; of a module used more than once, the last.
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
        """Write a step down, unless it depends on nothing but constants."""
        if not any(step.varying):
            return
        for tensor in tensors_in(step.output):
            self._made_by[id(tensor)] = len(self.steps)
        self.steps.append(step)

    def maker(self, tensor: Tensor) -> int | None:
        """Index of the step that made a tensor, `INPUT` for the image, None for a constant (a weight)."""
        return self._made_by.get(id(tensor))

    def layer(self, module: str) -> Tensor:
        """The output of a module.

        Raises
        ------
        UnknownNameError
            Names the modules that there are.
        """
        if module not in self.layers:
            known = ", ".join(name for name in self.layers if name)
            raise UnknownNameError(f"The network has no layer '{module}'; it has: {known}.")
        return self.layers[module]

    def ancestors(self, tensor: Tensor) -> set[int]:
        """Indices of all steps on which a tensor depends, its own maker among them."""
        found: set[int] = set()
        todo = [tensor]
        while todo:
            index = self.maker(todo.pop())
            if index is not None and index != INPUT and index not in found:
                found.add(index)
                todo.extend(self.steps[index].tensors())
        return found

    def again(self, image: Tensor) -> Tape:
        """The same network's forward pass of another image."""
        return record(self.network, image)

    def replay(self, start: Tensor, value: Tensor, end: Tensor) -> Tensor:
        """What `end` would have been with `value` in the place of `start`.

        Only the steps between the two are made again, so gradients can be taken through a part of the network.
        """
        replaced: dict[int, Any] = {id(start): value}
        wanted = self.ancestors(end)
        for index in sorted(wanted):
            step = self.steps[index]
            if id(start) == id(step.output) or not any(id(tensor) in replaced for tensor in step.tensors()):
                continue
            args, kwargs = substitute(step.args, replaced), substitute(dict(step.kwargs), replaced)
            again = step.function(*args, **kwargs)
            for old, new in zip(tensors_in(step.output), tensors_in(again), strict=True):
                replaced[id(old)] = new
        result: Tensor = replaced[id(end)]
        return result


def record(network: nn.Module, image: Tensor) -> Tape:
    """Run a network once and write down what it does.

    Parameters
    ----------
    network : torch.nn.Module
        Run in evaluation mode (dropout passes, batch norm uses its running statistics); comes back as it was.
    image : (1, channels, bins, frames) tensor
        One input; also (1, channels, samples) for a network on the waveform.

    Returns
    -------
    Tape

    Raises
    ------
    InputError
        Not one input but several or none, or one with values that are not finite.
    """
    _check(image)
    # A view of its own, so that the image's identity is the tape's alone.
    tape = Tape(image.detach().view_as(image), network)
    with torch.no_grad(), _evaluation_mode(network), _Recorder(tape, network):
        tape.output = network(tape.image)
    return tape


def _check(image: Tensor) -> None:
    shape = tuple(image.shape)
    if image.ndim not in (3, 4):
        raise InputError(f"An input is (1, channels, bins, frames) or (1, channels, samples), not {shape}.")
    if image.shape[0] != 1:
        raise InputError(f"One input at a time is looked into, not a batch of {image.shape[0]}.")
    if not image.numel():
        raise InputError(f"The input is empty: {shape}.")
    if not image.is_floating_point():
        raise InputError(f"The input's values are {image.dtype}; a network's input is floating point.")
    odd = int((~image.isfinite()).sum())
    if odd:
        raise InputError(f"The input has {odd} values that are not finite (NaN or infinite), of {image.numel()}.")


def is_map(value: Tensor, image: Tensor) -> bool:
    """Return whether a layer's output is a stack of feature maps, laid out as the input is."""
    return value.ndim == image.ndim


def unit_count(value: Tensor, image: Tensor) -> int:
    """Count the units of a layer: channels of maps, or the last axis of a dense or recurrent layer's output."""
    return value.shape[1] if is_map(value, image) else value.shape[-1]


_OUT_OF_PLACE: dict[Callable[..., Any], Callable[..., Any]] = {
    Tensor.__iadd__: Tensor.add,
    Tensor.add_: Tensor.add,
    Tensor.__isub__: Tensor.sub,
    Tensor.sub_: Tensor.sub,
    Tensor.__imul__: Tensor.mul,
    Tensor.mul_: Tensor.mul,
    Tensor.__itruediv__: Tensor.div,
    Tensor.div_: Tensor.div,
    Tensor.clamp_: Tensor.clamp,
    Tensor.clamp_min_: Tensor.clamp_min,
    Tensor.relu_: Tensor.relu,
    torch.relu_: torch.relu,
}


@lru_cache(maxsize=256)
def _inplace_at(function: Callable[..., Any]) -> int | None:
    """Which of a function's arguments is `inplace`; modules give some by place, others by name."""
    names = list(inspect.signature(function).parameters) if inspect.isfunction(function) else []
    return names.index("inplace") if "inplace" in names else None


class _Recorder(TorchFunctionMode):
    """Writes each call into torch onto the tape, with the module that made it."""

    def __init__(self, tape: Tape, network: nn.Module) -> None:
        super().__init__()
        self._tape = tape
        self._network = network
        self._at_work: list[str] = []
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
        return lambda _module, _args: self._at_work.append(name)

    def _leaving(self, name: str) -> Callable[..., None]:
        def leave(_module: nn.Module, _args: Any, output: Any) -> None:
            self._at_work.pop()
            tensor = next(tensors_in(output), None)
            if tensor is not None:
                self._tape.layers[name] = tensor

        return leave

    def __torch_function__(
        self, func: Callable[..., Any], types: Any, args: tuple[Any, ...] = (), kwargs: Any = None
    ) -> Any:
        kwargs = dict(kwargs or {})
        # What an earlier step gave must stay what it was.
        func = _OUT_OF_PLACE.get(func, func)
        if kwargs.get("inplace"):
            kwargs["inplace"] = False
        at = _inplace_at(func)
        if at is not None and len(args) > at:
            args = (*args[:at], False, *args[at + 1 :])
        output, saved = make_step(func, args, kwargs)
        if any(output is tensor for tensor in tensors_in(args)):
            output = output.view_as(output)  # a step that gives back what it was given still makes a tensor of its own
        if next(tensors_in(output), None) is not None:
            module = self._at_work[-1] if self._at_work else ""
            varying = tuple(self._tape.maker(tensor) is not None for tensor in (*tensors_in(args), *tensors_in(kwargs)))
            self._tape.add(Step(func, args, kwargs, output, saved, module, varying))
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
