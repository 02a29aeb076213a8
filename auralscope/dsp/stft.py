"""STFT there and back: periodic Hann windows, frames centred, zeros beyond the edges."""

from __future__ import annotations

from functools import lru_cache
from typing import Any

import torch


def stft(samples: torch.Tensor, n_fft: int, hop: int) -> torch.Tensor:
    """(..., n) to (..., n_fft // 2 + 1, frames), complex; frame k is centred on sample k * hop."""
    frames: torch.Tensor = _forward(n_fft, hop, samples.device, samples.dtype)(samples)
    return frames


def istft(frames: torch.Tensor, n_fft: int, hop: int, n_samples: int) -> torch.Tensor:
    """The inverse of `stft`: (..., n_fft // 2 + 1, frames) to (..., n_samples)."""
    samples: torch.Tensor = _inverse(n_fft, hop, frames.device, frames.real.dtype)(frames, n_samples)
    return samples


def _hann(dtype: torch.dtype) -> Any:
    """A factory of windows in `dtype` (torchaudio makes them in the default one)."""
    return lambda n: torch.hann_window(n, dtype=dtype)


@lru_cache(maxsize=8)
def _forward(n_fft: int, hop: int, device: torch.device, dtype: torch.dtype) -> Any:
    from auralscope.dsp.torchaudio_shim import torchaudio

    transform = torchaudio.transforms.Spectrogram(
        n_fft=n_fft, hop_length=hop, power=None, center=True, pad_mode="constant", window_fn=_hann(dtype)
    )
    return transform.to(device)


@lru_cache(maxsize=8)
def _inverse(n_fft: int, hop: int, device: torch.device, dtype: torch.dtype) -> Any:
    from auralscope.dsp.torchaudio_shim import torchaudio

    return torchaudio.transforms.InverseSpectrogram(n_fft=n_fft, hop_length=hop, window_fn=_hann(dtype)).to(device)
