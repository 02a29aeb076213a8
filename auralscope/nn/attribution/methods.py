"""Attribution methods beside deconvolution, and the table of all of them.

Each starts from the unit's own activation (its map or its value), with all other units zero. Most go back along the
same tape as deconvolution, by other rules.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch
from torch import Tensor
from torch.nn import functional

from auralscope.errors import NoRuleError, UnknownNameError
from auralscope.nn.attribution.backward import BackwardMethod, Deconvolution, gradient_at, last_map
from auralscope.nn.attribution.base import AttributionMethod
from auralscope.nn.attribution.gates import is_mask, rectified_tensor
from auralscope.nn.attribution.rules import (
    DECONVOLUTION,
    Adjoint,
    BatchNorm,
    Choice,
    Convolution,
    Derivative,
    Gate,
    Maximum,
    MaxPool,
    Pass,
    Rule,
    StepRule,
    derivative,
    has_batch_of_one,
    table,
    without_batch_of_one,
)
from auralscope.nn.batches import outcome
from auralscope.nn.tape.capture import record
from auralscope.nn.tape.convolution import transposed_convolution
from auralscope.nn.tape.functions import CONVOLUTION_ARGUMENTS, Kind, functions_of
from auralscope.nn.tape.layout import layout_of
from auralscope.nn.tape.signals import Signal
from auralscope.nn.tape.steps import tensors_in

if TYPE_CHECKING:
    from collections.abc import Generator, Mapping

    from auralscope.nn.tape.capture import Tape
    from auralscope.nn.tape.steps import Step

STABILISER = 1e-6
"""Added to a denominator, with its sign (zennit's default)."""


class Guide(Derivative):
    """Rectify the signal, then apply the derivative (Springenberg et al. 2015, sec. 3.4)."""

    functions = functions_of(Kind.ACTIVATION, Kind.CLAMP)

    def carry(self, tape: Tape, step: Step, signals: Mapping[int, Signal]) -> list[tuple[Tensor, Signal]]:
        rectified = {n: signal.with_values(signal.values.clamp(min=0.0)) for n, signal in signals.items()}
        return super().carry(tape, step, rectified)


class GuideWritten(Guide):
    """Guide an activation that is written with a mask or a maximum; other such steps have their derivative."""

    functions = functions_of(Kind.PRODUCT, Kind.CHOICE)

    def carry(self, tape: Tape, step: Step, signals: Mapping[int, Signal]) -> list[tuple[Tensor, Signal]]:
        if rectified_tensor(tape, step) is None:
            return Derivative().carry(tape, step, signals)
        return super().carry(tape, step, signals)


class PassAll(Pass):
    """Pass relevance on unchanged through what acts on each value: activations, norms, powers, logarithms.

    This is zennit's base composite; the identity rule of Achtibat et al. 2024, sec. 3.3.
    """

    functions = functions_of(
        *(Kind.IDENTITY, Kind.ACTIVATION, Kind.CLAMP, Kind.SQUASH, Kind.BATCH_NORM, Kind.NORM, Kind.POWER),
        Kind.LOGARITHM,
    )


class PassGated(Gate):
    """Give all relevance to the gated maps and none to the gate (Arras et al. 2017, sec. 3.1)."""

    functions = functions_of(Kind.PRODUCT, Kind.QUOTIENT)

    def carry(self, tape: Tape, step: Step, signals: Mapping[int, Signal]) -> list[tuple[Tensor, Signal]]:
        gate = DECONVOLUTION[step.function]
        assert isinstance(gate, Gate)
        tensor = rectified_tensor(tape, step)
        places = gate.carried(tape, step) if tensor is None else []
        if len(places) == 1:
            tensor = list(step.tensors())[places[0]]
        if tensor is not None and tensor.shape == step.output.shape:
            return [(tensor, signals[0])]
        return Epsilon().carry(tape, step, signals)


class PassChoice(Choice):
    """Pass relevance to the operand that was chosen, and all of it through an activation."""

    def carry(self, tape: Tape, step: Step, signals: Mapping[int, Signal]) -> list[tuple[Tensor, Signal]]:
        tensor = rectified_tensor(tape, step)
        return super().carry(tape, step, signals) if tensor is None else [(tensor, signals[0])]


class Epsilon(Rule):
    """Divide relevance in proportion to each input's contribution (LRP-epsilon, Bach et al. 2015, eq. 58)."""

    # Averages, sums and differences divide relevance likewise (zennit's `Norm`).
    functions = functions_of(
        *(Kind.DENSE, Kind.CONVOLUTION, Kind.TRANSPOSED_CONVOLUTION, Kind.AVERAGE_POOL, Kind.REDUCTION, Kind.SUM),
        *(Kind.ATTENTION, Kind.GLU, Kind.INTERPOLATION, Kind.TRANSFORM, Kind.DEVIATION),
    )

    def carry(self, tape: Tape, step: Step, signals: Mapping[int, Signal]) -> list[tuple[Tensor, Signal]]:
        outputs = list(tensors_in(step.output))
        shares = {}
        for place, signal in signals.items():
            shown = signal.spread()
            share = shown.values / _stable(shown.of_each(outputs[place]))
            shares[place] = Signal(share.conj(), shown.channels)  # the adjoint of a complex step is conjugate
        below = DECONVOLUTION[step.function].carry(tape, step, shares)
        return [
            (tensor, Signal(values.dense(tensor.shape[1] if tensor.ndim > 1 else 1).conj() * tensor))
            for tensor, values in below
        ]


class ZPlus(StepRule):
    """Divide relevance among positive contributions only (LRP-z+, Montavon et al. 2017, sec. 4.1: alpha 1, beta 0)."""

    functions = Convolution.functions

    def carry(self, tape: Tape, step: Step, signals: Mapping[int, Signal]) -> list[tuple[Tensor, Signal]]:
        if has_batch_of_one(step.output):
            return super().carry(tape, step, signals)
        # Windows in the batch: each unit's signal has the shape of the whole output.
        parts = [self._divide(step, Signal(values)) for values in signals[0].values]
        return [(step.source, Signal(torch.stack(parts)))]

    def backward(self, step: Step, signal: Signal) -> list[tuple[Tensor, Signal]]:
        return [(step.source, Signal(self._divide(step, signal)))]

    def _divide(self, step: Step, signal: Signal) -> Tensor:
        given = step.arguments(CONVOLUTION_ARGUMENTS)
        source, weight, bias = given["input"], given["weight"], given.get("bias")
        rest = {name: given[name] for name in CONVOLUTION_ARGUMENTS[3:] if name in given}
        parts = [
            (source.clamp(min=0.0), weight.clamp(min=0.0), bias.clamp(min=0.0) if bias is not None else None),
            (source.clamp(max=0.0), weight.clamp(max=0.0), None),
        ]
        positive = sum(step.function(values, kernel, offset, **rest) for values, kernel, offset in parts)
        share = Signal(signal.values / _stable(signal.of_each(positive)), signal.channels)
        below: Tensor = sum(values * transposed_convolution(step, share, kernel).values for values, kernel, _ in parts)
        return below


def _stable(values: Tensor, stabiliser: float = STABILISER) -> Tensor:
    if values.is_complex():
        return values + stabiliser
    return values + torch.where(values < 0.0, -stabiliser, stabiliser).to(values.dtype)


class Gradient(BackwardMethod):
    """Gradient of half the squared activation, or that gradient times the input.

    Above the convolutions, autograd computes it in one piece by replaying those steps, because the time steps of a
    recurrent layer split and stack tensors in ways that no rule covers.

    Parameters
    ----------
    name : str
        The value of `method=` that chooses it.
    times_input : bool
        Whether to multiply by the input.
    """

    def __init__(self, name: str, *, times_input: bool = False) -> None:
        rules = table(MaxPool(), Convolution(), BatchNorm(), Pass())
        super().__init__(name, rules, otherwise=Derivative(), times_input=times_input)

    def start(self, tape: Tape, top: Tensor, units: list[int]) -> tuple[Tensor, Signal]:
        try:
            below = top if layout_of(tape, top).is_map else last_map(tape, top)
        except NoRuleError:  # the network has no convolution
            below = top
        if below is top:
            return super().start(tape, top, units)
        own = layout_of(tape, top).only(top, units)
        # cuDNN's recurrent layers have a backward pass in training mode only.
        with torch.enable_grad(), torch.backends.cudnn.flags(enabled=False):
            leaf = below.detach().requires_grad_()
            gradient = derivative(tape.replay(below, leaf, top), leaf, own)
        return below, Signal(without_batch_of_one(gradient, below))


class AttnLrp(BackwardMethod):
    """Attention-aware relevance propagation (AttnLRP, Achtibat et al. 2024).

    The signal is the relevance of a value divided by the value, so that linear steps have their plain derivative
    (LRP-epsilon with epsilon 0), and a softmax its own (prop. 3.1). A product of two varying factors divides relevance
    evenly between them (prop. 3.3); norms and activations pass it on unchanged (sec. 3.3.3, the identity rule).
    """

    def __init__(self) -> None:
        rules = table(Halve(), HalveAttention(), KeepRelevance(), MaxPool(), Convolution(), Pass())
        super().__init__("attnlrp", rules, otherwise=Derivative(), times_input=True)

    def start(self, tape: Tape, top: Tensor, units: list[int]) -> tuple[Tensor, Signal]:
        top, signal = super().start(tape, top, units)
        return top, signal.with_values((signal.values != 0.0).to(signal.values.dtype))


class KeepRelevance(StepRule):
    """Multiply by output / input, which keeps relevance at a norm or an activation (Achtibat et al. 2024, eq. 9)."""

    functions = functions_of(
        *(Kind.ACTIVATION, Kind.CLAMP, Kind.SQUASH, Kind.BATCH_NORM, Kind.NORM, Kind.POWER, Kind.LOGARITHM)
    )

    def backward(self, step: Step, signal: Signal) -> list[tuple[Tensor, Signal]]:
        ratio = (step.output / _stable(step.source, 1e-12)).conj()
        return [(step.source, signal.with_values(signal.values * signal.of_each(ratio)))]


class Halve(Derivative):
    """Divide relevance evenly between the two varying factors of a product (Achtibat et al. 2024, prop. 3.3)."""

    functions = functions_of(Kind.PRODUCT, Kind.DENSE)

    def carried(self, tape: Tape, step: Step) -> list[int]:
        # A mask has no relevance of its own.
        given = list(step.tensors())
        return [place for place in super().carried(tape, step) if not is_mask(tape, given[place])]

    def carry(self, tape: Tape, step: Step, signals: Mapping[int, Signal]) -> list[tuple[Tensor, Signal]]:
        below = super().carry(tape, step, signals)
        return [(tensor, signal.with_values(signal.values / len(below))) for tensor, signal in below]


class HalveAttention(Derivative):
    """Divide relevance evenly between weights and values, and that of the weights between queries and keys."""

    functions = functions_of(Kind.ATTENTION)

    def carry(self, tape: Tape, step: Step, signals: Mapping[int, Signal]) -> list[tuple[Tensor, Signal]]:
        below = []
        for place, share in enumerate((0.25, 0.25, 0.5)):  # queries, keys, values
            for tensor, signal in _OneInput(place).carry(tape, step, signals):
                below.append((tensor, signal.with_values(signal.values * share)))
        return below


class _OneInput(Derivative):
    """Derivative with respect to one of the inputs."""

    def __init__(self, place: int) -> None:
        self.place = place

    def carried(self, tape: Tape, step: Step) -> list[int]:
        return [self.place] if step.varying[self.place] else []


class GradCam(AttributionMethod):
    """Grad-CAM (Selvaraju et al. 2017, sec. 3): the last maps, weighted by the unit's mean gradient, and rectified.

    It applies to labels and other units above the convolutions.
    """

    name = "grad-cam"

    def attribute(self, tape: Tape, layer: str, units: list[int]) -> Tensor:
        top = tape.layer(layer)
        if layout_of(tape, top).is_map:
            raise NoRuleError(f"Layer '{layer}' is a convolution; Grad-CAM is for labels and dense units.")
        below = last_map(tape, top)
        layout = layout_of(tape, below)
        weights = [
            layout.cells(gradient.view_as(below)).mean(dim=1) for gradient in gradient_at(tape, below, top, units)
        ]
        maps = layout.maps(below)
        coarse = torch.tensordot(torch.stack(weights), maps, 1).clamp(min=0.0).unsqueeze(1)
        size = tape.image.shape[2:]
        if coarse.ndim == 3 and len(size) == 2:  # maps without bins: the same at all frequencies
            coarse = coarse.unsqueeze(2)
        elif coarse.ndim == 4 and len(size) == 1:  # bins of a spectrogram inside the network
            coarse = coarse.mean(dim=2)
        mode = "bilinear" if len(size) == 2 else "linear"
        image = functional.interpolate(coarse, size=tuple(size), mode=mode, align_corners=False)
        return image.expand(-1, tape.image.shape[1], *size)


class Occlusion(AttributionMethod):
    """Occlusion (Zeiler & Fergus 2014, sec. 4.2): the activation that a unit loses when a patch of the input is zero.

    A patch of zeros (silence) moves over the input; losses of overlapping patches are averaged. The activation is the
    energy of the unit's map, or its value above the convolutions. Slow, but independent of how the network works.

    Parameters
    ----------
    patch : int
        Side of the patch, in bins and frames.
    stride : int
        Distance from one patch to the next, in bins and frames.
    """

    name = "occlusion"

    def __init__(self, patch: int = 16, stride: int = 8) -> None:
        self.patch = patch
        self.stride = stride

    def attribute(self, tape: Tape, layer: str, units: list[int]) -> Tensor:
        return outcome(self.attribute_parts(tape, layer, units))

    def attribute_parts(self, tape: Tape, layer: str, units: list[int]) -> Generator[float, None, Tensor]:
        whole = self._activation(tape, layer, units)
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
            lost = whole - self._activation(record(tape.network, silenced), layer, units)
            losses[everywhere] += lost.view(-1, *(1,) * len(size))
            covered[where] += 1.0
        image = (losses / covered).unsqueeze(1)
        return image.expand(-1, tape.image.shape[1], *size)

    def _activation(self, tape: Tape, layer: str, units: list[int]) -> Tensor:
        """Return each unit's activation, (units,), of which a patch can take a part."""
        top = tape.layer(layer)
        layout = layout_of(tape, top)
        cells = layout.cells(top)[units]
        return cells.square().mean(dim=1) if layout.is_map else cells.sum(dim=1)


RELEVANCE = (PassAll(), PassGated(), PassChoice(), MaxPool(), Maximum(), Adjoint())
"""The rules that both kinds of relevance propagation share."""

METHODS: dict[str, AttributionMethod] = {
    method.name: method
    for method in (
        Deconvolution(),
        BackwardMethod(
            "guided",
            table(Guide(), GuideWritten(), MaxPool(), Convolution(), BatchNorm(), Pass()),
            otherwise=Derivative(),
        ),
        Gradient("gradient"),
        Gradient("gradient-input", times_input=True),
        BackwardMethod("lrp-epsilon", table(Epsilon(), *RELEVANCE)),
        BackwardMethod("lrp-zplus", table(ZPlus(), Epsilon(), *RELEVANCE)),
        AttnLrp(),
        GradCam(),
        Occlusion(),
    )
}
"""All attribution methods by name. The registry adds those of plugins."""


def find_method(method: str | AttributionMethod) -> AttributionMethod:
    """Return the method called `method`, or `method` itself if it is not a name.

    Parameters
    ----------
    method : str or AttributionMethod
        A name in `METHODS`, or a method.

    Raises
    ------
    UnknownNameError
        There is no such method; the message lists all methods.
    """
    if isinstance(method, AttributionMethod):
        return method
    if method not in METHODS:
        raise UnknownNameError(f"There is no method '{method}'; there is: {', '.join(METHODS)}.")
    return METHODS[method]
