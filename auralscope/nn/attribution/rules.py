"""Backward rules: how deconvolution passes each kind of step (Zeiler & Fergus 2014, sec. 2.1; Choi 2018, sec. 7.2).

A rule is a small class for a few of torch's functions. What has no rule stops deconvolution with an error that names
it: a plain gradient would be a silent answer to another question.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable
from typing import Any, ClassVar

import torch
from torch import Tensor
from torch.nn import functional

from auralscope.errors import NoRuleError
from auralscope.nn.tape.convolution import CONVOLUTION_ARGUMENTS, transposed_convolution
from auralscope.nn.tape.signals import Signal, Unpooling
from auralscope.nn.tape.steps import Step, bound, each, first_input, substitute, tensors_in


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
        functional.alpha_dropout,
        functional.feature_alpha_dropout,
        torch.clone,
        Tensor.clone,
        Tensor.detach,
    )

    def backward(self, step: Step, signal: Signal) -> list[tuple[Tensor, Signal]]:
        return [(first_input(step), signal)]


class Rectify(Rule):
    """Every activation: negative values are clipped on the way down (Zeiler & Fergus 2014, 'Rectification').

    ELU, leaky ReLU, PReLU, GELU and SiLU get the same rectification as ReLU: the deconvolution keeps what excites.
    """

    keeps_places = True
    functions: ClassVar[tuple[Callable[..., Any], ...]] = (
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
        functional.rrelu,
        functional.mish,
        functional.hardswish,
        Tensor.relu,
        torch.selu,
        torch.celu,
        torch.prelu,
    )

    def backward(self, step: Step, signal: Signal) -> list[tuple[Tensor, Signal]]:
        return [(first_input(step), signal.with_values(signal.values.clamp(min=0.0)))]


class Clamp(Rectify):
    """ReLU written otherwise (ReLU6 is a clamp to torch): rectified, too, if it clips below at zero."""

    functions: ClassVar[tuple[Callable[..., Any], ...]] = (
        functional.hardtanh,
        torch.clamp,
        Tensor.clamp,
        torch.clamp_min,
        Tensor.clamp_min,
    )

    def backward(self, step: Step, signal: Signal) -> list[tuple[Tensor, Signal]]:
        names = ("input", "min_val" if step.function is functional.hardtanh else "min")
        if bound(step, names).get(names[1]) != 0:
            raise NoRuleError(f"Deconvolution has no rule for a clamp in module '{step.module}' that is not at zero.")
        return super().backward(step, signal)


class BatchNorm(Rule):
    """The linear part of the batch norm with frozen statistics: gamma / sqrt(var + eps)."""

    keeps_places = True
    functions = (functional.batch_norm,)

    def backward(self, step: Step, signal: Signal) -> list[tuple[Tensor, Signal]]:
        given = bound(step, ("input", "running_mean", "running_var", "weight", "bias", "training", "momentum", "eps"))
        if given.get("running_var") is None:
            raise NoRuleError(
                f"The batch norm in module '{step.module}' keeps no statistics; deconvolution needs those of training."
            )
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
    window = each(given["kernel_size"], plane)
    stride = each(given.get("stride") or window, plane)
    plain = not any(each(given.get("padding", 0), plane)) and set(each(given.get("dilation", 1), plane)) == {1}
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

    functions: ClassVar[tuple[Callable[..., Any], ...]] = (torch.mul, Tensor.mul, Tensor.__mul__, Tensor.__rmul__)

    def backward(self, step: Step, signal: Signal) -> list[tuple[Tensor, Signal]]:
        tensor, factor = self.held(step)
        if isinstance(factor, Tensor):
            shape = (1,) * (step.output.ndim - factor.ndim) + tuple(factor.shape)
            factor = signal.of_each(factor.reshape(shape).expand(1, step.output.shape[1], *shape[2:]))
        return [(tensor, Signal(signal.values * factor, signal.channels))]

    def held(self, step: Step) -> tuple[Tensor, Any]:
        """What passes, and the factor that is held."""
        one, other = step.args[:2] if len(step.args) > 1 else (*step.args, *step.kwargs.values())
        if not isinstance(one, Tensor) or (isinstance(other, Tensor) and self._gates(step, one)):
            one, other = other, one
        if isinstance(other, Tensor) and all(step.varying) and not self._gates(step, other):
            raise NoRuleError(
                f"Deconvolution has no rule for the product of two feature maps in module '{step.module}'."
            )
        return one, other

    def _gates(self, step: Step, tensor: Tensor) -> bool:
        """Whether a factor is the constant one, or one value a channel."""
        constant = not dict(zip(map(id, step.tensors()), step.varying, strict=True))[id(tensor)]
        return (constant and any(step.varying)) or tensor.numel() < step.output.numel()


class Quotient(Gate):
    """Division by a constant or by what is one value a channel: a product with its reciprocal."""

    functions: ClassVar[tuple[Callable[..., Any], ...]] = (torch.div, Tensor.div)

    def held(self, step: Step) -> tuple[Tensor, Any]:
        given = bound(step, ("input", "other"))
        tensor, divisor = given["input"], given["other"]
        held = not isinstance(divisor, Tensor) or self._gates(step, divisor)
        if not held or not step.varying[0] or given.get("rounding_mode") is not None:
            raise NoRuleError(f"Deconvolution has no rule for the division in module '{step.module}'.")
        return tensor, 1.0 / divisor


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
        if outputs[0].shape[0] != 1:  # units travel in place of the batch
            name = getattr(step.function, "__name__", str(step.function))
            raise NoRuleError(f"There is no rule for '{name}' in module '{step.module}', which moves the batch's axis.")
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
        Tensor.__rsub__,
        torch.neg,
        Tensor.neg,
        Tensor.float,
        Tensor.double,
        Tensor.to,
        torch.cat,
        torch.concat,
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


DECONVOLUTION = table(Pass(), Rectify(), BatchNorm(), Clamp(), MaxPool(), Convolution(), Gate(), Quotient(), Adjoint())
"""The rules of deconvolution. The registry adds those of plugins."""


def make_step(function: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any]) -> tuple[Any, Any]:
    """Make a step of the forward pass, and keep what the way back will need: (output, saved)."""
    rule = DECONVOLUTION.get(function)
    return rule.forward(function, args, kwargs) if rule is not None else (function(*args, **kwargs), None)
