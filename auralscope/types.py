"""Frozen values that pass between all rooms of the project. No torch, no Qt."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from typing import Self

    from numpy.typing import NDArray


Progress = Callable[[float], None]
"""A function that is called with the finished share of a long task, 0 to 1; what it raises ends the task."""


def no_progress(share: float) -> None:
    """Ignore the finished share of a task: the default wherever a function takes `progress`."""


@dataclass(frozen=True, eq=False)
class Clip:
    """A stretch of sound.

    Attributes
    ----------
    samples : (channels, n) float32 array
        Full scale is 1.
    sample_rate : int
        In Hz.
    source : Path, optional
        The file the samples came from.
    start_s : float
        Where in that file the first sample lies, in seconds.
    """

    samples: NDArray[np.float32]
    sample_rate: int
    source: Path | None = None
    start_s: float = 0.0

    def __post_init__(self) -> None:
        samples = np.ascontiguousarray(np.atleast_2d(self.samples), dtype=np.float32)
        if samples.ndim != 2:
            raise ValueError(f"samples must be (channels, n), not an array of shape {samples.shape}")
        if self.sample_rate <= 0:
            raise ValueError(f"sample_rate must be positive, not {self.sample_rate}")
        object.__setattr__(self, "samples", samples)

    @property
    def channels(self) -> int:
        return len(self.samples)

    @property
    def n_samples(self) -> int:
        return int(self.samples.shape[1])

    @property
    def duration_s(self) -> float:
        return self.n_samples / self.sample_rate

    @property
    def rms_db(self) -> float:
        """Root mean square over all channels, in dB re full scale; -inf for silence."""
        power = float(np.mean(np.square(self.samples, dtype=np.float64))) if self.samples.size else 0.0
        return 10.0 * math.log10(power) if power > 0.0 else -math.inf

    @property
    def peak(self) -> float:
        """The largest absolute sample."""
        return float(np.max(np.abs(self.samples))) if self.samples.size else 0.0

    def mono(self) -> NDArray[np.float32]:
        """The mean of the channels, shape (n,)."""
        mean: NDArray[np.float32] = self.samples.mean(axis=0)
        return mean

    def excerpt(self, start_s: float, *, duration_s: float | None = None) -> Self:
        """The part from `start_s`, cut at the end of the clip; times count from the clip's own start."""
        first = min(max(round(start_s * self.sample_rate), 0), self.n_samples)
        last = self.n_samples
        if duration_s is not None:
            last = min(first + round(duration_s * self.sample_rate), self.n_samples)
        return replace(self, samples=self.samples[:, first:last], start_s=self.start_s + first / self.sample_rate)


@dataclass(frozen=True, eq=False)
class Auralisation(Clip):
    """What a unit hears, at its true level.

    Attributes
    ----------
    gain_db : float
        The gain that would play it as loud (RMS) as the original window without any sample
        leaving full scale. It is never applied in silence: playing and writing keep the true level
        unless the listener asks for 'match loudness'. 0 for a silent auralisation.
    negative_share : float
        Share of the deconvolved image's energy that was negative and could not be made audible, 0 to 1.
    """

    gain_db: float = 0.0
    negative_share: float = 0.0

    def loudness_matched(self) -> Clip:
        """The same sound with `gain_db` applied."""
        return Clip(
            self.samples * np.float32(10.0 ** (self.gain_db / 20.0)), self.sample_rate, self.source, self.start_s
        )


@dataclass(frozen=True, eq=False)
class Scores:
    """A model's output over a clip.

    Attributes
    ----------
    values : (windows, labels) float32 array
        Probabilities.
    times_s : (windows,) float64 array
        Where each window begins.
    labels : tuple of str
    """

    values: NDArray[np.float32]
    times_s: NDArray[np.float64]
    labels: tuple[str, ...]

    @property
    def mean(self) -> NDArray[np.float32]:
        """(labels,): the mean over the windows."""
        mean: NDArray[np.float32] = self.values.mean(axis=0)
        return mean

    def ranked(self) -> list[tuple[str, float]]:
        """Labels with their mean probability, the most probable first."""
        return sorted(zip(self.labels, self.mean.tolist(), strict=True), key=lambda pair: -pair[1])


def unit_name(layer_number: int, unit: int) -> str:
    """`3-38` for unit 38 of the third layer, as the thesis writes it (Choi 2018, sec. 7.2.5)."""
    return f"{layer_number}-{unit}"
