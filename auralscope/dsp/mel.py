"""Mel bands: Slaney's scale and area normalisation, as in librosa; there, and back to the STFT's bins."""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    import torch
    from numpy.typing import NDArray


def band_centres_hz(n_mels: int, sample_rate: int) -> NDArray[np.float64]:
    """(n_mels,): the centre of each band."""
    import librosa

    edges: Any = librosa.mel_frequencies(n_mels=n_mels + 2, fmax=sample_rate / 2)
    return np.array(edges[1:-1], dtype=np.float64)


@lru_cache(maxsize=8)
def filter_bank(n_fft: int, n_mels: int, sample_rate: int, device: torch.device, dtype: torch.dtype) -> torch.Tensor:
    """(n_mels, n_fft // 2 + 1), Slaney's; librosa computes it in double precision, torchaudio in single."""
    import torch
    from librosa.filters import mel

    bank = mel(sr=sample_rate, n_fft=n_fft, n_mels=n_mels, dtype=np.float64)
    return torch.from_numpy(bank).to(device=device, dtype=dtype)


def bands_to_bins(image: torch.Tensor, bank: torch.Tensor) -> torch.Tensor:
    """Carry an image of gains from mel bands (n_mels, frames) to the STFT's bins (n_fft // 2 + 1, frames).

    By the transposed, normalised filter bank: each bin gets the mean of the bands that cover it, weighted by how much
    they do. The lowest and the highest bin, where the outer triangles end at zero, get what their neighbours get: a
    Hann window spreads over both.
    """
    weight = bank.sum(dim=0)
    covered = weight > 0
    normalised = bank[:, covered] / weight[covered]
    bins = image.new_zeros(bank.shape[1], image.shape[1])
    bins[covered] = normalised.T @ image
    for edge, neighbour in ((0, 1), (-1, -2)):
        if not covered[edge]:
            bins[edge] = bins[neighbour]
    return bins
