"""Test signal with a known position in time."""

from __future__ import annotations

import numpy as np

RATE = 44100
DURATION_S = 3.0


def sweep(rate=RATE, duration_s=DURATION_S):
    """Return a quiet sweep from 200 to 2,000 Hz; its autocorrelation has one peak."""
    t = np.arange(round(rate * duration_s)) / rate
    slope = 1800.0 / duration_s
    return (0.4 * np.sin(2 * np.pi * (200.0 * t + 0.5 * slope * t * t))).astype(np.float32)
