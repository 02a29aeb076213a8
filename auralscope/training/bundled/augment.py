"""Augment windows of mono samples for training.

Recordings differ from synthesised music in level, balance, noise, room and processing; the network must not learn from
these.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

LEVEL_DB = (-34.0, -9.0)
SPEED = (0.94, 1.06)


def cut(rng: np.random.Generator, samples: NDArray[np.float32], window_samples: int) -> NDArray[np.float32]:
    """Cut a window at a random position; half of the windows are resampled to a slightly different tempo and key.

    Parameters
    ----------
    samples : (n,) float32 array
    window_samples : int

    Returns
    -------
    (window_samples,) float32 array
    """
    speed = float(rng.uniform(*SPEED)) if rng.random() < 0.5 else 1.0
    needed = int(np.ceil(window_samples * speed)) + 1
    start = int(rng.integers(0, max(samples.size - needed, 0) + 1))
    part = samples[start : start + needed]
    part = np.pad(part, (0, needed - part.size))
    if speed == 1.0:
        return part[:window_samples]
    places = np.arange(window_samples) * speed
    stretched: NDArray[np.float32] = np.interp(places, np.arange(needed), part).astype(np.float32)
    return stretched


def augment(rng: np.random.Generator, samples: NDArray[np.float32], sample_rate: int) -> NDArray[np.float32]:
    """Change equalisation, room, limiting, noise and level at random.

    Parameters
    ----------
    samples : (n,) float32 array
    sample_rate : int
        In Hz.

    Returns
    -------
    (n,) float32 array
    """
    n = samples.size
    frequency: NDArray[np.float64] = np.fft.rfftfreq(n, 1.0 / sample_rate).astype(np.float64)
    spectrum = np.fft.rfft(samples) * _equaliser(rng, frequency)
    if rng.random() < 0.3:
        spectrum = spectrum * np.fft.rfft(_room(rng, sample_rate), n)
    sound = _to_level(np.fft.irfft(spectrum, n), -18.0)
    if rng.random() < 0.35:
        drive = float(rng.uniform(1.0, 5.0))
        sound = np.tanh(drive * sound) / drive
    if rng.random() < 0.5:
        sound = sound + _noise(rng, frequency, n) * 10.0 ** (float(rng.uniform(-64.0, -30.0)) / 20.0)
    return _to_level(sound, float(rng.uniform(*LEVEL_DB))).astype(np.float32)


def _to_level(sound: NDArray[np.float64], level_db: float) -> NDArray[np.float64]:
    """Scale a sound to an RMS level; silence stays silent."""
    rms = float(np.sqrt(np.mean(sound**2)))
    return sound * (10.0 ** (level_db / 20.0) / rms) if rms > 1e-6 else sound


def _equaliser(rng: np.random.Generator, frequency: NDArray[np.float64]) -> NDArray[np.float64]:
    """Draw a gain curve that is smooth in log frequency, sometimes without lows or highs."""
    knots_hz = np.array([40.0, 150.0, 500.0, 1500.0, 3000.0, 5500.0])
    gains_db = rng.normal(0.0, 4.0, knots_hz.size)
    curve_db = np.interp(np.log(np.maximum(frequency, 20.0)), np.log(knots_hz), gains_db)
    gain: NDArray[np.float64] = 10.0 ** (curve_db / 20.0)
    if rng.random() < 0.15:
        gain = gain / np.sqrt(1.0 + (frequency / float(rng.uniform(1500.0, 4500.0))) ** 6)
    if rng.random() < 0.2:
        corner = float(rng.uniform(50.0, 220.0))
        gain = gain * (ratio := (frequency / corner) ** 2) / np.sqrt(1.0 + ratio**2)
    return gain


def _room(rng: np.random.Generator, sample_rate: int) -> NDArray[np.float64]:
    """Draw an impulse response: the direct sound, and noise that decays by 60 dB in 0.2 to 1.4 s."""
    decay_s = float(rng.uniform(0.2, 1.4))
    time = np.arange(int(0.8 * decay_s * sample_rate)) / sample_rate
    tail = rng.normal(size=time.size) * 10.0 ** (-3.0 * time / decay_s)
    tail *= float(rng.uniform(0.2, 0.9)) / np.sqrt(np.sum(tail**2))
    tail[0] = 1.0
    return tail


def _noise(rng: np.random.Generator, frequency: NDArray[np.float64], n: int) -> NDArray[np.float64]:
    """Draw noise of RMS 1 with a spectrum between white and brown."""
    slope = float(rng.uniform(0.0, 1.0))
    spectrum = np.fft.rfft(rng.normal(size=n)) / np.maximum(frequency, 20.0) ** slope
    noise = np.fft.irfft(spectrum, n)
    normalised: NDArray[np.float64] = noise / np.sqrt(np.mean(noise**2))
    return normalised
