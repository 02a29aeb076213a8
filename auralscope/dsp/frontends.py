"""Front ends: compute the time-frequency image that is a network's input from sound.

Torch is imported only when sound is analysed, so that models can be listed without it.
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
    """A network's input for one window, and the STFT from which sound can be restored.

    Attributes
    ----------
    image : (bins, frames) tensor
        The network's input image.
    stft : (n_fft // 2 + 1, frames) complex tensor
        STFT of the window; gives the phase and the level.
    n_samples : int
        Length of the window in samples.
    """

    image: torch.Tensor
    stft: torch.Tensor
    n_samples: int


class FrontEnd(ABC):
    """Base of the front ends: turns a window of mono samples into an `Input`, and images back into sound.

    `SpectrogramFrontEnd` covers the common cases. A plugin may bring a subclass.

    Attributes
    ----------
    sample_rate : int
        In Hz.
    window_samples : int
        Length of one window in samples.
    """

    sample_rate: int
    window_samples: int

    is_waveform: ClassVar[bool] = False
    """True if the image is the samples themselves, (1, window_samples), so that a deconvolved image is sound."""

    @property
    @abstractmethod
    def input_shape(self) -> tuple[int, int]:
        """Size of the image of one window: (bins, frames)."""

    @property
    @abstractmethod
    def hop_s(self) -> float:
        """Time from one frame to the next, in seconds; frame 0 is centred on the window's first sample."""

    @property
    @abstractmethod
    def frequencies_hz(self) -> NDArray[np.float64]:
        """Centre frequency of each bin of the image in Hz, (bins,), increasing."""

    @property
    @abstractmethod
    def value_range(self) -> tuple[float, float]:
        """Range of the image's values for full-scale sound, for colour maps."""

    @abstractmethod
    def describe(self) -> str:
        """Describe the front end in one line: sample rate, transform, window, compression.

        Returns
        -------
        str
        """

    @abstractmethod
    def analyse(self, samples: torch.Tensor) -> Input:
        """Compute the network's input from samples.

        Parameters
        ----------
        samples : (n,) float tensor
            Mono, at `sample_rate`; `window_samples` for one window.

        Returns
        -------
        Input
            On the device of `samples`.
        """

    @abstractmethod
    def to_bins(self, image: torch.Tensor) -> torch.Tensor:
        """Map an image of gains from the input's bins to the STFT's bins.

        Parameters
        ----------
        image : (bins, frames) tensor

        Returns
        -------
        (n_fft // 2 + 1, frames) tensor
            An image of ones maps to ones wherever the front end covers the spectrum.
        """

    @abstractmethod
    def to_samples(self, stft: torch.Tensor, n_samples: int) -> torch.Tensor:
        """Compute the inverse STFT.

        Parameters
        ----------
        stft : (n_fft // 2 + 1, frames) complex tensor
        n_samples : int
            Length of the result in samples.

        Returns
        -------
        (n_samples,) float tensor
        """

    def image_of(self, stft: torch.Tensor, n_samples: int) -> torch.Tensor:
        """Compute the image of an STFT that was altered.

        This implementation inverts the STFT and analyses the sound, which makes the STFT consistent. Subclasses
        compute the image from the STFT itself where they can.

        Parameters
        ----------
        stft : (n_fft // 2 + 1, frames) complex tensor
        n_samples : int
            Length of the window in samples.

        Returns
        -------
        (bins, frames) float tensor
        """
        return self.analyse(self.to_samples(stft, n_samples)).image

    @property
    def plane(self) -> FrontEnd:
        """Front end in whose bins and frames images are drawn; for the waveform, a spectrogram."""
        return self

    def shown(self, image: NDArray[np.float32]) -> NDArray[np.float32]:
        """Convert an image to the bins and frames of `plane`, in which it is drawn.

        Parameters
        ----------
        image : (bins, frames) float32 array

        Returns
        -------
        (bins', frames') float32 array
        """
        return image

    @property
    def window_s(self) -> float:
        """Length of one window in seconds."""
        return self.window_samples / self.sample_rate

    def mono(self, clip: Clip) -> NDArray[np.float32]:
        """Mix a clip to mono and resample it to `sample_rate`.

        Parameters
        ----------
        clip : Clip

        Returns
        -------
        (n,) float32 array
        """
        from auralscope.dsp.resampling import resample

        return resample(clip.mono(), clip.sample_rate, self.sample_rate)

    def window(self, mono: NDArray[np.float32], start_s: float = 0.0) -> NDArray[np.float32]:
        """Cut one window and pad it with silence where the sound ends.

        Parameters
        ----------
        mono : (n,) float32 array
            At `sample_rate`.
        start_s : float
            Start of the window in seconds.

        Returns
        -------
        (window_samples,) float32 array
        """
        first = max(round(start_s * self.sample_rate), 0)
        part = mono[first : first + self.window_samples]
        return np.pad(part, (0, self.window_samples - part.size))


@dataclass(frozen=True)
class StftFrontEnd(FrontEnd):
    """Base of the front ends whose image is computed from an STFT with a periodic Hann window.

    Attributes
    ----------
    sample_rate, n_fft, hop : int
        In Hz and samples.
    window_samples : int
        Length of the network's input in samples.
    """

    sample_rate: int
    n_fft: int
    hop: int
    window_samples: int

    @property
    def hop_s(self) -> float:
        return self.hop / self.sample_rate

    def analyse(self, samples: torch.Tensor) -> Input:
        if samples.ndim != 1:
            raise ValueError(f"samples must be mono, (n,), not of shape {tuple(samples.shape)}")
        stft = self.stft(samples)
        return Input(self.image_of(stft, samples.shape[0]), stft, samples.shape[0])

    @abstractmethod
    def stft(self, samples: torch.Tensor) -> torch.Tensor:
        """Compute the STFT of mono samples.

        Parameters
        ----------
        samples : (n,) float tensor

        Returns
        -------
        (n_fft // 2 + 1, frames) complex tensor
        """

    def _described(self, bands: str, scale: str) -> str:
        return f"{self.sample_rate:,} Hz, {bands} {self.n_fft}/{self.hop}, {self.window_s:g} s, {scale}"


@dataclass(frozen=True)
class SpectrogramFrontEnd(StftFrontEnd):
    """STFT or mel spectrogram with a compression of its values.

    Attributes
    ----------
    sample_rate, n_fft, hop, window_samples : int
        See `StftFrontEnd`. Frames are centred, with zeros beyond the edges.
    n_mels : int, optional
        Mel bands (Slaney's scale and area normalisation, as in librosa); without it, the STFT's bins.
    compression : {"log", "db", "magnitude"}
        With A the amplitude on which a full-scale sine reads 1: "log" is log(1 + scale A) / log(1 + scale),
        between 0 and 1; "db" is 20 log10(A) with a floor at -80 dB, plus 80; "magnitude" is A itself.
    scale : float
        The factor inside "log".
    """

    n_mels: int | None = None
    compression: Compression = "log"
    scale: float = 1000.0

    FLOOR_DB = 80.0

    @property
    def input_shape(self) -> tuple[int, int]:
        return self.n_mels or self.n_fft // 2 + 1, 1 + self.window_samples // self.hop

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
        return self._described(bands, f"{self.compression} magnitude")

    def stft(self, samples: torch.Tensor) -> torch.Tensor:
        from auralscope.dsp.stft import stft

        return stft(samples, self.n_fft, self.hop)

    def image_of(self, stft: torch.Tensor, n_samples: int) -> torch.Tensor:
        return self._compress(self.amplitude(stft))

    def amplitude(self, stft: torch.Tensor) -> torch.Tensor:
        """Compute the magnitude of an STFT, in mel bands if the front end has any.

        Parameters
        ----------
        stft : (n_fft // 2 + 1, frames) complex tensor

        Returns
        -------
        (bins, frames) float tensor
            A full-scale sine reads 1.
        """
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
