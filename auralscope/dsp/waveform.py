"""The samples themselves as a network's input."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from auralscope.dsp.frontends import FrontEnd, Input

if TYPE_CHECKING:
    import torch
    from numpy.typing import NDArray


@dataclass(frozen=True)
class WaveformFrontEnd(FrontEnd):
    """A window of samples as an image of one bin: (1, window_samples).

    Its STFT is that of a window of one sample, which is the samples. A deconvolved image is sound as it is.

    Attributes
    ----------
    sample_rate : int
        In Hz.
    window_samples : int
    """

    sample_rate: int
    window_samples: int

    is_waveform = True

    @property
    def input_shape(self) -> tuple[int, int]:
        return 1, self.window_samples

    @property
    def hop_s(self) -> float:
        return 1.0 / self.sample_rate

    @property
    def frequencies_hz(self) -> NDArray[np.float64]:
        """(1,): half of what there is, for want of a bin's own."""
        return np.array([self.sample_rate / 4])

    @property
    def value_range(self) -> tuple[float, float]:
        return -1.0, 1.0

    def describe(self) -> str:
        return f"{self.sample_rate:,} Hz, the waveform, {self.window_samples / self.sample_rate:g} s"

    def see(self, samples: torch.Tensor) -> Input:
        if samples.ndim != 1:
            raise ValueError(f"a front end sees mono samples, not an array of shape {tuple(samples.shape)}")
        import torch

        image = samples[None]
        return Input(image, torch.complex(image, torch.zeros_like(image)), samples.shape[0])

    def image_of(self, stft: torch.Tensor, n_samples: int) -> torch.Tensor:
        return stft.real

    def to_bins(self, image: torch.Tensor) -> torch.Tensor:
        return image

    def to_samples(self, stft: torch.Tensor, n_samples: int) -> torch.Tensor:
        return stft.real[0, :n_samples]
