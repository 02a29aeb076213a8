"""Compute the waveform of a recording of any length at any zoom."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from auralscope.types import Clip


@dataclass(frozen=True, eq=False)
class Envelope:
    """Waveform by columns: lowest and highest sample over all channels, and the RMS, each (columns,) float32."""

    low: NDArray[np.float32]
    high: NDArray[np.float32]
    rms: NDArray[np.float32]


class Overview:
    """Waveform of a clip at every zoom, from sums computed once (seconds for hours of sound: not on the UI thread).

    A column of fewer than 256 samples is exact; the edges of larger columns are off by at most an eighth of a column.
    """

    BLOCKS = (64, 1024, 16384)
    CHUNK = 1 << 22  # samples read at once

    def __init__(self, clip: Clip) -> None:
        self.clip = clip
        chunks = [self._sum_up(start) for start in range(0, max(clip.n_samples, 1), self.CHUNK)]
        low, high, square = (np.concatenate(parts) for parts in zip(*chunks, strict=True))
        self._reductions = [(low, high, square)]
        for _ in self.BLOCKS[1:]:
            starts = np.arange(0, low.size, 16)
            if low.size:
                counts = np.diff(starts, append=low.size).astype(np.float32)
                low, high = np.minimum.reduceat(low, starts), np.maximum.reduceat(high, starts)
                square = np.add.reduceat(square, starts) / counts
            self._reductions.append((low, high, square))

    def columns(self, start_s: float, end_s: float, width_px: int) -> Envelope:
        """Compute the envelope of a time range; 0 beyond the clip."""
        edges = np.linspace(start_s, end_s, width_px + 1) * self.clip.sample_rate
        per_column = float(edges[1] - edges[0])
        if per_column <= 1.0:
            return self._between_samples(edges)
        fitting = [k for k, block in enumerate(self.BLOCKS) if 4 * block <= per_column]
        if not fitting:
            bounds = np.clip(np.rint(edges), 0, self.clip.n_samples).astype(np.intp)
            samples = self.clip.samples[:, bounds[0] : bounds[-1]]
            return _reduce(samples.min(axis=0), samples.max(axis=0), np.square(samples).mean(axis=0), bounds)
        low, high, square = self._reductions[fitting[-1]]
        bounds = np.clip(np.rint(edges / self.BLOCKS[fitting[-1]]), 0, low.size).astype(np.intp)
        part = slice(bounds[0], bounds[-1])
        return _reduce(low[part], high[part], square[part], bounds)

    def _sum_up(self, start: int) -> tuple[NDArray[np.float32], ...]:
        samples = self.clip.samples[:, start : start + self.CHUNK]
        missing = -samples.shape[1] % self.BLOCKS[0]
        if missing:
            samples = np.pad(samples, ((0, 0), (0, missing)), mode="edge")
        blocks = samples.reshape(self.clip.channels, -1, self.BLOCKS[0])
        square = np.einsum("cbs,cbs->b", blocks, blocks) / (self.clip.channels * self.BLOCKS[0])
        return blocks.min(axis=(0, 2)), blocks.max(axis=(0, 2)), square

    def _between_samples(self, edges: NDArray[np.float64]) -> Envelope:
        """Compute columns narrower than a sample by linear interpolation."""
        first, last = max(int(edges[0]) - 1, 0), min(int(edges[-1]) + 3, self.clip.n_samples)
        if last <= first:
            return Envelope(*(np.zeros(edges.size - 1, np.float32) for _ in range(3)))
        times = np.arange(first, last)
        within = np.minimum(np.ceil(edges[:-1]), edges[1:])  # the sample inside a column, if there is one
        points = np.stack([edges[:-1], within, edges[1:]])
        values = np.stack(
            [np.interp(points, times, channel, left=0.0, right=0.0) for channel in self.clip.samples[:, first:last]]
        ).astype(np.float32)
        return Envelope(values.min(axis=(0, 1)), values.max(axis=(0, 1)), np.sqrt(np.square(values).mean(axis=(0, 1))))


def _reduce(
    low: NDArray[np.float32], high: NDArray[np.float32], square: NDArray[np.float32], bounds: NDArray[np.intp]
) -> Envelope:
    """Reduce columns between `bounds`, the first of which is the start of the arrays; empty columns are 0."""
    columns = np.zeros((3, bounds.size - 1), np.float32)
    counts = np.diff(bounds)
    filled = np.flatnonzero(counts)
    if filled.size:
        starts = bounds[:-1][filled] - bounds[0]
        columns[0, filled] = np.minimum.reduceat(low, starts)
        columns[1, filled] = np.maximum.reduceat(high, starts)
        columns[2, filled] = np.sqrt(np.add.reduceat(square, starts) / counts[filled])
    return Envelope(columns[0], columns[1], columns[2])
