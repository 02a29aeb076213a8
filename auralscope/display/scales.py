"""Scales and axes of frequency, and images resampled onto an axis."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, Protocol

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import ArrayLike, NDArray

FrequencyScale = Literal["linear", "log", "mel"]
FREQUENCY_SCALES: tuple[FrequencyScale, ...] = ("linear", "log", "mel")

LOWEST_LOG_HZ = 10.0
"""Lowest frequency of a logarithmic axis; lower ones are drawn here."""

# Slaney's mel scale (Auditory Toolbox, 1998): linear to 1 kHz, then 27 mels for each factor of 6.4.
_MEL_HZ = 200.0 / 3.0
MEL_BREAK_HZ = 1000.0
_MEL_BREAK = MEL_BREAK_HZ / _MEL_HZ
_MEL_LOG_STEP = math.log(6.4) / 27.0


class Axis(Protocol):
    """Strictly increasing map from frequency to position on an axis."""

    def position(self, hz: ArrayLike) -> NDArray[np.float64]:
        """Return the positions of frequencies on the axis."""

    def hz(self, position: ArrayLike) -> NDArray[np.float64]:
        """Return the frequencies at positions on the axis."""


@dataclass(frozen=True)
class ScaleAxis:
    """Axis with positions in Hz (linear), in octaves above 1 Hz (log) or in Slaney's mels (mel)."""

    scale: FrequencyScale

    def position(self, hz: ArrayLike) -> NDArray[np.float64]:
        return hz_to_position(hz, self.scale)

    def hz(self, position: ArrayLike) -> NDArray[np.float64]:
        return position_to_hz(position, self.scale)


class BinAxis:
    """Axis on which the bins of an image are evenly spaced, with bin 0 at position 0.

    Parameters
    ----------
    frequencies_hz : (bins,) array, increasing
    """

    def __init__(self, frequencies_hz: ArrayLike) -> None:
        self.frequencies_hz: NDArray[np.float64] = np.asarray(frequencies_hz, dtype=np.float64)

    def position(self, hz: ArrayLike) -> NDArray[np.float64]:
        return bin_position(hz, self.frequencies_hz)

    def hz(self, position: ArrayLike) -> NDArray[np.float64]:
        bins = np.arange(self.frequencies_hz.size, dtype=np.float64)
        return _extended_interp(np.asarray(position, dtype=np.float64), bins, self.frequencies_hz)


def hz_to_mel(hz: ArrayLike) -> NDArray[np.float64]:
    """Convert Hz to Slaney's mel scale, as in librosa."""
    hz = np.asarray(hz, dtype=np.float64)
    above = np.log(np.maximum(hz, MEL_BREAK_HZ) / MEL_BREAK_HZ) / _MEL_LOG_STEP
    mel: NDArray[np.float64] = np.where(hz < MEL_BREAK_HZ, hz / _MEL_HZ, _MEL_BREAK + above)
    return mel


def mel_to_hz(mel: ArrayLike) -> NDArray[np.float64]:
    """Invert `hz_to_mel`."""
    mel = np.asarray(mel, dtype=np.float64)
    above = MEL_BREAK_HZ * np.exp(_MEL_LOG_STEP * np.maximum(mel - _MEL_BREAK, 0.0))
    hz: NDArray[np.float64] = np.where(mel < _MEL_BREAK, mel * _MEL_HZ, above)
    return hz


def hz_to_position(hz: ArrayLike, scale: FrequencyScale) -> NDArray[np.float64]:
    """Convert frequencies to positions on an axis: in Hz, in octaves above 1 Hz, or in mels."""
    hz = np.asarray(hz, dtype=np.float64)
    if scale == "log":
        octaves: NDArray[np.float64] = np.log2(np.maximum(hz, LOWEST_LOG_HZ))
        return octaves
    return hz_to_mel(hz) if scale == "mel" else hz


