"""A sound file while it is decoded: what the modules of both decoding libraries return."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

    import numpy as np
    from numpy.typing import NDArray


@dataclass
class DecodedSound:
    """An open file of a recognised format, decoded block by block.

    Attributes
    ----------
    rate : int
        Sample rate in Hz.
    blocks : iterator of (channels, n) float32 arrays
        Samples from the requested start; empty arrays before it. The iterator ends early where decoding fails.
    n_stated : int, optional
        Number of frames in the whole file according to its header.
    n_passed : int
        Number of frames decoded or skipped so far, counted from the beginning of the file.
    is_broken : bool
        Whether a part of the file could not be decoded.
    """

    rate: int
    blocks: Iterator[NDArray[np.float32]]
    n_stated: int | None = None
    n_passed: int = 0
    is_broken: bool = False


def drop_before(block: NDArray[np.float32], first: int, sound: DecodedSound) -> NDArray[np.float32]:
    """Return the part of the block from frame `first` on, and count the whole block as passed."""
    skip = min(max(first - sound.n_passed, 0), block.shape[1])
    sound.n_passed += block.shape[1]
    return block[:, skip:]
