"""Backward rules of deconvolution, one for each kind of step (Zeiler & Fergus 2014, sec. 2.1; Choi 2018, sec. 7.2).

A rule is a small class for the functions of some kinds; see `auralscope.nn.tape.functions`. A function without a rule
stops deconvolution with an error that names it: a plain gradient in its place would be a different method.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping
from typing import Any, ClassVar

import torch
from torch import Tensor
from torch.nn import functional

from auralscope.errors import NoRuleError
from auralscope.nn.attribution.gates import gate_rank, rectified_tensor
from auralscope.nn.attribution.norms import norm_scale
from auralscope.nn.tape.capture import Tape  # noqa: TC001 - in public annotations
from auralscope.nn.tape.convolution import transposed_convolution
from auralscope.nn.tape.functions import CONVOLUTION_ARGUMENTS, Function, Kind, functions_of
from auralscope.nn.tape.signals import Signal
from auralscope.nn.tape.steps import Step, tensors_in


class Rule(ABC):
    """Rule that carries signals back through one kind of step.

    Attributes
    ----------
    functions : tuple of callable
        The torch functions that the rule is for.
    keeps_places : bool
        Whether a signal with an `unpooling` keeps it. Otherwise its zeros are written out first.
    """

    functions: ClassVar[tuple[Function, ...]] = ()
    keeps_places: ClassVar[bool] = False

    @abstractmethod
    def carry(self, tape: Tape, step: Step, signals: Mapping[int, Signal]) -> list[tuple[Tensor, Signal]]:
        """Carry the signals of a step's outputs to its inputs.

        Parameters
        ----------
        tape : Tape
            The forward pass, for rules that depend on how a step's inputs were made.
        step : Step
            The step of the forward pass, with its arguments and its output.
        signals : mapping of int to Signal
            The signals by the position of the tensor in the step's output. Each is shaped as that tensor, with units in
            place of a batch of one, otherwise in front of all axes.

        Returns
        -------
        list of (Tensor, Signal)
            Inputs of the step, each with the signal that arrives there.

        Raises
        ------
        NoRuleError
            The rule does not apply to this step.
        """


class StepRule(Rule):
    """Rule for steps with one output, which needs nothing of the tape but the step.

    Attributes
    ----------
    needs_planes : bool
        Whether `backward` is for outputs with a batch of one. For any other output, the derivative is taken.
    """

    needs_planes: ClassVar[bool] = False

    def carry(self, tape: Tape, step: Step, signals: Mapping[int, Signal]) -> list[tuple[Tensor, Signal]]:
        outputs = list(tensors_in(step.output))
        if self.needs_planes and outputs[0].shape[:1] != (1,):
            return Derivative().carry(tape, step, signals)
        if set(signals) != {0}:
            raise NoRuleError(f"There is no rule for the further results of '{step.name}' in module '{step.where}'.")
        return self.backward(step, signals[0] if self.keeps_places else signals[0].spread())

    @abstractmethod
    def backward(self, step: Step, signal: Signal) -> list[tuple[Tensor, Signal]]:
        """Carry the signal of a step's output to its inputs; see `carry`.

        Parameters
        ----------
        step : Step
        signal : Signal

        Returns
        -------
        list of (Tensor, Signal)
            Inputs of the step, each with the signal that arrives there.

        Raises
        ------
        NoRuleError
            The rule does not apply to this step.
        """


class Pass(StepRule):
    """Pass the signal on unchanged (identity and, in evaluation mode, dropout)."""

    keeps_places = True
    functions = functions_of(Kind.IDENTITY)

    def backward(self, step: Step, signal: Signal) -> list[tuple[Tensor, Signal]]:
        return [(step.source, signal)]


class Rectify(StepRule):
    """Set negative values to zero at every activation (Zeiler & Fergus 2014, 'Rectification').

    ELU, leaky ReLU, PReLU, GELU, SiLU and their like are treated as ReLU: only what excites is kept.
    """

    keeps_places = True
    functions = functions_of(Kind.ACTIVATION)

    def backward(self, step: Step, signal: Signal) -> list[tuple[Tensor, Signal]]:
        return [(step.source, signal.with_values(signal.values.clamp(min=0.0)))]


class Clamp(Rectify):
    """Rectify at a clamp or threshold whose lower limit is zero (ReLU6 is a clamp in torch)."""

    functions = functions_of(Kind.CLAMP)

    def backward(self, step: Step, signal: Signal) -> list[tuple[Tensor, Signal]]:
        minimum = "min_val" if step.function is functional.hardtanh else "min"
        limit = step.arguments(("input", minimum)).get(minimum, step.kwargs.get("threshold"))
        # The lower bound of a hard tanh is that of a tanh, which is rectified, too.
        if limit != 0 and step.function is not functional.hardtanh:
            raise NoRuleError(f"Deconvolution has no rule for a clamp in module '{step.where}' that is not at zero.")
        return super().backward(step, signal)


class Squash(Rectify):
    """Rectify at a sigmoid, tanh or other bounded activation, as at every activation."""

    functions = functions_of(Kind.SQUASH)


class BatchNorm(StepRule):
    """Scale by the linear part of the batch norm, gamma / sqrt(var + eps), with the statistics of training."""

    keeps_places = True
    needs_planes = True
    functions = functions_of(Kind.BATCH_NORM)

    def backward(self, step: Step, signal: Signal) -> list[tuple[Tensor, Signal]]:
        names = ("input", "running_mean", "running_var", "weight", "bias", "training", "momentum", "eps")
        if step.function is torch.batch_norm:
            names = ("input", "weight", "bias", *names[1:3], *names[5:])
        given = step.arguments(names)
        if given.get("running_var") is None:
            raise NoRuleError(
                f"The batch norm in module '{step.where}' keeps no statistics; deconvolution needs those of training."
            )
        scale = (given["running_var"] + given.get("eps", 1e-5)).rsqrt()
        if given.get("weight") is not None:
            scale = scale * given["weight"]
        shape = (1, -1, *[1] * (signal.values.ndim - 2))
        return [(given["input"], signal.with_values(signal.values * signal.of_each(scale.view(shape))))]


class MaxPool(StepRule):
    """Unpool: return each value to the place of its maximum (Zeiler & Fergus 2014, 'Unpooling')."""

    needs_planes = True
    functions = functions_of(Kind.MAX_POOL, Kind.ADAPTIVE_MAX_POOL)

    def backward(self, step: Step, signal: Signal) -> list[tuple[Tensor, Signal]]:
        assert step.unpooling is not None
        below = Signal(signal.values, signal.channels, step.unpooling)
        # Overlapping windows can share a maximum: add its values before the next step.
        return [(step.source, below if step.unpooling.window else below.spread())]


class Convolution(StepRule):
    """Convolve with the transposed kernel, without bias (Zeiler & Fergus 2014, 'Filtering')."""

    keeps_places = True
    needs_planes = True
    functions = functions_of(Kind.CONVOLUTION)

    def backward(self, step: Step, signal: Signal) -> list[tuple[Tensor, Signal]]:
        given = step.arguments(CONVOLUTION_ARGUMENTS)
        return [(given["input"], transposed_convolution(step, signal, given["weight"]))]


class Derivative(Rule):
    """Multiply by the step's derivative at its input of the forward pass, as backpropagation does.

    A subclass can hold some inputs constant (`carried`), or take the derivative of another function (`repeat`).
    """

    def carry(self, tape: Tape, step: Step, signals: Mapping[int, Signal]) -> list[tuple[Tensor, Signal]]:
        given = list(step.tensors())
        places = [place for place in self.carried(tape, step) if _is_continuous(given[place])]
        if not places:
            return []
        leaves = {place: given[place].detach().requires_grad_() for place in places}
        with torch.enable_grad():
            outputs = list(tensors_in(self.repeat(step, [leaves.get(n, tensor) for n, tensor in enumerate(given)])))
        if any(outputs[n].is_quantized for n in signals):
            raise NoRuleError(f"There is no rule for integers: '{step.name}' in module '{step.module}' quantises.")
        chosen = [(outputs[n], signal) for n, signal in signals.items() if outputs[n].requires_grad]
        if not chosen:
            return []
        values = [whole(signal, output) for output, signal in chosen]
        gradients = _gradients([output for output, _ in chosen], list(leaves.values()), values)
        return [
            (given[place], Signal(without_batch_of_one(gradient, given[place])))
            for place, gradient in zip(places, gradients, strict=True)
            if gradient is not None
        ]

    def carried(self, tape: Tape, step: Step) -> list[int]:
        """Return the positions of the inputs to which the signal goes; all others are held constant."""
        return [place for place, varies in enumerate(step.varying) if varies]

    def repeat(self, step: Step, tensors: list[Tensor]) -> Any:
        """Compute the step's output from the tensors in its arguments."""
        remaining = iter(tensors)
        return step.function(*_with_tensors(step.args, remaining), **_with_tensors(dict(step.kwargs), remaining))


