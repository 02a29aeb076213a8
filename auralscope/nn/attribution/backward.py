"""Deconvolution, and the walk back along the tape that most attribution methods share.

Deconvolution itself is here: Zeiler & Fergus 2014, sec. 2.1; for music, Choi et al. 2015 and Choi 2018, sec. 7.2.
Forward once, keeping each pooling's switches; start from the map of the chosen unit with every other unit zero;
downwards unpool, rectify, scale by the linear part of the batch norm, and convolve with the transposed kernel. The last
image is not rectified.

For a unit of a dense or recurrent layer, the gradient of the unit at the last convolution block's map, multiplied by
that map, is the start instead. Where a unit answers but is saturated, so that this is nothing beside its answer (as in
the published CRNN), the gradient is the mean of those on the way from an empty map to that map: integrated gradients
(Sundararajan, Taly & Yan 2017, eq. 1).
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import torch
from torch import Tensor

from auralscope.errors import NoRuleError
from auralscope.nn.attribution.base import AttributionMethod
from auralscope.nn.attribution.rules import (
    DECONVOLUTION,
    BatchNorm,
    Convolution,
    MaxPool,
    Rectify,
    Rule,
    Table,
)
from auralscope.nn.batches import Batch
from auralscope.nn.tape.capture import INPUT, Tape, is_map
from auralscope.nn.tape.convolution import CONVOLUTION_ARGUMENTS, is_folded
from auralscope.nn.tape.signals import Signal
from auralscope.nn.tape.steps import bound, first_input

if TYPE_CHECKING:
    from auralscope.nn.tape.steps import Step

CACHE_BYTES = 12_000_000
"""About how large the planes of the units that travel together may be on a CPU, so that its cache holds them."""

MEMORY_BYTES = 1_500_000_000
"""About how much the signals of the units that travel together may take; more units travel in turns."""


SATURATED = 1e-6
"""A unit of which gradient times map makes no more than this part of its answer is saturated."""


class BackwardMethod(AttributionMethod):
    """Attribution method that carries a signal down the tape, step by step, each by its rule.

    Parameters
    ----------
    name : str
    rules : Table
    otherwise : Rule, optional
        For steps that the table does not name; without it, they are an error.
    times_input : bool
        Whether the image is multiplied by the input in the end.
    """

    def __init__(self, name: str, rules: Table, otherwise: Rule | None = None, times_input: bool = False) -> None:
        self.name = name
        self._rules = rules
        self._otherwise = otherwise
        self._times_input = times_input

    def attribute(self, tape: Tape, layer: str, units: list[int]) -> Tensor:
        top = tape.layer(layer)
        batch = Batch(_units_at_once(tape, top), "units", top.device)
        image = torch.cat(list(batch.turns(lambda turn: self._backward(tape, *self.start(tape, top, turn)), units)))
        return image * tape.image if self._times_input else image

    def start(self, tape: Tape, top: Tensor, units: list[int]) -> tuple[Tensor, Signal]:
        """Return where the walk begins, and with what: each unit's own answer, every other unit zero."""
        if is_map(top, tape.image):
            channels = torch.tensor(units, device=top.device)
            return top, Signal(top[0, channels].unsqueeze(1), channels)
        chosen = torch.zeros(len(units), top.shape[-1], dtype=top.dtype, device=top.device)
        chosen[torch.arange(len(units)), units] = 1.0
        between = (1,) * (top.ndim - 2)
        return top, Signal(chosen.view(len(units), *between, -1) * top)

    def _backward(self, tape: Tape, start: Tensor, signal: Signal) -> Tensor:
        """Carry a signal from a recorded tensor down to the image: (units, channels, bins, frames)."""
        first = tape.maker(start)
        waiting = {} if first is None else {first: signal}
        return self._walk(tape, sorted(tape.ancestors(start), reverse=True), waiting)

    def _walk(self, tape: Tape, order: list[int], waiting: dict[int, Signal]) -> Tensor:
        for place, index in enumerate(order):
            if index not in waiting:
                continue
            step = tape.steps[index]
            rule = self._rules.get(step.function, self._otherwise)
            if rule is None:
                name = getattr(step.function, "__name__", str(step.function))
                module = step.module or "(the network itself)"
                raise NoRuleError(
                    f"There is no rule of {self.name} for '{name}' in module '{module}'; "
                    "a plugin adds one through the hook auralscope_rules."
                )
            units = len(waiting[index].values)
            cached = tape.image.device.type == "cpu"
            if cached and units > 1 and units * _plane_bytes(rule, step, waiting[index]) > CACHE_BYTES:
                # Planes grow on the way down: from here on, half of the units at a time.
                halves = (slice(0, units // 2), slice(units // 2, units))
                parts = [{i: signal.rows(half) for i, signal in waiting.items()} for half in halves]
                return torch.cat([self._walk(tape, order[place:], part) for part in parts])
            signal = waiting.pop(index)
            for tensor, below in rule.backward(step, signal if rule.keeps_places else signal.spread()):
                maker = tape.maker(tensor)
                if maker is None:  # a constant: a weight, or something made from weights alone
                    continue
                waiting[maker] = _sum(waiting[maker], below, tensor) if maker in waiting else below
        if INPUT not in waiting:
            raise NoRuleError("This layer's output does not depend on the input.")
        return waiting[INPUT].dense(tape.image.shape[1])


class Deconvolution(BackwardMethod):
    """Zeiler & Fergus 2014; above the convolutions, gradient times map (see the module)."""

    def __init__(self) -> None:
        super().__init__("deconvolution", DECONVOLUTION)

    def start(self, tape: Tape, top: Tensor, units: list[int]) -> tuple[Tensor, Signal]:
        if is_map(top, tape.image):
            return super().start(tape, top, units)
        below = last_map(tape, top)
        start = gradient_at(tape, below, top, units) * below
        answers = top.reshape(-1, top.shape[-1]).sum(dim=0)[units]
        nothing = start.flatten(1).abs().sum(dim=1) < SATURATED * answers.abs()
        saturated = nothing.nonzero()[:, 0].tolist()
        if saturated:
            start[saturated] = mean_gradient_at(tape, below, top, [units[row] for row in saturated]) * below
        return below, Signal(start)


def last_map(tape: Tape, top: Tensor) -> Tensor:
    """The last feature map that a convolution block gave, among all on which `top` depends."""
    for index in sorted(tape.ancestors(top), reverse=True):
        step = tape.steps[index]
        rule = DECONVOLUTION.get(step.function)
        if isinstance(rule, (Convolution, MaxPool, Rectify, BatchNorm)) and is_map(step.output, tape.image):
            output: Tensor = step.output
            return output
    raise NoRuleError("No convolution lies below this layer, so there is no feature map to start from.")


def gradient_at(tape: Tape, below: Tensor, top: Tensor, units: list[int]) -> Tensor:
    """Gradients of units of a dense or recurrent layer at a tensor below it: (units, ...) as `below`.

    A recurrent layer's unit is summed over time.
    """
    # cuDNN's recurrent layers go backwards only in training mode; torch's own do in any.
    with torch.enable_grad(), torch.backends.cudnn.flags(enabled=False):
        leaf = below.detach().requires_grad_()
        activations = tape.replay(below, leaf, top)
        activations = activations.reshape(-1, activations.shape[-1]).sum(dim=0)
        rows = torch.eye(len(activations), dtype=top.dtype, device=top.device)[units]
        (gradient,) = torch.autograd.grad(activations, leaf, rows, is_grads_batched=True)
    values: Tensor = gradient[:, 0]
    return values


def mean_gradient_at(tape: Tape, below: Tensor, top: Tensor, units: list[int]) -> Tensor:
    """The mean of `gradient_at` over the maps alpha * `below`, alpha from 0 to 1.

    Times `below` it sums, for each unit, to the unit's answer less its answer to empty maps. What saturates does so
    at a small part of its input, so alpha is sampled evenly in its logarithm.
    """
    smallest, points = 1e-5, 256
    alpha = torch.logspace(math.log10(smallest), 0.0, points, dtype=below.dtype, device=below.device)
    share = alpha * (-math.log(smallest) / (points - 1))  # d alpha = alpha d log(alpha)
    share[0], share[-1] = share[0] / 2.0 + smallest, share[-1] / 2.0
    with torch.enable_grad(), torch.backends.cudnn.flags(enabled=False):
        leaf = (alpha.view(-1, *(1,) * below.ndim) * below).detach().requires_grad_()
        try:
            activations = torch.func.vmap(lambda value: tape.replay(below, value, top))(leaf)
        except RuntimeError:  # a few of torch's functions know no batches of batches
            activations = torch.stack([tape.replay(below, value, top) for value in leaf])
        mean = share @ activations.reshape(points, -1, activations.shape[-1]).sum(dim=1)
        rows = torch.eye(len(mean), dtype=top.dtype, device=top.device)[units]
        gradients = [
            torch.autograd.grad(mean, leaf, few, is_grads_batched=True, retain_graph=True)[0].sum(dim=1)
            for few in torch.split(rows, 8)
        ]
    return torch.cat(gradients)[:, 0]


def _plane_bytes(rule: Rule, step: Step, signal: Signal) -> int:
    """What a unit's signal will take below a step, zeros that are never written left out."""
    below = first_input(step)
    if isinstance(rule, Convolution):
        spread = 0 if is_folded(signal, bound(step, CONVOLUTION_ARGUMENTS)["weight"]) else step.output.nbytes
        return max(below.nbytes, 0 if signal.channels is not None else spread)
    if rule.keeps_places or (isinstance(rule, MaxPool) and step.saved.window):
        return signal.values[0].nbytes
    return below.nbytes if signal.channels is None else below.nbytes // below.shape[1]


def _sum(one: Signal, other: Signal, tensor: Tensor) -> Signal:
    channels = tensor.shape[1]
    return Signal(one.dense(channels) + other.dense(channels))


def _units_at_once(tape: Tape, top: Tensor) -> int:
    outputs = [tape.steps[index].output for index in tape.ancestors(top)]
    largest = max((output.nbytes for output in outputs if isinstance(output, Tensor)), default=1)
    return max(1, MEMORY_BYTES // (3 * largest))
