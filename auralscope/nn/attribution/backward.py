"""Backward methods: deconvolution, and the walk back along the tape that most attribution methods share.

Deconvolution is that of Zeiler & Fergus 2014, sec. 2.1; for music, Choi et al. 2015 and Choi 2018, sec. 7.2. One
forward pass keeps each pooling's switches. The walk starts from the map of the chosen unit, with all other units zero;
on the way down, it unpools, rectifies, scales by the linear part of the batch norm, and convolves with the transposed
kernel. The last image is not rectified.

A unit of a dense or recurrent layer starts from its gradient at the last convolution block's map, times that map. A
saturated unit is active although this product is nearly zero (as in the published CRNN). Its gradient is replaced by
the mean gradient on the path from an empty map to that map (integrated gradients: Sundararajan, Taly & Yan 2017,
eq. 1). Tokens of a transformer are carried back by the rules, as maps are.
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
    Squash,
    Table,
    derivative,
    has_batch_of_one,
    without_batch_of_one,
)
from auralscope.nn.batches import Batch
from auralscope.nn.tape.capture import INPUT, Tape
from auralscope.nn.tape.convolution import is_folded
from auralscope.nn.tape.functions import CONVOLUTION_ARGUMENTS, KINDS, Kind
from auralscope.nn.tape.layout import layout_of
from auralscope.nn.tape.signals import Signal
from auralscope.nn.tape.steps import tensors_in

if TYPE_CHECKING:
    from auralscope.nn.tape.steps import Step

CACHE_BYTES = 12_000_000
"""Approximate size of the planes of all units in a batch on a CPU, so that its cache holds them."""

MEMORY_BYTES = 1_500_000_000
"""Approximate memory for the signals of all units in a batch; further units follow in other batches."""


SATURATED = 1e-6
"""A unit is saturated if gradient times map sums to less than this share of its activation."""


class BackwardMethod(AttributionMethod):
    """Attribution method that carries a signal back along the tape, through each step by a rule.

    Parameters
    ----------
    name : str
        The value of `method=` that chooses it.
    rules : dict of callable to Rule
        The rule for each torch function; see `auralscope.nn.attribution.rules.table`.
    otherwise : Rule, optional
        Rule for all other functions; without it, they are an error.
    times_input : bool
        Whether to multiply the resulting image by the input.
    """

    def __init__(self, name: str, rules: Table, *, otherwise: Rule | None = None, times_input: bool = False) -> None:
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
        """Return the tensor where the walk starts, and the signal there: each unit's activation, all others zero."""
        layout = layout_of(tape, top)
        if layout.unit == 1 and top.ndim > 2 and has_batch_of_one(top):
            channels = torch.tensor(units, device=top.device)
            return top, Signal(top[0, channels].unsqueeze(1), channels)
        return top, Signal(without_batch_of_one(layout.only(top, units), top))

    def _backward(self, tape: Tape, start: Tensor, signal: Signal) -> Tensor:
        """Carry a signal from a recorded tensor back to the image: (units, channels, bins, frames)."""
        waiting: Waiting = {}
        _deliver(tape, waiting, start, signal)
        return self._walk(tape, sorted(tape.ancestors(start), reverse=True), waiting)

    def _walk(self, tape: Tape, order: list[int], waiting: Waiting) -> Tensor:
        for place, index in enumerate(order):
            if index not in waiting:
                continue
            step = tape.steps[index]
            rule = self._rules.get(step.function, self._otherwise)
            if rule is None:
                raise NoRuleError(
                    f"There is no rule of {self.name} for '{step.name}' in module '{step.where}'; "
                    "a plugin adds one through the hook auralscope_rules."
                )
            signal = next(iter(waiting[index].values()))
            units = len(signal.values)
            cached = tape.image.device.type == "cpu"
            if cached and units > 1 and units * _plane_bytes(rule, step, signal) > CACHE_BYTES:
                # Planes grow on the way down: go on with half of the units at a time.
                halves = (slice(0, units // 2), slice(units // 2, units))
                parts = [
                    {i: {n: signal.rows(half) for n, signal in signals.items()} for i, signals in waiting.items()}
                    for half in halves
                ]
                return torch.cat([self._walk(tape, order[place:], part) for part in parts])
            for tensor, below in rule.carry(tape, step, waiting.pop(index)):
                _deliver(tape, waiting, tensor, below)
        if INPUT not in waiting:
            way = "only by steps without a derivative, such as rounding or an index" if order else "not at all"
            raise NoRuleError(f"{self.name} has no picture of this layer: it depends on the input {way}.")
        return waiting[INPUT][0].dense(tape.image.shape[1])


Waiting = dict[int, dict[int, Signal]]
"""Signals that wait for their step, by the step's index and the position of the tensor in its output."""


def _deliver(tape: Tape, waiting: Waiting, tensor: Tensor, signal: Signal) -> None:
    """Add a signal to those that wait for the step that made a tensor."""
    maker = tape.maker(tensor)
    if maker is None:  # a constant: a weight, or computed from weights only
        return
    outputs = [tape.image] if maker == INPUT else tensors_in(tape.steps[maker].output)
    place = next(n for n, output in enumerate(outputs) if output is tensor)
    if signal.values.dtype != tensor.dtype and not signal.values.is_complex():
        signal = signal.with_values(signal.values.to(tensor.dtype))
    signals = waiting.setdefault(maker, {})
    signals[place] = _sum(signals[place], signal, tensor) if place in signals else signal


class Deconvolution(BackwardMethod):
    """Deconvolution (Zeiler & Fergus 2014); gradient times map above the convolutions (see the module)."""

    def __init__(self) -> None:
        super().__init__("deconvolution", DECONVOLUTION)

    def start(self, tape: Tape, top: Tensor, units: list[int]) -> tuple[Tensor, Signal]:
        layout = layout_of(tape, top)
        if layout.is_map or is_attended(tape, top):
            return super().start(tape, top, units)
        below = last_map(tape, top)
        start = gradient_at(tape, below, top, units) * below
        activations = layout.cells(top).sum(dim=1)[units]
        nothing = start.flatten(1).abs().sum(dim=1) < SATURATED * activations.abs()
        saturated = nothing.nonzero()[:, 0].tolist()
        if saturated:
            start[saturated] = mean_gradient_at(tape, below, top, [units[row] for row in saturated]) * below
        return below, Signal(start)


def is_attended(tape: Tape, top: Tensor) -> bool:
    """Return whether a layer's output is a sequence of tokens that depends on attention."""
    kinds = {KINDS.get(tape.steps[index].function) for index in tape.ancestors(top)}
    return top.ndim > 2 and not kinds.isdisjoint((Kind.ATTENTION, Kind.SOFTMAX))


def last_map(tape: Tape, top: Tensor) -> Tensor:
    """Return the last feature map of a convolution block on which `top` depends.

    If `top` depends on maps of several branches, it is the first value above them in which all branches are joined.
    """
    maps, beside = _nearest_maps(tape, top)
    if not maps:
        raise NoRuleError("No convolution lies below this layer, so there is no feature map to start from.")
    last = max(maps)
    if len(maps) > 1 or beside:
        for index in sorted(index for index in tape.ancestors(top) if index > last):
            joined = tape.steps[index].output
            if isinstance(joined, Tensor) and _nearest_maps(tape, top, joined) == (set(), False):
                return joined
    output: Tensor = tape.steps[last].output
    return output


def _nearest_maps(tape: Tape, top: Tensor, end: Tensor | None = None) -> tuple[set[int], bool]:
    """Find the maps of convolution blocks that `top` depends on without another map, or `end`, in between.

    Returns
    -------
    maps : set of int
        Indices of their steps.
    beside : bool
        Whether `top` depends on the image beside all maps.
    """
    maps: set[int] = set()
    seen: set[int] = set()
    beside, todo = False, [top]
    while todo:
        tensor = todo.pop()
        index = tape.maker(tensor)
        if tensor is end or index is None or index in seen:
            continue
        if index == INPUT:
            beside = True
            continue
        seen.add(index)
        if _is_block(tape, index):
            maps.add(index)
        else:
            todo.extend(tape.steps[index].tensors())
    return maps, beside


def _is_block(tape: Tape, index: int) -> bool:
    """Return whether a step makes a map of a convolution block; a gate for each channel has no map."""
    step = tape.steps[index]
    rule = DECONVOLUTION.get(step.function)
    if not isinstance(rule, (Convolution, MaxPool, Rectify, BatchNorm)) or isinstance(rule, Squash):
        return False
    output = next(tensors_in(step.output))
    layout = layout_of(tape, output)
    return layout.is_map and (output.numel() > output.shape[layout.unit] or rule.functions == MaxPool.functions)


def gradient_at(tape: Tape, below: Tensor, top: Tensor, units: list[int]) -> Tensor:
    """Compute the gradients of units of a dense or recurrent layer at a tensor below it: (units, ...) as `below`.

    The activations of a recurrent layer's unit are summed over time, those of folded frames over the frames.
    """
    layout = layout_of(tape, top)
    # cuDNN's recurrent layers have a backward pass in training mode only.
    with torch.enable_grad(), torch.backends.cudnn.flags(enabled=False):
        leaf = below.detach().requires_grad_()
        activations = layout.cells(tape.replay(below, leaf, top)).sum(dim=1)
        rows = torch.eye(len(activations), dtype=top.dtype, device=top.device)[units]
        return without_batch_of_one(derivative(activations, leaf, rows), below)


def mean_gradient_at(tape: Tape, below: Tensor, top: Tensor, units: list[int]) -> Tensor:
    """Compute the mean of `gradient_at` over the maps alpha * `below`, alpha from 0 to 1.

    The mean times `below` sums, for each unit, to its activation minus that for empty maps. Units saturate at a small
    part of their input, so alpha is sampled evenly in its logarithm.
    """
    smallest, points = 1e-5, 256
    alpha = torch.logspace(math.log10(smallest), 0.0, points, dtype=below.dtype, device=below.device)
    share = alpha * (-math.log(smallest) / (points - 1))  # d alpha = alpha d log(alpha)
    share[0], share[-1] = share[0] / 2.0 + smallest, share[-1] / 2.0
    with torch.enable_grad(), torch.backends.cudnn.flags(enabled=False):
        leaf = (alpha.view(-1, *(1,) * below.ndim) * below).detach().requires_grad_()
        try:
            activations = torch.func.vmap(lambda value: tape.replay(below, value, top))(leaf)
        except RuntimeError:  # some torch functions do not support batches of batches
            activations = torch.stack([tape.replay(below, value, top) for value in leaf])
        mean = share @ activations.movedim(layout_of(tape, top).unit + 1, 1).flatten(2).sum(dim=2)
        rows = torch.eye(len(mean), dtype=top.dtype, device=top.device)[units]
        gradients = [derivative(mean, leaf, few).sum(dim=1) for few in torch.split(rows, 8)]
    return without_batch_of_one(torch.cat(gradients), below)


def _plane_bytes(rule: Rule, step: Step, signal: Signal) -> int:
    """Estimate the size of one unit's signal below a step, without zeros that are never written out."""
    below = step.source
    if isinstance(rule, Convolution) and has_batch_of_one(step.output):
        spread = 0 if is_folded(signal, step.arguments(CONVOLUTION_ARGUMENTS)["weight"]) else step.output.nbytes
        return max(below.nbytes, 0 if signal.channels is not None else spread)
    if rule.keeps_places or (step.unpooling is not None and step.unpooling.window):
        return signal.values[0].nbytes
    return below.nbytes if signal.channels is None else below.nbytes // below.shape[1]


def _sum(one: Signal, other: Signal, tensor: Tensor) -> Signal:
    channels = tensor.shape[1] if tensor.ndim > 1 else 1
    return Signal(one.dense(channels) + other.dense(channels))


def _units_at_once(tape: Tape, top: Tensor) -> int:
    outputs = [tape.steps[index].output for index in tape.ancestors(top)]
    largest = max((output.nbytes for output in outputs if isinstance(output, Tensor)), default=1)
    return max(1, MEMORY_BYTES // (3 * largest))