def has_batch_of_one(tensor: Tensor) -> bool:
    """Return whether a signal has its units in place of a tensor's first axis."""
    return tensor.shape[:1] == (1,)


def without_batch_of_one(values: Tensor, tensor: Tensor) -> Tensor:
    """Return values (units, *tensor.shape) in the shape of a signal at the tensor."""
    return values[:, 0] if has_batch_of_one(tensor) else values


def whole(signal: Signal, tensor: Tensor) -> Tensor:
    """Return the values of a signal with all axes of the tensor it belongs to, after the units."""
    if not has_batch_of_one(tensor):
        return signal.values
    return signal.dense(tensor.shape[1] if tensor.ndim > 1 else 1).unsqueeze(1)


def _is_continuous(tensor: Tensor) -> bool:
    return tensor.is_floating_point() or tensor.is_complex()


def _with_tensors(value: Any, tensors: Iterator[Tensor]) -> Any:
    """Return arguments in which the tensors are replaced, one after the other."""
    if isinstance(value, Tensor):
        return next(tensors)
    if isinstance(value, (tuple, list)):
        return type(value)(_with_tensors(item, tensors) for item in value)
    if isinstance(value, dict):
        return {key: _with_tensors(item, tensors) for key, item in value.items()}
    return value


def _gradients(outputs: list[Tensor], leaves: list[Tensor], values: list[Tensor]) -> list[Tensor | None]:
    """Compute the gradients for each unit: (units, ...) as each leaf."""
    try:
        return list(
            torch.autograd.grad(outputs, leaves, values, is_grads_batched=True, allow_unused=True, retain_graph=True)
        )
    except RuntimeError:  # some functions have no derivative for several units at once
        rows = [
            torch.autograd.grad(
                outputs, leaves, [value[unit] for value in values], retain_graph=True, allow_unused=True
            )
            for unit in range(len(values[0]))
        ]
        return [None if column[0] is None else torch.stack(column) for column in zip(*rows, strict=True)]


