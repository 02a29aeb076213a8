"""Backward rules: how deconvolution passes each kind of step (Zeiler & Fergus 2014, sec. 2.1; Choi 2018, sec. 7.2).

A rule is a small class for a few of torch's functions. What has no rule stops deconvolution with an error that names
it: a plain gradient would be a silent answer to another question.
"""

from __future__ import annotations

import itertools
import math
from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from typing import Any, ClassVar

import torch
from torch import Tensor
from torch.nn import functional

from auralscope.errors import NoRuleError
from auralscope.nn.steps import Step, substitute, tensors_in


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

    def places(self, dtype: torch.dtype) -> list[tuple[tuple[int, ...], Tensor]]:
        """Of each cell of the window: its offsets, and (channels, cells) of ones where the maximum is there."""
        if dtype not in self._places:
            assert self.window is not None
            rest, self._places[dtype] = self.switches[0], []
            inside: list[Tensor] = []
            for size, length in zip(reversed(self.window), reversed(self.plane), strict=True):
                inside.insert(0, rest % length % size)
                rest = rest // length
            for offsets in itertools.product(*(range(size) for size in self.window)):
                there = torch.stack([part == offset for part, offset in zip(inside, offsets, strict=True)]).all(dim=0)
                self._places[dtype].append((offsets, there.flatten(1).to(dtype)))
        return self._places[dtype]

    @cached_property
    def _places(self) -> dict[torch.dtype, list[tuple[tuple[int, ...], Tensor]]]:
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


class Rule(ABC):
    """How deconvolution passes one kind of step."""

    functions: ClassVar[tuple[Callable[..., Any], ...]]
    keeps_places: ClassVar[bool] = False
    """Whether the rule takes a signal between a pooling and what lies below it as it is, before `Signal.spread`."""

    def forward(self, function: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any]) -> tuple[Any, Any]:
        """Make the step and say what to keep of it: (output, saved)."""
        return function(*args, **kwargs), None

    @abstractmethod
    def backward(self, step: Step, signal: Signal) -> list[tuple[Tensor, Signal]]:
        """Carry a signal from the step's output to its inputs.

        Parameters
        ----------
        step : Step
        signal : Signal
            Shaped as the step's output, with units in place of the batch.

        Returns
        -------
        list of (Tensor, Signal)
            An input of the step, and the signal at it.
        """


class Pass(Rule):
    """Identity and, in evaluation mode, dropout: through."""

    keeps_places = True
    functions: ClassVar[tuple[Callable[..., Any], ...]] = (
        functional.dropout,
        functional.dropout1d,
        functional.dropout2d,
        functional.feature_alpha_dropout,
    )

    def backward(self, step: Step, signal: Signal) -> list[tuple[Tensor, Signal]]:
        return [(first_input(step), signal)]


class Rectify(Rule):
    """Every activation: negative values are clipped on the way down (Zeiler & Fergus 2014, 'Rectification').

    ELU, leaky ReLU, PReLU, GELU and SiLU get the same rectification as ReLU: the deconvolution keeps what excites.
    """

    keeps_places = True
    functions = (
        functional.relu,
        torch.relu,
        functional.elu,
        functional.leaky_relu,
        functional.prelu,
        functional.gelu,
        functional.silu,
        functional.relu6,
        functional.selu,
        functional.celu,
        functional.mish,
        functional.hardswish,
        Tensor.relu,
        torch.selu,
        torch.celu,
        torch.prelu,
    )

    def backward(self, step: Step, signal: Signal) -> list[tuple[Tensor, Signal]]:
        return [(first_input(step), signal.with_values(signal.values.clamp(min=0.0)))]


class BatchNorm(Rule):
    """The linear part of the batch norm with frozen statistics: gamma / sqrt(var + eps)."""

    keeps_places = True
    functions = (functional.batch_norm,)

    def backward(self, step: Step, signal: Signal) -> list[tuple[Tensor, Signal]]:
        given = bound(step, ("input", "running_mean", "running_var", "weight", "bias", "training", "momentum", "eps"))
        scale = (given["running_var"] + given.get("eps", 1e-5)).rsqrt()
        if given.get("weight") is not None:
            scale = scale * given["weight"]
        shape = (1, -1, *[1] * (signal.values.ndim - 2))
        return [(given["input"], signal.with_values(signal.values * signal.of_each(scale.view(shape))))]


