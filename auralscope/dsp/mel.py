"""Mel bands with Slaney's scale and area normalisation, as in librosa, and the map from bands to STFT bins."""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    import torch
    from numpy.typing import NDArray


def band_centres_hz(n_mels: int, sample_rate: int) -> NDArray[np.float64]:
    """Return the centre frequencies of mel bands in Hz, (n_mels,)."""
    import librosa

    edges: Any = librosa.mel_frequencies(n_mels=n_mels + 2, fmax=sample_rate / 2)
    return np.array(edges[1:-1], dtype=np.float64)


@lru_cache(maxsize=8)
def filter_bank(n_fft: int, n_mels: int, sample_rate: int, device: torch.device, dtype: torch.dtype) -> torch.Tensor:
    """Return the mel filter bank, (n_mels, n_fft // 2 + 1), computed by librosa in double precision."""
    import torch
    from librosa.filters import mel

    bank = mel(sr=sample_rate, n_fft=n_fft, n_mels=n_mels, dtype=np.float64)
    return torch.from_numpy(bank).to(device=device, dtype=dtype)


def bands_to_bins(image: torch.Tensor, bank: torch.Tensor) -> torch.Tensor:
    """Map gains from mel bands (n_mels, frames) to STFT bins (n_fft // 2 + 1, frames).

    The filter bank is transposed and normalised: a bin gets the mean of the bands that cover it, weighted by their
    filters. The lowest and the highest bin, at which the outer filters are zero, get the value of their neighbours, to
    which a Hann window spreads them.
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
