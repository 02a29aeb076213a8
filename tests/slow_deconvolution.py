"""A slow second implementation of deconvolution, in double precision, that shares nothing with the engine.

Convolutions are loops over cells. Any other linear step is a matrix, made by giving the step one cell at a time.
"""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

ACTIVATIONS = (nn.ReLU, nn.ELU, nn.LeakyReLU, nn.SiLU, nn.GELU, nn.PReLU)


def deconvolve(steps: list[nn.Module], image: Tensor, unit: int) -> Tensor:
    """Deconvolve a unit of the last of `steps`, (channels, bins, frames), for an image (1, channels, bins, frames)."""
    values, passed = image, []
    for step in steps:
        passed.append((step, values))
        values = step(values)
    signal = torch.zeros_like(values)
    signal[0, unit] = values[0, unit]
    for step, given in reversed(passed):
        if isinstance(step, ACTIVATIONS):
            signal = signal.clamp(min=0.0)
        elif isinstance(step, (nn.Identity, nn.Dropout)):
            continue
        elif isinstance(step, (nn.MaxPool2d, nn.AdaptiveMaxPool2d)):
            signal = unpooled(step, given, signal)
        elif isinstance(step, nn.Conv2d) and step.padding_mode == "zeros":
            signal = transposed(step, given, signal)
        elif isinstance(step, nn.BatchNorm2d):
            signal = signal * (step.weight / (step.running_var + step.eps).sqrt()).view(1, -1, 1, 1)
        else:
            signal = (matrix_of(step, given.shape[1:]).T @ signal.flatten()).view(given.shape)
    return signal[0]


def matrix_of(step: nn.Module, shape: torch.Size) -> Tensor:
    """Return the matrix of the linear part of a step, (outputs, inputs)."""
    nothing = step(torch.zeros(1, *shape, dtype=torch.float64))
    cells = torch.eye(int(np.prod(shape)), dtype=torch.float64)
    return torch.stack([(step(cell.view(1, *shape)) - nothing).flatten() for cell in cells], dim=1)


def unpooled(step: nn.Module, given: Tensor, signal: Tensor) -> Tensor:
    """Add each value to the place of its maximum."""
    below = torch.zeros_like(given)
    if isinstance(step, nn.AdaptiveMaxPool2d):
        where = given.flatten(2).argmax(dim=2).view(signal.shape)
    else:
        where = functional.max_pool2d(
            given, step.kernel_size, step.stride, step.padding, step.dilation, return_indices=True
        )[1]
    for channel, row, column in np.ndindex(*signal.shape[1:]):
        below[0, channel].view(-1)[int(where[0, channel, row, column])] += signal[0, channel, row, column]
    return below


def transposed(step: nn.Conv2d, given: Tensor, signal: Tensor) -> Tensor:
    """Add each value times the kernel to the cells under the kernel."""
    kernel, values = step.weight.detach().numpy(), signal[0].detach().numpy()
    (s, t), (d, e) = step.stride, step.dilation
    height, width = d * (kernel.shape[2] - 1) + 1, e * (kernel.shape[3] - 1) + 1
    if step.padding == "same":
        before = ((height - 1) // 2, (width - 1) // 2)
        after = (height - 1 - before[0], width - 1 - before[1])
    else:
        before = after = step.padding
    bins, frames = given.shape[2:]
    below = np.zeros((given.shape[1], bins + before[0] + after[0], frames + before[1] + after[1]))
    n_in, n_out = kernel.shape[1], kernel.shape[0] // step.groups
    for group in range(step.groups):
        inputs, outputs = slice(group * n_in, (group + 1) * n_in), slice(group * n_out, (group + 1) * n_out)
        for i, j in np.ndindex(*values.shape[1:]):
            patch = np.tensordot(values[outputs, i, j], kernel[outputs], 1)
            below[inputs, i * s : i * s + height : d, j * t : j * t + width : e] += patch
    return torch.from_numpy(below[:, before[0] : before[0] + bins, before[1] : before[1] + frames])[None]