class MaxPool(Rule):
    """Unpooling: each value returns to where its maximum was; all else is zero (Zeiler & Fergus 2014, 'Unpooling')."""

    functions = (
        torch.max_pool1d,
        torch.max_pool2d,
        functional.max_pool1d,
        functional.max_pool2d,
        functional.max_pool1d_with_indices,
        functional.max_pool2d_with_indices,
        functional.adaptive_max_pool1d,
        functional.adaptive_max_pool2d,
    )

    def forward(self, function: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any]) -> tuple[Any, Any]:
        pool: Callable[..., Any] = _WITH_SWITCHES.get(function, function)
        pooled, switches = pool(*args, **{**kwargs, "return_indices": True})
        asked = function in _GIVE_SWITCHES or kwargs.get("return_indices")
        unpooling = Unpooling(switches, args[0].shape[2:], _tiling(function, args, kwargs)) if args else None
        return ((pooled, switches) if asked else pooled), unpooling

    def backward(self, step: Step, signal: Signal) -> list[tuple[Tensor, Signal]]:
        below = Signal(signal.values, signal.channels, step.saved)
        # Where windows overlap, a cell's values must be added before anything else is done to them.
        return [(first_input(step), below if step.saved.window else below.spread())]


def _tiling(function: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any]) -> tuple[int, ...] | None:
    """The window of a max pooling whose windows tile the plane; None for any other."""
    if function in (functional.adaptive_max_pool1d, functional.adaptive_max_pool2d):
        return None
    names = ("input", "kernel_size", "stride", "padding", "dilation", "ceil_mode")
    given = {**dict(zip(names, args, strict=False)), **kwargs}
    plane = given["input"].ndim - 2
    window = _each(given["kernel_size"], plane)
    stride = _each(given.get("stride") or window, plane)
    plain = not any(_each(given.get("padding", 0), plane)) and set(_each(given.get("dilation", 1), plane)) == {1}
    return window if stride == window and plain and not given.get("ceil_mode") else None


_GIVE_SWITCHES: tuple[Any, ...] = (functional.max_pool1d_with_indices, functional.max_pool2d_with_indices)
_WITH_SWITCHES: dict[Any, Callable[..., Any]] = {
    torch.max_pool1d: functional.max_pool1d,
    torch.max_pool2d: functional.max_pool2d,
    functional.max_pool1d_with_indices: functional.max_pool1d,
    functional.max_pool2d_with_indices: functional.max_pool2d,
}
"""Of some functions, the twin that can give its switches."""


class Convolution(Rule):
    """Transposed convolution with the same kernel, no bias (Zeiler & Fergus 2014, 'Filtering')."""

    keeps_places = True
    functions = (torch.conv1d, torch.conv2d)

    def backward(self, step: Step, signal: Signal) -> list[tuple[Tensor, Signal]]:
        given = bound(step, CONVOLUTION_ARGUMENTS)
        return [(given["input"], transposed_convolution(step, signal, given["weight"]))]


class Gate(Rule):
    """A product: by a constant, or by a gate that the network computes, which is held as it was in the forward pass.

    The gate is the factor that is one value a channel (squeeze-and-excitation, Hu et al. 2018). Of two full maps
    neither is a gate, and their product has no rule.
    """

    functions = (torch.mul, Tensor.mul, Tensor.__mul__, Tensor.__rmul__)

    def backward(self, step: Step, signal: Signal) -> list[tuple[Tensor, Signal]]:
        one, other = step.args[:2] if len(step.args) > 1 else (*step.args, *step.kwargs.values())
        if not isinstance(one, Tensor) or (isinstance(other, Tensor) and self._gates(step, one)):
            one, other = other, one
        if isinstance(other, Tensor):
            if all(step.varying) and not self._gates(step, other):
                raise NoRuleError(
                    f"Deconvolution has no rule for the product of two feature maps in module '{step.module}'."
                )
            shape = (1,) * (step.output.ndim - other.ndim) + tuple(other.shape)
            other = signal.of_each(other.reshape(shape).expand(1, step.output.shape[1], *shape[2:]))
        return [(one, Signal(signal.values * other, signal.channels))]

    def _gates(self, step: Step, tensor: Tensor) -> bool:
        """Whether a factor is the constant one, or one value a channel."""
        constant = not dict(zip(map(id, step.tensors()), step.varying, strict=True))[id(tensor)]
        return (constant and any(step.varying)) or tensor.numel() < step.output.numel()