def position_to_hz(position: ArrayLike, scale: FrequencyScale) -> NDArray[np.float64]:
    """Invert `hz_to_position`."""
    position = np.asarray(position, dtype=np.float64)
    if scale == "log":
        hz: NDArray[np.float64] = np.exp2(position)
        return hz
    return mel_to_hz(position) if scale == "mel" else position


def bin_position(hz: ArrayLike, frequencies_hz: NDArray[np.float64]) -> NDArray[np.float64]:
    """Convert frequencies to fractional bins of an image with bin centres `frequencies_hz`, also beyond its edges."""
    bins = np.arange(frequencies_hz.size, dtype=np.float64)
    return _extended_interp(np.asarray(hz, dtype=np.float64), frequencies_hz, bins)


def _extended_interp(x: NDArray[np.float64], xp: NDArray[np.float64], fp: NDArray[np.float64]) -> NDArray[np.float64]:
    """Interpolate as `numpy.interp`, with linear extrapolation at both ends."""
    inside: NDArray[np.float64] = np.asarray(np.interp(x, xp, fp))
    if xp.size < 2:
        return inside
    low = fp[0] + (x - xp[0]) * (fp[1] - fp[0]) / (xp[1] - xp[0])
    high = fp[-1] + (x - xp[-1]) * (fp[-1] - fp[-2]) / (xp[-1] - xp[-2])
    return np.where(x < xp[0], low, np.where(x > xp[-1], high, inside))


class Warp:
    """Resample the rows of an image onto an evenly divided range of a frequency axis.

    A row with several bins shows the strongest, so that a thin partial stays visible in a small picture. Rows between
    two bin centres are interpolated.

    Parameters
    ----------
    frequencies_hz : (bins,) array, increasing
        Bin centres.
    axis : Axis
    low, high : float
        Positions of the range's edges on the axis.
    n_rows : int
    between : bool
        Interpolate between bins; otherwise a row shows its nearest bin, as needed for pitch classes.
    """

    def __init__(
        self,
        frequencies_hz: NDArray[np.float64],
        axis: Axis,
        low: float,
        high: float,
        n_rows: int,
        *,
        between: bool = True,
    ) -> None:
        n_bins = frequencies_hz.size
        edges = bin_position(axis.hz(np.linspace(low, high, n_rows + 1)), frequencies_hz)
        centres = (edges[:-1] + edges[1:]) / 2
        first_bins = np.clip(np.ceil(edges), 0, n_bins).astype(np.intp)
        shared = (np.diff(edges) > 1.0) & (np.diff(first_bins) > 0)
        self.n_rows = n_rows
        # A bin reaches half-way to its neighbours; rows beyond the outermost bins stay empty.
        self._single = np.flatnonzero(~shared & (centres >= -0.5) & (centres <= n_bins - 0.5))
        inner = np.clip(centres[self._single], 0, n_bins - 1)
        inner = inner if between else np.rint(inner)
        self._below = np.minimum(inner.astype(np.intp), max(n_bins - 2, 0))
        self._above = np.minimum(self._below + 1, n_bins - 1)
        self._weight = np.round((inner - self._below) * 256).astype(np.uint16)[:, None]
        rows = np.flatnonzero(shared)
        runs = np.split(rows, np.flatnonzero(np.diff(rows) > 1) + 1) if rows.size else []
        self._runs = [(run[0], run[-1] + 1, first_bins[run[0] : run[-1] + 2]) for run in runs]

    def __call__(self, image: NDArray[np.uint8]) -> NDArray[np.uint8]:
        """Resample (bins, columns) to (n_rows, columns), the lowest frequency first; rows without a bin are 0."""
        rows = np.zeros((self.n_rows, image.shape[1]), np.uint8)
        if self._single.size:
            mixed = image[self._below] * (256 - self._weight) + image[self._above] * self._weight
            rows[self._single] = mixed >> 8
        for first, last, bins in self._runs:
            part = image[bins[0] : bins[-1]]
            rows[first:last] = np.maximum.reduceat(part, bins[:-1] - bins[0], axis=0)
        return rows
