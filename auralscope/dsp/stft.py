"""STFT and inverse STFT with periodic Hann windows, with centred frames or with frames at a given offset."""

from __future__ import annotations

from functools import lru_cache
from typing import Any

import torch
from torch.nn import functional


def stft(samples: torch.Tensor, n_fft: int, hop: int) -> torch.Tensor:
    """Compute (..., n_fft // 2 + 1, frames) complex from (..., n); frame k is centred on sample k * hop."""
    frames: torch.Tensor = _forward(n_fft, hop, samples.device, samples.dtype)(samples)
    return frames


def istft(frames: torch.Tensor, n_fft: int, hop: int, n_samples: int) -> torch.Tensor:
    """Invert `stft`: compute (..., n_samples) from (..., n_fft // 2 + 1, frames)."""
    samples: torch.Tensor = _inverse(n_fft, hop, frames.device, frames.real.dtype)(frames, n_samples)
    return samples


def framed_stft(
    samples: torch.Tensor, n_fft: int, hop: int, before: int, n_frames: int, pad_mode: str = "constant"
) -> torch.Tensor:
    """Compute (n_fft // 2 + 1, n_frames) complex from (n,); frame k begins `before` samples before sample k * hop.

    The sound is padded with zeros ("constant") or mirrored ("reflect", if it is long enough).
    """
    behind = max((n_frames - 1) * hop + n_fft - before - samples.shape[-1], 0)
    mode = pad_mode if samples.shape[-1] > max(before, behind) else "constant"
    padded = functional.pad(samples[None], (before, behind), mode)
    window = torch.hann_window(n_fft, device=samples.device, dtype=samples.dtype)
    frames = torch.stft(padded, n_fft, hop, window=window, center=False, return_complex=True)
    return frames[0, :, :n_frames]


def framed_istft(frames: torch.Tensor, n_fft: int, hop: int, before: int, n_samples: int) -> torch.Tensor:
    """Invert `framed_stft` by least squares (Griffin & Lim 1984): (n_fft // 2 + 1, frames) to (n_samples,)."""
    n_frames = frames.shape[1]
    length = (n_frames - 1) * hop + n_fft
    window = torch.hann_window(n_fft, device=frames.device, dtype=frames.real.dtype)[:, None]
    pieces = torch.fft.irfft(frames, n=n_fft, dim=0) * window
    stacked = torch.stack([pieces, window.square().expand(n_fft, n_frames)])
    added = functional.fold(stacked, (1, length), (1, n_fft), stride=(1, hop))[:, 0, 0]
    samples = added[0] / added[1].clamp(min=1e-10)
    part = samples[before : before + n_samples]
    return functional.pad(part, (0, n_samples - part.shape[0]))


def _hann(dtype: torch.dtype) -> Any:
    """Return a function that makes Hann windows in `dtype`; torchaudio would use the default one."""
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
