"""Invert images to sound: compute samples from a deconvolved image and an STFT (Choi 2018, sec. 7.2.2)."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, get_args

import numpy as np
import torch
from scipy.fft import next_fast_len
from torch.nn import functional

from auralscope.dsp.resampling import resample

if TYPE_CHECKING:
    from collections.abc import Callable

    from auralscope.dsp.frontends import FrontEnd, Input

Render = Literal["mask", "phase"]
RENDERS: tuple[str, ...] = get_args(Render)


@dataclass(frozen=True, eq=False)
class Rendered:
    """Samples of an image.

    Attributes
    ----------
    samples : (n_samples,) or (channels, n) float tensor
        At their true level.
    negative_share : float
        Share of the image's energy, 0 to 1, that was negative and clipped to zero.
    """

    samples: torch.Tensor
    negative_share: float


def invert(image: torch.Tensor, analysed: Input, front_end: FrontEnd, *, render: Render = "mask") -> Rendered:
    """Compute the samples of a deconvolved image.

    Parameters
    ----------
    image : (bins, frames) tensor
        In the plane of `analysed.image`. Negative values are clipped to zero, except for the waveform.
    analysed : Input
        The window's analysis by `front_end`.
    front_end : FrontEnd
    render : {"mask", "phase"}
        "mask" multiplies the window's complex STFT by the image, scaled to a largest value of 1. "phase" combines the
        image as magnitude with the STFT's phase. For the waveform the image is the sound: "mask" scales it to the
        window's peak, "phase" leaves it unchanged.

    Returns
    -------
    Rendered
    """
    if front_end.is_waveform:
        return Rendered(_as_sound(image, analysed.image, render), 0.0)
    positive, negative_share = _audible(image, render)
    frames = _stft_of(front_end.to_bins(positive), analysed.stft, render)
    return Rendered(front_end.to_samples(frames, analysed.n_samples), negative_share)


BLOCK_FRAMES = 64
"""Frames of a recording at its full rate that are transformed together; bounds memory and fits caches."""


class FullRate:
    """STFT of an excerpt at the recording's own sample rate, for `invert_at_full_rate`.

    The STFT's windows are about as long, in seconds, as those of the network's STFT and overlap by three quarters.

    Parameters
    ----------
    samples : (channels, n) float tensor
    sample_rate : int
        In Hz.
    analysed : Input
        Analysis of the same excerpt by `front_end`.
    front_end : FrontEnd
    keep : bool
        Keep the STFT for the next image.
    """

    def __init__(
        self, samples: torch.Tensor, sample_rate: int, analysed: Input, front_end: FrontEnd, *, keep: bool = False
    ) -> None:
        self.samples = samples
        self.sample_rate = sample_rate
        self.window_s = 2 * (analysed.stft.shape[0] - 1) / front_end.sample_rate
        # A length with a large prime factor would make the transform several times slower.
        self.hop = next_fast_len(max(round(self.window_s * sample_rate / 4), 1), real=True)
        self.n_fft = 4 * self.hop
        self.n_frames = 1 + samples.shape[-1] // self.hop
        # Bins up to the Nyquist frequency of the network's input.
        self.n_bins = min(int(front_end.sample_rate / 2 * self.n_fft / sample_rate), self.n_fft // 2) + 1
        self._window = torch.hann_window(self.n_fft, dtype=samples.dtype, device=samples.device)
        self._kept: dict[int, torch.Tensor] | None = {} if keep else None

    def frames(self, first: int, last: int) -> torch.Tensor:
        """Compute frames of the STFT.

        Parameters
        ----------
        first, last : int
            Frames `first` to `last` - 1.

        Returns
        -------
        (channels, frames, bins) complex tensor
        """
        if self._kept is not None and first in self._kept:
            return self._kept[first]
        start, stop = first * self.hop - self.n_fft // 2, (last - 1) * self.hop + self.n_fft // 2
        n = self.samples.shape[-1]
        part = self.samples[:, max(start, 0) : min(stop, n)]
        part = functional.pad(part, (max(-start, 0), max(stop - n, 0)))
        windows = part.unfold(1, self.n_fft, self.hop) * self._window
        found: torch.Tensor = torch.fft.rfft(windows)[..., : self.n_bins].contiguous()
        if self._kept is not None:
            self._kept[first] = found
        return found

    def altered(self, alter: Callable[[torch.Tensor, int, int], torch.Tensor]) -> torch.Tensor:
        """Alter the STFT block by block and return the samples.

        Parameters
        ----------
        alter : callable
            Takes frames (channels, frames, bins), their `first` and `last`, and returns altered frames.

        Returns
        -------
        (channels, n) float tensor
        """
        channels, n = self.samples.shape
        overlap = self.n_fft // self.hop
        sums = self.samples.new_zeros(channels, self.n_frames + overlap - 1, self.hop)
        powers = self.samples.new_zeros(self.n_frames + overlap - 1, self.hop)
        for first in range(0, self.n_frames, BLOCK_FRAMES):
            last = min(first + BLOCK_FRAMES, self.n_frames)
            altered = alter(self.frames(first, last), first, last)
            windows = torch.fft.irfft(altered, n=self.n_fft) * self._window
            for part in range(overlap):
                inside = slice(part * self.hop, (part + 1) * self.hop)
                sums[:, first + part : last + part] += windows[..., inside]
                powers[first + part : last + part] += self._window[inside].square()
        inside = slice(self.n_fft // 2, self.n_fft // 2 + n)
        return sums.flatten(1)[:, inside] / powers.flatten()[inside]


def invert_at_full_rate(
    image: torch.Tensor, recorded: FullRate, front_end: FrontEnd, *, render: Render = "mask"
) -> Rendered:
    """Compute the samples of a deconvolved image in all channels and at the sample rate of the recording.

    The image is interpolated linearly in time and frequency to the STFT of the recording. Frequencies above the
    network's input are silent. A waveform is resampled and is the same in all channels.

    Parameters
    ----------
    image : (bins, frames) tensor
        In the front end's plane. Negative values are clipped to zero, except for the waveform.
    recorded : FullRate
        STFT of the excerpt.
    front_end : FrontEnd
    render : {"mask", "phase"}
        As for `invert`.

    Returns
    -------
    Rendered
        With samples (channels, n).
    """
    if front_end.is_waveform:
        samples = recorded.samples
        sound = _as_sound(image, samples, render).cpu().numpy()
        resampled = resample(sound, front_end.sample_rate, recorded.sample_rate)[: samples.shape[-1]]
        channel = torch.from_numpy(np.pad(resampled, (0, samples.shape[-1] - resampled.size))).to(samples)
        return Rendered(channel.expand(samples.shape).contiguous(), 0.0)
    positive, negative_share = _audible(image, render)
    bins = front_end.to_bins(positive)
    # Positions of the recording's bins and frames among the network's.
    at_bins = torch.arange(recorded.n_bins, device=image.device)
    columns = _interpolated(bins, at_bins * (recorded.sample_rate / recorded.n_fft * recorded.window_s)).T
    if render == "phase":  # an STFT's magnitudes grow with its window
        columns = columns * (recorded.n_fft / (2 * (bins.shape[0] - 1)))
    frames_a_frame = recorded.hop / recorded.sample_rate / front_end.hop_s

    def alter(frames: torch.Tensor, first: int, last: int) -> torch.Tensor:
        at_frames = torch.arange(first, last, device=image.device) * frames_a_frame
        return _stft_of(_interpolated(columns, at_frames.clamp(max=len(columns) - 1)), frames, render)

    return Rendered(recorded.altered(alter), negative_share)


def _as_sound(image: torch.Tensor, original: torch.Tensor, render: Render) -> torch.Tensor:
    """Scale an image of the waveform, (1, n), to samples (n,)."""
    if render not in RENDERS:
        raise ValueError(f"render is one of {', '.join(RENDERS)}, not '{render}'")
    peak = float(image.abs().max())
    scale = float(original.abs().max()) / peak if render == "mask" and peak > 0.0 else 1.0
    return image[0] * scale


def _audible(image: torch.Tensor, render: Render) -> tuple[torch.Tensor, float]:
    """Return the positive part of an image, scaled for `render`, and the share of its energy that is negative."""
    if render not in RENDERS:
        raise ValueError(f"render is one of {', '.join(RENDERS)}, not '{render}'")
    energy = float(image.square().sum())
    positive = image.clamp(min=0.0)
    negative_share = 1.0 - float(positive.square().sum()) / energy if energy > 0.0 else 0.0
    largest = float(positive.max())
    if render == "mask" and largest > 0.0:
        positive = positive / largest
    return positive, min(max(negative_share, 0.0), 1.0)


def _stft_of(bins: torch.Tensor, stft: torch.Tensor, render: Render) -> torch.Tensor:
    if render == "mask":  # real and imaginary parts: torch would convert the gains to complex
        return torch.view_as_complex(torch.view_as_real(stft) * bins.unsqueeze(-1))
    return torch.polar(bins.expand(stft.shape).contiguous(), stft.angle())


def _interpolated(rows: torch.Tensor, at: torch.Tensor) -> torch.Tensor:
    """Interpolate rows linearly at fractional positions; zeros after the last row."""
    low = at.floor().long().clamp(max=len(rows) - 1)
    high = (low + 1).clamp(max=len(rows) - 1)
    part = (at - low).clamp(max=1.0).to(rows.dtype)[:, None]
    return torch.where((at <= len(rows) - 1)[:, None], torch.lerp(rows[low], rows[high], part), 0.0)


def matching_gain_db(samples: torch.Tensor, original: torch.Tensor) -> float:
    """Return the gain that matches the level of samples to the original without a sample beyond full scale.

    Parameters
    ----------
    samples, original : (n,) or (channels, n) float tensor

    Returns
    -------
    float
        In dB; 0 where one of them is silent.
    """
    power, target = float(samples.square().mean()), float(original.square().mean())
    peak = float(samples.abs().max())
    if power <= 0.0 or target <= 0.0 or peak <= 0.0:
        return 0.0
    return min(10.0 * math.log10(target / power), -20.0 * math.log10(peak))
