"""Deconvolution: from a unit's feature map back to an image in the input's plane.

Zeiler & Fergus 2014, sec. 2.1; for music, Choi et al. 2015 and Choi 2018, sec. 7.2. Forward once, keeping each
pooling's switches; start from the map of the chosen unit with every other unit zero; downwards unpool, rectify, scale
by the linear part of the batch norm, and convolve with the transposed kernel. The last image is not rectified.

For a unit of a dense or recurrent layer, the gradient of the unit at the last convolution block's map, multiplied by
that map, is the start instead.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from auralscope.errors import NoRuleError, UnknownNameError
from auralscope.nn.capture import INPUT, Tape, record
from auralscope.nn.rules import BatchNorm, Convolution, MaxPool, Rectify, Signal, rule_for

MEMORY_BYTES = 150_000_000
"""About how much the signals of the units that travel together may take; more units travel in turns."""


def deconvolve(network: nn.Module, image: Tensor, layer: str, units: Sequence[int] | None = None) -> Tensor:
    """Deconvolve units of any network.

    Parameters
    ----------
    network : torch.nn.Module
        It comes back as it was: no hooks, modes and gradient flags as before.
    image : (1, channels, bins, frames) tensor
        Its input.
    layer : str
        Dotted name of the module whose output is looked at, such as `"features.8"`.
    units : sequence of int, optional
        All of the layer's unless given.

    Returns
    -------
    (units, bins, frames) tensor
        On the image's device; (units, channels, bins, frames) where the input has several channels.

    Raises
    ------
    UnknownNameError
        No such layer or unit.
    NoRuleError
        A module between the layer and the input has no rule.
    """
    return deconvolve_tape(record(network, image), layer, units)


def deconvolve_tape(tape: Tape, layer: str, units: Sequence[int] | None = None) -> Tensor:
    """Deconvolve units of a forward pass that was recorded; see `deconvolve`."""
    top = tape.layer(layer)
    n_units = unit_count(top, tape.image)
    chosen = list(range(n_units)) if units is None else list(units)
    for unit in chosen:
        if not 0 <= unit < n_units:
            raise UnknownNameError(f"Layer '{layer}' has units 0 to {n_units - 1}; there is no unit {unit}.")
    with torch.no_grad():
        together = _units_at_once(tape, top)
        turns = [chosen[first : first + together] for first in range(0, len(chosen), together)]
        images = [_descend(tape, *_start(tape, top, turn)) for turn in turns]
        image = torch.cat(images) if images else tape.image.new_zeros(0, *tape.image.shape[1:])
    return image[:, 0] if image.shape[1] == 1 else image


def is_map(value: Tensor, image: Tensor) -> bool:
    """Whether a layer's output is a stack of feature maps, laid out as the input is."""
    return value.ndim == image.ndim


def unit_count(value: Tensor, image: Tensor) -> int:
    """Units of a layer: channels of maps, the last axis of a dense or recurrent layer's output."""
    return value.shape[1] if is_map(value, image) else value.shape[-1]


def _start(tape: Tape, top: Tensor, units: list[int]) -> tuple[Tensor, Signal]:
    """Where the descent begins, and with what."""
    if is_map(top, tape.image):
        channels = torch.tensor(units, device=top.device)
        return top, Signal(top[0, channels].unsqueeze(1), channels)
    below = _last_map(tape, top)
    with torch.enable_grad():
        leaf = below.detach().requires_grad_()
        activations = tape.replay(below, leaf, top)
        activations = activations.reshape(-1, activations.shape[-1]).sum(dim=0)
        rows = torch.eye(len(activations), dtype=top.dtype, device=top.device)[units]
        (gradient,) = torch.autograd.grad(activations, leaf, rows, is_grads_batched=True)
    return below, Signal((gradient * below)[:, 0])


def _last_map(tape: Tape, top: Tensor) -> Tensor:
    """The last feature map that a convolution block gave, among all on which `top` depends."""
    for index in sorted(tape.ancestors(top), reverse=True):
        step = tape.steps[index]
        rule = rule_for(step.function)
        if isinstance(rule, (Convolution, MaxPool, Rectify, BatchNorm)) and is_map(step.output, tape.image):
            output: Tensor = step.output
            return output
    raise NoRuleError("No convolution lies below this layer, so there is no feature map to start from.")


def _descend(tape: Tape, start: Tensor, signal: Signal) -> Tensor:
    """Carry a signal from a recorded tensor down to the image: (units, channels, bins, frames)."""
    first = tape.maker(start)
    if first is None:
        raise NoRuleError("This layer's output does not depend on the input.")
    waiting: dict[int, Signal] = {first: signal}
    on_the_way = tape.ancestors(start)
    for index in sorted(on_the_way, reverse=True):
        if index not in waiting:
            continue
        step = tape.steps[index]
        rule = rule_for(step.function)
        if rule is None:
            name = getattr(step.function, "__name__", str(step.function))
            raise NoRuleError(
                f"Deconvolution has no rule for '{name}' in module '{step.module or '(the network itself)'}'."
            )
        for tensor, below in rule.backward(step, waiting.pop(index)):
            maker = tape.maker(tensor)
            if maker is None:  # a constant: a weight, or something made from weights alone
                continue
            waiting[maker] = _sum(waiting[maker], below, tensor) if maker in waiting else below
    if INPUT not in waiting:
        raise NoRuleError("This layer's output does not depend on the input.")
    return waiting[INPUT].dense(tape.image.shape[1])


def _sum(one: Signal, other: Signal, tensor: Tensor) -> Signal:
    channels = tensor.shape[1]
    return Signal(one.dense(channels) + other.dense(channels))


def _units_at_once(tape: Tape, top: Tensor) -> int:
    outputs = [tape.steps[index].output for index in tape.ancestors(top)]
    largest = max((output.nbytes for output in outputs if isinstance(output, Tensor)), default=1)
    return max(1, MEMORY_BYTES // (3 * largest))