class Derivative(Rule):
    """The derivative of a step at what it was given in the forward pass: what backpropagation does."""

    functions: ClassVar[tuple[Callable[..., Any], ...]] = ()

    def backward(self, step: Step, signal: Signal) -> list[tuple[Tensor, Signal]]:
        inputs = [tensor for tensor, varies in zip(step.tensors(), step.varying, strict=True) if varies]
        leaves = [tensor.detach().requires_grad_() for tensor in inputs]
        replaced = {id(old): new for old, new in zip(inputs, leaves, strict=True)}
        with torch.enable_grad():
            output = step.function(*substitute(step.args, replaced), **substitute(dict(step.kwargs), replaced))
        plane = signal.values.shape[2:]
        outputs = [tensor for tensor in tensors_in(output) if tensor.shape[2:] == plane and tensor.requires_grad]
        if len(outputs) != 1:  # of several parts, nothing says which the signal is for
            name = getattr(step.function, "__name__", str(step.function))
            raise NoRuleError(f"There is no rule for '{name}', which gives several parts, in module '{step.module}'.")
        values = signal.dense(outputs[0].shape[1]).unsqueeze(1)
        images = torch.autograd.grad(outputs[0], leaves, values, is_grads_batched=True)
        return [(tensor, Signal(image[:, 0])) for tensor, image in zip(inputs, images, strict=True)]


class Adjoint(Derivative):
    """Steps that are linear in what they are given: their adjoint, which is the derivative at any point."""

    functions = (
        torch.avg_pool1d,
        functional.avg_pool2d,
        functional.adaptive_avg_pool1d,
        functional.adaptive_avg_pool2d,
        functional.pad,
        functional.interpolate,
        torch.mean,
        Tensor.mean,
        torch.sum,
        Tensor.sum,
        torch.flatten,
        Tensor.flatten,
        Tensor.reshape,
        torch.reshape,
        Tensor.view,
        torch.squeeze,
        Tensor.squeeze,
        torch.unsqueeze,
        Tensor.unsqueeze,
        Tensor.contiguous,
        Tensor.__getitem__,
        torch.add,
        Tensor.add,
        Tensor.__add__,
        Tensor.__radd__,
        torch.sub,
        Tensor.sub,
        torch.cat,
        torch.transpose,
        Tensor.transpose,
        torch.permute,
        Tensor.permute,
    )


Table = dict[Callable[..., Any], Rule]
"""Which rule passes which of torch's functions."""


def table(*rules: Rule) -> Table:
    """Rules by function; of two that claim a function, the earlier."""
    return {function: rule for rule in reversed(rules) for function in rule.functions}


DECONVOLUTION = table(Pass(), Rectify(), BatchNorm(), MaxPool(), Convolution(), Gate(), Adjoint())
"""The rules of deconvolution. The registry adds those of plugins."""


def make_step(function: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any]) -> tuple[Any, Any]:
    """Make a step of the forward pass, and keep what the way back will need: (output, saved)."""
    rule = DECONVOLUTION.get(function)
    return rule.forward(function, args, kwargs) if rule is not None else (function(*args, **kwargs), None)


CONVOLUTION_ARGUMENTS = ("input", "weight", "bias", "stride", "padding", "dilation", "groups")


def transposed_convolution(step: Step, signal: Signal, weight: Tensor) -> Signal:
    """Carry a signal through a convolution step, with a kernel that may be another than the step's own."""
    given = bound(step, CONVOLUTION_ARGUMENTS)
    source, groups = given["input"], given.get("groups", 1)
    plane = source.ndim - 2
    stride, dilation = _each(given.get("stride", 1), plane), _each(given.get("dilation", 1), plane)
    before = _padding_before(given.get("padding", 0), weight.shape[2:], dilation)
    if _is_folded(signal, weight) and groups == 1 and {*stride, *dilation} == {1}:
        return Signal(_folded(signal, weight, before, source.shape[2:]))
    transpose = functional.conv_transpose1d if plane == 1 else functional.conv_transpose2d

    signal = signal.spread()
    if signal.channels is not None and groups == 1:
        # Each unit touches only its own kernel: one group a unit, and nothing is multiplied by zero.
        values, kernels, groups = signal.values.transpose(0, 1), weight[signal.channels], len(signal.values)
    else:
        values, kernels = signal.values, weight
        if signal.channels is not None:
            values = signal.dense(weight.shape[0])
        if plane == 2:
            kernels = kernels.contiguous(memory_format=torch.channels_last)
            values = values.contiguous(memory_format=torch.channels_last)
    # What the stride left out of the input's end belongs to it all the same.
    behind = [
        size - ((n - 1) * jump - 2 * pad + spread * (k - 1) + 1)
        for size, n, jump, pad, spread, k in zip(
            source.shape[2:], values.shape[2:], stride, before, dilation, weight.shape[2:], strict=True
        )
    ]
    padding = before
    even = all(0 <= rest < max(jump, spread) for rest, jump, spread in zip(behind, stride, dilation, strict=True))
    if not even:  # the odd zero of 'same' stands behind: take everything, then cut
        padding, behind = (0,) * plane, [0] * plane
    image = transpose(values, kernels, None, stride, padding, behind, groups, dilation)
    if len(image) != len(signal.values):
        image = image.view(len(signal.values), -1, *image.shape[2:])
    return Signal(image if even else _cut(image, before, source.shape[2:]))


