"""Spectrograms with the preprocessing compared for tagging (Choi 2018, ch. 5; Choi et al. 2018, EUSIPCO)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

import numpy as np

from auralscope.dsp.frontends import SpectrogramFrontEnd

if TYPE_CHECKING:
    import torch

Weighting = Literal["none", "A"]
Standardise = Literal["none", "bands", "clip"]

QUIETEST_DB = -80.0
"""Lowest gain of A-weighting in dB; at 0 Hz it would be minus infinity."""


@dataclass(frozen=True)
class ProcessedSpectrogram(SpectrogramFrontEnd):
    """A spectrogram that is weighted, compressed, standardised and scaled, in this order.

    Attributes
    ----------
    weighting : {"none", "A"}
        "A" multiplies each bin or band by the gain of A-weighting at its centre (IEC 61672).
    standardise : {"none", "bands", "clip"}
        To mean 0 and standard deviation 1: "bands" standardises each band by the statistics of the training set,
        "clip" standardises each window as a whole.
    band_means, band_deviations : tuple of float
        Statistics of the training set for "bands", (bins,) each.
    factor : float
        Factor of all values, applied last.
    """

    weighting: Weighting = "none"
    standardise: Standardise = "none"
    band_means: tuple[float, ...] = ()
    band_deviations: tuple[float, ...] = ()
    factor: float = 1.0

    EPSILON = 1e-6

    def __post_init__(self) -> None:
        bins = self.input_shape[0]
        if self.standardise == "bands" and not len(self.band_means) == len(self.band_deviations) == bins:
            raise ValueError(f"standardise='bands' needs a mean and a deviation for each of {bins} bands")

    @property
    def value_range(self) -> tuple[float, float]:
        low, high = super().value_range
        if self.weighting == "A" and self.compression == "db":
            high += 1.3  # the highest gain of the weighting, at 2.5 kHz
        if self.standardise == "clip":
            low, high = (-1.0, 10.0) if self.compression == "magnitude" else (-4.0, 4.0)
        elif self.standardise == "bands":
            means, deviations = np.array(self.band_means), np.array(self.band_deviations) + self.EPSILON
            low, high = float(((low - means) / deviations).min()), float(((high - means) / deviations).max())
        return self.factor * low, self.factor * high

    def describe(self) -> str:
        parts = [super().describe()]
        if self.weighting == "A":
            parts.append("A-weighted")
        if self.standardise != "none":
            parts.append("each band standardised" if self.standardise == "bands" else "each window standardised")
        if self.factor != 1.0:
            parts.append(f"times {self.factor:g}")
        return ", ".join(parts)

    def image_of(self, stft: torch.Tensor, n_samples: int) -> torch.Tensor:
        import torch

        def column(values: object) -> torch.Tensor:
            return torch.as_tensor(np.asarray(values), dtype=stft.real.dtype, device=stft.device)[:, None]

        amplitude = self.amplitude(stft)
        if self.weighting == "A":
            import librosa

            # At 0 Hz the gain is minus infinity.
            gains_db = librosa.A_weighting(np.maximum(self.frequencies_hz, 1.0), min_db=QUIETEST_DB)
            amplitude = amplitude * column(10.0 ** (gains_db / 20.0))
        image = self._compress(amplitude)
        if self.standardise == "bands":
            image = (image - column(self.band_means)) / (column(self.band_deviations) + self.EPSILON)
        elif self.standardise == "clip":
            image = (image - image.mean()) / (image.std(correction=0) + self.EPSILON)
        return image * self.factor
