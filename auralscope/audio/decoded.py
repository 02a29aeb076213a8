"""Describe a sound file while it is decoded: what the modules of both decoding libraries return."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from auralscope.errors import AudioFileError

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
    is_exact : bool
        Whether `n_stated` is exact to a sample.
    n_passed : int
        Number of frames decoded or skipped so far, counted from the beginning of the file.
    share_read : float
        Share of the file's bytes read so far, 0 to 1; the progress of a file that does not state its length.
    lacks : list of str
        What the file lacks, each as a predicate that follows the file's name: "is damaged: ...". Complete once the
        blocks have ended.
    """

    rate: int
    blocks: Iterator[NDArray[np.float32]]
    n_stated: int | None = None
    is_exact: bool = False
    n_passed: int = 0
    share_read: float = 0.0
    lacks: list[str] = field(default_factory=list)

    def lack(self, predicate: str) -> None:
        """Add a predicate to `lacks`, once."""
        if predicate not in self.lacks:
            self.lacks.append(predicate)

    def keep(self, block: NDArray[np.float32], first: int) -> NDArray[np.float32]:
        """Count a block as passed, and return its part from frame `first` of the file on."""
        skip = min(max(first - self.n_passed, 0), block.shape[1])
        self.n_passed += block.shape[1]
        return block[:, skip:]


def changes_format(at_s: float) -> str:
    """Return what a file lacks whose sample rate or number of channels changes after `at_s` seconds."""
    return f"changes its sample rate or its channels after {at_s:.1f} s: only the sound before is open"


DAMAGED = "is damaged: parts of it could not be decoded and are left out"

MIN_RATE_HZ = 100
MAX_RATE_HZ = 1_000_000


def check_rate(rate: int, name: str) -> None:
    """Raise `AudioFileError` for a sample rate that no recording of sound has."""
    if not MIN_RATE_HZ <= rate <= MAX_RATE_HZ:
        raise AudioFileError(
            f"{name} has a sample rate of {rate:,} Hz, and sound needs {MIN_RATE_HZ:,} to {MAX_RATE_HZ:,} Hz: "
            "correct the rate in its header, or convert it."
        )
