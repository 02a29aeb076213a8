"""Backward rules of deconvolution, one for each kind of step (Zeiler & Fergus 2014, sec. 2.1; Choi 2018, sec. 7.2).

A rule is a small class for the functions of some kinds; see `auralscope.nn.tape.functions`. A function without a rule
stops deconvolution with an error that names it: a plain gradient in its place would be a different method.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import Any, ClassVar

import torch
from torch import Tensor
from torch.nn import functional

from auralscope.errors import NoRuleError
from auralscope.nn.tape.convolution import transposed_convolution
from auralscope.nn.tape.functions import CONVOLUTION_ARGUMENTS, Function, Kind, functions_of
from auralscope.nn.tape.signals import Signal
from auralscope.nn.tape.steps import Step, tensors_in


class Rule(ABC):
    """Rule that carries a signal back through one kind of step.

    Attributes
    ----------
    functions : tuple of callable
        The torch functions that the rule is for.
    keeps_places : bool
        Whether `backward` accepts a signal with an `unpooling`. Otherwise its zeros are written out first.
    """

    functions: ClassVar[tuple[Function, ...]] = ()
    keeps_places: ClassVar[bool] = False

    @abstractmethod
    def backward(self, step: Step, signal: Signal) -> list[tuple[Tensor, Signal]]:
        """Carry a signal from the step's output to its inputs.

        Parameters
        ----------
        step : Step
            The step of the forward pass, with its arguments and its output.
        signal : Signal
            Shaped as the step's output, with units in place of the batch.

        Returns
        -------
        list of (Tensor, Signal)
            Inputs of the step, each with the signal that arrives there.

        Raises
        ------
        NoRuleError
            The rule does not apply to this step.
        """


class Pass(Rule):
    """Pass the signal on unchanged (identity and, in evaluation mode, dropout)."""

    keeps_places = True
    functions = functions_of(Kind.IDENTITY)

    def backward(self, step: Step, signal: Signal) -> list[tuple[Tensor, Signal]]:
        return [(step.source, signal)]


class Rectify(Rule):
    """Set negative values to zero at every activation (Zeiler & Fergus 2014, 'Rectification').

    ELU, leaky ReLU, PReLU, GELU, SiLU and their like are treated as ReLU: only what excites is kept.
    """

    keeps_places = True
    functions = functions_of(Kind.ACTIVATION)

    def backward(self, step: Step, signal: Signal) -> list[tuple[Tensor, Signal]]:
        return [(step.source, signal.with_values(signal.values.clamp(min=0.0)))]


class Clamp(Rectify):
    """Rectify at a clamp whose lower limit is zero (ReLU6 is a clamp in torch)."""

    functions = functions_of(Kind.CLAMP)

    def backward(self, step: Step, signal: Signal) -> list[tuple[Tensor, Signal]]:
        minimum = "min_val" if step.function is functional.hardtanh else "min"
        if step.arguments(("input", minimum)).get(minimum) != 0:
            raise NoRuleError(f"Deconvolution has no rule for a clamp in module '{step.module}' that is not at zero.")
        return super().backward(step, signal)


class BatchNorm(Rule):
    """Scale by the linear part of the batch norm, gamma / sqrt(var + eps), with the statistics of training."""

    keeps_places = True
    functions = functions_of(Kind.BATCH_NORM)

    def backward(self, step: Step, signal: Signal) -> list[tuple[Tensor, Signal]]:
        names = ("input", "running_mean", "running_var", "weight", "bias", "training", "momentum", "eps")
        given = step.arguments(names)
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
    """Unpool: return each value to the place of its maximum (Zeiler & Fergus 2014, 'Unpooling')."""

    functions = functions_of(Kind.MAX_POOL, Kind.ADAPTIVE_MAX_POOL)

    def backward(self, step: Step, signal: Signal) -> list[tuple[Tensor, Signal]]:
        assert step.unpooling is not None
        below = Signal(signal.values, signal.channels, step.unpooling)
        # Overlapping windows can share a maximum: add its values before the next step.
        return [(step.source, below if step.unpooling.window else below.spread())]


class Convolution(Rule):
    """Convolve with the transposed kernel, without bias (Zeiler & Fergus 2014, 'Filtering')."""

    keeps_places = True
    functions = functions_of(Kind.CONVOLUTION)

    def backward(self, step: Step, signal: Signal) -> list[tuple[Tensor, Signal]]:
        given = step.arguments(CONVOLUTION_ARGUMENTS)
        return [(given["input"], transposed_convolution(step, signal, given["weight"]))]


class Gate(Rule):
    """Multiply by the constant factor of a product, or by its gate, which keeps its value of the forward pass.

    A gate is a factor with one value for each channel (squeeze-and-excitation, Hu et al. 2018). The product of two full
    maps has no gate, so it has no rule.
    """

    functions = functions_of(Kind.PRODUCT)

    def backward(self, step: Step, signal: Signal) -> list[tuple[Tensor, Signal]]:
        tensor, factor = self.held(step)
        if isinstance(factor, Tensor):
            shape = (1,) * (step.output.ndim - factor.ndim) + tuple(factor.shape)
            factor = signal.of_each(factor.reshape(shape).expand(1, step.output.shape[1], *shape[2:]))
        return [(tensor, Signal(signal.values * factor, signal.channels))]

    def held(self, step: Step) -> tuple[Tensor, Any]:
        """Return the tensor that the signal goes to, and the factor that is held constant."""
        one, other = step.args[:2] if len(step.args) > 1 else (*step.args, *step.kwargs.values())
        if not isinstance(one, Tensor) or (isinstance(other, Tensor) and self._gates(step, one)):
            one, other = other, one
        if isinstance(other, Tensor) and all(step.varying) and not self._gates(step, other):
            raise NoRuleError(
                f"Deconvolution has no rule for the product of two feature maps in module '{step.module}'."
            )
        return one, other

    def _gates(self, step: Step, tensor: Tensor) -> bool:
        """Return whether a factor is constant, or has one value for each channel."""
        constant = not dict(zip(map(id, step.tensors()), step.varying, strict=True))[id(tensor)]
        return (constant and any(step.varying)) or tensor.numel() < step.output.numel()


class Quotient(Gate):
    """Divide by a constant or by a gate; see `Gate`."""

    functions = functions_of(Kind.QUOTIENT)

    def held(self, step: Step) -> tuple[Tensor, Any]:
        given = step.arguments(("input", "other"))
        tensor, divisor = given["input"], given["other"]
        held = not isinstance(divisor, Tensor) or self._gates(step, divisor)
        if not held or not step.varying[0] or given.get("rounding_mode") is not None:
            raise NoRuleError(f"Deconvolution has no rule for the division in module '{step.module}'.")
        return tensor, 1.0 / divisor


class Derivative(Rule):
    """Multiply by the step's derivative at its input of the forward pass, as backpropagation does."""

    def backward(self, step: Step, signal: Signal) -> list[tuple[Tensor, Signal]]:
        inputs = step.varying_tensors()
        leaves = [tensor.detach().requires_grad_() for tensor in inputs]
        with torch.enable_grad():
            output = step.repeat({id(old): new for old, new in zip(inputs, leaves, strict=True)})
        plane = signal.values.shape[2:]
        outputs = [tensor for tensor in tensors_in(output) if tensor.shape[2:] == plane and tensor.requires_grad]
        if len(outputs) != 1:  # the signal does not say which of several parts it belongs to
            raise NoRuleError(
                f"There is no rule for '{step.name}', which gives several parts, in module '{step.module}'."
            )
        if outputs[0].shape[0] != 1:  # the signal has units in place of the batch
            raise NoRuleError(
                f"There is no rule for '{step.name}' in module '{step.module}', which moves the batch's axis."
            )
        values = signal.dense(outputs[0].shape[1]).unsqueeze(1)
        images = torch.autograd.grad(outputs[0], leaves, values, is_grads_batched=True)
        return [(tensor, Signal(image[:, 0])) for tensor, image in zip(inputs, images, strict=True)]


class Adjoint(Derivative):
    """Apply the adjoint of a linear step, which is its derivative at any point."""

    functions = functions_of(
        *(Kind.CONVERSION, Kind.AVERAGE_POOL, Kind.REDUCTION, Kind.SUM, Kind.SHAPE, Kind.INTERPOLATION)
    )


Table = dict[Function, Rule]
"""The rule for each torch function."""


def table(*rules: Rule) -> Table:
    """Return rules by function; the earlier of two rules for the same function wins."""
    return {function: rule for rule in reversed(rules) for function in rule.functions}


DECONVOLUTION = table(Pass(), Rectify(), BatchNorm(), Clamp(), MaxPool(), Convolution(), Gate(), Quotient(), Adjoint())
"""The rules of deconvolution. The registry adds those of plugins."""