def derivative(output: Tensor, leaf: Tensor, rows: Tensor) -> Tensor:
    """Compute the derivative of some values of an output with respect to a tensor.

    Parameters
    ----------
    output : tensor
        Computed from `leaf`.
    leaf : tensor
    rows : (n, ...) tensor
        Weights of the output's values, shaped as `output` after the first axis.

    Returns
    -------
    (n, ...) tensor
        Shaped as `leaf` after the first axis.

    Raises
    ------
    NoRuleError
        All steps between the two have no derivative.
    """
    gradient = _gradients([output], [leaf], [rows])[0] if output.requires_grad else None
    if gradient is None:
        raise NoRuleError(
            "This layer depends on the maps below it only by steps without a derivative, such as rounding or an index."
        )
    return gradient


class Adjoint(Derivative):
    """Apply the adjoint of a linear step, which is its derivative at any point."""

    functions = functions_of(
        *(Kind.CONVERSION, Kind.AVERAGE_POOL, Kind.REDUCTION, Kind.SUM, Kind.SHAPE, Kind.REARRANGEMENT),
        *(Kind.INTERPOLATION, Kind.TRANSPOSED_CONVOLUTION, Kind.TRANSFORM, Kind.WRITE),
    )


class Maximum(Derivative):
    """Return each value to the place of the largest, as unpooling does; equal values share it."""

    functions = functions_of(Kind.MAXIMUM)

    def repeat(self, step: Step, tensors: list[Tensor]) -> Any:
        shared = {"max": torch.amax, "min": torch.amin}.get(step.name)
        given = step.arguments(("input", "dim", "keepdim"))
        if shared is None or not isinstance(given.get("dim"), int):
            return super().repeat(step, tensors)
        return shared(tensors[0], given["dim"], keepdim=given.get("keepdim", False))


