"""Medians over several runs; two things in turns, so that a noisy machine is noisy to both."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable


def seconds(work: Callable[[], object]) -> float:
    """How long one call takes."""
    start = time.perf_counter()
    work()
    return time.perf_counter() - start


def median_s(work: Callable[[], object], runs: int = 5) -> float:
    """The median over `runs` calls, after one that is not counted."""
    work()
    return statistics.median(seconds(work) for _ in range(runs))


def beside_s(work: Callable[[], object], other: Callable[[], object], runs: int = 5) -> tuple[float, float]:
    """Medians of two calls that are made in turns."""
    work()
    other()
    pairs = [(seconds(work), seconds(other)) for _ in range(runs)]
    return statistics.median(one for one, _ in pairs), statistics.median(two for _, two in pairs)
