"""Measure medians over several runs, of two functions in turns, so that other load affects both."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable


def seconds(work: Callable[[], object]) -> float:
    """Return the seconds that one call takes."""
    start = time.perf_counter()
    work()
    return time.perf_counter() - start


def median_s(work: Callable[[], object], runs: int = 5) -> float:
    """Return the median over `runs` calls, after one to warm up."""
    work()
    return statistics.median(seconds(work) for _ in range(runs))


def beside_s(work: Callable[[], object], other: Callable[[], object], runs: int = 5) -> tuple[float, float]:
    """Return the medians of two functions that are called in turns."""
    work()
    other()
    pairs = [(seconds(work), seconds(other)) for _ in range(runs)]
    return statistics.median(one for one, _ in pairs), statistics.median(two for _, two in pairs)