class Product(Derivative):
    """Multiply by one factor of a product, which is held constant: its gate.

    The gate is, in this order: a factor that does not depend on the input; a mask of truth values; a factor with fewer
    values than the product (one for each channel, squeeze-and-excitation, Hu et al. 2018); a factor from a sigmoid or
    softmax; one from a tanh or another bounded function; otherwise the second factor. The matrix of attention weights
    is the gate of its product with the values. A product with the mask `x > 0` of its other factor is a ReLU.
    """

    functions = functions_of(Kind.DENSE)

    def carried(self, tape: Tape, step: Step) -> list[int]:
        varying = [place for place, varies in enumerate(step.varying) if varies]
        if len(varying) < 2 or (step.function in _ADDING and varying == [0]):
            return varying
        given = list(step.tensors())
        added = [0] if step.function in _ADDING and 0 in varying else []
        factors = [place for place in varying if place not in added]
        gate = max(factors, key=lambda place: (*gate_rank(tape, given[place], step), place))
        return [*added, *(place for place in factors if place != gate)]


class Gate(Product):
    """Multiply by the gate of a product in each place; see `Product`."""

    functions = functions_of(Kind.PRODUCT)

    def carry(self, tape: Tape, step: Step, signals: Mapping[int, Signal]) -> list[tuple[Tensor, Signal]]:
        given = list(step.tensors())
        rectified = rectified_tensor(tape, step)
        if rectified is not None:
            return [(rectified, signals[0].with_values(signals[0].values.clamp(min=0.0)))]
        places = self.carried(tape, step)
        factor = self.factor(step, given, places)
        tensor, output = given[places[0]], step.output
        if len(places) > 1 or not has_batch_of_one(output) or tensor.shape != output.shape or output.ndim < 2:
            return super().carry(tape, step, signals)
        signal = signals[0].spread()
        if isinstance(factor, Tensor):
            shape = (1,) * (output.ndim - factor.ndim) + tuple(factor.shape)
            factor = signal.of_each(factor.reshape(shape).expand(1, output.shape[1], *shape[2:])).conj()
        else:
            factor = factor.conjugate()
        values = signal.values * factor
        return [(tensor, Signal(values if tensor.is_complex() else values.real, signal.channels))]

    def factor(self, step: Step, given: list[Tensor], places: list[int]) -> Any:
        """Return the factor that is held constant."""
        others = [tensor for place, tensor in enumerate(given) if place not in places]
        return (
            others[0]
            if others
            else next(value for value in (*step.args, *step.kwargs.values()) if not isinstance(value, Tensor))
        )


class Quotient(Gate):
    """Divide by a constant or by a divisor that is held constant, such as a norm or a standard deviation."""

    functions = functions_of(Kind.QUOTIENT)

    def carried(self, tape: Tape, step: Step) -> list[int]:
        if step.arguments(("input", "other")).get("rounding_mode") is not None or not step.varying[0]:
            raise NoRuleError(f"Deconvolution has no rule for the division in module '{step.where}'.")
        return [0]

    def factor(self, step: Step, given: list[Tensor], places: list[int]) -> Any:
        return 1.0 / super().factor(step, given, places)


