"""Back to sound: from an image in the input's plane to a window of samples (Choi 2018, sec. 7.2.2)."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, get_args

import numpy as np
import torch

from auralscope.dsp.resampling import resample
from auralscope.dsp.stft import istft, stft

if TYPE_CHECKING:
    from auralscope.dsp.frontends import FrontEnd, Input

Render = Literal["mask", "phase"]
RENDERS: tuple[str, ...] = get_args(Render)


@dataclass(frozen=True, eq=False)
class Rendered:
    """Samples, and what was lost on the way.

    Attributes
    ----------
    samples : (n_samples,) or (channels, n) float tensor
        At its true level.
    negative_share : float
        Share of the image's energy that was negative and therefore clipped to zero, 0 to 1.
    """

    samples: torch.Tensor
    negative_share: float


def render(image: torch.Tensor, seen: Input, front_end: FrontEnd, how: Render = "mask") -> Rendered:
    """Make a deconvolved image audible.

    Parameters
    ----------
    image : (bins, frames) tensor
        In the plane of `seen.image`. Negative values are clipped to zero first; not those of a waveform.
    seen : Input
        The window that the network looked at.
    front_end : FrontEnd
        The one that gave `seen`.
    how : {"mask", "phase"}
        "mask" multiplies the window's complex STFT by the image, scaled so that its largest value is 1;
        "phase" takes the image itself as the magnitude and the STFT's phase.
        An image of the waveform is the sound: "mask" gives it the window's own peak, "phase" leaves it as it is.

    Returns
    -------
    Rendered
    """
    if front_end.is_waveform:
        return Rendered(_as_sound(image, seen.image, how), 0.0)
    positive, negative_share = _audible(image, how)
    frames = _stft_of(front_end.to_bins(positive), seen.stft, how)
    return Rendered(front_end.to_samples(frames, seen.n_samples), negative_share)


def render_at_full_rate(
    image: torch.Tensor, samples: torch.Tensor, sample_rate: int, front_end: FrontEnd, how: Render = "mask"
) -> Rendered:
    """Make a deconvolved image audible in the recording itself: all its channels, at its own rate.

    The image is carried to the STFT of the recording (windows as long as the network's, in seconds) by linear
    interpolation in time and frequency. Above what the network can see there is nothing to be heard. A waveform is
    resampled, and the same in all channels.

    Parameters
    ----------
    image : (bins, frames) tensor
        In the front end's plane. Negative values are clipped to zero first.
    samples : (channels, n) float tensor
        The window, at `sample_rate`.
    sample_rate : int
        In Hz.
    front_end : FrontEnd
    how : {"mask", "phase"}
        As for `render`.

    Returns
    -------
    Rendered
        Samples as (channels, n).
    """
    if front_end.is_waveform:
        sound = _as_sound(image, samples, how).cpu().numpy()
        resampled = resample(sound, front_end.sample_rate, sample_rate)[: samples.shape[-1]]
        channel = torch.from_numpy(np.pad(resampled, (0, samples.shape[-1] - resampled.size))).to(samples)
        return Rendered(channel.expand(samples.shape).contiguous(), 0.0)
    positive, negative_share = _audible(image, how)
    bins = front_end.to_bins(positive)
    window_s = 2 * (bins.shape[0] - 1) / front_end.sample_rate
    n_fft = 2 * round(window_s * sample_rate / 2)
    hop = max(1, n_fft // 4)
    full = stft(samples, n_fft, hop)
    # Where the recording's bins and frames lie among the network's.
    at_bins = torch.arange(full.shape[-2], device=image.device) * (sample_rate / n_fft * window_s)
    at_frames = torch.arange(full.shape[-1], device=image.device) * (hop / sample_rate / front_end.hop_s)
    gains = _interpolated(_interpolated(bins, at_bins).T, at_frames.clamp(max=bins.shape[1] - 1)).T
    if how == "phase":  # an STFT's magnitudes grow with its window
        gains = gains * (n_fft / (2 * (bins.shape[0] - 1)))
    return Rendered(istft(_stft_of(gains, full, how), n_fft, hop, samples.shape[-1]), negative_share)


def _as_sound(image: torch.Tensor, original: torch.Tensor, how: Render) -> torch.Tensor:
    """(n,): the samples of an image of the waveform, (1, n)."""
    if how not in RENDERS:
        raise ValueError(f"render is one of {', '.join(RENDERS)}, not '{how}'")
    peak = float(image.abs().max())
    scale = float(original.abs().max()) / peak if how == "mask" and peak > 0.0 else 1.0
    return image[0] * scale


def _audible(image: torch.Tensor, how: Render) -> tuple[torch.Tensor, float]:
    """What of an image can be heard, scaled as `how` wants it, and the share of its energy that cannot."""
    if how not in RENDERS:
        raise ValueError(f"render is one of {', '.join(RENDERS)}, not '{how}'")
    energy = float(image.square().sum())
    positive = image.clamp(min=0.0)
    negative_share = 1.0 - float(positive.square().sum()) / energy if energy > 0.0 else 0.0
    largest = float(positive.max())
    if how == "mask" and largest > 0.0:
        positive = positive / largest
    return positive, min(max(negative_share, 0.0), 1.0)


def _stft_of(bins: torch.Tensor, stft: torch.Tensor, how: Render) -> torch.Tensor:
    return stft * bins if how == "mask" else torch.polar(bins.expand(stft.shape).contiguous(), stft.angle())


def _interpolated(rows: torch.Tensor, at: torch.Tensor) -> torch.Tensor:
    """Rows at fractional places, linearly; zeros past the last row."""
    low = at.floor().long().clamp(max=len(rows) - 1)
    high = (low + 1).clamp(max=len(rows) - 1)
    part = (at - low).clamp(max=1.0).to(rows.dtype)[:, None]
    return torch.where((at <= len(rows) - 1)[:, None], torch.lerp(rows[low], rows[high], part), 0.0)


def matching_gain_db(samples: torch.Tensor, original: torch.Tensor) -> float:
    """The gain, in dB, that plays `samples` as loud (RMS) as `original` with no sample leaving full scale."""
    power, wanted = float(samples.square().mean()), float(original.square().mean())
    peak = float(samples.abs().max())
    if power <= 0.0 or wanted <= 0.0 or peak <= 0.0:
        return 0.0
    return min(10.0 * math.log10(wanted / power), -20.0 * math.log10(peak))
