"""Resample with soxr's high-quality sinc filter, librosa's default."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import soxr

if TYPE_CHECKING:
    from numpy.typing import NDArray


def resample(samples: NDArray[np.float32], from_rate: int, to_rate: int) -> NDArray[np.float32]:
    """Resample along the last axis.

    Parameters
    ----------
    samples : (n,) or (channels, n) float32 array
    from_rate, to_rate : int
        In Hz.

    Returns
    -------
    (m,) or (channels, m) float32 array
        m is n * to_rate / from_rate, rounded.
    """
    if from_rate == to_rate:
        return samples
    # soxr expects time as the first axis.
    resampled: NDArray[np.float32] = soxr.resample(samples.T, from_rate, to_rate, quality="HQ").T
    return np.ascontiguousarray(resampled, dtype=np.float32)