class Power(StepRule):
    """Multiply by output / input, held constant: x^p is x gated by x^(p - 1), and |x| is x gated by its sign.

    Of a complex value, the gate is a phase; the adjoint multiplies by its conjugate.
    """

    functions = functions_of(Kind.POWER)

    def backward(self, step: Step, signal: Signal) -> list[tuple[Tensor, Signal]]:
        source, output = step.source, step.output
        gate = torch.where(source == 0.0, 0.0, output / source).conj()
        return [(source, signal.with_values(signal.values * signal.of_each(gate)))]


class Linearise(Derivative):
    """Replace a logarithm by its tangent at the input of the forward pass.

    The tangent of a standard deviation (statistics pooling, Snyder et al. 2018) is each value gated by its distance
    from the mean.
    """

    functions = functions_of(Kind.LOGARITHM, Kind.DEVIATION)


class Choice(Derivative):
    """Return each value to the operand that it was chosen from (maxout, Goodfellow et al. 2013), as unpooling does.

    A choice between x and zero by the sign of x is a ReLU, one between x and a function of x a leaky one or ELU; both
    rectify.
    """

    functions = functions_of(Kind.CHOICE)

    def carry(self, tape: Tape, step: Step, signals: Mapping[int, Signal]) -> list[tuple[Tensor, Signal]]:
        rectified = rectified_tensor(tape, step)
        if rectified is None:
            return super().carry(tape, step, signals)
        signal = Signal(signals[0].spread().dense(rectified.shape[1] if rectified.ndim > 1 else 1))
        return [(rectified, signal.with_values(signal.values.clamp(min=0.0)))]


class Normalise(StepRule):
    """Multiply by weight / deviation; the statistics are held constant, as those of a batch norm are.

    Layer norm (Ba et al. 2016), group norm (Wu & He 2018), instance norm (Ulyanov et al. 2016), RMS norm (Zhang &
    Sennrich 2019), and division by a vector norm.
    """

    functions = functions_of(Kind.NORM)

    def backward(self, step: Step, signal: Signal) -> list[tuple[Tensor, Signal]]:
        scale = norm_scale(step)
        return [(step.source, signal.with_values(signal.values * signal.of_each(scale)))]


class GatedLinearUnit(Derivative):
    """Multiply one half of the channels by the sigmoid of the other half, which is the gate (Dauphin et al. 2017)."""

    functions = functions_of(Kind.GLU)

    def repeat(self, step: Step, tensors: list[Tensor]) -> Any:
        values, gate = tensors[0].chunk(2, dim=step.arguments(("input", "dim")).get("dim", -1))
        return values * gate.detach().sigmoid()


class Attention(Derivative):
    """Carry the values of an attention back by its weights, which are held constant (Vaswani et al. 2017, sec. 3.2)."""

    functions = functions_of(Kind.ATTENTION)

    def carried(self, tape: Tape, step: Step) -> list[int]:
        return [2] if step.varying[2] else []


_ADDING = (torch.addmm, torch.baddbmm)
"""Products with a sum, whose first tensor is added."""

Table = dict[Function, Rule]
"""The rule for each torch function."""


def table(*rules: Rule) -> Table:
    """Return rules by function; the earlier of two rules for the same function wins."""
    return {function: rule for rule in reversed(rules) for function in rule.functions}


DECONVOLUTION = table(
    *(Pass(), Rectify(), BatchNorm(), Clamp(), Squash(), MaxPool(), Convolution(), Gate(), Quotient(), Product()),
    *(Power(), Linearise(), Choice(), Maximum(), Normalise(), GatedLinearUnit(), Attention(), Adjoint()),
)
"""The rules of deconvolution. The registry adds those of plugins."""
