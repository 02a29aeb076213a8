"""Write numbers for sentences: shares, values, factors and frequencies."""

from __future__ import annotations

import math


def percent(share: float, digits: int = 0, *, rounded: bool = False) -> str:
    """Write a share as `63 %`; NaN is a dash.

    A share above 0 is written as `under 1 %` rather than `0 %`, unless `rounded` is set, as in tables.
    """
    if math.isnan(share):
        return "–"
    least = 10.0**-digits
    if 0.0 < 100.0 * share < least / 2 and not rounded:
        return f"under {least:.{digits}f} %"
    return f"{100.0 * share:.{digits}f} %"


def decimal(value: float, digits: int = 2) -> str:
    """Write a value as `0.82`, with a true minus sign; NaN is `undefined`."""
    if math.isnan(value):
        return "undefined"
    return f"{round(value, digits) + 0.0:.{digits}f}".replace("-", "−")


def estimate(value: float, low: float, high: float) -> str:
    """Write a value with its interval as `0.820 [0.790 to 0.850]`; NaN is `undefined`."""
    if math.isnan(value):
        return "undefined"
    return f"{value:.3f}" + ("" if math.isnan(low) else f" [{low:.3f} to {high:.3f}]")


def times(factor: float) -> str:
    """Write a factor as `2.1 times`; NaN is a dash."""
    if math.isnan(factor):
        return "–"
    return "many times" if factor >= 100.0 else f"{factor:.2g} times"


def hertz(hz: float) -> str:
    """Write a frequency as `820 Hz` or `1.2 kHz`."""
    return f"{hz / 1000.0:.1f} kHz" if hz >= 999.5 else f"{hz:.0f} Hz"
