"""Axes of frequency and time: scales, round ticks, note names, and images resampled onto an axis."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, Protocol

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import ArrayLike, NDArray

FrequencyScale = Literal["linear", "log", "mel"]
FREQUENCY_SCALES: tuple[FrequencyScale, ...] = ("linear", "log", "mel")
PITCH_CLASSES = ("C", "C♯", "D", "D♯", "E", "F", "F♯", "G", "G♯", "A", "A♯", "B")

LOWEST_LOG_HZ = 10.0
"""Lowest frequency of a logarithmic axis; lower ones are drawn here."""

# Slaney's mel scale (Auditory Toolbox, 1998): linear to 1 kHz, then 27 mels for each factor of 6.4.
_MEL_HZ = 200.0 / 3.0
_MEL_BREAK_HZ = 1000.0
_MEL_BREAK = _MEL_BREAK_HZ / _MEL_HZ
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
    above = np.log(np.maximum(hz, _MEL_BREAK_HZ) / _MEL_BREAK_HZ) / _MEL_LOG_STEP
    mel: NDArray[np.float64] = np.where(hz < _MEL_BREAK_HZ, hz / _MEL_HZ, _MEL_BREAK + above)
    return mel


def mel_to_hz(mel: ArrayLike) -> NDArray[np.float64]:
    """Invert `hz_to_mel`."""
    mel = np.asarray(mel, dtype=np.float64)
    above = _MEL_BREAK_HZ * np.exp(_MEL_LOG_STEP * np.maximum(mel - _MEL_BREAK, 0.0))
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


# Ticks


def round_ticks(low_hz: float, high_hz: float, scale: FrequencyScale | Axis, max_ticks: int) -> list[float]:
    """Round frequencies for the ticks of an axis.

    The candidates are even steps of 1, 2 or 5 times a power of ten, the decades, and the series 1-2-5. Candidates with
    ticks too close to each other are rejected; the remaining one with the most ticks is chosen. From the decades and
    the series, ticks below 1 kHz may be left out one by one instead, because a mel axis is dense there.

    Parameters
    ----------
    low_hz, high_hz : float
        The visible range.
    scale : {"linear", "log", "mel"} or Axis
    max_ticks : int
        Largest number of ticks, at least 1.

    Returns
    -------
    list of float
        Increasing, within the range.
    """
    if not high_hz > low_hz:
        return []
    axis = ScaleAxis(scale) if isinstance(scale, str) else scale
    max_ticks = max(max_ticks, 1)
    low, high = (float(edge) for edge in axis.position([low_hz, high_hz]))
    room = (high - low) / max_ticks

    best: list[float] = []
    for ticks, may_thin in _tick_candidates(max(low_hz, 0.0), high_hz, max_ticks):
        kept = _with_room(ticks, axis.position(ticks), room, may_thin)
        if len(best) < len(kept) <= max_ticks:
            best = kept
    return best


def _tick_candidates(low_hz: float, high_hz: float, max_ticks: int) -> list[tuple[list[float], bool]]:
    """List ticks, with True if the lowest may be left out; even steps first, so that a linear axis prefers them."""
    candidates = []
    step = _round_step((high_hz - low_hz) / max_ticks)
    for _ in range(4):
        first, last = math.ceil(low_hz / step - 1e-9), math.floor(high_hz / step + 1e-9)
        candidates.append(([step * k for k in range(first, last + 1)], False))
        step = _round_step(1.5 * step)
    decades = range(math.floor(math.log10(max(low_hz, 1.0))), math.ceil(math.log10(max(high_hz, 1.0))) + 1)
    for digits in ((1,), (1, 2, 5)):
        series = [0.0, *(digit * 10.0**decade for decade in decades for digit in digits)]
        candidates.append(([hz for hz in series if low_hz <= hz <= high_hz], True))
    return candidates


def _with_room(ticks: list[float], positions: NDArray[np.float64], room: float, may_thin: bool) -> list[float]:
    """Keep ticks that are `room` apart, from the top down; none if a tick that is too close must not be left out."""
    kept: list[float] = []
    lowest = math.inf
    for hz, position in zip(reversed(ticks), reversed(positions.tolist()), strict=True):
        if lowest - position >= room * 0.999:
            kept.append(hz)
            lowest = position
        elif not may_thin or hz >= _MEL_BREAK_HZ:
            return []
    return kept[::-1]


def _round_step(at_least: float) -> float:
    """Round up to 1, 2 or 5 times a power of ten."""
    power = 10.0 ** math.floor(math.log10(at_least) + 1e-9)
    return next(digit * power for digit in (1, 2, 5, 10) if digit * power >= at_least * (1 - 1e-9))


_TIME_STEPS_S = (
    *(digit * 10.0**exponent for exponent in (-4, -3, -2, -1) for digit in (1, 2, 5)),
    *(1.0, 2.0, 5.0, 10.0, 15.0, 30.0, 60.0, 120.0, 300.0, 600.0, 900.0, 1800.0, 3600.0, 7200.0, 18000.0, 36000.0),
)


def time_ticks(start_s: float, end_s: float, max_ticks: int) -> tuple[float, list[float]]:
    """Return round times within a range, as (step in seconds, times in seconds)."""
    span_s = max(end_s - start_s, 1e-6)
    step = next((step for step in _TIME_STEPS_S if span_s / step <= max_ticks), _TIME_STEPS_S[-1])
    first, last = math.ceil(start_s / step - 1e-9), math.floor(end_s / step + 1e-9)
    return step, [step * k for k in range(first, last + 1)]


# Words


def time_label(time_s: float, step_s: float = 0.001) -> str:
    """Write a time as m:ss, with as many decimals as a `step_s` needs; h:mm:ss from an hour on.

    Examples
    --------
    >>> time_label(62.5, step_s=0.1), time_label(62.5, step_s=10), time_label(3725.0, step_s=1)
    ('1:02.5', '1:02', '1:02:05')
    """
    decimals = max(0, math.ceil(-math.log10(step_s) - 1e-9)) if step_s < 1 else 0
    units = round(abs(time_s) * 10**decimals)
    whole, part = divmod(units, 10**decimals)
    hours, minutes, seconds = whole // 3600, whole // 60 % 60, whole % 60
    sign = "-" if time_s < 0 and units else ""
    clock = f"{hours}:{minutes:02d}:{seconds:02d}" if hours else f"{minutes}:{seconds:02d}"
    return f"{sign}{clock}.{part:0{decimals}d}" if decimals else f"{sign}{clock}"


def frequency_label(hz: float) -> str:
    """Write a round frequency for a tick: `500`, `2k`, `1.5k`."""
    return f"{hz / 1000:.6g}k" if hz >= 1000 else f"{hz:.6g}"


def note_name(hz: float) -> str:
    """Name the nearest note (equal temperament, A4 = 440 Hz) and the cents from it, `A4 +12 cents`; "" below 8 Hz."""
    if hz < 8.0:
        return ""
    cents = round(1200.0 * math.log2(hz / 440.0))
    semitones = math.floor(cents / 100 + 0.5)
    octave, pitch_class = divmod(semitones + 57, 12)  # 57 semitones from C0 to A4
    off = cents - 100 * semitones
    return f"{PITCH_CLASSES[pitch_class]}{octave}" + (f" {off:+d} cents" if off else "")


# Images on an axis


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
