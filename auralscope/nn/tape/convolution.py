"""The adjoint of a convolution, and two shortcuts for what deconvolution gives it: mostly zeros.

Right below the layer that is looked at, a unit stands alone in its channel, so only its own kernels are multiplied.
Right below a pooling, all but one value of each window are zero, so a kernel of few channels meets only those.
"""

from __future__ import annotations

import itertools
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor
from torch.nn import functional

from auralscope.nn.tape.signals import Signal
from auralscope.nn.tape.steps import Step, bound, each

if TYPE_CHECKING:
    from collections.abc import Sequence

CONVOLUTION_ARGUMENTS = ("input", "weight", "bias", "stride", "padding", "dilation", "groups")


def transposed_convolution(step: Step, signal: Signal, weight: Tensor) -> Signal:
    """Carry a signal through a convolution step, with a kernel that may be another than the step's own."""
    given = bound(step, CONVOLUTION_ARGUMENTS)
    source, groups = given["input"], given.get("groups", 1)
    plane = source.ndim - 2
    stride, dilation = each(given.get("stride", 1), plane), each(given.get("dilation", 1), plane)
    before = _padding_before(given.get("padding", 0), weight.shape[2:], dilation)
    once = groups == 1 and {*stride} == {1}
    if once and {*dilation} == {1} and is_folded(signal, weight):
        return Signal(_folded(signal, weight, before, source.shape[2:]))
    signal = signal.spread()
    if once and signal.channels is not None and weight.shape[1] > 1:
        kernels = weight[signal.channels]
        return Signal(_own_kernels(signal.values, kernels, before, dilation, source.shape[2:]))
    if signal.channels is not None and groups == 1:
        # Each unit touches only its own kernel: one group a unit, and nothing is multiplied by zero.
        values, kernels, groups = signal.values.transpose(0, 1), weight[signal.channels], len(signal.values)
    else:
        values, kernels = signal.dense(weight.shape[0]), weight
        if plane == 2:
            kernels = kernels.contiguous(memory_format=torch.channels_last)
            values = values.contiguous(memory_format=torch.channels_last)
    transpose = functional.conv_transpose1d if plane == 1 else functional.conv_transpose2d
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


def _own_kernels(
    values: Tensor, kernels: Tensor, before: tuple[int, ...], dilation: tuple[int, ...], shape: torch.Size
) -> Tensor:
    """Convolve units that stand alone, (units, 1, ...), each with its own kernels, (units, out, ...).

    One matrix product a unit, of what the taps of the kernel see with the kernel.
    """
    size = kernels.shape[2:]
    reach = [step * (n - 1) for step, n in zip(dilation, size, strict=True)]
    around: list[int] = []
    for length, have, far, first in zip(*(reversed(x) for x in (shape, values.shape[2:], reach, before)), strict=True):
        around += [far - first, length + first - have]
    room = functional.pad(values[:, 0], around)  # (units, ...)
    taps = itertools.product(*(range(n) for n in size))
    seen = [
        room[_slices([far - step * k for far, step, k in zip(reach, dilation, tap, strict=True)], shape)]
        for tap in taps
    ]
    image = torch.stack(seen, dim=1).flatten(2).mT @ kernels.flatten(2).mT  # (units, cells, out)
    return image.view(len(values), *shape, -1).movedim(-1, 1)


def is_folded(signal: Signal, weight: Tensor) -> bool:
    """Whether `_folded` applies and pays: fewer products a cell than channels that are summed."""
    tiled = signal.unpooling is not None and signal.unpooling.window is not None
    return tiled and signal.channels is None and weight[0].numel() <= weight.shape[0]


BLOCK_VALUES = 2**18
"""What `_folded` spreads at a time for each core, so that it stays in its cache."""

BLOCK_VALUES_ON_A_GPU = 2**26
"""The same on a GPU, where few large steps are quick."""


def _folded(signal: Signal, weight: Tensor, before: tuple[int, ...], shape: torch.Size) -> Tensor:
    """Unpool and convolve with a kernel of few channels at once, without making the large plane of zeros.

    A cell's values stand somewhere in its window, and the kernel carries them from there into a patch a little larger
    than the window. With the places in the window side by side, that is one matrix for all cells and units; then the
    patches are added where they overlap.
    """
    values, unpooling = signal.values, signal.unpooling
    assert unpooling is not None
    assert unpooling.window is not None
    units, channels, *cells = values.shape
    n_out, kernel, window = weight.shape[1], weight.shape[2:], unpooling.window
    patch = [size + reach - 1 for size, reach in zip(window, kernel, strict=True)]
    placed = weight.new_zeros(len(unpooling.offsets), channels, n_out, *patch)
    for number, offset in enumerate(unpooling.offsets):
        placed[number][_slices(offset, kernel)] = weight
    matrix = placed.flatten(2).flatten(0, 1)  # (places * channels, out * patch)

    places, last = unpooling.places(values.dtype), values.movedim(1, -1).unsqueeze(-2)
    block = BLOCK_VALUES * torch.get_num_threads() if values.device.type == "cpu" else BLOCK_VALUES_ON_A_GPU
    rows = max(1, block // (places[0].numel() * units))
    blocks = [
        (last[:, first : first + rows] * places[first : first + rows]).flatten(-2) @ matrix
        for first in range(0, cells[0], rows)
    ]
    patches = torch.cat(blocks, dim=1).view(units, *cells, n_out, *patch)

    # Around the plane there is room for what the kernel reaches beyond it.
    image = values.new_zeros(units, n_out, *(n + reach - 1 for n, reach in zip(unpooling.plane, kernel, strict=True)))
    for place in itertools.product(*(range(size) for size in patch)):
        of: tuple[Any, ...] = (..., *place)
        image[_slices(place, cells, window)] += patches[of].movedim(-1, 1)
    return image[_slices(before, shape)]


def _slices(first: Sequence[int], counts: Sequence[int], strides: Sequence[int] | None = None) -> tuple[Any, ...]:
    """An index: of the last axes so many cells from a first one on, each so far from the next; of others all."""
    along = zip(first, counts, strides or [1] * len(first), strict=True)
    return (..., *(slice(start, start + step * n, step) for start, n, step in along))


def _padding_before(padding: Any, kernel: torch.Size, dilation: tuple[int, ...]) -> tuple[int, ...]:
    """Zeros that the convolution put before its input, per axis; torch puts the odd one of 'same' behind."""
    if padding == "valid":
        return (0,) * len(kernel)
    if padding == "same":
        return tuple(step * (size - 1) // 2 for size, step in zip(kernel, dilation, strict=True))
    return each(padding, len(kernel))


def _cut(image: Tensor, before: tuple[int, ...], shape: torch.Size) -> Tensor:
    """The part of a transposed convolution that lies on the input: padding goes, what the stride left out is zero."""
    missing: list[int] = []
    for size, first, have in zip(reversed(shape), reversed(before), reversed(image.shape[2:]), strict=True):
        missing += [-first, size + first - have]
    return functional.pad(image, missing) if any(missing) else image