def _is_folded(signal: Signal, weight: Tensor) -> bool:
    """Whether `_folded` applies and pays: fewer products a cell than channels that are summed."""
    tiled = signal.unpooling is not None and signal.unpooling.window is not None
    return tiled and signal.channels is None and weight[0].numel() <= weight.shape[0]


def _folded(signal: Signal, weight: Tensor, before: tuple[int, ...], shape: torch.Size) -> Tensor:
    """Unpool and convolve with a kernel of few channels at once, without making the large plane of zeros.

    For each cell of the pooling's window, the values whose maximum was there are multiplied with the kernel by one
    matrix product, and the products are added where they belong.
    """
    values, unpooling = signal.values, signal.unpooling
    assert unpooling is not None
    assert unpooling.window is not None
    units, _, *cells = values.shape
    n_out, kernel = weight.shape[1], weight.shape[2:]
    matrix = weight.flatten(1).T  # (out * kernel, channels)
    flat = values.flatten(2)
    # Around the plane there is room for what the kernel reaches beyond it.
    room = [size + reach - 1 for size, reach in zip(unpooling.plane, kernel, strict=True)]
    image = values.new_zeros(units, n_out, *room)
    everything = (slice(None), slice(None))
    for offsets, there in unpooling.places(values.dtype):
        products = torch.matmul(matrix, flat * there).view(units, n_out, *kernel, *cells)
        for tap in itertools.product(*(range(size) for size in kernel)):
            to: tuple[Any, ...] = tuple(
                slice(offset + shift, offset + shift + size * n, size)
                for offset, shift, size, n in zip(offsets, tap, unpooling.window, cells, strict=True)
            )
            of: tuple[Any, ...] = tap
            image[(*everything, *to)] += products[(*everything, *of)]
    inside: tuple[Any, ...] = tuple(slice(first, first + size) for first, size in zip(before, shape, strict=True))
    return image[(*everything, *inside)]


def first_input(step: Step) -> Tensor:
    """The first tensor that a step was given."""
    return next(step.tensors())


def bound(step: Step, names: tuple[str, ...]) -> dict[str, Any]:
    """The step's arguments by name, as far as they were given."""
    return {**dict(zip(names, step.args, strict=False)), **step.kwargs}


def _each(value: int | tuple[int, ...] | list[int], n: int) -> tuple[int, ...]:
    values = (value,) if isinstance(value, int) else tuple(value)
    return values * n if len(values) == 1 else values


def _padding_before(padding: Any, kernel: torch.Size, dilation: tuple[int, ...]) -> tuple[int, ...]:
    """Zeros that the convolution put before its input, per axis; torch puts the odd one of 'same' behind."""
    if padding == "valid":
        return (0,) * len(kernel)
    if padding == "same":
        return tuple(step * (size - 1) // 2 for size, step in zip(kernel, dilation, strict=True))
    return _each(padding, len(kernel))


def _cut(image: Tensor, before: tuple[int, ...], shape: torch.Size) -> Tensor:
    """The part of a transposed convolution that lies on the input: padding goes, what the stride left out is zero."""
    missing: list[int] = []
    for size, first, have in zip(reversed(shape), reversed(before), reversed(image.shape[2:]), strict=True):
        missing += [-first, size + first - have]
    return functional.pad(image, missing) if any(missing) else image
