"""Compute receptive fields: the part of the input on which a cell of a feature map depends, and the nominal size.

The exact field is found by walking back along the tape with a mask instead of a signal. Each step is replaced by a sum
of the same cells with positive weights, whose derivative marks every cell on which the output depends, for any weights
of the network. An unknown step is assumed to depend on all of its input.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import torch
from torch import Tensor
from torch.nn import functional

from auralscope.errors import UnknownNameError
from auralscope.nn.tape.functions import (
    CONVOLUTION_ARGUMENTS,
    KINDS,
    MAX_POOL_ARGUMENTS,
    Kind,
    functions_of,
    per_axis,
    quantised_linear,
)
from auralscope.nn.tape.layout import layout_of
from auralscope.nn.tape.steps import Step, substitute, tensors_in

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from auralscope.dsp.frontends import FrontEnd, Input
    from auralscope.nn.tape.capture import Tape

Cell = tuple[int, ...]
"""Position in a feature map: (bin, frame)."""


@dataclass(frozen=True)
class ReceptiveField:
    """The part of a window that a cell of a feature map depends on.

    Attributes
    ----------
    first_bin, last_bin, first_frame, last_frame : int
        Bins and frames of the input image, the last ones included.
    start_s, end_s : float
        In seconds from the window's start; a frame extends half an STFT window to either side.
    low_hz, high_hz : float
        In Hz; a bin extends to the centres of its neighbours, which is the 6 dB width of a Hann window's main lobe
        (Harris 1978, table I) and the base of a mel band's triangle.
    """

    first_bin: int
    last_bin: int
    first_frame: int
    last_frame: int
    start_s: float
    end_s: float
    low_hz: float
    high_hz: float

    @property
    def bins(self) -> int:
        return self.last_bin - self.first_bin + 1

    @property
    def frames(self) -> int:
        return self.last_frame - self.first_frame + 1

    @property
    def width_ms(self) -> float:
        return 1000.0 * (self.end_s - self.start_s)

    @property
    def height_hz(self) -> float:
        return self.high_hz - self.low_hz

    @property
    def span_s(self) -> tuple[float, float]:
        """Start and end of the field, to loop it, in seconds from the window's start."""
        return self.start_s, self.end_s


def receptive_field(
    tape: Tape, module: str, analysed: Input, front_end: FrontEnd, cell: Cell | None = None, unit: int | None = None
) -> ReceptiveField:
    """Compute the exact receptive field of a cell, in bins and frames, in seconds and in Hz.

    Parameters
    ----------
    tape : Tape
        A forward pass of `analysed.image`.
    module : str
        Dotted name of the layer's module.
    analysed : Input
    front_end : FrontEnd
        Front end that computed `analysed`.
    cell, unit
        See `reach`.

    Returns
    -------
    ReceptiveField

    Raises
    ------
    UnknownNameError
        There is no such layer, cell or unit, or the cell depends on padding only.
    """
    mask = reach(tape, module, cell, unit)
    bins, frames = (mask.any(dim=axis).nonzero()[:, 0].tolist() for axis in (1, 0))
    if not bins:
        raise UnknownNameError(f"This cell of '{module}' depends on padding only; choose a cell nearer to the middle.")
    half_s = (analysed.stft.shape[0] - 1) / front_end.sample_rate
    centres_hz = front_end.frequencies_hz
    return ReceptiveField(
        first_bin=bins[0],
        last_bin=bins[-1],
        first_frame=frames[0],
        last_frame=frames[-1],
        start_s=max(frames[0] * front_end.hop_s - half_s, 0.0),
        end_s=min(frames[-1] * front_end.hop_s + half_s, analysed.n_samples / front_end.sample_rate),
        low_hz=float(centres_hz[bins[0] - 1]) if bins[0] > 0 else 0.0,
        high_hz=float(centres_hz[bins[-1] + 1]) if bins[-1] + 1 < len(centres_hz) else front_end.sample_rate / 2,
    )


