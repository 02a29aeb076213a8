"""Find recordings whose channels cancel each other when they are mixed, so that models receive next to nothing."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

LEFT_OVER = 0.25
"""Largest share of power, in the mix of channels that cancel, of the power in the mix of unrelated channels (-6 dB).

The mix of two unrelated channels is 3 dB below their mean power, so the mix of two that cancel is 9 dB or more below.
"""

LEAST_SHARE = 0.1
"""Smallest share of the sounding seconds with cancelling channels that is reported."""

_SOUNDING = 1e-4  # power re the loudest second: 40 dB below it counts as silence


def cancelling_s(samples: NDArray[np.float32], rate: int) -> float:
    """Return for how long the channels of a recording cancel each other in their mean.

    Parameters
    ----------
    samples : (channels, n) float32 array
    rate : int
        Sample rate in Hz.

    Returns
    -------
    float
        In seconds, counted in blocks of one second; 0 if that is less than `LEAST_SHARE` of the blocks with sound.
    """
    channels, n = samples.shape
    if channels < 2 or n == 0:
        return 0.0
    firsts = range(0, n, rate)
    powers, mixed = np.zeros(len(firsts)), np.zeros(len(firsts))
    for number, first in enumerate(firsts):
        block = samples[:, first : first + rate].astype(np.float64)
        powers[number] = np.square(block).sum() / channels**2
        mixed[number] = np.square(block.mean(axis=0)).sum()
    sounding = powers > _SOUNDING * powers.max()
    cancelling = sounding & (mixed < LEFT_OVER * powers)
    if cancelling.sum() < LEAST_SHARE * sounding.sum() or not cancelling.any():
        return 0.0
    lengths_s = np.minimum(n - np.array(firsts), rate) / rate
    return float(lengths_s[cancelling].sum())
