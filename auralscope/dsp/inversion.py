"""Back to sound: from an image in the input's plane to a window of samples (Choi 2018, sec. 7.2.2)."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, get_args

import torch

if TYPE_CHECKING:
    from auralscope.dsp.frontends import FrontEnd, Input

Render = Literal["mask", "phase"]
RENDERS: tuple[str, ...] = get_args(Render)


@dataclass(frozen=True, eq=False)
class Rendered:
    """Samples, and what was lost on the way.

    Attributes
    ----------
    samples : (n_samples,) float tensor
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
        In the plane of `seen.image`. Negative values are clipped to zero first.
    seen : Input
        The window that the network looked at.
    front_end : FrontEnd
        The one that gave `seen`.
    how : {"mask", "phase"}
        "mask" multiplies the window's complex STFT by the image, scaled so that its largest value is 1;
        "phase" takes the image itself as the magnitude and the STFT's phase.

    Returns
    -------
    Rendered
    """
    if how not in RENDERS:
        raise ValueError(f"render is one of {', '.join(RENDERS)}, not '{how}'")
    energy = float(image.square().sum())
    positive = image.clamp(min=0.0)
    negative_share = 1.0 - float(positive.square().sum()) / energy if energy > 0.0 else 0.0
    if how == "mask":
        largest = float(positive.max())
        gains = positive / largest if largest > 0.0 else positive
        stft = seen.stft * front_end.to_bins(gains)
    else:
        stft = torch.polar(front_end.to_bins(positive), seen.stft.angle())
    return Rendered(front_end.to_samples(stft, seen.n_samples), min(max(negative_share, 0.0), 1.0))


def matching_gain_db(samples: torch.Tensor, original: torch.Tensor) -> float:
    """The gain, in dB, that plays `samples` as loud (RMS) as `original` with no sample leaving full scale."""
    power, wanted = float(samples.square().mean()), float(original.square().mean())
    peak = float(samples.abs().max())
    if power <= 0.0 or wanted <= 0.0 or peak <= 0.0:
        return 0.0
    return min(10.0 * math.log10(wanted / power), -20.0 * math.log10(peak))