def reach(tape: Tape, module: str, cell: Cell | None = None, unit: int | None = None) -> Tensor:
    """Mark the cells of the input on which a cell of a layer depends, for any weights of the network.

    Parameters
    ----------
    tape : Tape
    module : str
        Dotted name of the layer's module.
    cell : (bin, frame), optional
        Position in the layer's map; the middle cell unless given, whose field the input's edges cut least. Dense and
        recurrent layers have no cells.
    unit : int, optional
        Zero-based; unless given, the union over all units. Units differ where branches are concatenated.

    Returns
    -------
    (bins, frames) bool tensor
        (samples,) for a network on the waveform.
    """
    top = tape.layer(module)
    # On the CPU: masks are small, and some devices lack double precision.
    layout = layout_of(tape, top)
    start = torch.ones(top.shape, dtype=torch.float64)
    if layout.is_spread:
        marked = layout.at(top.shape, cell)
        if marked is None:
            size = " x ".join(str(n) for n in layout.maps(top).shape[1:])
            raise UnknownNameError(f"A map of '{module}' is {size} cells; there is no cell {cell}.")
        start = marked
    if unit is not None:
        if not 0 <= unit < top.shape[layout.unit]:
            raise UnknownNameError(f"Layer '{module}' has no unit {unit}.")
        start = layout.only(start, [unit])[0]

    waiting: dict[int, Tensor] = {id(top): start}
    for index in sorted(tape.ancestors(top), reverse=True):
        step = tape.steps[index]
        outputs = list(tensors_in(step.output))
        masks = [waiting.pop(id(output), None) for output in outputs]
        if all(mask is None for mask in masks):
            continue
        for tensor, mask in _back(step, masks):
            if tape.maker(tensor) is not None:
                waiting[id(tensor)] = torch.maximum(mask, waiting[id(tensor)]) if id(tensor) in waiting else mask
    found = waiting.get(id(tape.image))
    if found is None:
        return torch.zeros(tape.image.shape[2:], dtype=torch.bool)
    return found[0].any(dim=0)


@dataclass(frozen=True)
class NominalSize:
    """Size of a unit's receptive field as in Choi 2018, table 7-A.

    Attributes
    ----------
    cells : int
        In frames and in bins.
    width_ms, height_hz : float
        In ms and Hz.
    """

    cells: int
    width_ms: float
    height_hz: float


def nominal_size(number: int, *, sample_rate: int, n_fft: int, hop: int, kernel: int = 3, pool: int = 2) -> NominalSize:
    """Compute the nominal size by the thesis's rule: a kernel of k cells in layer l spans k 2^(l-1) frames and bins.

    The rule leaves out the kernels below, so the exact field is larger from the second layer on. The width of n frames
    is n - 1 hops and one STFT window; the height of n bins is n + 1 times their spacing. As in the thesis, hop and
    window are rounded to a tenth of a millisecond (23.2 and 46.4). For layer 5 the thesis prints 1270 Hz, but its rule
    gives 1055.

    Parameters
    ----------
    number : int
        1 for the layer next to the input.
    sample_rate, n_fft, hop : int
        In Hz and samples.
    kernel, pool : int
        In cells.

    Returns
    -------
    NominalSize
    """
    cells = kernel * pool ** (number - 1)
    hop_ms, window_ms = (round(1000.0 * samples / sample_rate, 1) for samples in (hop, n_fft))
    return NominalSize(cells, (cells - 1) * hop_ms + window_ms, (cells + 1) * sample_rate / n_fft)


def nominal_of(tape: Tape, module: str, front_end: FrontEnd) -> NominalSize | None:
    """Return the nominal size of a layer, or None for a network of another kind than the thesis's.

    The thesis's kind has a linear STFT as input, square kernels without strides, and max poolings by 2 in between.
    """
    top = tape.layer(module)
    n_fft, hop = getattr(front_end, "n_fft", None), getattr(front_end, "hop", None)
    if n_fft is None or hop is None or getattr(front_end, "n_mels", None) is not None:
        return None
    if not layout_of(tape, top).is_map or tape.image.ndim != 4:
        return None
    kernels, pools = [], []
    for index in tape.ancestors(top):
        step = tape.steps[index]
        if KINDS.get(step.function) is Kind.CONVOLUTION:
            given = step.arguments(CONVOLUTION_ARGUMENTS)
            if {*per_axis(given.get("stride", 1), 2), *per_axis(given.get("dilation", 1), 2)} != {1}:
                return None
            kernels += list(given["weight"].shape[2:])
        elif step.function in _MAX_POOLS:
            given = step.arguments(MAX_POOL_ARGUMENTS)
            pools += [*per_axis(given["kernel_size"], 2), *per_axis(given.get("stride") or given["kernel_size"], 2)]
    number = len(kernels) // 2
    if not kernels or len(set(kernels)) > 1 or set(pools) - {2} or len(pools) // 4 not in (number - 1, number):
        return None
    return nominal_size(number, sample_rate=front_end.sample_rate, n_fft=n_fft, hop=hop, kernel=kernels[0])


