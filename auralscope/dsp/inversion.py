"""Back to sound: from an image in the input's plane to a window of samples (Choi 2018, sec. 7.2.2)."""

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


def invert(image: torch.Tensor, analysed: Input, front_end: FrontEnd, *, render: Render = "mask") -> Rendered:
    """Make a deconvolved image audible.

    Parameters
    ----------
    image : (bins, frames) tensor
        In the plane of `analysed.image`. Negative values are clipped to zero first; not those of a waveform.
    analysed : Input
        The window that the network looked at.
    front_end : FrontEnd
        The one that gave `analysed`.
    render : {"mask", "phase"}
        "mask" multiplies the window's complex STFT by the image, scaled so that its largest value is 1;
        "phase" takes the image itself as the magnitude and the STFT's phase.
        An image of the waveform is the sound: "mask" gives it the window's own peak, "phase" leaves it as it is.

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
"""Of a recording at its full rate so many are transformed at a time: memory is bounded, and caches hold them."""


class FullRate:
    """A stretch of the recording as it is, for `invert_at_full_rate`: the same for every image.

    Its windows are about as long as those of the network's STFT, in seconds, and overlap by three quarters.

    Parameters
    ----------
    samples : (channels, n) float tensor
    sample_rate : int
        In Hz.
    analysed : Input
        The same stretch, as the network sees it.
    front_end : FrontEnd
    keep : bool
        Whether the STFT is kept for the next image.
    """

    def __init__(
        self, samples: torch.Tensor, sample_rate: int, analysed: Input, front_end: FrontEnd, *, keep: bool = False
    ) -> None:
        self.samples = samples
        self.sample_rate = sample_rate
        self.window_s = 2 * (analysed.stft.shape[0] - 1) / front_end.sample_rate
        # A large prime among the factors would make the transform several times slower.
        self.hop = next_fast_len(max(round(self.window_s * sample_rate / 4), 1), real=True)
        self.n_fft = 4 * self.hop
        self.n_frames = 1 + samples.shape[-1] // self.hop
        # As far up as the network sees.
        self.n_bins = min(int(front_end.sample_rate / 2 * self.n_fft / sample_rate), self.n_fft // 2) + 1
        self._window = torch.hann_window(self.n_fft, dtype=samples.dtype, device=samples.device)
        self._kept: dict[int, torch.Tensor] | None = {} if keep else None

    def frames(self, first: int, last: int) -> torch.Tensor:
        """Some frames of the STFT, (channels, frames, bins)."""
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
        """The samples, (channels, n), with the frames of the STFT altered, block by block.

        Parameters
        ----------
        alter : callable
            From frames as `frames` gives them, their first and their last, to others.
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
    """Make a deconvolved image audible in the recording itself: all its channels, at its own rate.

    The image is carried to the STFT of the recording by linear interpolation in time and frequency. Above what the
    network can see there is nothing to be heard. A waveform is resampled, and the same in all channels.

    Parameters
    ----------
    image : (bins, frames) tensor
        In the front end's plane. Negative values are clipped to zero first.
    recorded : FullRate
        The stretch.
    front_end : FrontEnd
    render : {"mask", "phase"}
        As for `invert`.

    Returns
    -------
    Rendered
        Samples as (channels, n).
    """
    if front_end.is_waveform:
        samples = recorded.samples
        sound = _as_sound(image, samples, render).cpu().numpy()
        resampled = resample(sound, front_end.sample_rate, recorded.sample_rate)[: samples.shape[-1]]
        channel = torch.from_numpy(np.pad(resampled, (0, samples.shape[-1] - resampled.size))).to(samples)
        return Rendered(channel.expand(samples.shape).contiguous(), 0.0)
    positive, negative_share = _audible(image, render)
    bins = front_end.to_bins(positive)
    # Where the recording's bins and frames lie among the network's.
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
    """(n,): the samples of an image of the waveform, (1, n)."""
    if render not in RENDERS:
        raise ValueError(f"render is one of {', '.join(RENDERS)}, not '{render}'")
    peak = float(image.abs().max())
    scale = float(original.abs().max()) / peak if render == "mask" and peak > 0.0 else 1.0
    return image[0] * scale


def _audible(image: torch.Tensor, render: Render) -> tuple[torch.Tensor, float]:
    """What of an image can be heard, scaled for `render`, and the share of its energy that cannot."""
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
    if render == "mask":  # on the parts: torch would make the gains complex first
        return torch.view_as_complex(torch.view_as_real(stft) * bins.unsqueeze(-1))
    return torch.polar(bins.expand(stft.shape).contiguous(), stft.angle())


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
