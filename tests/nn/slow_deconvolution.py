"""Deconvolution once more, slowly and from the papers alone: NumPy, double precision, loops over every cell.

Nothing is shared with the engine; what goes in are plain arrays and numbers.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]


@dataclass
class Block:
    """Convolution, batch norm (if any), activation, max pooling."""

    kernel: Array  # (out, in, bins, frames)
    bias: Array
    stride: tuple[int, int]
    padding: tuple[int, int]
    scale: Array | None  # of the batch norm's linear part
    shift: Array | None
    activation: str
    pool: tuple[int, int]


def convolve(image: Array, block: Block) -> Array:
    (p, q), (s, t) = block.padding, block.stride
    padded = np.pad(image, ((0, 0), (p, p), (q, q)))
    n_out, _, height, width = block.kernel.shape
    bins, frames = (padded.shape[1] - height) // s + 1, (padded.shape[2] - width) // t + 1
    output = np.zeros((n_out, bins, frames))
    for i in range(bins):
        for j in range(frames):
            seen = padded[:, i * s : i * s + height, j * t : j * t + width]
            output[:, i, j] = (block.kernel * seen).sum(axis=(1, 2, 3)) + block.bias
    return output


def deconvolve(blocks: list[Block], image: Array, unit: int) -> Array:
    """Of a unit of the last block: (channels, bins, frames), as its input."""
    below, switches = [], []
    values = image
    for block in blocks:
        below.append(values.shape)
        values = convolve(values, block)
        if block.scale is not None:
            values = values * block.scale[:, None, None] + block.shift[:, None, None]
        values = np.where(values > 0, values, 0.0 if block.activation == "relu" else np.expm1(np.minimum(values, 0.0)))
        values, where = pool(values, block.pool)
        switches.append(where)
    signal = np.zeros_like(values)
    signal[unit] = values[unit]
    for block, shape, (where, plane) in zip(reversed(blocks), reversed(below), reversed(switches), strict=True):
        spread = np.zeros(plane)
        for place in np.ndindex(*signal.shape):
            spread[(place[0], *where[place])] = signal[place]
        spread = np.maximum(spread, 0.0)
        if block.scale is not None:
            spread = spread * block.scale[:, None, None]
        signal = transposed(spread, block, shape)
    return signal


def pool(values: Array, window: tuple[int, int]) -> tuple[Array, tuple[NDArray[np.int64], tuple[int, ...]]]:
    channels, bins, frames = values.shape
    height, width = window
    pooled = np.zeros((channels, bins // height, frames // width))
    where = np.zeros((*pooled.shape, 2), dtype=np.int64)
    for c, i, j in np.ndindex(*pooled.shape):
        cells = values[c, i * height : (i + 1) * height, j * width : (j + 1) * width]
        k, m = np.unravel_index(cells.argmax(), cells.shape)
        pooled[c, i, j] = cells[k, m]
        where[c, i, j] = i * height + k, j * width + m
    return pooled, (where, values.shape)


def transposed(signal: Array, block: Block, shape: tuple[int, ...]) -> Array:
    (p, q), (s, t) = block.padding, block.stride
    _, _, height, width = block.kernel.shape
    image = np.zeros((shape[0], shape[1] + 2 * p, shape[2] + 2 * q))
    for i in range(signal.shape[1]):
        for j in range(signal.shape[2]):
            image[:, i * s : i * s + height, j * t : j * t + width] += np.tensordot(signal[:, i, j], block.kernel, 1)
    return image[:, p : p + shape[1], q : q + shape[2]]
