"""Front ends of the published taggers: mel spectrograms in decibels, limited to 80 dB below the loudest cell.

They differ in the position of frames, in the reference of 0 dB, and in whether a window is standardised.
"""

from __future__ import annotations

import math
from abc import abstractmethod
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from auralscope.dsp.frontends import StftFrontEnd
from auralscope.dsp.mel import band_centres_hz, bands_to_bins, filter_bank

if TYPE_CHECKING:
    import torch
    from numpy.typing import NDArray

RANGE_DB = 80.0
"""Range in dB: cells further below the loudest cell of a window are raised to it."""

SMALLEST = 1e-10
"""Lowest power; smaller values are raised to it."""


@dataclass(frozen=True)
class _Melgram(StftFrontEnd):
    """Mel bands of the power of an STFT.

    Attributes
    ----------
    n_mels : int
        Mel bands (Slaney's scale and area normalisation, as in librosa), up to half the sample rate.
    """

    n_mels: int

    PAD_MODE = "constant"

    @property
    @abstractmethod
    def _before(self) -> int:
        """Number of samples before the window that belong to the first frame."""

    @abstractmethod
    def _n_frames(self, n_samples: int) -> int: ...

    @abstractmethod
    def scaled(self, power: torch.Tensor) -> torch.Tensor:
        """Compute the image from the power in the bands.

        Parameters
        ----------
        power : (..., n_mels, frames) float tensor

        Returns
        -------
        (..., n_mels, frames) float tensor
        """

    @property
    def input_shape(self) -> tuple[int, int]:
        return self.n_mels, self._n_frames(self.window_samples)

    @property
    def frequencies_hz(self) -> NDArray[np.float64]:
        return band_centres_hz(self.n_mels, self.sample_rate)

    def stft(self, samples: torch.Tensor) -> torch.Tensor:
        from auralscope.dsp.stft import framed_stft

        return framed_stft(samples, self.n_fft, self.hop, self._before, self._n_frames(len(samples)), self.PAD_MODE)

    def image_of(self, stft: torch.Tensor, n_samples: int) -> torch.Tensor:
        power = stft.abs().square()
        bank = filter_bank(self.n_fft, self.n_mels, self.sample_rate, stft.device, power.dtype)
        return self.scaled(bank @ power)

    def to_bins(self, image: torch.Tensor) -> torch.Tensor:
        return bands_to_bins(image, filter_bank(self.n_fft, self.n_mels, self.sample_rate, image.device, image.dtype))

    def to_samples(self, stft: torch.Tensor, n_samples: int) -> torch.Tensor:
        from auralscope.dsp.stft import framed_istft

        return framed_istft(stft, self.n_fft, self.hop, self._before, n_samples)


class RelativeMelgram(_Melgram):
    """Decibels below the window's loudest cell: the input of the compact-convnet, computed as Kapre does.

    Choi 2018, sec. 2.4. There are ceil(n / hop) frames with equal padding of zeros before and after the window
    ('same'), so a frame's centre lies up to half a hop after frame * hop. The level of a window has no influence. Sound
    shorter than a window is repeated until the window is full, so that no silence is added.
    """

    @property
    def _before(self) -> int:
        frames = self._n_frames(self.window_samples)
        return max((frames - 1) * self.hop + self.n_fft - self.window_samples, 0) // 2

    def _n_frames(self, n_samples: int) -> int:
        return math.ceil(n_samples / self.hop)

    @property
    def value_range(self) -> tuple[float, float]:
        return -RANGE_DB, 0.0

    def describe(self) -> str:
        return self._described(f"{self.n_mels} mel bands", "decibels below the loudest")

    def window(self, mono: NDArray[np.float32], start_s: float = 0.0) -> NDArray[np.float32]:
        first = max(round(start_s * self.sample_rate), 0)
        return np.resize(mono[first : first + self.window_samples], self.window_samples)

    def scaled(self, power: torch.Tensor) -> torch.Tensor:
        level_db = 10.0 * power.clamp(min=SMALLEST).log10()
        return (level_db - level_db.amax(dim=(-2, -1), keepdim=True)).clamp(min=-RANGE_DB)


class StandardisedMelgram(RelativeMelgram):
    """Decibels below the loudest cell, standardised over the window to mean 0 and standard deviation 1."""

    EPSILON = 1e-10

    @property
    def value_range(self) -> tuple[float, float]:
        return -4.0, 4.0

    def describe(self) -> str:
        return self._described(f"{self.n_mels} mel bands", "decibels, each window standardised")

    def scaled(self, power: torch.Tensor) -> torch.Tensor:
        level_db = super().scaled(power)
        mean = level_db.mean(dim=(-2, -1), keepdim=True)
        deviation = level_db.std(dim=(-2, -1), keepdim=True, correction=0)
        return (level_db - mean) / (deviation + self.EPSILON)


class SquaredMelgram(_Melgram):
    """Decibels of the squared power in mel bands: the input of the CRNN (Choi et al. 2017).

    Equal to librosa's `power_to_db(melspectrogram(...) ** 2, ref=1, top_db=80)` with centred frames, mirrored at the
    edges. As the power is squared, a change of level counts twice.
    """

    PAD_MODE = "reflect"

    @property
    def _before(self) -> int:
        return self.n_fft // 2

    def _n_frames(self, n_samples: int) -> int:
        return 1 + n_samples // self.hop

    @property
    def value_range(self) -> tuple[float, float]:
        return -50.0, 60.0

    def describe(self) -> str:
        return self._described(f"{self.n_mels} mel bands", "decibels of the squared power")

    def scaled(self, power: torch.Tensor) -> torch.Tensor:
        level_db = 10.0 * power.square().clamp(min=SMALLEST).log10()
        return level_db.maximum(level_db.amax(dim=(-2, -1), keepdim=True) - RANGE_DB)
