"""Find the loud part of a sound."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from auralscope.types import Clip

BLOCK_S = 0.05
LOUD_DB = 30.0
"""A block is loud if its level is at most this far below that of the loudest block."""
QUIET_S = 0.5
"""Shorter stretches at either end stay in the loud part."""


def loud_part_s(clip: Clip) -> tuple[float, float]:
    """Return the start and end of a clip without the quiet stretches at its ends.

    Parameters
    ----------
    clip : Clip

    Returns
    -------
    (float, float)
        In seconds from the first sample. The whole clip if it is silent or loud from end to end.
    """
    block = max(round(BLOCK_S * clip.sample_rate), 1)
    energy = np.square(clip.samples, dtype=np.float64).sum(axis=0)
    blocks = np.add.reduceat(energy, np.arange(0, energy.size, block)) if energy.size else np.zeros(1)
    loud = np.flatnonzero(blocks > blocks.max() * 10.0 ** (-LOUD_DB / 10.0))
    if not loud.size:
        return 0.0, clip.duration_s
    start_s, end_s = loud[0] * block / clip.sample_rate, min((loud[-1] + 1) * block / clip.sample_rate, clip.duration_s)
    return (start_s if start_s > QUIET_S else 0.0), (end_s if clip.duration_s - end_s > QUIET_S else clip.duration_s)
