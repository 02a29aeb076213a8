"""Attribution methods beside deconvolution, and the table of all of them.

All begin with the unit's own answer (its map, or its value), every other unit zero, and most go back along the same
tape, only by other rules.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar

import torch
from torch import Tensor
from torch.nn import functional

from auralscope.errors import NoRuleError, UnknownNameError
from auralscope.nn.attribution.backward import BackwardMethod, Deconvolution, gradient_at, last_map
from auralscope.nn.attribution.base import AttributionMethod
from auralscope.nn.attribution.rules import (
    Adjoint,
    BatchNorm,
    Clamp,
    Convolution,
    Derivative,
    Gate,
    MaxPool,
    Pass,
    Rectify,
    Rule,
    table,
)
from auralscope.nn.batches import outcome
from auralscope.nn.tape.capture import is_map
from auralscope.nn.tape.convolution import CONVOLUTION_ARGUMENTS, transposed_convolution
from auralscope.nn.tape.signals import Signal
from auralscope.nn.tape.steps import bound

if TYPE_CHECKING:
    from collections.abc import Callable, Generator

    from auralscope.nn.tape.capture import Tape
    from auralscope.nn.tape.steps import Step

STABILISER = 1e-6
"""Added to a denominator, with its sign (zennit's default)."""


class Guide(Rule):
    """Rectified on the way up and on the way down (Springenberg et al. 2015, sec. 3.4)."""

    functions: ClassVar[tuple[Callable[..., Any], ...]] = (*Rectify.functions, *Clamp.functions)

    def backward(self, step: Step, signal: Signal) -> list[tuple[Tensor, Signal]]:
        return Derivative().backward(step, signal.with_values(signal.values.clamp(min=0.0)))


class PassAll(Pass):
    """Activations and batch norms hand relevance on as it is (zennit's base composite)."""

    functions: ClassVar[tuple[Callable[..., Any], ...]] = (
        *Pass.functions,
        *Rectify.functions,
        *Clamp.functions,
        *BatchNorm.functions,
    )


class PassGated(Gate):
    """Relevance goes to what is gated, none to the gate (Arras et al. 2017, sec. 3.1)."""

    def backward(self, step: Step, signal: Signal) -> list[tuple[Tensor, Signal]]:
        (tensor, _), *_ = super().backward(step, signal)
        return [(tensor, signal)]


class Epsilon(Rule):
    """LRP-epsilon: relevance is shared out as each input contributed to the output (Bach et al. 2015, eq. 58)."""

    def __init__(self, functions: tuple[Callable[..., Any], ...]) -> None:
        self.functions = functions  # type: ignore[misc]

    def backward(self, step: Step, signal: Signal) -> list[tuple[Tensor, Signal]]:
        share = Signal(signal.values / _stable(signal.of_each(step.output)), signal.channels)
        rule = Convolution() if step.function in Convolution.functions else Derivative()
        return [(tensor, Signal(below.dense(tensor.shape[1]) * tensor)) for tensor, below in rule.backward(step, share)]


class ZPlus(Rule):
    """LRP-z+: only what contributed positively gets relevance (Montavon et al. 2017, sec. 4.1, as alpha 1, beta 0)."""

    functions = Convolution.functions

    def backward(self, step: Step, signal: Signal) -> list[tuple[Tensor, Signal]]:
        given = bound(step, CONVOLUTION_ARGUMENTS)
        source, weight, bias = given["input"], given["weight"], given.get("bias")
        rest = {name: given[name] for name in CONVOLUTION_ARGUMENTS[3:] if name in given}
        parts = [
            (source.clamp(min=0.0), weight.clamp(min=0.0), bias.clamp(min=0.0) if bias is not None else None),
            (source.clamp(max=0.0), weight.clamp(max=0.0), None),
        ]
        positive = sum(step.function(values, kernel, offset, **rest) for values, kernel, offset in parts)
        share = Signal(signal.values / _stable(signal.of_each(positive)), signal.channels)
        below = sum(values * transposed_convolution(step, share, kernel).values for values, kernel, _ in parts)
        return [(source, Signal(below))]


def _stable(values: Tensor) -> Tensor:
    return values + torch.where(values < 0.0, -STABILISER, STABILISER)


SHARED = (
    functional.avg_pool2d,
    torch.avg_pool1d,
    functional.adaptive_avg_pool1d,
    functional.adaptive_avg_pool2d,
    torch.add,
    Tensor.add,
    Tensor.__add__,
    Tensor.__radd__,
    torch.sub,
    Tensor.sub,
    Tensor.__rsub__,
    torch.neg,
    Tensor.neg,
    torch.mean,
    Tensor.mean,
    torch.sum,
    Tensor.sum,
)
"""Averages, sums and differences: relevance is shared out by contribution, as by LRP-epsilon (zennit's `Norm`)."""


class Gradient(BackwardMethod):
    """The gradient of half the squared answer, or that times the input.

    Above the convolutions it is taken at once, by replaying those steps, whatever they are: a recurrent layer written
    out step by step has parts that no rule can tell apart.
    """

    def __init__(self, name: str, times_input: bool = False) -> None:
        rules = table(MaxPool(), Convolution(), BatchNorm(), Pass(), Adjoint())
        super().__init__(name, rules, Derivative(), times_input)

    def start(self, tape: Tape, top: Tensor, units: list[int]) -> tuple[Tensor, Signal]:
        try:
            below = top if is_map(top, tape.image) else last_map(tape, top)
        except NoRuleError:  # no convolution at all
            below = top
        if below is top:
            return super().start(tape, top, units)
        own = torch.zeros(len(units), *top.shape, dtype=top.dtype, device=top.device)
        own[range(len(units)), ..., units] = top[..., units].movedim(-1, 0)
        # cuDNN's recurrent layers go backwards only in training mode; torch's own do in any.
        with torch.enable_grad(), torch.backends.cudnn.flags(enabled=False):
            leaf = below.detach().requires_grad_()
            (gradient,) = torch.autograd.grad(tape.replay(below, leaf, top), leaf, own, is_grads_batched=True)
        return below, Signal(gradient[:, 0])


class GradCam(AttributionMethod):
    """Grad-CAM (Selvaraju et al. 2017, sec. 3): the last maps, weighted by the unit's mean gradient, and rectified.

    For labels and other units above the convolutions.
    """

    name = "grad-cam"

    def attribute(self, tape: Tape, layer: str, units: list[int]) -> Tensor:
        top = tape.layer(layer)
        if is_map(top, tape.image):
            raise NoRuleError(f"Grad-CAM is for labels and dense units; '{layer}' is a convolution's.")
        maps = last_map(tape, top)
        plane = tuple(range(2, maps.ndim))
        weights = gradient_at(tape, maps, top, units).mean(dim=plane, keepdim=True)
        coarse = (weights * maps).sum(dim=1, keepdim=True).clamp(min=0.0)
        size = tape.image.shape[2:]
        mode = "bilinear" if len(size) == 2 else "linear"
        image = functional.interpolate(coarse, size=tuple(size), mode=mode, align_corners=False)
        return image.expand(-1, tape.image.shape[1], *size)


class Occlusion(AttributionMethod):
    """Occlusion (Zeiler & Fergus 2014, sec. 4.2): how much of its answer a unit loses when a patch is silenced.

    A patch of zeros (silence) is moved over the input; where patches overlap, their losses are averaged. A loss is
    that of the unit's activation energy, or of its value above the convolutions. Slow, and it assumes nothing of how
    the network works.

    Parameters
    ----------
    patch : int
        Side of the patch, in bins and frames.
    stride : int
        From one place to the next.
    """

    name = "occlusion"

    def __init__(self, patch: int = 16, stride: int = 8) -> None:
        self.patch = patch
        self.stride = stride

    def attribute(self, tape: Tape, layer: str, units: list[int]) -> Tensor:
        return outcome(self.attribute_parts(tape, layer, units))

    def attribute_parts(self, tape: Tape, layer: str, units: list[int]) -> Generator[float, None, Tensor]:
        whole = self._answer(tape, layer, units)
        size = tape.image.shape[2:]
        losses = tape.image.new_zeros(len(units), *size)
        covered = tape.image.new_zeros(size)
        starts = [range(0, max(length - self.patch, 0) + self.stride, self.stride) for length in size]
        places = torch.cartesian_prod(*(torch.tensor(list(start)) for start in starts)).reshape(-1, len(size))
        for number, place in enumerate(places):
            yield number / len(places)
            where = tuple(slice(int(start), int(start) + self.patch) for start in place)
            if any(part.start >= length for part, length in zip(where, size, strict=True)):
                continue
            silenced = tape.image.clone()
            everywhere = (slice(None), *where)
            silenced[0][everywhere] = 0.0
            lost = whole - self._answer(tape.again(silenced), layer, units)
            losses[everywhere] += lost.view(-1, *(1,) * len(size))
            covered[where] += 1.0
        image = (losses / covered).unsqueeze(1)
        return image.expand(-1, tape.image.shape[1], *size)

    def _answer(self, tape: Tape, layer: str, units: list[int]) -> Tensor:
        """(units,): what a patch can take away."""
        top = tape.layer(layer)
        if is_map(top, tape.image):
            return top[0, units].square().flatten(1).mean(dim=1)
        return top.reshape(-1, top.shape[-1]).sum(dim=0)[units]


METHODS: dict[str, AttributionMethod] = {
    method.name: method
    for method in (
        Deconvolution(),
        BackwardMethod(
            "guided", table(Guide(), MaxPool(), Convolution(), BatchNorm(), Pass(), Adjoint()), Derivative()
        ),
        Gradient("gradient"),
        Gradient("gradient-input", times_input=True),
        BackwardMethod(
            "lrp-epsilon",
            table(
                Epsilon((*Convolution.functions, functional.linear, *SHARED)),
                PassAll(),
                PassGated(),
                MaxPool(),
                Adjoint(),
            ),
        ),
        BackwardMethod(
            "lrp-zplus",
            table(ZPlus(), Epsilon((functional.linear, *SHARED)), PassAll(), PassGated(), MaxPool(), Adjoint()),
        ),
        GradCam(),
        Occlusion(),
    )
}
"""What `method=` may name. The registry adds those of plugins."""


def find_method(method: str | AttributionMethod) -> AttributionMethod:
    """Return the method called `method`, or the method itself where it is one.

    Raises
    ------
    UnknownNameError
        Names those there are.
    """
    if isinstance(method, AttributionMethod):
        return method
    if method not in METHODS:
        raise UnknownNameError(f"There is no method '{method}'; there is: {', '.join(METHODS)}.")
    return METHODS[method]
