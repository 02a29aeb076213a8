"""Ticks of frequency and time axes, their labels, and the names of notes."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from auralscope.display.scales import MEL_BREAK_HZ, ScaleAxis

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from auralscope.display.scales import Axis, FrequencyScale

PITCH_CLASSES = ("C", "C♯", "D", "D♯", "E", "F", "F♯", "G", "G♯", "A", "A♯", "B")


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
        elif not may_thin or hz >= MEL_BREAK_HZ:
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
