"""Test that training works on this computer: train a small model on synthetic sounds and load it back."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import soundfile

from auralscope.files import temporary_folder
from auralscope.training.options import Options
from auralscope.training.own import Made, train

if TYPE_CHECKING:
    from numpy.typing import NDArray

RATE = 8000
SECONDS = 3.0
CLIPS = 24
"""Recordings of each class."""

ID = "smoke"


def smoke(models: Path | None = None) -> Made:
    """Train the model, replacing an existing one, and load it back.

    It learns to distinguish tones, noise and clicks, and serves only as a test.
    """
    with temporary_folder(Path(tempfile.gettempdir())) as aside:
        folder = aside / "tones noise clicks"
        write_clips(folder)
        options = Options(
            data=folder,
            architecture="k2c2-0.1m",
            id=ID,
            title="Smoke test: tones, noise, clicks",
            rate=RATE,
            n_fft=256,
            hop=128,
            bands=48,
            window_s=1.5,
            epochs=6,
            patience=3,
            windows=2,
            learning_rate=3e-3,
            licence="CC0-1.0",
        )
        return train(options, restart=True, models=models, command="auralscope train --smoke")


def write_clips(folder: Path, clips: int = CLIPS, seed: int = 0) -> None:
    """Write a folder of FLAC files for each class; no two are the same."""
    rng = np.random.default_rng(seed)
    for name, make in (("tones", tone), ("noise", noise), ("clicks", clicks)):
        (folder / name).mkdir(parents=True)
        for number in range(clips):
            soundfile.write(folder / name / f"{name}-{number:02d}.flac", make(rng), RATE, subtype="PCM_16")


def tone(rng: np.random.Generator) -> NDArray[np.float64]:
    """Make a tone of five harmonics with vibrato, and a little noise."""
    time = np.arange(int(RATE * SECONDS)) / RATE
    wavering = time + 0.003 * np.sin(2 * np.pi * rng.uniform(3.0, 7.0) * time)
    pitch = rng.uniform(110.0, 440.0)
    sound = sum(rng.uniform(0.2, 1.0) * np.sin(2 * np.pi * n * pitch * wavering) / n for n in range(1, 6))
    return _levelled(np.asarray(sound) + 0.02 * rng.standard_normal(time.size), rng)


def noise(rng: np.random.Generator) -> NDArray[np.float64]:
    """Make noise between white and brown."""
    n = int(RATE * SECONDS)
    spectrum = np.fft.rfft(rng.standard_normal(n)) / np.maximum(np.arange(n // 2 + 1), 1.0) ** rng.uniform(0.0, 1.0)
    return _levelled(np.fft.irfft(spectrum, n), rng)


def clicks(rng: np.random.Generator) -> NDArray[np.float64]:
    """Make short decaying bursts at random times, over a little noise."""
    n = int(RATE * SECONDS)
    sound = 0.01 * rng.standard_normal(n)
    burst = np.exp(-np.arange(200) / rng.uniform(10.0, 40.0))
    for start in rng.integers(0, n - 200, rng.integers(6, 20)):
        sound[start : start + 200] += burst * rng.standard_normal(200)
    return _levelled(sound, rng)


def _levelled(sound: NDArray[np.float64], rng: np.random.Generator) -> NDArray[np.float64]:
    levelled: NDArray[np.float64] = sound * (rng.uniform(0.1, 0.5) / np.abs(sound).max())
    return levelled
