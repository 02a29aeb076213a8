"""Transposed convolution of a signal, with two shortcuts that skip zeros.

Right below the chosen layer, each unit occupies one channel, so only that channel's kernels are multiplied. Right below
a max pooling, each window has one value that is not zero, so a kernel of few channels is applied to those values only.
"""

from __future__ import annotations

import itertools
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor
from torch.nn import functional

from auralscope.nn.tape.functions import CONVOLUTION_ARGUMENTS, per_axis
from auralscope.nn.tape.signals import Signal

if TYPE_CHECKING:
    from collections.abc import Sequence

    from auralscope.nn.tape.steps import Step


def transposed_convolution(step: Step, signal: Signal, weight: Tensor) -> Signal:
    """Carry a signal from a convolution's output to its input.

    `weight` is the kernel to use: the step's own, or a part of it.
    """
    given = step.arguments(CONVOLUTION_ARGUMENTS)
    source, groups = given["input"], given.get("groups", 1)
    plane = source.ndim - 2
    stride, dilation = per_axis(given.get("stride", 1), plane), per_axis(given.get("dilation", 1), plane)
    before = _padding_before(given.get("padding", 0), weight.shape[2:], dilation)
    once = groups == 1 and {*stride} == {1}
    if once and {*dilation} == {1} and is_folded(signal, weight):
        return Signal(_folded(signal, weight, before, source.shape[2:]))
    signal = signal.spread()
    if once and signal.channels is not None and weight.shape[1] > 1:
        kernels = weight[signal.channels]
        return Signal(_own_kernels(signal.values, kernels, before, dilation, source.shape[2:]))
    if signal.channels is not None and groups == 1:
        # One group for each unit: a unit meets only its own kernel, and no zero is multiplied.
        values, kernels, groups = signal.values.transpose(0, 1), weight[signal.channels], len(signal.values)
    else:
        values, kernels = signal.dense(weight.shape[0]), weight
        if plane == 2:
            kernels = kernels.contiguous(memory_format=torch.channels_last)
            values = values.contiguous(memory_format=torch.channels_last)
    transpose = functional.conv_transpose1d if plane == 1 else functional.conv_transpose2d
    # Cells at the input's end that the stride left out.
    behind = [
        size - ((n - 1) * jump - 2 * pad + spread * (k - 1) + 1)
        for size, n, jump, pad, spread, k in zip(
            source.shape[2:], values.shape[2:], stride, before, dilation, weight.shape[2:], strict=True
        )
    ]
    padding = before
    even = all(0 <= rest < max(jump, spread) for rest, jump, spread in zip(behind, stride, dilation, strict=True))
    if not even:  # 'same' puts an odd zero at the end: compute all, then cut
        padding, behind = (0,) * plane, [0] * plane
    image = transpose(values, kernels, None, stride, padding, behind, groups, dilation)
    if len(image) != len(signal.values):
        image = image.view(len(signal.values), -1, *image.shape[2:])
    return Signal(image if even else _cut(image, before, source.shape[2:]))


def _own_kernels(
    values: Tensor, kernels: Tensor, before: tuple[int, ...], dilation: tuple[int, ...], shape: torch.Size
) -> Tensor:
    """Convolve each unit's single channel, (units, 1, ...), with its own kernels, (units, out, ...).

    One matrix product for each unit: the shifted planes, one for each tap of the kernel, times the kernel.
    """
    size = kernels.shape[2:]
    reach = [step * (n - 1) for step, n in zip(dilation, size, strict=True)]
    around: list[int] = []
    for length, have, far, first in zip(*(reversed(x) for x in (shape, values.shape[2:], reach, before)), strict=True):
        around += [far - first, length + first - have]
    room = functional.pad(values[:, 0], around)  # (units, ...)
    taps = itertools.product(*(range(n) for n in size))
    shifted = [
        room[_slices([far - step * k for far, step, k in zip(reach, dilation, tap, strict=True)], shape)]
        for tap in taps
    ]
    image = torch.stack(shifted, dim=1).flatten(2).mT @ kernels.flatten(2).mT  # (units, cells, out)
    return image.view(len(values), *shape, -1).movedim(-1, 1)


def is_folded(signal: Signal, weight: Tensor) -> bool:
    """Return whether `_folded` applies and saves time: fewer products for each cell than channels to sum."""
    tiled = signal.unpooling is not None and signal.unpooling.window is not None
    return tiled and signal.channels is None and weight[0].numel() <= weight.shape[0]


BLOCK_VALUES = 2**18
"""Values that `_folded` spreads at a time for each CPU core, so that they fit into its cache."""

BLOCK_VALUES_ON_A_GPU = 2**26
"""The same on a GPU, where fewer and larger steps are faster."""


def _folded(signal: Signal, weight: Tensor, before: tuple[int, ...], shape: torch.Size) -> Tensor:
    """Unpool and convolve with a kernel of few channels in one step, without the large plane of zeros.

    The kernel spreads a value from its place in the window over a patch a little larger than the window. With one row
    for each place in the window, this is a single matrix for all cells and units. Overlapping patches are added.
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

    # The plane has a margin for the kernel's reach beyond it.
    image = values.new_zeros(units, n_out, *(n + reach - 1 for n, reach in zip(unpooling.plane, kernel, strict=True)))
    for place in itertools.product(*(range(size) for size in patch)):
        of: tuple[Any, ...] = (..., *place)
        image[_slices(place, cells, window)] += patches[of].movedim(-1, 1)
    return image[_slices(before, shape)]


def _slices(first: Sequence[int], counts: Sequence[int], strides: Sequence[int] | None = None) -> tuple[Any, ...]:
    """Return an index into the last axes: `counts` cells from `first` on, `strides` apart."""
    along = zip(first, counts, strides or [1] * len(first), strict=True)
    return (..., *(slice(start, start + step * n, step) for start, n, step in along))


def _padding_before(padding: Any, kernel: torch.Size, dilation: tuple[int, ...]) -> tuple[int, ...]:
    """Return the zeros before the input, for each axis; torch puts the odd zero of 'same' at the end."""
    if padding == "valid":
        return (0,) * len(kernel)
    if padding == "same":
        return tuple(step * (size - 1) // 2 for size, step in zip(kernel, dilation, strict=True))
    return per_axis(padding, len(kernel))


def _cut(image: Tensor, before: tuple[int, ...], shape: torch.Size) -> Tensor:
    """Cut the padding off a transposed convolution, and add zeros for cells that the stride left out."""
    missing: list[int] = []
    for size, first, have in zip(reversed(shape), reversed(before), reversed(image.shape[2:]), strict=True):
        missing += [-first, size + first - have]
    return functional.pad(image, missing) if any(missing) else image