# -- each step's dependence ---------------------------------------------------------------------------------------

_CELL_BY_CELL = frozenset(
    functions_of(
        *(Kind.IDENTITY, Kind.CONVERSION, Kind.ACTIVATION, Kind.CLAMP, Kind.ELEMENTWISE, Kind.BATCH_NORM, Kind.SUM),
        *(Kind.PRODUCT, Kind.QUOTIENT, Kind.SQUASH, Kind.POWER, Kind.LOGARITHM, Kind.CHOICE, Kind.COMPARISON),
        Kind.NORM,
    )
)
"""Functions of which each output cell depends only on the input cells at the same position.

The statistics of a norm over the whole window are left out: through them, every cell depends on everything.
"""

_POSITIVE_SUMS = frozenset(functions_of(Kind.AVERAGE_POOL, Kind.REDUCTION, Kind.SHAPE, Kind.REARRANGEMENT))
"""Functions that move values or add them with positive weights, so that their derivative marks the dependence."""

_MAX_POOLS = frozenset(functions_of(Kind.MAX_POOL, Kind.ADAPTIVE_MAX_POOL))


def _back(step: Step, masks: list[Tensor | None]) -> list[tuple[Tensor, Tensor]]:
    """Carry the masks of a step's outputs back to its inputs."""
    quick = _back_by_channels(step, masks)
    if quick is not None:
        return quick
    given = step.varying_tensors()
    leaves = {id(tensor): torch.zeros(tensor.shape, dtype=torch.float64, requires_grad=True) for tensor in given}
    with torch.enable_grad():
        outputs = _stand_in(step, leaves)
        marked = [(output, mask) for output, mask in zip(outputs, masks, strict=True) if mask is not None]
        total = sum(((output * mask).sum() for output, mask in marked), start=torch.zeros((), dtype=torch.float64))
    gradients = torch.autograd.grad(total, list(leaves.values()), allow_unused=True)
    found = dict(zip(leaves, gradients, strict=True))
    return [(tensor, (mask != 0).to(mask.dtype)) for tensor in given if (mask := found[id(tensor)]) is not None]


def _back_by_channels(step: Step, masks: list[Tensor | None]) -> list[tuple[Tensor, Tensor]] | None:
    """Carry a mask back quickly through the steps that take most of the time; None for every other step.

    A convolution with one group mixes all channels, so one plane represents them, below and above. Other steps keep
    channels apart, so only channels with marked cells are carried, or a single plane if all planes are views of it.
    """
    mask, plane = masks[0], next(tensors_in(step.output)).ndim - 2
    given = step.varying_tensors()
    if mask is None or plane < 1 or len(given) != 1 or mask.ndim != given[0].ndim:
        return None
    source = given[0]
    shape = source.shape[2:]
    if KINDS.get(step.function) is Kind.CONVOLUTION:
        arguments = step.arguments(CONVOLUTION_ARGUMENTS)
        if arguments.get("groups", 1) != 1:
            return None
        arguments |= {"weight": torch.ones(1, 1, *arguments["weight"].shape[2:], dtype=mask.dtype), "bias": None}
        below = _marked(
            lambda leaf: step.function(**arguments | {"input": leaf}), shape, mask.amax(dim=1, keepdim=True)
        )
        return [(source, below.expand(source.shape))]
    if KINDS.get(step.function) is not Kind.MAX_POOL:
        if step.function not in _CELL_BY_CELL or source.shape != mask.shape:
            return None
    elif mask.shape[1] != source.shape[1]:
        return None

    def carry(planes: Tensor) -> Tensor:
        if step.function in _CELL_BY_CELL:
            return planes
        return _marked(lambda leaf: _window_sums(leaf, step), shape, planes)

    if mask.stride(1) == 0:
        return [(source, carry(mask[:, :1]).expand(source.shape))]
    alive = mask.flatten(2).any(dim=2)[0].nonzero()[:, 0]
    below = torch.zeros(source.shape, dtype=mask.dtype)
    below[:, alive] = carry(mask[:, alive])
    return [(source, below)]


