"""Frozen values that all packages share; needs neither torch nor Qt."""

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
    """Ignore the finished share of a task; the default of every `progress` parameter.

    Parameters
    ----------
    share : float
        0 to 1.
    """


@dataclass(frozen=True, eq=False)
class Clip:
    """Samples and their sample rate.

    Attributes
    ----------
    samples : (channels, n) float32 array
        Full scale is 1.
    sample_rate : int
        In Hz.
    source : Path, optional
        The file from which the samples were read.
    start_s : float
        Position of the first sample in that file, in seconds.
    notices : tuple of str
        What that file lacked, each as a sentence: missing or damaged parts, a strange level, channels that cancel.
    analysed_channel : int, optional
        Zero-based number of the channel that models receive; the mean of all channels unless given.
    """

    samples: NDArray[np.float32]
    sample_rate: int
    source: Path | None = None
    start_s: float = 0.0
    notices: tuple[str, ...] = ()
    analysed_channel: int | None = None

    def __post_init__(self) -> None:
        samples = np.ascontiguousarray(np.atleast_2d(self.samples), dtype=np.float32)
        if samples.ndim != 2:
            raise ValueError(f"samples must be (channels, n), not an array of shape {samples.shape}")
        if self.sample_rate <= 0:
            raise ValueError(f"sample_rate must be positive, not {self.sample_rate}")
        object.__setattr__(self, "samples", samples)

    @property
    def channels(self) -> int:
        """Number of channels."""
        return len(self.samples)

    @property
    def n_samples(self) -> int:
        """Number of samples in each channel."""
        return int(self.samples.shape[1])

    @property
    def duration_s(self) -> float:
        """Length in seconds."""
        return self.n_samples / self.sample_rate

    @property
    def rms_db(self) -> float:
        """Level over all channels (RMS), in dB re full scale; -inf for silence."""
        power = float(np.mean(np.square(self.samples, dtype=np.float64))) if self.samples.size else 0.0
        return 10.0 * math.log10(power) if power > 0.0 else -math.inf

    @property
    def peak(self) -> float:
        """Largest absolute sample."""
        return float(np.max(np.abs(self.samples))) if self.samples.size else 0.0

    def mono(self) -> NDArray[np.float32]:
        """Return the analysed channel, or the mean of all channels.

        Returns
        -------
        (n,) float32 array
        """
        return self.mono_part(0, self.n_samples)

    def mono_part(self, first: int, last: int) -> NDArray[np.float32]:
        """Return the samples `first` to `last` of `mono`, cut at the clip's end.

        Parameters
        ----------
        first, last : int
            `last` is not included.

        Returns
        -------
        (n,) float32 array
        """
        part = self.samples[:, first:last]
        if self.analysed_channel is not None or self.channels == 1:
            one: NDArray[np.float32] = part[self.analysed_channel or 0]
            return one
        mean: NDArray[np.float32] = part.mean(axis=0)
        return mean

    def channel(self, channel: int | None) -> Self:
        """Return the clip with one channel for models to analyse.

        The clip keeps all channels: they are played, and auralisations at the recording's rate have them.

        Parameters
        ----------
        channel : int or None
            Zero-based; None: the mean of all channels.

        Returns
        -------
        Clip

        Raises
        ------
        IndexError
            There is no such channel.
        """
        if channel is not None and not 0 <= channel < self.channels:
            raise IndexError(f"the clip has the channels 0 to {self.channels - 1}, and no channel {channel}")
        return replace(self, analysed_channel=channel)

    def excerpt(self, start_s: float, *, duration_s: float | None = None) -> Self:
        """Return a part of the clip, cut at the clip's end.

        Parameters
        ----------
        start_s : float
            Start of the part, in seconds from the clip's own start.
        duration_s : float, optional
            Its length in seconds; up to the clip's end unless given.

        Returns
        -------
        Clip
        """
        first = min(max(round(start_s * self.sample_rate), 0), self.n_samples)
        last = self.n_samples
        if duration_s is not None:
            last = min(first + round(duration_s * self.sample_rate), self.n_samples)
        return replace(self, samples=self.samples[:, first:last], start_s=self.start_s + first / self.sample_rate)


@dataclass(frozen=True, eq=False)
class Auralisation(Clip):
    """The sound of a deconvolved image, at its true level.

    Attributes
    ----------
    gain_db : float
        Gain in dB that matches the original window's level (RMS) without a sample beyond full scale; 0 for silence.
        It is applied only when the listener asks for 'match loudness'.
    negative_share : float
        Share of the image's energy, 0 to 1, that was negative and set to zero.
    """

    gain_db: float = 0.0
    negative_share: float = 0.0

    def loudness_matched(self) -> Clip:
        """Apply `gain_db`.

        Returns
        -------
        Clip
        """
        return Clip(
            self.samples * np.float32(10.0 ** (self.gain_db / 20.0)), self.sample_rate, self.source, self.start_s
        )


@dataclass(frozen=True, eq=False)
class Scores:
    """Probabilities of the labels over a clip.

    Attributes
    ----------
    values : (windows, labels) float32 array
        Probabilities.
    times_s : (windows,) float64 array
        Start of each window, in seconds.
    labels : tuple of str
        In the model's order.
    """

    values: NDArray[np.float32]
    times_s: NDArray[np.float64]
    labels: tuple[str, ...]

    @property
    def mean(self) -> NDArray[np.float32]:
        """Mean over the windows, (labels,)."""
        mean: NDArray[np.float32] = self.values.mean(axis=0)
        return mean

    def ranked(self) -> list[tuple[str, float]]:
        """Return the labels with their mean probabilities, the most probable first.

        Returns
        -------
        list of (str, float)
        """
        return sorted(zip(self.labels, self.mean.tolist(), strict=True), key=lambda pair: -pair[1])


def unit_name(layer_number: int, unit: int) -> str:
    """Return the name of a unit as the thesis writes it, `3-38` (Choi 2018, sec. 7.2.5).

    Parameters
    ----------
    layer_number : int
        1 for the layer next to the input.
    unit : int
        Zero-based.

    Returns
    -------
    str
    """
    return f"{layer_number}-{unit}"


def channel_name(channel: int | None, channels: int) -> str:
    """Return the name of an analysed channel, as the window and the commands use it.

    Parameters
    ----------
    channel : int or None
        Zero-based; None: the mean of all channels.
    channels : int
        Number of channels of the recording.

    Returns
    -------
    str
        "mix", "left", "right", or a number from 1.
    """
    if channel is None:
        return "mix"
    return ("left", "right")[channel] if channels == 2 else str(channel + 1)
