"""Front ends: from sound to the time-frequency image that a network sees.

Describing a front end costs no torch (models are listed without it); only looking at sound imports it.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar, Literal

import numpy as np

from auralscope.dsp.mel import band_centres_hz, bands_to_bins, filter_bank

if TYPE_CHECKING:
    import torch
    from numpy.typing import NDArray

    from auralscope.types import Clip

Compression = Literal["log", "db", "magnitude"]


@dataclass(frozen=True, eq=False)
class Input:
    """What a network sees of one window, and what is needed to go back to sound.

    Attributes
    ----------
    image : (bins, frames) tensor
        The network's input plane.
    stft : (n_fft // 2 + 1, frames) complex tensor
        The window's STFT, for its phase and its level.
    n_samples : int
        Length of the window in samples.
    """

    image: torch.Tensor
    stft: torch.Tensor
    n_samples: int


class FrontEnd(ABC):
    """From a window of mono samples at `sample_rate` to an `Input`.

    A plugin may bring its own; `SpectrogramFrontEnd` covers the common ones.
    """

    sample_rate: int
    window_samples: int

    is_waveform: ClassVar[bool] = False
    """Whether the image is the samples themselves, (1, window_samples), so that a deconvolved one is sound already."""

    @property
    @abstractmethod
    def input_shape(self) -> tuple[int, int]:
        """(bins, frames) of the image of one window."""

    @property
    @abstractmethod
    def hop_s(self) -> float:
        """Time from one frame to the next, in seconds; frame 0 is centred on the window's first sample."""

    @property
    @abstractmethod
    def frequencies_hz(self) -> NDArray[np.float64]:
        """(bins,): the centre of each bin of the image."""

    @property
    @abstractmethod
    def value_range(self) -> tuple[float, float]:
        """The range that full-scale sound fills, for colour maps."""

    @abstractmethod
    def describe(self) -> str:
        """One line for people: rate, transform, window, compression."""

    @abstractmethod
    def analyse(self, samples: torch.Tensor) -> Input:
        """Look at one window.

        Parameters
        ----------
        samples : (window_samples,) float tensor
            Mono, at `sample_rate`. The result is on the same device.
        """

    @abstractmethod
    def to_bins(self, image: torch.Tensor) -> torch.Tensor:
        """Carry an image of gains from the input's plane to the STFT's bins.

        Parameters
        ----------
        image : (bins, frames) tensor

        Returns
        -------
        (n_fft // 2 + 1, frames) tensor
            An image of ones gives ones wherever the front end covers the spectrum.
        """

    @abstractmethod
    def to_samples(self, stft: torch.Tensor, n_samples: int) -> torch.Tensor:
        """Inverse STFT: (n_fft // 2 + 1, frames) complex to (n_samples,)."""

    def image_of(self, stft: torch.Tensor, n_samples: int) -> torch.Tensor:
        """The image, (bins, frames), of an STFT that was altered, (n_fft // 2 + 1, frames) complex.

        A front end that can gives it straight from the STFT; this one goes by way of sound, in which frames overlap
        and no longer are what they were made.
        """
        return self.analyse(self.to_samples(stft, n_samples)).image

    @property
    def plane(self) -> FrontEnd:
        """The front end in whose plane images are drawn: this one, but for the waveform."""
        return self

    def shown(self, image: NDArray[np.float32]) -> NDArray[np.float32]:
        """An image (bins, frames) as it is drawn, in the plane of `plane`."""
        return image

    @property
    def window_s(self) -> float:
        """Length of one window in seconds."""
        return self.window_samples / self.sample_rate

    def mono(self, clip: Clip) -> NDArray[np.float32]:
        """The whole clip as this front end hears it: (n,) mono float32 at `sample_rate`."""
        from auralscope.dsp.resampling import resample

        return resample(clip.mono(), clip.sample_rate, self.sample_rate)

    def window(self, mono: NDArray[np.float32], start_s: float = 0.0) -> NDArray[np.float32]:
        """One window of `mono`, (window_samples,); silence follows where the sound ends."""
        first = max(round(start_s * self.sample_rate), 0)
        part = mono[first : first + self.window_samples]
        return np.pad(part, (0, self.window_samples - part.size))


@dataclass(frozen=True)
class SpectrogramFrontEnd(FrontEnd):
    """STFT or mel spectrogram with a compression of its values.

    Attributes
    ----------
    sample_rate, n_fft, hop : int
        In Hz and samples; a periodic Hann window of `n_fft`, frames centred, zeros beyond the edges.
    window_samples : int
        What the network sees at once.
    n_mels : int, optional
        Mel bands (Slaney's scale and area normalisation, as in librosa); without it, the STFT's bins.
    compression : {"log", "db", "magnitude"}
        With A the amplitude on which a full-scale sine reads 1: "log" is log(1 + scale A) / log(1 + scale),
        between 0 and 1; "db" is 20 log10(A) with a floor at -80 dB, plus 80; "magnitude" is A itself.
    scale : float
        The factor inside "log".
    """

    sample_rate: int
    n_fft: int
    hop: int
    window_samples: int
    n_mels: int | None = None
    compression: Compression = "log"
    scale: float = 1000.0

    FLOOR_DB = 80.0

    @property
    def input_shape(self) -> tuple[int, int]:
        return self.n_mels or self.n_fft // 2 + 1, 1 + self.window_samples // self.hop

    @property
    def hop_s(self) -> float:
        return self.hop / self.sample_rate

    @property
    def frequencies_hz(self) -> NDArray[np.float64]:
        if self.n_mels is None:
            return np.arange(self.n_fft // 2 + 1, dtype=np.float64) * (self.sample_rate / self.n_fft)
        return band_centres_hz(self.n_mels, self.sample_rate)

    @property
    def value_range(self) -> tuple[float, float]:
        return 0.0, self.FLOOR_DB if self.compression == "db" else 1.0

    def describe(self) -> str:
        bands = f"{self.n_mels} mel bands" if self.n_mels else "STFT"
        return (
            f"{self.sample_rate:,} Hz, {bands} {self.n_fft}/{self.hop}, "
            f"{self.window_samples / self.sample_rate:g} s, {self.compression} magnitude"
        )

    def analyse(self, samples: torch.Tensor) -> Input:
        if samples.ndim != 1:
            raise ValueError(f"a front end sees mono samples, not an array of shape {tuple(samples.shape)}")
        from auralscope.dsp.stft import stft as transform

        stft = transform(samples, self.n_fft, self.hop)
        return Input(self.image_of(stft, samples.shape[0]), stft, samples.shape[0])

    def image_of(self, stft: torch.Tensor, n_samples: int) -> torch.Tensor:
        return self._compress(self.amplitude(stft))

    def amplitude(self, stft: torch.Tensor) -> torch.Tensor:
        """(bins, frames): the STFT's magnitude, on which a full-scale sine reads 1, in mel bands if there are any."""
        amplitude = stft.abs() * (4.0 / self.n_fft)  # a Hann window sums to n_fft / 2; a sine puts half in each side
        if self.n_mels is not None:
            bank = filter_bank(self.n_fft, self.n_mels, self.sample_rate, stft.device, amplitude.dtype)
            amplitude = bank @ amplitude
        return amplitude

    def to_bins(self, image: torch.Tensor) -> torch.Tensor:
        if self.n_mels is None:
            return image
        bank = filter_bank(self.n_fft, self.n_mels, self.sample_rate, image.device, image.dtype)
        return bands_to_bins(image, bank)

    def to_samples(self, stft: torch.Tensor, n_samples: int) -> torch.Tensor:
        from auralscope.dsp.stft import istft

        return istft(stft, self.n_fft, self.hop, n_samples)

    def _compress(self, amplitude: torch.Tensor) -> torch.Tensor:
        if self.compression == "log":
            return (self.scale * amplitude).log1p() / float(np.log1p(self.scale))
        if self.compression == "db":
            floor = 10.0 ** (-self.FLOOR_DB / 20.0)
            return 20.0 * amplitude.clamp(min=floor).log10() + self.FLOOR_DB
        return amplitude
