"""Front end of networks on the waveform: the samples themselves are the input."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from auralscope.dsp.frontends import FrontEnd, Input, SpectrogramFrontEnd

if TYPE_CHECKING:
    import torch
    from numpy.typing import NDArray


@dataclass(frozen=True)
class WaveformFrontEnd(FrontEnd):
    """A window of samples as an image with one bin, (1, window_samples).

    The STFT has a window of one sample, so it equals the samples. A deconvolved image is sound; it is drawn as a
    spectrogram.

    Attributes
    ----------
    sample_rate : int
        In Hz.
    window_samples : int
        Length of the network's input in samples.
    """

    sample_rate: int
    window_samples: int

    is_waveform = True

    DRAWN_N_FFT, DRAWN_HOP, DRAWN_SCALE = 1024, 256, 100.0

    @property
    def input_shape(self) -> tuple[int, int]:
        return 1, self.window_samples

    @property
    def hop_s(self) -> float:
        return 1.0 / self.sample_rate

    @property
    def frequencies_hz(self) -> NDArray[np.float64]:
        """Half of the Nyquist frequency in Hz, (1,): one bin covers the whole spectrum."""
        return np.array([self.sample_rate / 4])

    @property
    def value_range(self) -> tuple[float, float]:
        return -1.0, 1.0

    @property
    def plane(self) -> FrontEnd:
        return SpectrogramFrontEnd(
            self.sample_rate, self.DRAWN_N_FFT, self.DRAWN_HOP, self.window_samples, scale=self.DRAWN_SCALE
        )

    def shown(self, image: NDArray[np.float32]) -> NDArray[np.float32]:
        """Compute the spectrogram of samples, scaled to a peak of 1.

        Parameters
        ----------
        image : (1, n) float32 array

        Returns
        -------
        (bins, frames) float32 array
            In the bins and frames of `plane`.
        """
        import torch

        peak = float(np.abs(image).max())
        samples = torch.from_numpy(image[0] / peak if peak > 0.0 else image[0])
        drawn: NDArray[np.float32] = self.plane.analyse(samples).image.numpy()
        return drawn

    def describe(self) -> str:
        return f"{self.sample_rate:,} Hz, the waveform, {self.window_samples / self.sample_rate:g} s"

    def analyse(self, samples: torch.Tensor) -> Input:
        if samples.ndim != 1:
            raise ValueError(f"samples must be mono, (n,), not of shape {tuple(samples.shape)}")
        import torch

        image = samples[None]
        return Input(image, torch.complex(image, torch.zeros_like(image)), samples.shape[0])

    def image_of(self, stft: torch.Tensor, n_samples: int) -> torch.Tensor:
        return stft.real

    def to_bins(self, image: torch.Tensor) -> torch.Tensor:
        return image

    def to_samples(self, stft: torch.Tensor, n_samples: int) -> torch.Tensor:
        return stft.real[0, :n_samples]
