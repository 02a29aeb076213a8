"""How long the thread of a window was ever busy with one thing."""

from __future__ import annotations

import time
from itertools import pairwise

from PySide6.QtCore import QObject, Qt, QTimer


class Heartbeat(QObject):
    """Beats in the thread of the window; a gap is as long as a click could have waited.

    ::

        with Heartbeat() as heartbeat:
            ...  # the event loop runs
        heartbeat.longest_gap_s
    """

    INTERVAL_MS = 5

    def __init__(self) -> None:
        super().__init__()
        self.beats_s: list[float] = []
        self._timer = QTimer(self, interval=self.INTERVAL_MS)
        self._timer.setTimerType(Qt.TimerType.PreciseTimer)
        self._timer.timeout.connect(self._beat)

    def __enter__(self) -> Heartbeat:
        self._beat()
        self._timer.start()
        return self

    def __exit__(self, *_error: object) -> None:
        self._timer.stop()
        self._beat()

    def _beat(self) -> None:
        self.beats_s.append(time.perf_counter())

    @property
    def gaps_s(self) -> list[float]:
        return [later - earlier for earlier, later in pairwise(self.beats_s)]

    @property
    def longest_gap_s(self) -> float:
        return max(self.gaps_s)