def _marked(function: Callable[[Tensor], Tensor], shape: Sequence[int], mask: Tensor) -> Tensor:
    """Mark the inputs of a function of positive sums on which a mask depends, (1, channels, *shape)."""
    leaf = torch.zeros(1, mask.shape[1], *shape, dtype=mask.dtype, requires_grad=True)
    with torch.enable_grad():
        (gradient,) = torch.autograd.grad(function(leaf), leaf, mask)
    return (gradient != 0).to(mask.dtype)


def _stand_in(step: Step, leaves: dict[int, Tensor]) -> list[Tensor]:
    """Compute outputs with the dependence of a step, each a positive sum of the cells on which it depends."""
    function, output = step.function, next(tensors_in(step.output))
    first = next(iter(leaves.values()))
    if KINDS.get(function) is Kind.CONVOLUTION:
        arguments = step.arguments(CONVOLUTION_ARGUMENTS)
        arguments |= {
            "input": first,
            "weight": torch.ones(arguments["weight"].shape, dtype=torch.float64),
            "bias": None,
        }
        return [function(**arguments)]
    if KINDS.get(function) is Kind.ADAPTIVE_MAX_POOL:
        size = step.arguments(("input", "output_size"))["output_size"]
        pool = functional.adaptive_avg_pool1d if first.ndim == 3 else functional.adaptive_avg_pool2d
        return _with_switches(step, pool(first, size))
    if KINDS.get(function) is Kind.MAX_POOL:
        return _with_switches(step, _window_sums(first, step))
    if function in _CELL_BY_CELL:
        return [sum((leaf.broadcast_to(output.shape) for leaf in leaves.values()), start=torch.zeros(()))]
    if function in (functional.linear, quantised_linear):
        return [first.sum(dim=-1, keepdim=True).expand(*first.shape[:-1], output.shape[-1])]
    if function in _POSITIVE_SUMS:
        constants = {id(t): t.cpu().double() if t.is_floating_point() else t.cpu() for t in step.tensors()}
        args, kwargs = substitute(step.args, constants | leaves), substitute(dict(step.kwargs), constants | leaves)
        return list(tensors_in(function(*args, **kwargs)))
    everything = torch.stack([leaf.sum() for leaf in leaves.values()]).sum()
    return [everything.expand(tensor.shape) for tensor in tensors_in(step.output)]


def _with_switches(step: Step, values: Tensor) -> list[Tensor]:
    """Return a pooling's values, with zeros for its switches if it returned them."""
    switches = list(tensors_in(step.output))[1:]
    return [values, *(torch.zeros(tensor.shape, dtype=values.dtype) for tensor in switches)]


def _window_sums(values: Tensor, step: Step) -> Tensor:
    """Sum over each window of a max pooling, of any stride, padding and dilation."""
    given = step.arguments(MAX_POOL_ARGUMENTS)
    plane = values.ndim - 2
    kernel = per_axis(given["kernel_size"], plane)
    stride = per_axis(given.get("stride") or kernel, plane)
    padding, dilation = per_axis(given.get("padding", 0), plane), per_axis(given.get("dilation", 1), plane)
    pooled = next(tensors_in(step.output)).shape[2:]
    edges: list[int] = []
    for axis in reversed(range(plane)):
        # The last window may reach past the padding ('ceil_mode'), or not as far as the input does.
        end = (pooled[axis] - 1) * stride[axis] + dilation[axis] * (kernel[axis] - 1) + 1
        edges += [padding[axis], end - padding[axis] - values.shape[2 + axis]]
    convolve = torch.conv1d if plane == 1 else torch.conv2d
    channels = values.shape[1]
    ones = torch.ones(channels, 1, *kernel, dtype=values.dtype)
    sums: Tensor = convolve(functional.pad(values, edges), ones, None, stride, 0, dilation, channels)
    return sums
